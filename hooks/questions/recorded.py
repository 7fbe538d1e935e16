"""What the chart holds already of an assessment, and whether a newer one is calmer: it then replaces the graver one."""

from __future__ import annotations

from collections.abc import Iterable

from hooks.facts import Assessment, Facts, Measurement
from hooks.questions import compression, noms, stability
from hooks.scores.answers import SINS_MEANING

Recorded = Assessment | Measurement
PROGNOSIS = ("tokuhashi", "tomita", "bauer", "nesms", "katagiri")
FUNCTION = ("frankel", "ais")
PERFORMANCE = ("ecog", "kps")
MEASURED = (*PERFORMANCE, "life_expectancy")
SINS_BANDS = ("stable", "indeterminate", "unstable")


def newest(facts: Facts, name: str) -> tuple[Recorded, ...]:
    """The newest of that name: of SINS and ESCC that of each level, of performance the newest of both scales."""
    if name in PERFORMANCE:
        found = stability.performance(facts)
        return (found,) if found else ()
    if name in MEASURED:
        measured = facts.measured(name)
        return (measured,) if measured else ()
    if name == "sins":
        return tuple(one.assessment for one in stability.by_level(facts))
    return compression.by_level(facts) if name == "escc" else facts.assessed(name)[:1]


def gravity(one: Recorded) -> int | None:
    """How grave: a higher number is worse. None where its kind has no order, or its value says nothing.

    Of a SINS with open items the lowest total counts: so bad it surely is.
    """
    if isinstance(one, Measurement):
        return _measured(one)
    if one.name == "sins":
        found = stability.of(one)
        return SINS_BANDS.index(stability.band(found)) if found else None
    if one.name == "escc" and one.value in compression.GRADES:
        return (one.value not in compression.LOW) + (one.value in compression.HIGH)
    return "edcba".index(one.value[-1]) if one.name in FUNCTION and one.value else None


def band(one: Recorded) -> str:
    """The band of a SINS in words, of whatever its open items leave; empty for all else."""
    found = stability.of(one) if isinstance(one, Assessment) and one.name == "sins" else None
    return SINS_MEANING.get(found.score.band() or "", "") if found else ""


def _measured(one: Measurement) -> int | None:
    if one.name == "life_expectancy":
        return int(one.value < noms.TABLE.value("months"))
    good = noms.good(one.name, one.value) if one.name in PERFORMANCE else True
    return {True: 0, None: 1, False: 2}[good]


def graver(facts: Facts, new: Recorded) -> tuple[Recorded, ...]:
    """The newest on record that the new one would replace, and that is worse than it."""
    return tuple(
        old for old in newest(facts, new.name) if _same_place(old, new) and _worse(old, new) and not _later(old, new)
    )


def earlier(facts: Facts, name: str) -> tuple[Assessment, ...]:
    """Behind the newest of each level the worst that was graver, so that it does not vanish with the next entry."""
    found = []
    for current in newest(facts, name):
        before = [old for old in _behind(facts, current) if _worse(old, current)]
        if before:
            found.append(max(before, key=lambda one: gravity(one) or 0))
    return tuple(found)


def _behind(facts: Facts, current: Recorded) -> Iterable[Assessment]:
    """Older than that and of the same place; of one day too."""
    all_of_it = facts.assessed(current.name)
    where = next((n for n, one in enumerate(all_of_it) if one == current), len(all_of_it))
    return (one for one in all_of_it[where + 1 :] if _same_place(one, current))


def _same_place(old: Recorded, new: Recorded) -> bool:
    return not isinstance(old, Assessment) or not isinstance(new, Assessment) or old.level == new.level


def _worse(old: Recorded, new: Recorded) -> bool:
    was, becomes = gravity(old), gravity(new)
    return was is not None and becomes is not None and was > becomes


def _later(old: Recorded, new: Recorded) -> bool:
    """Is the old one of a later day than the new one, which then replaces nothing?"""
    return old.when is not None and new.when is not None and old.when.earliest > new.when.latest
