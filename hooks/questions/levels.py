"""Where in the spine: may two statements mean the same place, are levels next to each other, is the cord there?"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

REGIONS = {
    "cervical": tuple(f"C{n}" for n in range(1, 8)),
    "thoracic": tuple(f"T{n}" for n in range(1, 13)),
    "lumbar": tuple(f"L{n}" for n in range(1, 6)),
    "sacral": tuple(f"S{n}" for n in range(1, 6)),
}
SEVERAL = {
    "cervico-thoracic": ("cervical", "thoracic"),
    "thoraco-lumbar": ("thoracic", "lumbar"),
    "lumbo-sacral": ("lumbar", "sacral"),
    "spine": tuple(REGIONS),
}
VERTEBRAE = tuple(vertebra for region in REGIONS.values() for vertebra in region)
# The cord ends at L1 or L2; from here down roots are compressed, and ESCC is defined for the cord (Bilsky 2010).
BELOW_CORD = frozenset((*REGIONS["lumbar"][1:], *REGIONS["sacral"], "sacral", "lumbo-sacral"))


def vertebrae(levels: Collection[str]) -> frozenset[str]:
    """Every vertebra that the words may mean: "T8" itself, "thoracic" all of its region."""
    named = [region for level in levels for region in SEVERAL.get(level, (level,))]
    return frozenset(vertebra for name in named for vertebra in REGIONS.get(name, (name,)))


def same(one: Collection[str], other: Collection[str]) -> bool:
    """May both mean the same place? A level that is not stated may be any."""
    return not one or not other or bool(vertebrae(one) & vertebrae(other))


def apart(levels: Collection[str]) -> bool:
    """Are there two single vertebrae among them with a free one between?"""
    places = sorted(VERTEBRAE.index(level) for level in set(levels) if level in VERTEBRAE)
    return any(later - earlier > 1 for earlier, later in pairwise(places))
