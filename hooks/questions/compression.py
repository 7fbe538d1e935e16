"""Is compression of the cord or cauda equina confirmed, how high is its grade, and has it been treated since?"""

from __future__ import annotations

from decimal import Decimal

from hooks.asked_once import asked_once
from hooks.facts import Assessment, Facts, Finding, Procedure, When
from hooks.questions import levels, neurology, treatment

# Epidural compression by Bilsky (2010), in rising order; 1c is neither low nor high.
GRADES = ("escc-0", "escc-1a", "escc-1b", "escc-1c", "escc-2", "escc-3")
LOW = frozenset({"escc-0", "escc-1a", "escc-1b"})
HIGH = frozenset({"escc-2", "escc-3"})


@asked_once
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


@asked_once
def below_cord(facts: Facts) -> tuple[Assessment, ...]:
    """Grades from 1c up at levels without a cord: there the question is whether the cauda equina is compressed."""
    return tuple(a for a in by_level(facts) if a.value not in LOW and a.level in levels.BELOW_CORD)


def roots_unknown(facts: Facts) -> tuple[str, ...]:
    """What to ask where ESCC was graded at a level of roots."""
    asked = "whether the cauda equina is compressed at {level}: ESCC grades the cord"
    return tuple(asked.format(level=a.level) for a in below_cord(facts))


@asked_once
def confirmed(facts: Facts) -> tuple[Finding | Assessment, ...]:
    """Compression as a confirmed diagnosis, or ESCC 2 or 3 at a level of the cord, however old."""
    graded = (a for a in by_level(facts) if a.value in HIGH and a.level not in levels.BELOW_CORD)
    return (*neurology.confirmed_compression(facts), *graded)


@asked_once
def current(facts: Facts, days: Decimal) -> tuple[Finding | Assessment, ...]:
    """Confirmed compression that is new or newly recorded and that no surgery or radiotherapy has followed."""
    new = (one for one in confirmed(facts) if neurology.is_new(one, facts, days))
    return tuple(one for one in new if not treated(facts, one, neurology.began(one, facts, days)))


def overdue(facts: Facts, days: Decimal) -> tuple[Finding | Assessment, ...]:
    """Confirmed compression that is older than that, and that no surgery or radiotherapy has followed either."""
    old = (one for one in confirmed(facts) if not neurology.is_new(one, facts, days))
    return tuple(one for one in old if not treated(facts, one, one.when))


def treated(facts: Facts, one: Finding | Assessment, start: When | None) -> tuple[Procedure, ...]:
    """Surgery or radiotherapy since, at the level of that compression; a level that is not stated may be this one."""
    done = treatment.done_since(facts, start, *treatment.SURGERY, *treatment.RADIOTHERAPY)
    return tuple(p for p in done if levels.same(sites(one), p.levels))


def sites(one: Finding | Assessment) -> frozenset[str]:
    """Where in the spine it is; empty when that is not stated."""
    return one.levels if isinstance(one, Finding) else frozenset({one.level} if one.level else ())


def grade(assessment: Assessment) -> str:
    """The grade as a doctor writes it: "ESCC 1b", with the level where it is known."""
    at = f" at {assessment.level}" if assessment.level else ""
    return f"ESCC {(assessment.value or '').removeprefix('escc-')}{at}"
