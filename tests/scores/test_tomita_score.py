"""Tomita: all 18 combinations, boundary rows, growth groups and the answer "ask"."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from hooks.scores import tomita
from hooks.scores.points import Total


def test_all_combinations_give_the_published_totals_and_bands() -> None:
    every = [tomita.score(dict(zip(tomita.ITEMS, values, strict=True))) for values in product(*tomita.ITEMS.values())]
    totals = Counter(total.lowest for total in every)
    assert [totals[total] for total in range(2, 11)] == [1, 2, 2, 3, 3, 3, 2, 1, 1]
    assert [list(map(tomita.band, every)).count(word) for _, word in tomita.BANDS] == [3, 5, 6, 4]


@pytest.mark.parametrize(("total", "band"), [(3, "wide"), (4, "marginal or"), (5, "marginal or"), (6, "palliative"),
                                             (7, "palliative"), (8, "supportive")])  # fmt: skip
def test_boundary_rows(total: int, band: str) -> None:
    assert (tomita.band(Total(total, total)) or "").startswith(band)


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ({"primary_prostate"}, (1,)),
        ({"primary_kidney_rcc"}, (2,)),
        ({"primary_lung", "non_small_cell_lung"}, (4,)),
        ({"primary_unknown"}, (4,)),
        ({"primary_breast", "primary_lung"}, (1, 4)),
        ({"primary_melanoma"}, ()),
        ({"primary_myeloma"}, ()),
        ({"primary_breast", "primary_bladder"}, ()),
        (set(), ()),
    ],
)
def test_a_primary_without_a_group_is_asked_for(sites: set[str], expected: tuple[int, ...]) -> None:
    assert tomita.primary_points(sites) == expected


def test_what_is_asked_for_stays_a_range() -> None:
    found = tomita.score({"primary": tomita.primary_points({"primary_melanoma"}), "visceral": 0, "bone": 1})
    assert (found.lowest, found.highest, found.missing) == (2, 5, ("primary",))
    assert tomita.band(found) is None
    assert not tomita.calibrated({"primary_lymphoma"})
    assert tomita.calibrated({"primary_lung"})


def test_points_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="Tomita has no item"):
        tomita.score({"primary": 3})
