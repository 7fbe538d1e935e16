"""Katagiri 2014: all 216 combinations, the groups of primaries, the laboratory limits at and beside, missing items."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import product

import pytest

from hooks.scores import katagiri
from hooks.scores.points import Total

NORMAL = {
    "crp_mg_dl": Decimal("0.3"), "ldh_u_l": Decimal(249), "albumin_g_dl": Decimal("3.7"),
    "platelets_per_ul": Decimal(100_000), "calcium_mg_dl": Decimal("10.2"), "bilirubin_mg_dl": Decimal("1.3"),
}  # fmt: skip


def test_all_combinations_give_the_published_totals_and_bands() -> None:
    every = [
        katagiri.score(dict(zip(katagiri.ITEMS, values, strict=True))) for values in product(*katagiri.ITEMS.values())
    ]
    totals = Counter(total.lowest for total in every)
    assert [totals[total] for total in range(11)] == [1, 5, 13, 24, 35, 42, 41, 31, 17, 6, 1]
    assert Counter(map(katagiri.band, every)) == {"low": 43, "intermediate": 118, "high": 55}


@pytest.mark.parametrize(("total", "band"), [(3, "low"), (4, "intermediate"), (6, "intermediate"), (7, "high")])
def test_boundary_rows(total: int, band: str) -> None:
    assert katagiri.band(Total(total, total)) == band


@pytest.mark.parametrize(
    ("sites", "known", "expected"),
    [
        ({"primary_breast"}, {}, (0, 2)),
        ({"primary_breast"}, {"hormone_sensitive": True}, (0,)),
        ({"primary_prostate"}, {"hormone_sensitive": False}, (2,)),
        ({"primary_lung"}, {}, (2, 3)),
        ({"primary_lung", "non_small_cell_lung"}, {"targeted_drug": True}, (2,)),
        ({"primary_lung"}, {"targeted_drug": False}, (3,)),
        ({"primary_lung", "small_cell_lung"}, {"targeted_drug": True}, (3,)),
        ({"primary_myeloma"}, {}, (0,)),
        ({"primary_kidney_rcc"}, {}, (2,)),
        ({"primary_unknown"}, {}, (3,)),
        ({"no_such_site"}, {}, (0, 2, 3)),
        (set(), {}, ()),
    ],
)
def test_points_of_the_primary(sites: set[str], known: dict[str, bool], expected: tuple[int, ...]) -> None:
    assert katagiri.primary_points(sites, **known) == expected


def test_normal_results_score_nothing() -> None:
    assert katagiri.laboratory_points(NORMAL) == (0,)


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [("crp_mg_dl", "0.4", 1), ("ldh_u_l", "250", 1), ("albumin_g_dl", "3.69", 1),
     ("platelets_per_ul", "99999", 2), ("calcium_mg_dl", "10.3", 2), ("bilirubin_mg_dl", "1.4", 2)],
)  # fmt: skip
def test_each_laboratory_limit(test: str, value: str, expected: int) -> None:
    assert katagiri.laboratory_points({**NORMAL, test: Decimal(value)}) == (expected,)


@pytest.mark.parametrize(
    ("missing", "changed", "expected"),
    [
        ({"bilirubin_mg_dl"}, {}, (0, 1, 2)),
        ({"bilirubin_mg_dl"}, {"crp_mg_dl": Decimal(1)}, (1, 2)),
        ({"ldh_u_l"}, {}, (0, 1)),
        ({"ldh_u_l"}, {"crp_mg_dl": Decimal(1)}, (1,)),
        ({"crp_mg_dl", "ldh_u_l"}, {"calcium_mg_dl": Decimal(12)}, (2,)),
    ],
)
def test_a_missing_test_leaves_the_points_open(
    missing: set[str], changed: dict[str, Decimal], expected: tuple[int, ...]
) -> None:
    results = {name: value for name, value in {**NORMAL, **changed}.items() if name not in missing}
    assert katagiri.laboratory_points(results) == expected


def test_points_of_performance() -> None:
    assert [katagiri.performance_points(ecog=grade) for grade in range(5)] == [(0,), (0,), (0,), (1,), (1,)]
    assert [katagiri.performance_points(kps=value) for value in (40, 50, 60)] == [(1,), (0, 1), (0,)]
    assert katagiri.performance_points() == ()
    with pytest.raises(ValueError, match="ECOG 5"):
        katagiri.performance_points(ecog=5)


def test_missing_items_give_a_range() -> None:
    assert katagiri.score({"primary": 3, "visceral": 2, "laboratory": 2}) == Total(
        7, 10, ("performance", "chemotherapy", "skeletal")
    )
    with pytest.raises(ValueError, match="Katagiri has no item"):
        katagiri.score({"primary": 1})
