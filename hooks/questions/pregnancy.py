"""Is the patient pregnant, could she be, and was it excluded lately?"""

from __future__ import annotations

from decimal import Decimal

from hooks.asked_once import asked_once
from hooks.facts import Assessment, Facts, Finding, When

Sign = Finding | Assessment


@asked_once
def signs(facts: Facts, longest_days: Decimal) -> tuple[Sign, ...]:
    """Entries that say "pregnant", not older than a pregnancy can be, and not answered by a later negative result."""
    found: tuple[Sign, ...] = (*facts.finding("pregnancy"), *_answers(facts, "positive"))
    return tuple(
        sign
        for sign in found
        if (sign.when is None or sign.when.maybe_within(longest_days, facts.as_of)) and not _denied(facts, sign.when)
    )


def is_certain(sign: Sign) -> bool:
    return isinstance(sign, Assessment) or sign.certain


@asked_once
def excluded(facts: Facts, days: Decimal) -> tuple[Sign, ...]:
    """Negative results, and entries "not pregnant", surely not older than `days`."""
    return tuple(sign for sign in _negatives(facts) if sign.when and sign.when.surely_within(days, facts.as_of))


def possible(facts: Facts, childbearing_years: Decimal) -> bool:
    """Not recorded as male, and below the age from which nobody asks; what is not recorded is possible."""
    age = facts.patient.age_years
    return facts.patient.sex != "male" and (age is None or age < childbearing_years)


def _answers(facts: Facts, value: str) -> tuple[Assessment, ...]:
    return tuple(a for a in facts.assessed("pregnancy") if a.value == value)


def _negatives(facts: Facts) -> tuple[Sign, ...]:
    return (*_answers(facts, "negative"), *facts.finding("not_pregnant"))


def _denied(facts: Facts, said: When | None) -> bool:
    """A dated entry is answered by a negative result of a later day; an undated one by none."""
    return any(said and sign.when and sign.when.earliest > said.latest for sign in _negatives(facts))
