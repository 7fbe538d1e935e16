"""A bone agent is being ordered: do the kidneys allow it, and at which dose?"""

from __future__ import annotations

from decimal import Decimal

from hooks import knowledge
from hooks.facts import Fact, Facts, Finding, Medication
from hooks.outcomes import CannotTell, Dose, NotApplicable, Outcome, ProposedOrder, Recommend, Suggestion
from hooks.questions import bone_agents, labs
from hooks.rules import bone_agent_hypocalcaemia, bone_agent_jaw, bone_agent_pregnancy, hypercalcaemia
from hooks.rules.bone_modifying_agent import KNOWLEDGE as AGENT
from hooks.rules.bone_modifying_agent import dose_for, zoledronic_dose

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """Bone-agent stops by creatinine clearance: zoledronic acid and pamidronate below 30 mL/min, dose steps above.

    A clearance that is too low speaks however old; one that would allow the order must be fresh. In a hypercalcaemic
    emergency the dose steps do not apply.
    """
    drafts = bone_agents.picked(facts)
    if not drafts:
        return CannotTell(("an order for a bone agent",))
    clearance = labs.creatinine_clearance(facts)
    dialysis = facts.finding("dialysis")
    low = clearance is not None and clearance.high < KNOWLEDGE.value("stop")
    if low or dialysis:
        return _too_low(facts, drafts, clearance, dialysis)
    if clearance is None:
        return CannotTell(("creatinine clearance: " + ", ".join(labs.missing_for_clearance(facts)),), because=drafts)
    old = labs.stale(clearance.because, KNOWLEDGE.value("fresh"), facts)
    if old:
        return CannotTell(
            ("creatinine and body weight not older than {fresh}".format_map(KNOWLEDGE.thresholds),),
            because=(*drafts, *old),
        )
    urgent = hypercalcaemia.emergency(facts)
    if urgent:
        return NotApplicable(
            "the dose steps do not apply to hypercalcaemia", (*drafts, *urgent.because, *clearance.because)
        )
    return _dose(facts, drafts, clearance)


def _too_low(
    facts: Facts, drafts: tuple[Medication, ...], clearance: labs.Clearance | None, dialysis: tuple[Finding, ...]
) -> Outcome:
    stopped = tuple(m for m in drafts if m.concepts & {"zoledronic_acid", "pamidronate"})
    because: tuple[Fact, ...] = (*drafts, *(clearance.because if clearance else ()), *dialysis)
    shown = f"creatinine clearance {clearance}" if clearance else "dialysis"
    if not stopped:
        denosumab = any("denosumab" in m.concepts for m in drafts)
        return Recommend(because, KNOWLEDGE.card("denosumab" if denosumab else "ibandronate", clearance=shown))
    agent, urgent = bone_agents.agent(stopped[0]), hypercalcaemia.emergency(facts)
    if urgent:
        return Recommend((*because, *urgent.because), KNOWLEDGE.card("emergency", agent=agent, clearance=shown))
    return Recommend(
        because,
        KNOWLEDGE.card("stop", agent=agent, clearance=shown),
        suggestions=(
            Suggestion(f"Remove the {agent} order", delete=tuple(m.source for m in stopped)),
            *_denosumab_instead(facts, stopped),
        ),
    )


def _denosumab_instead(facts: Facts, stopped: tuple[Medication, ...]) -> tuple[Suggestion, ...]:
    """Not where denosumab is on order, or where another check of this order stops it as well."""
    if bone_agents.ordered(facts, "denosumab") or _held_otherwise(facts):
        return ()
    offer = ProposedOrder(
        "denosumab",
        "Denosumab 120 mg subcutaneously every 4 weeks",
        reasons=_reasons(facts),
        dose=Dose(AGENT.value("denosumab_dose"), "subcutaneous", int(AGENT.value("denosumab_interval"))),
    )
    remove = tuple(m.source for m in stopped)
    return (Suggestion("Denosumab 120 mg instead, once calcium is normal", (offer,), remove),)


