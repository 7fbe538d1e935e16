"""Revised Tokuhashi: all 1458 combinations, public worked examples, what a primary scores, and what is left open."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from hooks.scores import points, tokuhashi
from hooks.scores.points import Total

COUNTS = [1, 6, 21, 51, 96, 147, 191, 216, 216, 191, 147, 96, 51, 21, 6, 1]
WORKED = [  # condition, extraspinal, vertebral, organs, primary, palsy: public unit tests (clinical.md, test oracles)
    ((2, 1, 1, 1, 2, 1), 8, "under 6 months"),
    ((2, 1, 2, 1, 2, 1), 9, "6 months or more"),
    ((2, 2, 2, 2, 2, 1), 11, "6 months or more"),
    ((2, 2, 2, 2, 2, 2), 12, "1 year or more"),
    ((0, 0, 0, 0, 0, 0), 0, "under 6 months"),
    ((2, 2, 2, 2, 5, 2), 15, "1 year or more"),
]


def scored(values: tuple[int, ...]) -> Total:
    return tokuhashi.score(dict(zip(tokuhashi.ITEMS, values, strict=True)))


def test_all_combinations_give_the_published_totals_and_bands() -> None:
    every = [scored(values) for values in product(*tokuhashi.ITEMS.values())]
    totals = Counter(total.lowest for total in every)
    assert len(every) == 1458
    assert [totals[total] for total in range(16)] == COUNTS
    assert Counter(map(tokuhashi.band, every)) == {
        "under 6 months": 945, "6 months or more": 434, "1 year or more": 79,
    }  # fmt: skip


@pytest.mark.parametrize(("values", "total", "band"), WORKED)
def test_worked_examples(values: tuple[int, ...], total: int, band: str) -> None:
    found = scored(values)
    assert (found.lowest, found.highest, found.missing) == (total, total, ())
    assert tokuhashi.band(found) == band


def test_a_blank_item_is_a_range_and_never_zero() -> None:
    found = tokuhashi.score({"condition": 2, "extraspinal": 2, "vertebral": 1, "organs": 2, "palsy": 2})
    assert (found.lowest, found.highest, found.missing) == (9, 14, ("primary",))
    assert tokuhashi.band(found) is None
    assert str(found) == "9 to 14"
    assert tokuhashi.score({"primary": ()}) == tokuhashi.score({})


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ({"primary_lung"}, (0,)),
        ({"primary_lung", "small_cell_lung"}, (0,)),
        ({"primary_liver_hcc"}, (1,)),
        ({"primary_unknown"}, (1,)),
        ({"primary_melanoma"}, (2,)),
        ({"primary_kidney_rcc"}, (3,)),
        ({"primary_colorectal"}, (2, 4)),
        ({"primary_colorectal", "rectal_cancer"}, (4,)),
        ({"primary_breast"}, (5,)),
        ({"primary_bone_tumour"}, (0, 2)),
        ({"primary_neuroendocrine_carcinoid"}, (2, 5)),
        ({"primary_breast", "primary_lung"}, (0, 5)),
        ({"primary_myeloma"}, (2,)),
        (set(), ()),
    ],
)
def test_points_of_the_primary(sites: set[str], expected: tuple[int, ...]) -> None:
    assert tokuhashi.primary_points(sites) == expected


@pytest.mark.parametrize(("site", "calibrated"), [("primary_breast", True), ("primary_lymphoma", False),
                                                  ("primary_myeloma", False)])  # fmt: skip
def test_lymphoma_and_myeloma_are_not_calibrated(site: str, calibrated: bool) -> None:
    assert tokuhashi.calibrated({site}) is calibrated


@pytest.mark.parametrize(("kps", "expected"), [(10, (0,)), (40, (0,)), (45, (0, 1)), (50, (1,)), (70, (1,)),
                                               (75, (1, 2)), (80, (2,)), (100, (2,))])  # fmt: skip
def test_points_of_karnofsky(kps: int, expected: tuple[int, ...]) -> None:
    assert tokuhashi.condition_points(kps=kps) == expected


@pytest.mark.parametrize(("ecog", "expected"), [(0, (2,)), (1, (1, 2)), (2, (1,)), (3, (0,)), (4, (0,))])
def test_ecog_never_becomes_one_karnofsky_value(ecog: int, expected: tuple[int, ...]) -> None:
    assert tokuhashi.condition_points(ecog=ecog) == expected


def test_the_recorded_karnofsky_wins_over_ecog_and_nothing_means_ask() -> None:
    assert tokuhashi.condition_points(kps=70, ecog=0) == (1,)
    assert tokuhashi.condition_points() == ()


@pytest.mark.parametrize("wrong", [{"ecog": 5}, {"kps": 0}, {"kps": 110}])
def test_no_points_for_what_no_living_patient_has(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"ECOG 5|Karnofsky"):
        tokuhashi.condition_points(**wrong)


def test_points_of_counts_and_palsy() -> None:
    assert [tokuhashi.extraspinal_points(n) for n in (0, 1, 2, 3, 9)] == [2, 1, 1, 0, 0]
    assert [tokuhashi.vertebral_points(n) for n in (1, 2, 3, 9)] == [2, 1, 0, 0]
    assert [tokuhashi.palsy_points(letter) for letter in "ABCDE"] == [0, 0, 1, 1, 2]
    with pytest.raises(ValueError, match="vertebral metastasis"):
        tokuhashi.vertebral_points(0)


@pytest.mark.parametrize("items", [{"primary": 6}, {"condition": (1, 3)}, {"mood": 1}])
def test_points_that_do_not_exist_are_refused(items: points.Known) -> None:
    with pytest.raises(ValueError, match="Tokuhashi has no item"):
        tokuhashi.score(items)
