"""Spinal Instability Neoplastic Score (Fisher et al., Spine 2010;35:E1221-9, doi 10.1097/BRS.0b013e3181e16ae2)."""

from __future__ import annotations

from collections.abc import Mapping

from hooks.sealed import sealed

# Points that each item can take. Exactly 50 % collapse is not defined in the paper and scores 3 (ours).
ITEMS: Mapping[str, tuple[int, ...]] = {
    "location": (0, 1, 2, 3),
    "pain": (0, 1, 3),
    "lesion": (0, 1, 2),
    "alignment": (0, 2, 4),
    "collapse": (0, 1, 2, 3),
    "posterolateral": (0, 1, 3),
}
MECHANICAL_PAIN = 3
HIGHEST = 18
STABLE_MAX, INDETERMINATE_MAX = 6, 12  # 0-6 stable, 7-12 potentially unstable, 13-18 unstable

OCCIPUT = "occiput"
_JUNCTIONAL = frozenset({OCCIPUT, "C1", "C2", "C7", "T1", "T2", "T11", "T12", "L1", "L5", "S1"})
_MOBILE = frozenset({"C3", "C4", "C5", "C6", "L2", "L3", "L4"})
_SEMIRIGID = frozenset({f"T{n}" for n in range(3, 11)})
_RIGID = frozenset({"S2", "S3", "S4", "S5"})


@sealed()
class Score:
    """Lowest and highest total that the known items allow; both the same when all six are known."""

    lowest: int
    highest: int
    missing: tuple[str, ...] = ()

    def band(self) -> str | None:
        """ "stable", "indeterminate" or "unstable"; None when the two ends disagree."""
        bands = {band(total) for total in (self.lowest, self.highest)}
        return bands.pop() if len(bands) == 1 else None

    def __str__(self) -> str:
        return str(self.lowest) if self.lowest == self.highest else f"{self.lowest} to {self.highest}"


def band(total: int) -> str:
    if total <= STABLE_MAX:
        return "stable"
    return "indeterminate" if total <= INDETERMINATE_MAX else "unstable"


def location_points(level: str) -> int | None:
    """Points for a vertebral level such as "T12"; None for a level that is not one vertebra."""
    for points, levels in ((3, _JUNCTIONAL), (2, _MOBILE), (1, _SEMIRIGID), (0, _RIGID)):
        if level in levels:
            return points
    return None


def score(items: Mapping[str, int]) -> Score:
    """The score of one level from the items known. ValueError for an item or a number of points that does not exist."""
    for name, points in items.items():
        if points not in ITEMS.get(name, ()):
            raise ValueError(f"SINS has no item {name!r} with {points} points")
    missing = tuple(name for name in ITEMS if name not in items)
    known = sum(items.values())
    return Score(
        known + sum(min(ITEMS[name]) for name in missing), known + sum(max(ITEMS[name]) for name in missing), missing
    )
