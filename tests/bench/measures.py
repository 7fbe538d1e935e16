"""A measure: a ratio with its spread, what it should be, and whether it is."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.bench.talk import Samples

GUARD = 2.0  # noise on shared machines is large: a run fails only on what is worse by this factor
LOW, HIGH = 0.10, 0.90  # the spread that is shown


@dataclass(frozen=True)
class Goal:
    """The limit of a measure: an upper one, or a lower one where more is better. `guards`: a run can fail on it.

    `reached` is what the service reaches where that is not the goal: what has been reached is guarded, so that a run
    fails on a step back, and not on the way that is still to go.
    """

    limit: float
    at_least: bool = False
    guards: bool = True
    reached: float | None = None

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def guarded(self, value: float) -> bool:
        """Good enough not to fail a run."""
        if not self.guards:
            return True
        return value >= self.guard if self.at_least else value <= self.guard

    def worse(self, value: float) -> bool:
        """Than twice the goal itself, whatever was reached."""
        return value < self.limit / GUARD if self.at_least else value > self.limit * GUARD

    @property
    def guard(self) -> float:
        """The value beyond which a run fails."""
        known = (self.limit,) if self.reached is None else (self.limit, self.reached)
        return min(known) / GUARD if self.at_least else max(known) * GUARD

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g}"


@dataclass(frozen=True)
class Measure:
    """`value` is a median of ratios of neighbouring samples (`unit` "x") unless the unit says otherwise.

    `low` and `high` are the 10 and 90 % points, `of_medians` the ratio of the two medians. `of_processor` is the median
    ratio of the processor time that the answering processes took: other work on the machine hardly moves it. `times`
    are absolute values behind it, by what was measured and its unit; they are shown and never judged.
    """

    group: str
    name: str
    value: float
    low: float
    high: float
    unit: str = "x"
    of_medians: float | None = None
    of_processor: float | None = None
    samples: int = 1
    goal: Goal | None = None
    times: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None where no goal is set."""
        return self.goal.met(self.value) if self.goal else None

    @property
    def fails(self) -> bool:
        return self.goal is not None and not self.goal.guarded(self.value)

    def as_dict(self) -> dict[str, Any]:
        guard = self.goal.guard if self.goal and self.goal.guards else None
        return {**asdict(self), "guard": guard, "times": dict(self.times), "met": self.met, "fails": self.fails}


def point(values: Sequence[float], share: float) -> float:
    """The value below which that share of the values lies, between its two neighbours where it falls between them."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def of_pairs(
    group: str, name: str, ours: Sequence[float], theirs: Sequence[float], goal: Goal | None = None, **more: Any
) -> Measure:
    """Ours against theirs, sample by sample: what both suffered at the same moment cancels out."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return Measure(
        group=group,
        name=name,
        value=statistics.median(ratios),
        low=point(ratios, LOW),
        high=point(ratios, HIGH),
        of_medians=statistics.median(ours) / statistics.median(theirs),
        samples=len(ratios),
        goal=goal,
        **more,
    )


def of_samples(group: str, name: str, ours: Samples, theirs: Samples, goal: Goal | None = None, **more: Any) -> Measure:
    """The same of answers over HTTP."""
    busy = [one / other for one, other in zip(ours.processor, theirs.processor, strict=True) if one and other]
    return of_pairs(
        group, name, ours.took, theirs.took, goal, of_processor=statistics.median(busy) if busy else None, **more
    )


def of_values(
    group: str, name: str, values: Sequence[float], unit: str, goal: Goal | None = None, **more: Any
) -> Measure:
    """Values that are no ratios: megabytes, milliseconds."""
    middle = statistics.median(values)
    spread = {"low": point(values, LOW), "high": point(values, HIGH), "samples": len(values)}
    return Measure(group=group, name=name, value=middle, unit=unit, goal=goal, **{**spread, **more})


def milliseconds(nanoseconds: Sequence[float]) -> float:
    """Their median."""
    return statistics.median(nanoseconds) / 1e6
