"""Trends as plain geometry, which a template draws as SVG: cards by answer in each period, and override rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.dashboard.lines import Line, share
from cds_service.dashboard.periods import Period
from cds_service.feedback import ACCEPTED, OVERRIDDEN

STEP, BAR, HEIGHT = 12, 8, 36  # of the small plot of bars, in units of its viewBox
MARK = 4  # the height of the mark of a hidden number
WIDE, LEFT, TOP, TALL, BELOW = 640, 44, 10, 170, 26  # of the plot of rates


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `kind` is its class in the style sheet."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Bars:
    """One bar for each period: overridden at the bottom, then accepted, then all other cards."""

    width: int
    height: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A rate with its interval, or a period without one."""

    x: float
    y: float
    low: float
    high: float
    known: bool
    name: str
    labelled: bool


@dataclass(frozen=True, slots=True)
class Rates:
    """The override rate in each period, and the budget as a line."""

    width: int
    height: int
    left: int
    right: int
    bottom: float
    points: tuple[Point, ...]
    grid: tuple[tuple[float, str], ...]
    budget: float


def bars(lines: Sequence[Line]) -> Bars:
    """The small plot beside the numbers. A hidden number is a hollow mark and no bar."""
    most = max([line.shown.number for line in lines] + [1])
    boxes = [box for place, line in enumerate(lines) for box in _bar(place * STEP + 2, line, HEIGHT / most)]
    return Bars(STEP * len(lines) + 4, HEIGHT + 2, tuple(boxes))


def _bar(x: int, line: Line, scale: float) -> list[Box]:
    if not line.shown.is_exact and not line.shown.number:
        return [Box(x, HEIGHT - MARK, BAR, MARK, "hidden")]
    known = [(line.answers[OVERRIDDEN].number, "overridden"), (line.answers[ACCEPTED].number, "accepted")]
    parts = [*known, (line.shown.number - sum(number for number, _ in known), "other")]
    boxes, y = [], float(HEIGHT)
    for number, kind in parts:
        height = round(number * scale, 2)
        if height > 0:
            y = round(y - height, 2)
            boxes.append(Box(x, y, BAR, height, kind))
    return boxes


def rates(lines: Sequence[Line], periods: Sequence[Period], budget: float) -> Rates:
    """The large plot. Periods without a rate leave a gap."""
    step = (WIDE - LEFT - 10) / max(len(lines), 1)
    every = max(1, -(-len(lines) // 8))  # at most eight names fit beneath
    points = []
    for place, (line, period) in enumerate(zip(lines, periods, strict=True)):
        found = share([line], OVERRIDDEN)
        at = (found.share, found.low, 1.0 if found.at_least else found.high) if found else (0.0, 0.0, 0.0)
        y, low, high = map(_height, at)
        x = round(LEFT + step * (place + 0.5), 1)
        points.append(Point(x, y, low, high, found is not None, period.name, place % every == 0))
    grid = tuple((_height(part / 4), f"{part * 25} %") for part in range(5))
    return Rates(WIDE, TALL + TOP + BELOW, LEFT, WIDE - 10, TALL + TOP, tuple(points), grid, _height(budget))


def _height(share_of_one: float) -> float:
    return round(TOP + TALL * (1 - share_of_one), 1)