def _held_otherwise(facts: Facts) -> bool:
    """Another check of this order stops or holds every bone agent: then none is offered, at no dose."""
    others = (bone_agent_pregnancy, bone_agent_hypocalcaemia, bone_agent_jaw)
    return any(isinstance(rule.decide(facts), Recommend) for rule in others)


def _dose(facts: Facts, drafts: tuple[Medication, ...], clearance: labs.Clearance) -> Outcome:
    zoledronic = tuple(m for m in drafts if "zoledronic_acid" in m.concepts)
    ibandronate = _too_much_ibandronate(drafts, clearance)
    if ibandronate:
        return Recommend(
            (*ibandronate, *clearance.because), KNOWLEDGE.card("ibandronate_reduced", clearance=str(clearance))
        )
    if not zoledronic and clearance.low < KNOWLEDGE.value("stop"):
        return CannotTell(
            (f"sex, on which the limit depends: {clearance}",), ask=True, because=(*drafts, *clearance.because)
        )
    if not zoledronic:
        return NotApplicable("the clearance allows this agent", (*drafts, *clearance.because))
    right = zoledronic_dose(clearance)
    if right is None:
        return _sex_unknown(zoledronic, clearance)
    if all(m.dose_mg == right for m in zoledronic):
        return NotApplicable("the dose fits the clearance", (*zoledronic, *clearance.because))
    if all(m.dose_mg is None for m in zoledronic) and right == AGENT.value("dose_full"):
        return CannotTell(("the ordered dose",), because=zoledronic)
    return _wrong_dose(facts, zoledronic, clearance, right)


def _too_much_ibandronate(drafts: tuple[Medication, ...], clearance: labs.Clearance) -> tuple[Medication, ...]:
    """Infusions above the reduced dose, or without a stated dose; a dose above that of an infusion is a tablet."""
    if clearance.high >= KNOWLEDGE.value("ibandronate_step"):
        return ()
    full, reduced = KNOWLEDGE.value("ibandronate_full"), KNOWLEDGE.value("ibandronate_dose")
    infusions = (m for m in drafts if "ibandronate" in m.concepts and (m.dose_mg or full) <= full)
    return tuple(m for m in infusions if (m.dose_mg or full) > reduced)


def _sex_unknown(zoledronic: tuple[Medication, ...], clearance: labs.Clearance) -> Outcome:
    """Two clearances, two doses: an order for neither is wrong; an order for one of them depends on the sex."""
    possible = [dose_for(clearance.high), dose_for(clearance.low)]
    doses = " or ".join(f"{dose.normalize():f} mg" if dose else "none" for dose in possible)
    because: tuple[Fact, ...] = (*zoledronic, *clearance.because)
    if all(m.dose_mg in possible or m.dose_mg is None for m in zoledronic):
        return CannotTell((f"sex, on which the dose depends: {doses} at {clearance}",), ask=True, because=because)
    return Recommend(because, KNOWLEDGE.card("sex_unknown", clearance=str(clearance), doses=doses))


def _wrong_dose(
    facts: Facts, zoledronic: tuple[Medication, ...], clearance: labs.Clearance, right: Decimal
) -> Recommend:
    text = f"Zoledronic acid {right.normalize():f} mg intravenously every 4 weeks"
    order = ProposedOrder(
        "zoledronic_acid",
        text,
        reasons=_reasons(facts),
        dose=Dose(
            right, "intravenous", int(AGENT.value("zoledronic_interval")), int(AGENT.value("zoledronic_minutes"))
        ),
    )
    ordered = next((f"{m.dose_mg.normalize():f} mg" for m in zoledronic if m.dose_mg), "dose not stated")
    replace = Suggestion(f"{text}, in place of the draft", (order,), tuple(m.source for m in zoledronic), True)
    return Recommend(
        (*zoledronic, *clearance.because),
        KNOWLEDGE.card("wrong_dose", right=f"{right.normalize():f} mg", ordered=ordered, clearance=str(clearance)),
        suggestions=() if _held_otherwise(facts) else (replace,),
    )


def _reasons(facts: Facts) -> tuple[str, ...]:
    found: tuple[Fact, ...] = facts.finding("bone_metastasis", "spinal_metastasis", "primary_myeloma")
    return tuple(dict.fromkeys(f.source for f in found))
