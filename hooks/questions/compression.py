"""Is compression of the cord or cauda equina confirmed, how high is its grade, and has it been treated since?"""

from __future__ import annotations

from decimal import Decimal

from hooks.facts import Assessment, Facts, Finding
from hooks.questions import neurology, treatment

# Epidural compression by Bilsky (2010), in rising order; 1c is neither low nor high.
GRADES = ("escc-0", "escc-1a", "escc-1b", "escc-1c", "escc-2", "escc-3")
LOW = frozenset({"escc-0", "escc-1a", "escc-1b"})
HIGH = frozenset({"escc-2", "escc-3"})


def by_level(facts: Facts) -> tuple[Assessment, ...]:
    """The newest ESCC grade of each level."""
    newest: dict[str | None, Assessment] = {}
    for assessment in facts.assessed("escc"):
        if assessment.value in GRADES:
            newest.setdefault(assessment.level, assessment)
    return tuple(newest.values())


def worst(facts: Facts) -> Assessment | None:
    """The highest grade among the newest of each level."""
    return max(by_level(facts), key=lambda a: GRADES.index(a.value or ""), default=None)


def confirmed(facts: Facts) -> tuple[Finding | Assessment, ...]:
    """Compression as a confirmed diagnosis, or ESCC 2 or 3, however old."""
    return (*neurology.confirmed_compression(facts), *(a for a in by_level(facts) if a.value in HIGH))


def current(facts: Facts, days: Decimal) -> tuple[Finding | Assessment, ...]:
    """Confirmed compression that is new or newly recorded and that no surgery or radiotherapy has followed."""
    return tuple(
        one
        for one in confirmed(facts)
        if neurology.is_new(one, facts, days)
        and not treatment.done_since(
            facts, neurology.began(one, facts, days), *treatment.SURGERY, *treatment.RADIOTHERAPY
        )
    )


def grade(assessment: Assessment) -> str:
    """The grade as a doctor writes it: "ESCC 1b", with the level where it is known."""
    at = f" at {assessment.level}" if assessment.level else ""
    return f"ESCC {(assessment.value or '').removeprefix('escc-')}{at}"
