"""A bone agent is being ordered: is calcium too low for it?"""

from __future__ import annotations

from hooks import knowledge
from hooks.asked_once import asked_once
from hooks.card_text import sentence
from hooks.facts import Fact, Facts, Medication
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend, Suggestion
from hooks.questions import bone_agents, labs, zoledronic_dose

KNOWLEDGE = knowledge.load(__name__)
RENAL_LIMIT = zoledronic_dose.TABLE.thresholds["clearance_30"]


@asked_once
def decide(facts: Facts) -> Outcome:
    """E11: calcium below the laboratory's limit, corrected for albumin once, stops every bone agent until corrected.

    Without a limit of the laboratory only the fixed limit counts. A calcium that would allow the order must be fresh;
    a low one that is not fresh asks for a new one.
    """
    drafts = bone_agents.picked(facts)
    if not drafts:
        return CannotTell(("an order for a bone agent",))
    calcium = labs.calcium(facts, pairing_days=KNOWLEDGE.value("fresh"))
    if calcium is None:
        return CannotTell(("calcium and albumin",), because=drafts)
    if is_low(calcium):
        return _stop(facts, drafts, calcium)
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
    return _below_laboratory(calcium) or (calcium.kind != "ionised" and calcium.value < KNOWLEDGE.value("stop"))


def why_low(calcium: labs.Calcium) -> str:
    """In words, with the limit that it is below."""
    if _below_laboratory(calcium):
        return "below the laboratory's limit"
    return "low (below {stop})".format_map(KNOWLEDGE.thresholds)


def is_old(facts: Facts, calcium: labs.Calcium) -> bool:
    """Taken longer ago than a low result may stand for what calcium is now."""
    taken = calcium.because[0].when
    return not (taken and taken.maybe_within(KNOWLEDGE.value("fresh"), facts.as_of))


def known_normal(facts: Facts) -> bool:
    """Fresh, corrected or ionised, and not below a limit that the laboratory states."""
    calcium = labs.calcium(facts, pairing_days=KNOWLEDGE.value("fresh"))
    if calcium is None or calcium.kind == "uncorrected" or calcium.low is None or is_low(calcium):
        return False
    return not labs.stale(calcium.because, KNOWLEDGE.value("fresh"), facts)


def _below_laboratory(calcium: labs.Calcium) -> bool:
    return calcium.low is not None and calcium.value < calcium.low


def _stop(facts: Facts, drafts: tuple[Medication, ...], calcium: labs.Calcium) -> Recommend:
    uncorrected = calcium.kind == "uncorrected" and calcium.value >= KNOWLEDGE.value("stop")
    variant = "old" if is_old(facts, calcium) else "uncorrected" if uncorrected else "stop"
    kidneys = _too_low_for_it(facts, drafts) if variant == "stop" else ()
    taken = calcium.because[0].when
    words = {
        "agent": bone_agents.agent(drafts[0]),
        "calcium": str(calcium),
        "Calcium": sentence(str(calcium)),
        "when": taken.text if taken else "",
        "then": KNOWLEDGE.text("choose_again" if kidneys else "order_again", limit=str(RENAL_LIMIT)),
    }
    return Recommend(
        because=(*drafts, *calcium.because, *kidneys),
        says=KNOWLEDGE.card(variant, **words),
        missing=("albumin, or ionised calcium",) if calcium.kind == "uncorrected" else (),
        suggestions=tuple(Suggestion(f"Remove the {bone_agents.agent(m)} order", delete=(m.source,)) for m in drafts),
    )


def _too_low_for_it(facts: Facts, drafts: tuple[Medication, ...]) -> tuple[Fact, ...]:
    """What says that the kidneys exclude this drug even once calcium is corrected."""
    renal = any(m.concepts & set(bone_agents.RENALLY_LIMITED) for m in drafts)
    return zoledronic_dose.too_low(facts, RENAL_LIMIT.value) if renal else ()
