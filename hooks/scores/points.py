"""Adds up a score whose items may be known, known only within limits, or not known at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Items = Mapping[str, tuple[int, ...]]  # the points that each item can take
Known = Mapping[str, int | tuple[int, ...]]  # an item's points, or all those that are still possible


@dataclass(frozen=True, slots=True)
class Total:
    """Lowest and highest total that the known items allow; `missing` are the items that are not settled."""

    lowest: int
    highest: int
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.lowest) if self.lowest == self.highest else f"{self.lowest} to {self.highest}"


def add(score: str, items: Items, known: Known) -> Total:
    """The total, or its range. A blank item is never zero. ValueError for an item or points that do not exist."""
    for name, value in known.items():
        if not set(possible(value)) <= set(items.get(name, ())):
            raise ValueError(f"{score} has no item {name!r} with {value} points")
    choices = {name: possible(known[name]) if known.get(name, ()) != () else every for name, every in items.items()}
    return Total(
        sum(min(points) for points in choices.values()),
        sum(max(points) for points in choices.values()),
        tuple(name for name, points in choices.items() if len(points) > 1),
    )


def possible(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)
