"""How stable is the spine, by SINS, at the worst level?"""

from __future__ import annotations

from dataclasses import dataclass

from hooks.facts import Assessment, Facts, Measurement
from hooks.scores import sins


@dataclass(frozen=True, slots=True)
class Instability:
    """SINS of one level: the total or its range, and the pain item where it is known."""

    score: sins.Score
    pain: int | None
    assessment: Assessment

    @property
    def at(self) -> str:
        return f" at {self.assessment.level}" if self.assessment.level else ""


def of(assessment: Assessment) -> Instability | None:
    """SINS from its parts where there are any, else from the total; None when neither is there or they disagree."""
    items = dict(assessment.items)
    if assessment.level and "location" not in items and items:
        points = sins.location_points(assessment.level)
        items |= {"location": points} if points is not None else {}
    total = assessment.number
    try:
        parts = sins.score(items) if items else None
    except ValueError:
        return None
    if total is None:
        return Instability(parts, items.get("pain"), assessment) if parts else None
    if not 0 <= total <= 18 or (parts and not parts.lowest <= total <= parts.highest):
        return None
    return Instability(sins.Score(total, total), items.get("pain"), assessment)


def by_level(facts: Facts) -> tuple[Instability, ...]:
    """The newest usable SINS of each level."""
    newest: dict[str | None, Instability] = {}
    for assessment in facts.assessed("sins"):
        found = of(assessment)
        if found:
            newest.setdefault(assessment.level, found)
    return tuple(newest.values())


def contradictory(facts: Facts) -> tuple[Assessment, ...]:
    """SINS entries whose parts and total cannot both be right."""
    return tuple(a for a in facts.assessed("sins") if of(a) is None)


def worst(facts: Facts) -> Instability | None:
    """The level with the highest possible total; the score of a patient is that of the worst level."""
    levels = by_level(facts)
    return max(levels, key=lambda i: (i.score.lowest, i.score.highest)) if levels else None


def performance(facts: Facts) -> Measurement | None:
    """The newest ECOG or Karnofsky value; the two scales are never turned into one another."""
    known = [(m.when, m) for m in (facts.measured("ecog"), facts.measured("kps")) if m and m.when]
    return max(known, key=lambda pair: pair[0])[1] if known else None
