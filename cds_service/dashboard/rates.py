"""A share of a number of cards, with the interval that Wilson gave for it (choices.toml: wilson1927)."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)  # 95 %, both sides


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `of`, as shares of 1: `share`, and from `low` to `high`.

    `at_least`: the count is hidden and may be higher; then so may `share` and both ends.
    """

    count: int
    of: int
    share: float
    low: float
    high: float
    at_least: bool = False


def rate(count: int, of: int, at_least: bool = False) -> Rate:
    """The rate with its 95 % score interval. `of` must be above 0."""
    share = count / of
    spread = Z * sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    middle, scale = share + Z * Z / (2 * of), 1 + Z * Z / of
    low, high = max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
    return Rate(count, of, share, min(low, share), max(high, share), at_least)  # at 0 and 1, but for rounding, the same
