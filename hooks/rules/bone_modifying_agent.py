"""Bone metastases or myeloma: should a bone-modifying agent be started, and which?"""

from __future__ import annotations

from hooks import advice, bone_agent_advice, bone_agent_holds, bone_agent_orders, knowledge
from hooks.facts import Fact, Facts, Finding, Medication
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Wording, each_once
from hooks.questions import bone_agent_readiness, bone_agents, cancer, care, labs, zoledronic_dose
from hooks.questions.bone_agents import PRECURSORS
from hooks.rules import bone_agent_hypocalcaemia

KNOWLEDGE = knowledge.load(__name__)
MEDICATIONS = ("medication requests", "medication administrations")
NO_AGENT = ("contraindicated", "pregnant", "necrosis", "hormone_sensitive", "low_dose_running")


def decide(facts: Facts) -> Outcome:
    """R14 and the indications of the bone-agent table: every bone metastasis, and myeloma that needs therapy."""
    if not cancer.bone_metastases(facts):
        unclear = _no_indication(facts)
        if unclear:
            return unclear
    comfort = care.comfort_focused(facts)
    if comfort:
        return NotApplicable("comfort-focused care", comfort)
    short = _short_life(facts)
    if short:
        return NotApplicable("the estimated life expectancy is shorter than the time to benefit", short)
    running = tuple(
        m for m in bone_agents.running(facts, KNOWLEDGE.value("covered")) if not bone_agents.is_low_dose_denosumab(m)
    )
    if running:
        return NotApplicable("a bone agent is running or was given lately", running)
    indication = bone_agents.indications(facts)
    unseen = _unseen(facts)
    if unseen:
        return CannotTell((f"whether a bone agent is running: {unseen}",), ask=True, because=indication)
    return _recommend(facts, indication)


def _unseen(facts: Facts) -> str:
    """Why a bone agent may be running unseen: that no agent is among a part of the medications says nothing.

    A part is enough to say what holds an agent back. Infusions alone are often not to be had; orders stand for them.
    """
    if not any(facts.knows(kind) for kind in MEDICATIONS):
        return "medications are not available"
    partial = [kind for kind in MEDICATIONS if kind in facts.incomplete]
    if partial and not bone_agent_holds.found(facts):
        return f"only a part of the {' and '.join(partial)} is known"
    return ""


def _short_life(facts: Facts) -> tuple[Fact, ...]:
    """An estimate that is recent; a patient who has outlived an old one is not judged by it."""
    estimate = facts.measured("life_expectancy")
    recent = estimate and estimate.when and estimate.when.surely_within(KNOWLEDGE.value("estimate"), facts.as_of)
    return (estimate,) if estimate and recent and estimate.value < KNOWLEDGE.value("time_to_benefit") else ()


def _no_indication(facts: Facts) -> CannotTell | None:
    """Without bone metastases only myeloma that needs therapy is an indication; its precursors are none."""
    precursor, myeloma = facts.finding(*PRECURSORS), bone_agents.myeloma(facts)
    if precursor and myeloma:
        why = "whether the myeloma needs therapy: a precursor or a remission is on record too"
        return CannotTell((why,), ask=not care.comfort_focused(facts), because=(*precursor, *myeloma))
    if precursor:
        why = "smouldering myeloma, MGUS, solitary plasmacytoma and myeloma in remission alone are no indication"
        return CannotTell((f"whether there are bone metastases: {why}",), because=precursor)
    return None if myeloma else CannotTell(("whether there are bone metastases",))


def _recommend(facts: Facts, indication: tuple[Finding, ...]) -> Recommend:
    holds = bone_agent_holds.found(facts)
    kidneys = zoledronic_dose.too_low(facts, KNOWLEDGE.value("clearance_30"))
    calcium = labs.calcium(facts, pairing_days=bone_agent_hypocalcaemia.KNOWLEDGE.value("fresh"))
    clearance, last = labs.creatinine_clearance(facts), bone_agents.doses_given(facts, *bone_agents.AGENTS)[:1]
    because: tuple[Fact, ...] = (
        *indication,
        *cancer.primaries(facts)[:1],
        *(fact for hold in holds for fact in hold.because),
        *(calcium.because if calcium else ()),
        *(clearance.because if clearance else ()),
        *kidneys,
        *last,
    )
    variant = holds[0].variant if holds else "renal" if kidneys else "consider"
    text = _text(facts, variant, holds[0].words if holds else {}, last)
    do = (
        (*text.do, *bone_agent_advice.also_first(facts, holds))
        if holds
        else (*bone_agent_advice.calcium_first(facts), *text.do, *bone_agent_advice.kidneys_and_castration(facts))
    )
    return Recommend(
        because=each_once(because),
        says=Wording(text.indicator, text.summary, do, (*text.why, *bone_agent_advice.precursors(facts)), text.why_not),
        missing=_missing(facts, variant),
        suggestions=() if holds else bone_agent_orders.offers(facts, indication),
        longest_rest=KNOWLEDGE.rests.get(variant),
    )


def _text(facts: Facts, variant: str, held: dict[str, str], last: tuple[Medication, ...]) -> Wording:
    """Where an agent was given before, it is named with its date: then "no agent" would not be true."""
    words = {**bone_agent_advice.words(facts), **held}
    if variant != "consider" or not last:
        return KNOWLEDGE.card(variant, **words)
    words |= {"agent": bone_agents.agent(last[0]), "when": last[0].when.text if last[0].when else ""}
    return advice.that_fits(KNOWLEDGE.card(one, **words) for one in ("again", "again_short"))


def _missing(facts: Facts, variant: str) -> tuple[str, ...]:
    """Where no agent comes into question, only whether one is running."""
    lines = () if variant in NO_AGENT else bone_agent_readiness.gaps(facts)
    return (*lines, *(f"bone agents among the {kind}" for kind in MEDICATIONS if not facts.knows(kind)))
