"""SINS: every combination of its items against the published distribution, its boundary rows, and missing items."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from hooks.scores import sins

COUNTS = [1, 5, 14, 31, 56, 87, 120, 147, 164, 165, 151, 126, 94, 64, 38, 20, 9, 3, 1]


def every() -> list[sins.Score]:
    return [sins.score(dict(zip(sins.ITEMS, points, strict=True))) for points in product(*sins.ITEMS.values())]


def test_all_1296_combinations_give_the_published_totals() -> None:
    totals = Counter(score.lowest for score in every())
    assert [totals[total] for total in range(19)] == COUNTS
    assert sum(COUNTS) == 1296
    assert all(score.lowest == score.highest and not score.missing for score in every())


def test_all_combinations_give_the_published_bands() -> None:
    assert Counter(score.band() for score in every()) == {"stable": 314, "indeterminate": 847, "unstable": 135}


@pytest.mark.parametrize(
    ("total", "band"), [(6, "stable"), (7, "indeterminate"), (12, "indeterminate"), (13, "unstable")]
)
def test_the_band_changes_at_7_and_at_13(total: int, band: str) -> None:
    assert sins.band(total) == band


@pytest.mark.parametrize(
    ("level", "points"),
    [("occiput", 3), ("C2", 3), ("C3", 2), ("C6", 2), ("C7", 3), ("T2", 3), ("T3", 1), ("T10", 1), ("T11", 3),
     ("L1", 3), ("L2", 2), ("L4", 2), ("L5", 3), ("S1", 3), ("S2", 0), ("S5", 0), ("spine", None)],
)  # fmt: skip
def test_the_location_points_of_each_boundary_level(level: str, points: int | None) -> None:
    assert sins.location_points(level) == points


def test_a_missing_item_gives_a_range_and_no_band_when_its_ends_disagree() -> None:
    score = sins.score({"location": 3, "pain": 1, "lesion": 1, "alignment": 0, "collapse": 0})
    assert (score.lowest, score.highest, score.missing) == (5, 8, ("posterolateral",))
    assert score.band() is None
    assert str(score) == "5 to 8"
    assert sins.score({}).highest == 18


@pytest.mark.parametrize("items", [{"pain": 2}, {"location": 4}, {"colour": 1}])
def test_points_that_do_not_exist_are_refused(items: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="SINS has no item"):
        sins.score(items)
