"""How stable is the spine, by SINS, at the worst level?"""

from __future__ import annotations

from hooks.asked_once import asked_once
from hooks.facts import Assessment, Facts, Measurement
from hooks.scores import sins
from hooks.sealed import sealed

SAME_STATE_DAYS = 30  # ours: of scores without a level, those so close together may be of different lesions
DISAGREES = "SINS whose items and total agree"


@sealed()
class Instability:
    """SINS of one level: the total or its range, and the pain item where it is known.

    `contradictory`: its parts and its total cannot both be right, or a part is none that SINS has. The worse reading
    then counts, and it is never surely better than that.
    """

    score: sins.Score
    pain: int | None
    assessment: Assessment
    contradictory: bool = False

    @property
    def at(self) -> str:
        return f" at {self.assessment.level}" if self.assessment.level else ""


def of(assessment: Assessment) -> Instability | None:
    """SINS from its parts where there are any, else from the total; None when neither is there."""
    stated = dict(assessment.items)
    items = {name: points for name, points in stated.items() if points in sins.ITEMS.get(name, ())}
    odd = len(items) < len(stated)
    if assessment.level and "location" not in stated and items:
        points = sins.location_points(assessment.level)
        items |= {"location": points} if points is not None else {}
    total = assessment.number
    parts = sins.score(items) if items else None
    if total is not None and not 0 <= total <= sins.HIGHEST:
        total, odd = None, True
    if total is None:
        return Instability(parts, items.get("pain"), assessment, odd) if parts else None
    if not odd and (parts is None or parts.lowest <= total <= parts.highest):
        return Instability(sins.Score(total, total), items.get("pain"), assessment)
    worse = max(total, parts.lowest) if parts else total
    highest = worse if worse > sins.INDETERMINATE_MAX else sins.HIGHEST
    return Instability(sins.Score(worse, highest), items.get("pain"), assessment, contradictory=True)


@asked_once
def by_level(facts: Facts) -> tuple[Instability, ...]:
    """The newest usable SINS of each level. Of those without a level, all that may be of different lesions."""
    newest: dict[str, Instability] = {}
    unplaced: list[Instability] = []
    for assessment, found in _read(facts):
        if found is None:
            continue
        if assessment.level:
            newest.setdefault(assessment.level, found)
        elif not unplaced or _close(found, unplaced[0]):
            unplaced.append(found)
    return (*newest.values(), *unplaced)


def _close(one: Instability, other: Instability) -> bool:
    first, second = one.assessment.when, other.assessment.when
    if first is None or second is None:
        return True
    return (second.earliest - first.latest).days <= SAME_STATE_DAYS


def contradictory(facts: Facts) -> tuple[Assessment, ...]:
    """SINS entries whose parts and total cannot both be right."""
    return tuple(a for a, found in _read(facts) if found is None or found.contradictory)


@asked_once
def _read(facts: Facts) -> tuple[tuple[Assessment, Instability | None], ...]:
    """Every SINS entry with what it says."""
    return tuple([(one, of(one)) for one in facts.assessed("sins")])


def doubts(facts: Facts) -> tuple[str, ...]:
    """What to record anew, where entries contradict themselves."""
    return (DISAGREES,) if contradictory(facts) else ()


def worst(facts: Facts) -> Instability | None:
    """The level with the highest possible total; the score of a patient is that of the worst level."""
    levels = by_level(facts)
    return max(levels, key=lambda i: (i.score.lowest, i.score.highest)) if levels else None


def band(found: Instability) -> str:
    """The band in which it surely is at least."""
    return sins.band(found.score.lowest)


def performance(facts: Facts) -> Measurement | None:
    """The newest ECOG or Karnofsky value; the two scales are never turned into one another."""
    known = [(m.when, m) for m in (facts.measured("ecog"), facts.measured("kps")) if m and m.when]
    return max(known, key=lambda pair: pair[0])[1] if known else None
