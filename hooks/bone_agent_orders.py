"""Buttons for denosumab and zoledronic acid at the dose for bone metastases and myeloma."""

from __future__ import annotations

from decimal import Decimal

from hooks.facts import Facts, Finding
from hooks.outcomes import Dose, ProposedOrder, Suggestion, references
from hooks.questions import bone_agents, zoledronic_dose
from hooks.questions.zoledronic_dose import TABLE
from hooks.rules import bone_agent_hypocalcaemia

AS_BEFORE = "interval as in the draft"


def denosumab(indication: tuple[Finding, ...]) -> ProposedOrder:
    weeks = int(TABLE.value("denosumab_interval"))
    milligrams = TABLE.value("denosumab_dose")
    return ProposedOrder(
        "denosumab",
        f"Denosumab {milligrams.normalize():f} mg subcutaneously every {weeks} weeks",
        reasons=tuple(references(indication)),
        dose=Dose(milligrams, "subcutaneous", weeks),
    )


def zoledronic_acid(milligrams: Decimal, every_weeks: int | None, indication: tuple[Finding, ...]) -> ProposedOrder:
    """Without weeks the interval is left to whoever signs, and the text says so."""
    interval = f" every {every_weeks} weeks" if every_weeks else f", {AS_BEFORE}"
    return ProposedOrder(
        "zoledronic_acid",
        f"Zoledronic acid {milligrams.normalize():f} mg intravenously{interval}",
        reasons=tuple(references(indication)),
        dose=Dose(milligrams, "intravenous", every_weeks, int(TABLE.value("zoledronic_minutes"))),
    )


def offers(facts: Facts, indication: tuple[Finding, ...]) -> tuple[Suggestion, ...]:
    """Zoledronic acid only when the clearance is known, fresh and allows it, at its dose for it; denosumab always."""
    condition = ", if castration-resistant" if bone_agents.castration_unknown(facts) else ""
    condition += on_condition(facts)
    orders = [denosumab(indication)]
    dose = zoledronic_dose.dose(zoledronic_dose.fresh_clearance(facts, TABLE.value("fresh")))
    if dose is not None:
        orders.insert(0, zoledronic_acid(dose, int(TABLE.value("zoledronic_interval")), indication))
    return tuple(Suggestion(f"{order.text}{condition}", (order,)) for order in orders)


def on_condition(facts: Facts) -> str:
    """What a button must say where calcium is not known to be normal: no agent is given before it is."""
    return "" if bone_agent_hypocalcaemia.known_normal(facts) else ", once calcium is known to be normal"
