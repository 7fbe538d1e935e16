"""New England Spinal Metastasis Score (Ghori et al., Spine J 2015; Schoenfeld et al., Spine J 2021;21:28-36): 0 to 3,
higher is better.

Read: the three parts (modified Bauer two points, walking one, normal albumin one), the ceiling of three, and the
odds of death in the prospective study. Remembered and not confirmed: the cut-offs, modified Bauer 3 or more and
albumin 3.5 g/dL or more. The score is therefore only ever shown beside other grounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from hooks.scores import points
from hooks.scores.points import Known, Total

CHECKED = True  # parts, ceiling, odds
CUT_OFFS_CHECKED = False
ITEMS: points.Items = {"bauer": (0, 2), "ambulatory": (0, 1), "albumin": (0, 1)}
CEILING = 3
BAUER_FROM = 3
ALBUMIN_FROM_G_DL = Decimal("3.5")
# Odds of death within a year against a score of 3, with 95 % confidence interval (180 patients).
ODDS_OF_DEATH: Mapping[int, str] = {2: "7.04 (2.47 to 20.08)", 1: "31.30 (8.82 to 111.04)"}


def bauer_points(bauer: Total) -> tuple[int, ...]:
    """Two points from a modified Bauer score of 3; both values while its range lies on both sides."""
    return tuple(sorted({2 if end >= BAUER_FROM else 0 for end in (bauer.lowest, bauer.highest)}))


def albumin_points(albumin_g_dl: Decimal) -> int:
    return int(albumin_g_dl >= ALBUMIN_FROM_G_DL)


def score(known: Known) -> Total:
    """The total or its range, never above three."""
    total = points.add("NESMS", ITEMS, known)
    return Total(min(total.lowest, CEILING), min(total.highest, CEILING), total.missing)
