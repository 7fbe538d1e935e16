"""Active cancer: is calcium too high, or dangerously low?"""

from __future__ import annotations

from hooks import knowledge
from hooks.asked_once import asked_once
from hooks.facts import Fact, Facts
from hooks.outcomes import CannotTell, NotApplicable, Outcome, Recommend
from hooks.questions import cancer, care, labs

KNOWLEDGE = knowledge.load(__name__)
HIGH = ("review", "urgent", "critical")


def decide(facts: Facts) -> Outcome:
    """E10, in steps of the corrected or ionised calcium, and severe hypocalcaemia, whichever drug caused it.

    Fires without albumin and says so: with a low one the true calcium is higher.
    """
    active = (*cancer.primaries(facts), *facts.finding(*cancer.SECONDARY))
    if not active:
        return CannotTell(("an active cancer",))
    calcium = _calcium(facts)
    if calcium is None:
        return CannotTell(("calcium and albumin",))
    if not _fresh(facts, calcium):
        return CannotTell(("calcium not older than {fresh}".format_map(KNOWLEDGE.thresholds),), because=calcium.because)
    step = _step(calcium)
    if step:
        return _recommend(facts, calcium, step, active[:1])
    if calcium.bound:
        return CannotTell((f"calcium as a number: {calcium} is a bound",), because=calcium.because)
    if calcium.kind == "uncorrected":
        return CannotTell(("albumin: total calcium is not corrected",), because=calcium.because)
    return NotApplicable(f"{calcium} is neither raised nor severely low", calcium.because)


@asked_once
def emergency(facts: Facts) -> labs.Calcium | None:
    """The calcium, if it is recent and so high that lowering it comes before all else: bone agents then treat that."""
    calcium = _calcium(facts)
    urgent = calcium is not None and _fresh(facts, calcium) and _step(calcium) in ("urgent", "critical")
    return calcium if urgent else None


@asked_once
def raised(facts: Facts) -> labs.Calcium | None:
    """The calcium, if it is recent and high enough for this rule to speak of it."""
    calcium = _calcium(facts)
    high = calcium is not None and _fresh(facts, calcium) and _step(calcium) in HIGH
    return calcium if high else None


@asked_once
def _calcium(facts: Facts) -> labs.Calcium | None:
    """Of different values of one time the highest, unless only the lowest asks for something."""
    lowest, highest = (
        labs.calcium(facts, pairing_days=KNOWLEDGE.value("fresh"), highest=high) for high in (False, True)
    )
    if highest is None:
        return lowest
    return lowest if lowest and _step(highest) is None and _step(lowest) else highest


def _fresh(facts: Facts, calcium: labs.Calcium) -> bool:
    return all(m.when and m.when.maybe_within(KNOWLEDGE.value("fresh"), facts.as_of) for m in calcium.because[:1])


def _step(calcium: labs.Calcium) -> str | None:
    """The step of the number; of a bound only one that lies on its side: "> 6" is not low."""
    step = _ionised_step(calcium) if calcium.kind == "ionised" else _total_step(calcium)
    away = {">": ("low",), "<": HIGH}.get(calcium.bound, ())
    return None if step in away else step


def _total_step(calcium: labs.Calcium) -> str | None:
    if calcium.value >= KNOWLEDGE.value("severe"):
        return "critical"
    if calcium.value >= KNOWLEDGE.value("urgent"):
        return "urgent"
    low = KNOWLEDGE.value("low")
    if calcium.value < low or (calcium.bound == "<" and calcium.value == low):
        return "low"
    above = calcium.high is None or calcium.value > calcium.high
    return "review" if above and calcium.value >= KNOWLEDGE.value("raised") else None


def _ionised_step(calcium: labs.Calcium) -> str | None:
    if calcium.value > KNOWLEDGE.value("ionised_severe"):
        return "critical"
    if calcium.value > KNOWLEDGE.value("ionised_urgent"):
        return "urgent"
    if calcium.value < KNOWLEDGE.value("ionised_low"):
        return "low"
    return "review" if calcium.high is not None and calcium.value > calcium.high else None


def _recommend(facts: Facts, calcium: labs.Calcium, step: str, active: tuple[Fact, ...]) -> Recommend:
    comfort = care.comfort_focused(facts)
    variant = step if not comfort else "comfort_low" if step == "low" else "comfort"
    taken = calcium.because[0].when
    gap = ("albumin: the true calcium may differ (higher with low albumin)",)
    return Recommend(
        because=(*calcium.because, *active, *comfort),
        says=KNOWLEDGE.card(variant, calcium=str(calcium), when=taken.text if taken else ""),
        missing=gap if calcium.kind == "uncorrected" else (),
    )
