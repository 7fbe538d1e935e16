"""A bone agent is being ordered: do the kidneys allow it, and at which dose?"""

from __future__ import annotations

from hooks import bone_agent_orders, knowledge, zoledronic_order
from hooks.asked_once import asked_once
from hooks.card_text import sentence
from hooks.facts import Fact, Facts, Medication
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Suggestion
from hooks.questions import bone_agents, ibandronate, labs, zoledronic_dose
from hooks.rules import bone_agent_hypocalcaemia, bone_agent_jaw, bone_agent_pregnancy, hypercalcaemia

KNOWLEDGE = knowledge.load(__name__)
OTHERS = (bone_agent_pregnancy.decide, bone_agent_hypocalcaemia.decide, bone_agent_jaw.decide)


@asked_once
def decide(facts: Facts) -> Outcome:
    """Bone-agent stops by creatinine clearance: zoledronic acid and pamidronate below 30 mL/min, dose steps above.

    A clearance that is too low speaks however old, and so does a rise of creatinine; one that would allow the order
    must be fresh. In a hypercalcaemic emergency neither the dose steps nor the hold apply.
    """
    drafts = bone_agents.picked(facts)
    if not drafts:
        return CannotTell(("an order for a bone agent",))
    if zoledronic_dose.too_low(facts, KNOWLEDGE.value("stop")):
        return _too_low(facts, drafts)
    urgent = hypercalcaemia.emergency(facts)
    risen = None if urgent else zoledronic_order.withhold(facts, drafts)
    if risen:
        return risen
    clearance = labs.creatinine_clearance(facts)
    if clearance is None:
        return CannotTell(("creatinine clearance: " + ", ".join(labs.missing_for_clearance(facts)),), because=drafts)
    old = labs.stale(clearance.because, KNOWLEDGE.value("fresh"), facts)
    if old:
        return CannotTell(
            ("creatinine and body weight not older than {fresh}".format_map(KNOWLEDGE.thresholds),),
            because=(*drafts, *old),
        )
    if urgent:
        return NotApplicable(
            "the dose steps do not apply to hypercalcaemia", (*drafts, *urgent.because, *clearance.because)
        )
    return _dose(facts, drafts, clearance)


def _too_low(facts: Facts, drafts: tuple[Medication, ...]) -> Outcome:
    stopped = tuple(m for m in drafts if m.concepts & set(bone_agents.RENALLY_LIMITED))
    because: tuple[Fact, ...] = (*drafts, *zoledronic_dose.too_low(facts, KNOWLEDGE.value("stop")))
    shown = zoledronic_dose.kidneys(facts, KNOWLEDGE.value("fresh"))
    if not stopped:
        denosumab = any("denosumab" in m.concepts for m in drafts)
        return Recommend(because, KNOWLEDGE.card("denosumab" if denosumab else "ibandronate", clearance=shown))
    agent, urgent = bone_agents.agent(stopped[0]), hypercalcaemia.emergency(facts)
    words = {"agent": agent, "Agent": sentence(agent), "clearance": shown, "Clearance": sentence(shown)}
    if urgent:
        return Recommend((*because, *urgent.because), KNOWLEDGE.card("emergency", **words))
    variant = _stop_variant(facts)
    remove = tuple(m.source for m in stopped)
    return Recommend(
        because,
        KNOWLEDGE.card(variant, **words),
        suggestions=(
            Suggestion(f"Remove the {agent} order", delete=remove),
            *(_denosumab_instead(facts, remove) if variant == "stop" else ()),
        ),
    )


def _stop_variant(facts: Facts) -> str:
    """Another agent is named only where there is an indication, a recent result, and no other check against it."""
    held = _held(facts)
    if any(said.says.indicator == "critical" for said in held):
        return "stop_too"
    if zoledronic_dose.old_sample(facts, KNOWLEDGE.value("fresh")):
        return "stop_old"
    return "stop" if bone_agents.indications(facts) and not held else "stop_only"


def _held(facts: Facts) -> tuple[Recommend, ...]:
    """What the other checks of this order say against every bone agent."""
    return tuple(said for ask in OTHERS if isinstance(said := ask(facts), Recommend))


def _denosumab_instead(facts: Facts, remove: tuple[str, ...]) -> tuple[Suggestion, ...]:
    if bone_agents.ordered(facts, "denosumab"):
        return ()
    offer = bone_agent_orders.denosumab(bone_agents.indications(facts))
    label = "Denosumab 120 mg instead" + bone_agent_orders.on_condition(facts)
    return (Suggestion(label, (offer,), remove),)


def _dose(facts: Facts, drafts: tuple[Medication, ...], clearance: labs.Clearance) -> Outcome:
    because: tuple[Fact, ...] = (*drafts, *clearance.because)
    too_much = ibandronate.too_much(drafts, clearance)
    if too_much:
        text = KNOWLEDGE.card("ibandronate_reduced", clearance=str(clearance))
        return Recommend((*too_much, *clearance.because), text)
    zoledronic = zoledronic_order.drafted(drafts)
    if zoledronic:
        return zoledronic_order.judge(facts, zoledronic, clearance, _held(facts))
    if clearance.low < KNOWLEDGE.value("stop"):
        return CannotTell((f"sex, on which the limit depends: {clearance}",), ask=True, because=because)
    return NotApplicable("the clearance allows this agent", because)
