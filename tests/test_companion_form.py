"""What is typed into the companion's form: taken only where it can be read in one way, and can be true."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from cds_service.smart import form
from cds_service.smart.form import Section

TODAY = date(2026, 11, 24)


def section(key: str, born: str = "", **own: str) -> Section:
    given = form.answers({f"{key}.{name}": one for name, one in own.items()})
    (found,) = [one for one in form.sections(given, TODAY, born) if one.key == key]
    return found


@pytest.mark.parametrize("typed", [
    "1e1", "-0", "+7", "1_0", "\u0663", "\uff17", "0x7", "7.", ".5", "7 0", "1,000.5", "NaN", "Infinity", "abc",
    "7.55", "601",
])  # fmt: skip
def test_months_are_plain_digits(typed: str) -> None:
    found = section("life-expectancy", months=typed)
    assert found.filled is None
    assert "months" in found.wrong
    assert set(found.wrong.values()) <= set(found.missing)


@pytest.mark.parametrize(("typed", "months"), [("7", "7"), ("7.5", "7.5"), ("7,5", "7.5"), ("0", "0"), ("07", "7")])
def test_with_a_point_or_a_comma(typed: str, months: str) -> None:
    found = section("life-expectancy", months=typed)
    assert found.filled is not None
    assert found.filled.value == Decimal(months)
    assert found.wrong == {}


@pytest.mark.parametrize(("typed", "born"), [
    ("20261101", ""), ("2026-W40-1", ""), ("2026W401", ""), ("2026-11", ""), ("1.11.2026", ""), ("2026-02-30", ""),
    ("\u0662\u0660\u0662\u0666-11-01", ""), ("0000-01-01", ""), ("2026-11-25", ""),
    ("1959-12-31", "1960-01-01"), ("1959-12-31", "1960"), ("1960-02-28", "1960-03"), ("0001-01-01", "1960-01-01"),
])  # fmt: skip
def test_a_day_that_cannot_be_right(typed: str, born: str) -> None:
    found = section("frankel", born, grade="frankel-c", date=typed)
    assert found.filled is None
    assert found.missing == (found.wrong["date"],)


@pytest.mark.parametrize(("typed", "born"), [
    ("2026-11-24", ""), ("1960-01-01", "1960-01-01"), ("1960-01-01", "1960"), ("1960-03-01", "1960-03"),
    ("1950-01-01", "not recorded"), ("", "1960-01-01"),
])  # fmt: skip
def test_a_day_that_can(typed: str, born: str) -> None:
    found = section("frankel", born, grade="frankel-c", date=typed)
    assert (found.missing, found.wrong) == ((), {})
    assert found.day == (date.fromisoformat(typed) if typed else TODAY)


def test_a_location_that_is_not_the_levels_is_told_at_its_field() -> None:
    assert "scores 3, not 0" in section("sins", location="0", level="L5").wrong["location"]
    assert section("sins", location="3", level="L5").wrong == {}
