"""Is there a neurological deficit that a spinal metastasis could cause, and is it new?"""

from __future__ import annotations

from decimal import Decimal
from itertools import takewhile

from hooks.asked_once import asked_once
from hooks.facts import Assessment, Facts, Finding, When

# NICE NG234's symptoms and signs of cord or cauda equina compression, as far as value sets exist for them.
DEFICIT_WORDS = {
    "paraplegia_paraparesis": "leg paralysis",
    "quadriplegia": "paralysis of all limbs",
    "motor_weakness": "weakness",
    "gait_disturbance": "trouble walking",
    "bowel_dysfunction": "bowel dysfunction",
    "bladder_dysfunction": "bladder dysfunction",
    "saddle_or_sensory_loss": "sensory loss",
    "radiculopathy": "radicular pain",
}
COMPRESSION = ("spinal_cord_compression", "cauda_equina")
IMPAIRED_GRADES = frozenset("abcd")  # Frankel and AIS letters with a deficit; e is normal


@asked_once
def deficits(facts: Facts) -> tuple[Finding, ...]:
    """Active findings of a deficit, however old."""
    return facts.finding(*DEFICIT_WORDS)


@asked_once
def new_deficits(facts: Facts, days: Decimal) -> tuple[Finding | Assessment, ...]:
    """Deficits that began or were recorded at most `days` ago, and grades that are new or worse. Undated means new."""
    findings = tuple(f for f in deficits(facts) if is_new(f, facts, days))
    return findings + worse_grades(facts, days)


def is_new(one: Finding | Assessment, facts: Facts, days: Decimal) -> bool:
    """Began or was recorded at most `days` ago, or nobody wrote when."""
    dates = (one.onset, one.recorded) if isinstance(one, Finding) else (one.when,)
    known = [when for when in dates if when]
    return not known or any(when.maybe_within(days, facts.as_of) for when in known)


def began(one: Finding | Assessment, facts: Facts, days: Decimal) -> When | None:
    """When it began; of something long known that was recorded anew, when it was recorded."""
    if isinstance(one, Assessment):
        return one.when
    old_onset = one.onset and not one.onset.maybe_within(days, facts.as_of)
    return one.recorded if old_onset else one.when


def worse_grades(facts: Facts, days: Decimal) -> tuple[Assessment, ...]:
    """The newest Frankel or AIS grade, if it shows a deficit, is recent, and is not simply the grade of before."""
    found = []
    for scale in ("frankel", "ais"):
        grades = [g for g in facts.assessed(scale) if g.value]
        if not grades or not grades[0].value or grades[0].value[-1] not in IMPAIRED_GRADES:
            continue
        newest, older = grades[0], [g for g in grades[1:] if g.when]  # one without a date may be the later one
        recent = newest.when is None or newest.when.maybe_within(days, facts.as_of)
        # Letters run from a (complete) to e (normal): a smaller letter is a worse state.
        if recent and (not older or (newest.value or "") < (older[0].value or "")):
            found.append(newest)
    return tuple(found)


def grades_before(facts: Facts, found: tuple[Finding | Assessment, ...]) -> tuple[Assessment, ...]:
    """For each grade among some deficits the one before it on the same scale: from what it fell."""
    return tuple(
        grades[place + 1]
        for one in found
        if isinstance(one, Assessment)
        for grades in [[g for g in facts.assessed(one.name) if g.value]]
        for place in [grades.index(one)]
        if place + 1 < len(grades)
    )


def grades(facts: Facts) -> tuple[Assessment, ...]:
    """All Frankel and AIS grades on record."""
    return (*facts.assessed("frankel"), *facts.assessed("ais"))


def newest_grades(facts: Facts) -> tuple[Assessment, ...]:
    """The newest grade of each scale."""
    return tuple(a for scale in ("frankel", "ais") for a in facts.assessed(scale)[:1] if a.value)


@asked_once
def signs(facts: Facts) -> tuple[Finding | Assessment, ...]:
    """Deficits that an examiner can find, and newest grades that show one: more than radicular pain alone."""
    findings = tuple(f for f in deficits(facts) if f.concepts & (DEFICIT_WORDS.keys() - {"radiculopathy"}))
    return findings + tuple(a for a in newest_grades(facts) if (a.value or "")[-1] in IMPAIRED_GRADES)


def complete_since(facts: Facts) -> tuple[tuple[Finding | Assessment, When], ...]:
    """Complete paraplegia, by code or by grade A, with the day since when it is surely so; none without."""
    found: list[tuple[Finding | Assessment, When | None]] = [(f, f.when) for f in facts.finding("paraplegia_complete")]
    for scale in ("frankel", "ais"):
        graded = [a for a in facts.assessed(scale) if a.value]
        run = list(takewhile(lambda a: (a.value or "").endswith("-a"), graded))
        found += [(run[0], run[-1].when)] if run else []
    return tuple((one, since) for one, since in found if since)


def intact(facts: Facts, days: Decimal) -> tuple[Assessment, ...]:
    """A normal grade that is surely fresh, and no deficit on record. Silence about deficits alone is no "intact"."""
    newest = newest_grades(facts)
    if deficits(facts) or any((a.value or "")[-1] in IMPAIRED_GRADES for a in newest):
        return ()
    fresh = (a for a in newest if a.when and a.when.surely_within(days, facts.as_of))
    return tuple(a for a in fresh if a.name not in facts.doubtful)


@asked_once
def suspected_compression(facts: Facts) -> tuple[Finding, ...]:
    """Cord or cauda equina compression on record, confirmed or only suspected."""
    return facts.finding(*COMPRESSION)


@asked_once
def confirmed_compression(facts: Facts) -> tuple[Finding, ...]:
    return tuple(f for f in suspected_compression(facts) if f.certain)


def words(found: tuple[Finding | Assessment, ...]) -> str:
    """The deficits in a few words for a summary, the gravest first, at most two."""
    return wordings(found)[0]


def wordings(found: tuple[Finding | Assessment, ...]) -> tuple[str, ...]:
    """The same from full to short, for where there is less room: the gravest is always named."""
    concepts = frozenset().union(*(f.concepts for f in found if isinstance(f, Finding)))
    named = [word for concept, word in DEFICIT_WORDS.items() if concept in concepts]
    if not named:
        return ("compression on record" if _only_compression(found) else "neurological deficit",)
    if len(named) == 1:
        return (named[0],)
    full = f"{named[0]} and {named[1]}" if len(named) == 2 else f"{named[0]}, {named[1]} and more"
    return (full, f"{named[0]} and more", named[0])


def _only_compression(found: tuple[Finding | Assessment, ...]) -> bool:
    """A code of compression is a diagnosis, not a deficit that somebody found."""
    return bool(found) and all(isinstance(f, Finding) and f.concepts & frozenset(COMPRESSION) for f in found)
