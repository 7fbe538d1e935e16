"""Modified Bauer and NESMS: every combination, the ceiling, the cut-offs at and beside, and missing items."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import product

import pytest

from hooks.scores import bauer, nesms
from hooks.scores.points import Total


def possible() -> list[dict[str, int]]:
    every = (dict(zip(bauer.ITEMS, values, strict=True)) for values in product(*bauer.ITEMS.values()))
    return [items for items in every if items["not_lung"] or not items["favourable_primary"]]


def test_the_twelve_combinations_that_a_patient_can_have() -> None:
    totals = Counter(bauer.score(items).lowest for items in possible())
    assert [totals[total] for total in range(5)] == [1, 3, 4, 3, 1]
    assert Counter(bauer.band(bauer.score(items)) for items in possible()) == {
        "supportive care, no surgery": 4, "short-term palliation": 4, "middle-term local control": 4,
    }  # fmt: skip


def test_lung_cancer_is_never_a_favourable_primary() -> None:
    with pytest.raises(ValueError, match="lung"):
        bauer.score({"not_lung": 0, "favourable_primary": 1})
    assert bauer.score({"favourable_primary": 1}) == Total(2, 4, ("no_visceral", "not_lung", "solitary_skeletal"))


@pytest.mark.parametrize("items", [{"no_visceral": 2}, {"no_fracture": 1}])
def test_items_of_the_unmodified_score_are_refused(items: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="Bauer has no item"):
        bauer.score(items)


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ({"primary_lung"}, {"not_lung": 0, "favourable_primary": 0}),
        ({"primary_lung", "small_cell_lung"}, {"not_lung": 0, "favourable_primary": 0}),
        ({"primary_breast"}, {"not_lung": 1, "favourable_primary": 1}),
        ({"primary_myeloma"}, {"not_lung": 1, "favourable_primary": 1}),
        ({"primary_prostate"}, {"not_lung": 1, "favourable_primary": 0}),
        ({"primary_prostate", "primary_breast"}, {"not_lung": 1}),
        ({"primary_breast", "primary_lung"}, {}),
        ({"primary_unknown"}, {}),
        (set(), {}),
    ],
)
def test_what_the_primary_settles(sites: set[str], expected: dict[str, int]) -> None:
    assert bauer.primary_items(sites) == expected


def test_a_range_across_two_bands_has_no_band() -> None:
    assert bauer.band(bauer.score({"no_visceral": 1, "not_lung": 1, "favourable_primary": 0})) is None


def test_nesms_has_a_ceiling_of_three() -> None:
    every = [nesms.score(dict(zip(nesms.ITEMS, v, strict=True))) for v in product(*nesms.ITEMS.values())]
    assert Counter(total.lowest for total in every) == {0: 1, 1: 2, 2: 2, 3: 3}


def test_nesms_worked_examples() -> None:
    """Clinical.md 2.6: Bauer 3 or more, walking, albumin 2.9 makes three; with Bauer 2 or less never above two."""
    low_albumin = nesms.albumin_points(Decimal("2.9"))
    assert str(nesms.score({"bauer": 2, "ambulatory": 1, "albumin": low_albumin})) == "3"
    assert str(nesms.score({"bauer": 0, "ambulatory": 1, "albumin": 1})) == "2"


@pytest.mark.parametrize(("albumin", "points"), [("3.49", 0), ("3.5", 1)])
def test_nesms_albumin_cut_off(albumin: str, points: int) -> None:
    assert nesms.albumin_points(Decimal(albumin)) == points


@pytest.mark.parametrize(("total", "points"), [(Total(2, 2), (0,)), (Total(3, 3), (2,)), (Total(2, 3), (0, 2))])
def test_nesms_takes_the_range_of_bauer(total: Total, points: tuple[int, ...]) -> None:
    assert nesms.bauer_points(total) == points


def test_nesms_with_missing_items_is_a_range() -> None:
    assert nesms.score({"ambulatory": 1}) == Total(1, 3, ("bauer", "albumin"))
    with pytest.raises(ValueError, match="NESMS has no item"):
        nesms.score({"bauer": 1})
