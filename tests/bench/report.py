"""What is said of a run: a table, JSON, and a picture of how far each ratio is from its goal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.bench.measures import GUARD, Measure
from tests.bench.stages import Profile

FORMAT = 1  # of the JSON
VERDICT = {True: "met", False: "missed", None: ""}
COLOURS = {True: "#2a7f3f", False: "#c8811a", None: "#777777"}
EXPLAINED = (
    "ratio: median of the ratios of neighbouring samples, and where 10 and 90 % of them lie; fails: where a run fails;",
    "medians: ratio of the two medians; processor: the same of processor time; n: how many samples.",
)
WIDTH = 68  # of names


@dataclass(frozen=True)
class Report:
    """A whole run. `not_run` says what was left out, and why; `broken` what was begun and could not be measured."""

    about: Mapping[str, Any]
    measures: Sequence[Measure]
    profiles: Sequence[Profile] = ()
    not_run: Mapping[str, str] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)

    @property
    def failures(self) -> list[Measure]:
        return [one for one in self.measures if one.fails]

    def as_json(self) -> str:
        whole = {
            "format": FORMAT,
            "about": dict(self.about),
            "guard": GUARD,
            "measures": [one.as_dict() for one in self.measures],
            "profiles": [one.as_dict() for one in self.profiles],
            "not_run": dict(self.not_run),
            "broken": dict(self.broken),
            "failed": [f"{one.group}: {one.name}" for one in self.failures],
        }
        return json.dumps(whole, indent=1)

    def as_text(self) -> str:
        parts = [
            _line("", "ratio", "10-90 %", "goal", "", "fails", "medians", "processor", "n", "absolute, not judged")
        ]
        for group, found in groupby(self.measures, key=lambda one: one.group):
            parts += ["", group, *map(_measure, found)]
        parts += ["", *EXPLAINED]
        parts += ["", *(f"not run: {name}: {why}" for name, why in self.not_run.items())]
        for one in self.profiles:
            parts += ["", *_profile(one)]
        notes = [f"{one.name}: {one.note}" for one in self.measures if one.note]
        parts += ["", "Notes", *notes] if notes else []
        return "\n".join([*parts, "", self._verdict()])

    def _verdict(self) -> str:
        judged = [one for one in self.measures if one.goal]
        met = sum(bool(one.met) for one in judged)
        worse = sum(one.goal.worse(one.value) for one in judged if one.goal)
        said = (
            f"{met} of {len(judged)} goals met; {worse} worse than {GUARD:g} times the goal, "
            f"of these {len(self.failures)} worse than {GUARD:g} times what was reached"
        )
        said += "".join(f"\n  BROKEN {name}: {why}" for name, why in self.broken.items())
        return "\n".join([said, *(f"  FAILED {one.group}: {one.name}: {_number(one.value)}" for one in self.failures)])


def _line(name: str, *cells: str) -> str:
    """The last cell is the longest, and stands to the left."""
    widths = (8, 17, 9, 7, 9, 9, 10, 6)
    columns = (cell.rjust(width) for cell, width in zip(cells[:-1], widths, strict=True))
    return f"{name.ljust(WIDTH)}{''.join(columns)}  {cells[-1]}".rstrip()


def _measure(one: Measure) -> str:
    unit = "" if one.unit == "x" else f" {one.unit}"
    spread = f"[{_number(one.low)} - {_number(one.high)}]" if one.high != one.low else ""
    others = ["" if value is None else _number(value) for value in (one.of_medians, one.of_processor)]
    absolute = ", ".join(f"{what} {_number(value)} {of}" for (what, of), value in _times(one))
    goal = str(one.goal or "")
    cells = (
        _number(one.value) + unit,
        spread,
        goal,
        VERDICT[one.met],
        _fails(one),
        *others,
        str(one.samples),
        absolute,
    )
    return _line(f"  {one.name}", *cells)


def _fails(one: Measure) -> str:
    """Beyond what value the run fails."""
    if one.goal is None or not one.goal.guards:
        return ""
    return f"{'<' if one.goal.at_least else '>'} {one.goal.guard:.3g}"


def _times(one: Measure) -> Iterator[tuple[tuple[str, str], float]]:
    """The last word of a time's name is its unit."""
    for name, value in one.times.items():
        what, _, unit = name.rpartition(" ")
        yield (what, unit), value


def _number(value: float) -> str:
    """Three figures or so, without an exponent."""
    digits = next((digits for least, digits in ((100, 0), (10, 1), (0.1, 2)) if abs(value) >= least), 3)
    return f"{value:.{digits}f}"


def _profile(one: Profile) -> list[str]:
    """Milliseconds and share of the whole call in this process; what is left is Flask, reading, security."""
    total = sum(value for name, value in one.stages.items() if not name.startswith("of which"))
    rows = [f"Stages of {one.hook}, {one.resources} resources: {one.whole_ms:.2f} ms of the processor (medians)"]
    for name, value in one.stages.items():
        indent = 4 if name.startswith("of which") else 2
        rows.append(f"{' ' * indent}{name}".ljust(34) + f"{value:9.3f} ms {value / one.whole_ms:6.1%}")
    rest = max(one.whole_ms - total, 0.0)
    return [*rows, "  Flask, reading the body".ljust(34) + f"{rest:9.3f} ms {rest / one.whole_ms:6.1%}"]


def plot(report: Report, file: Path) -> None:
    """Each judged measure as a share of its goal with its spread, and the stages of each profile. Needs matplotlib."""
    import matplotlib  # of the extra `bench`

    matplotlib.use("Agg")
    from matplotlib import pyplot

    judged = [one for one in report.measures if one.goal][::-1]
    figure, (goals, stages) = pyplot.subplots(
        2, 1, figsize=(12, 3.5 + 0.3 * len(judged)), height_ratios=(len(judged) + 2, 6), layout="constrained"
    )
    _draw_goals(goals, judged)
    _draw_stages(stages, report.profiles, pyplot.get_cmap("tab20"))
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _draw_goals(axes: Any, judged: Sequence[Measure]) -> None:
    for row, one in enumerate(judged):
        worst, value, best = sorted(map(_distance, [one] * 3, (one.low, one.value, one.high)))
        axes.plot([worst, best], [row, row], color=COLOURS[one.met], linewidth=5, alpha=0.35, solid_capstyle="butt")
        axes.plot(value, row, "o", color=COLOURS[one.met])
        if one.goal and one.goal.guards:
            axes.plot(_distance(one, one.goal.guard), row, "|", color="#c0392b", markersize=12)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(judged)), [f"{one.name} ({one.goal})" for one in judged], fontsize=8)
    axes.set_xlabel("share of the goal: left of 1 it is met, right of its red mark the run fails")


def _distance(one: Measure, value: float) -> float:
    """How many times worse than the goal; below 1 better."""
    if one.goal is None or value <= 0:
        return 0.01
    return max(one.goal.limit / value if one.goal.at_least else value / one.goal.limit, 0.01)


def _draw_stages(axes: Any, profiles: Sequence[Profile], colours: Any) -> None:
    names = dict.fromkeys(name for one in profiles for name in one.stages if not name.startswith("of which"))
    left = [0.0] * len(profiles)
    labels = [f"{one.hook}, {one.resources}: {one.whole_ms:.1f} ms" for one in profiles]
    for number, name in enumerate(names):
        widths = [one.stages.get(name, 0.0) / one.whole_ms for one in profiles]
        axes.barh(labels, widths, left=left, label=name, color=colours(number))
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the processor time of a call by stage; the rest is Flask and reading the body")
    if profiles:
        axes.legend(fontsize=7, ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.35))
