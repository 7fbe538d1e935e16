"""Two results of one name on one day: the later one comes first where both times are known, else the more cautious.

"More cautious" is the value on which a rule warns or holds back, so that an order that nobody recorded never reassures.
The fact that comes first says that it is one of several; the others stay on record behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from typing import TypeVar

from fhir_mappings import clinical_dates, dates
from fhir_mappings.resources import Observation
from hooks.facts import Assessment, Measurement

F = TypeVar("F", Measurement, Assessment)

# +1: the higher value is the cautious one, -1: the lower. What is not listed (calcium, albumin) warns on both sides:
# the value further outside the laboratory's own limits comes first, else the lower.
CAUTION = {
    "creatinine": 1,
    "alp": 1,
    "pain_score": 1,
    "ecog": 1,
    "creatinine_clearance": -1,
    "vitamin_d": -1,
    "body_weight": -1,  # clearance falls with it
    "body_height": -1,
    "kps": -1,
    "life_expectancy": -1,
}
# Graded answers from the most cautious down; of the numbered scores the one that stands for the worse state.
ORDER = {
    "pregnancy": ("positive", "negative"),
    "disease_status": ("worsened", "stable", "improved"),
    "escc": ("escc-3", "escc-2", "escc-1c", "escc-1b", "escc-1a", "escc-0"),
    "frankel": tuple(f"frankel-{letter}" for letter in "abcde"),
    "ais": tuple(f"ais-{letter}" for letter in "abcde"),
}
HIGHER_IS_WORSE = frozenset({"sins", "tomita", "katagiri"})


def measurements(found: Sequence[Measurement], stated: Sequence[Observation]) -> tuple[Measurement, ...]:
    """`stated`: the observation of each; they come newest first."""
    return _settle(found, stated, [m.name for m in found], _measured, lambda m: m.value)


def assessments(found: Sequence[Assessment], stated: Sequence[Observation]) -> tuple[Assessment, ...]:
    """`stated`: the observation of each; they come newest first."""
    return _settle(found, stated, [(a.name, a.level) for a in found], _assessed, lambda a: (a.value, a.items))


def _settle(
    found: Sequence[F],
    stated: Sequence[Observation],
    subjects: Sequence[Hashable],
    caution: Callable[[F], tuple[object, ...]],
    value: Callable[[F], object],
) -> tuple[F, ...]:
    """The facts in their order, but each group of one subject and day in the order that this module gives it."""
    first: dict[Hashable, dict[Hashable, int]] = {}
    several: dict[Hashable, list[int]] = {}  # most days have one result of a name, and nothing is made for it
    for place, subject in enumerate(subjects):
        days = first.get(subject)
        if days is None:
            days = first[subject] = {}
        when = found[place].when
        day: Hashable = when and (when.earliest if when.earliest == when.latest else (when.earliest, when.latest))
        there = days.setdefault(day, place)
        if there != place:
            several.setdefault((subject, day), [there]).append(place)
    settled = list(found)
    for where in several.values():
        ordered = _order([found[i] for i in where], [stated[i] for i in where], caution, value)
        for place, fact in zip(where, ordered, strict=True):
            settled[place] = fact
    return tuple(settled)


def _order(
    group: Sequence[F],
    stated: Sequence[Observation],
    caution: Callable[[F], tuple[object, ...]],
    value: Callable[[F], object],
) -> list[F]:
    """By the clock, latest first, and what the clock cannot tell apart by caution, with a remark on the first."""
    clock = [dates.clock(clinical_dates.effective(observation)) for observation in stated]
    zones = {moment.tzinfo is None for moment in clock if moment}
    told = None not in clock and len(zones) == 1
    moments = [(moment, fact) for moment, fact in zip(clock, group, strict=True) if moment] if told else []
    stamped = sorted(moments, key=lambda pair: pair[0], reverse=True)
    ties = (
        [[fact for _, fact in same] for _, same in groupby(stamped, key=lambda pair: pair[0])]
        if told
        else [list(group)]
    )
    ordered: list[F] = []
    for tie in ties:
        facts = sorted(tie, key=lambda f: (caution(f), f.source))
        several = len({value(f) for f in facts})
        if several > 1:
            remark = f"one of {several} different values of that time"
            facts[0] = replace(facts[0], label=f"{facts[0].label[:40]}; {remark}" if facts[0].label else remark)
            first = facts[0]
            if isinstance(first, Measurement):
                rivals = {f.value for f in facts if isinstance(f, Measurement)} - {first.value}
                facts[0] = replace(first, others=tuple(sorted(rivals)))
        ordered += facts
    return ordered


def _measured(measurement: Measurement) -> tuple[object, ...]:
    sign = CAUTION.get(measurement.name)
    if sign:
        return (-sign * measurement.value, not measurement.bound)
    return (-_outside(measurement), measurement.value, not measurement.bound)


def _outside(measurement: Measurement) -> Decimal:
    """How far outside its own limits, as a share of the limit; 0 within them, or where none are stated."""
    low, high, value = measurement.low, measurement.high, measurement.value
    if low and value < low:
        return (low - value) / low
    return (value - high) / high if high and value > high else Decimal(0)


def _assessed(assessment: Assessment) -> tuple[object, ...]:
    name, value = assessment.name, assessment.value
    if name in ORDER and value in ORDER[name]:
        return (ORDER[name].index(value),)
    number = assessment.number
    if number is None:
        return (0,)  # items without a total: left to the reference
    return (-number if name in HIGHER_IS_WORSE else number,)
