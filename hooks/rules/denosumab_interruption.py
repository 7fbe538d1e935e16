"""Denosumab was given: has it been interrupted?"""

from __future__ import annotations

from decimal import Decimal

from hooks import knowledge
from hooks.facts import Facts, Finding, Medication
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend
from hooks.questions import bone_agents, cancer, care

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """Rebound after stopping: last 120 mg over 8 weeks ago, or last 60 mg over 7 months ago, and nothing since.

    After 60 mg only with bone metastases or myeloma: elsewhere it is the affair of those who treat the osteoporosis.
    """
    doses = bone_agents.doses_given(facts, "denosumab")
    if not doses:
        return CannotTell(("denosumab doses given",))
    last = doses[0]
    milligrams = next((m.dose_mg for m in doses if m.dose_mg is not None), None)
    settled = _settled(facts, last)
    if settled:
        return settled
    if _past(facts, last, "over"):
        return CannotTell(("denosumab doses since then",), because=(last,))
    if not _overdue(facts, last, milligrams):
        if milligrams is None and _past(facts, last, "gap_high_dose"):
            return CannotTell(("the denosumab dose: 60 mg or 120 mg",), bool(_indication(facts)), because=(last,))
        return CannotTell(("a missed dose: the last one on record still acts",), because=(last,))
    if milligrams != bone_agents.ONCOLOGY_DENOSUMAB_MG and not _indication(facts):
        return CannotTell(("bone metastases or myeloma",), because=(last,))
    return _recommend(facts, doses, milligrams)


def _settled(facts: Facts, last: Medication) -> NotApplicable | CannotTell | None:
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care", comfort)
    order = bone_agents.ordered(facts)
    if order:
        return NotApplicable("a bone agent is on order", order)
    after = tuple(
        m
        for m in bone_agents.doses_given(facts, *bone_agents.BISPHOSPHONATES_IV, "oral_bisphosphonate")
        if m.when and last.when and m.when.latest >= last.when.earliest
    )
    return CannotTell(("denosumab after the bisphosphonate that followed it",), because=after) if after else None


def _past(facts: Facts, last: Medication, threshold: str) -> bool:
    """Surely longer ago than the threshold."""
    return last.when is not None and not last.when.maybe_within(KNOWLEDGE.value(threshold), facts.as_of)


def _overdue(facts: Facts, last: Medication, milligrams: Decimal | None) -> bool:
    high = milligrams == bone_agents.ONCOLOGY_DENOSUMAB_MG
    return _past(facts, last, "gap_high_dose" if high else "gap_low_dose")


def _indication(facts: Facts) -> tuple[Finding, ...]:
    return (*cancer.bone_metastases(facts), *facts.finding("primary_myeloma"))


def _recommend(facts: Facts, doses: tuple[Medication, ...], milligrams: Decimal | None) -> Recommend:
    high = milligrams == bone_agents.ONCOLOGY_DENOSUMAB_MG
    last = doses[0]
    missing = [
        f"bone agents among the {kind}"
        for kind in ("medication requests", "medication administrations")
        if not facts.knows(kind)
    ]
    if milligrams is None:
        missing.append("the denosumab dose: 60 mg or 120 mg")
    variant = ("stopped" if _past(facts, last, "stopped") else "cancer_dose") if high else "low_dose"
    return Recommend(
        because=(last, *_indication(facts)[:1]),
        says=KNOWLEDGE.card(variant, when=last.when.text if last.when else ""),
        missing=tuple(missing),
    )
