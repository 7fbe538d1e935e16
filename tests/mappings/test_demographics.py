"""Age, sex, death."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mappings.charts import ME, facts


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ("1960-11-24", 66),
        ("1960-11-25", 65),
        ("1960", 66),
        ("1960-11", 66),
        ("1960-10", 66),
        ("2030-01-01", None),
        ("unknown", None),
        (None, None),
    ],
)
def test_age_on_the_day_of_evaluation(born: str | None, age: int | None) -> None:
    assert facts(patient={**ME, "birthDate": born}).patient.age_years == age


@pytest.mark.parametrize(
    ("gender", "sex"),
    [
        ("female", "female"),
        ("male", "male"),
        ("other", None),
        ("unknown", None),
        (None, None),
    ],
)
def test_a_sex_that_no_formula_knows_is_not_recorded(gender: str | None, sex: str | None) -> None:
    assert facts(patient={**ME, "gender": gender}).patient.sex == sex


@pytest.mark.parametrize(
    ("more", "deceased"),
    [
        ({}, False),
        ({"deceasedBoolean": False}, False),
        ({"deceasedBoolean": True}, True),
        ({"deceasedDateTime": "2026-01-01"}, True),
    ],
)
def test_death(more: dict[str, Any], deceased: bool) -> None:
    assert facts(patient={**ME, **more}).patient.deceased is deceased


def test_a_year_of_birth_alone_makes_nobody_a_child() -> None:
    """Born in 2008: 17 or 18 on the day of evaluation; the emergency must not be silenced."""
    assert facts(patient={**ME, "birthDate": "2008"}).patient.age_years == 18
