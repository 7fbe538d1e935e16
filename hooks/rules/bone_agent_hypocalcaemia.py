"""A bone agent is being ordered: is calcium too low for it?"""

from __future__ import annotations

from hooks import knowledge
from hooks.facts import Facts, Medication
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Suggestion
from hooks.questions import bone_agents, labs

KNOWLEDGE = knowledge.load(__name__)


def decide(facts: Facts) -> Outcome:
    """E11: calcium below the laboratory's limit, corrected for albumin once, stops every bone agent until corrected.

    Without a limit of the laboratory only the fixed limit counts. A calcium that would allow the order must be fresh.
    """
    drafts = bone_agents.picked(facts)
    if not drafts:
        return CannotTell(("an order for a bone agent",))
    calcium = labs.calcium(facts, pairing_days=KNOWLEDGE.value("fresh"))
    if calcium is None:
        return CannotTell(("calcium and albumin",), because=drafts)
    if is_low(calcium):
        return _stop(drafts, calcium)
    if labs.stale(calcium.because, KNOWLEDGE.value("fresh"), facts):
        return CannotTell(
            ("calcium and albumin not older than {fresh}".format_map(KNOWLEDGE.thresholds),),
            because=(*drafts, *calcium.because),
        )
    if calcium.low is None:
        return CannotTell(("the laboratory's lower limit for calcium",), because=(*drafts, *calcium.because))
    return NotApplicable(f"{calcium} is not below the limit", (*drafts, *calcium.because))


def is_low(calcium: labs.Calcium) -> bool:
    """Below the laboratory's limit or, whatever that is, below ours."""
    below_laboratory = calcium.low is not None and calcium.value < calcium.low
    return below_laboratory or (calcium.kind != "ionised" and calcium.value < KNOWLEDGE.value("stop"))


def _stop(drafts: tuple[Medication, ...], calcium: labs.Calcium) -> Recommend:
    uncorrected = calcium.kind == "uncorrected" and calcium.value >= KNOWLEDGE.value("stop")
    variant = "uncorrected" if uncorrected else "stop"
    return Recommend(
        because=(*drafts, *calcium.because),
        says=KNOWLEDGE.card(variant, agent=bone_agents.agent(drafts[0]), calcium=str(calcium)),
        missing=("albumin, or ionised calcium",) if calcium.kind == "uncorrected" else (),
        suggestions=tuple(Suggestion(f"Remove the {bone_agents.agent(m)} order", delete=(m.source,)) for m in drafts),
    )
