"""Which row of the NOMS table is this patient in, and which axis is not known?"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from types import MappingProxyType
from typing import Any

from hooks import knowledge
from hooks.asked_once import asked_once
from hooks.facts import Assessment, Fact, Facts, Finding
from hooks.knowledge import KnowledgeError, Threshold
from hooks.outcomes import each_once
from hooks.questions import care, compression, histology, imaging, neurology, stability, treatment
from hooks.sealed import sealed


@dataclass(frozen=True, slots=True)
class Row:
    """What one row recommends, whom to ask in which order, and whether it is our own reading (source "ours")."""

    number: int
    says: str
    consults: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Table:
    """The checked file."""

    thresholds: Mapping[str, Threshold]
    rows: Mapping[int, Row]

    def value(self, name: str) -> Decimal:
        return self.thresholds[name].value


def read(data: Mapping[str, Any]) -> Table:
    """Checks the parsed table. Raises KnowledgeError naming the row."""
    if set(data) != {"thresholds", "source", "row"}:
        raise KnowledgeError(
            f"noms.toml: unknown or missing keys {sorted(set(data) ^ {'thresholds', 'source', 'row'})}"
        )
    sources = knowledge.read_sources("noms", data)
    for number, entry in data["row"].items():
        if set(entry) != {"says", "consults", "source"} or entry["source"] not in {*sources, "ours"}:
            raise KnowledgeError(f"noms.toml: row.{number}: unknown or missing keys, or source names no [[source]]")
    return Table(
        MappingProxyType(knowledge.read_thresholds("noms", data, sources)),
        MappingProxyType(
            {int(n): Row(int(n), e["says"], tuple(e["consults"]), e["source"]) for n, e in data["row"].items()}
        ),
    )


TABLE = read(
    tomllib.loads((resources.files("hooks.questions") / "noms.toml").read_text(encoding="utf-8"), parse_float=Decimal)
)


@sealed()
class Axes:
    """The patient on the four axes; None where it is not known, or known only from long ago."""

    emergency: bool  # a new deficit or current compression that no imaging has answered yet
    unstable: bool | None
    grade: str | None  # "low" | "grey" | "high"
    deficit: bool | None
    kind: str | None  # radiosensitivity
    fit: bool | None  # for surgery, and for stereotactic treatment
    missing: tuple[str, ...]
    because: tuple[Fact, ...]


@sealed()
class Noms:
    """The row that wins, or None with what is missing to find it."""

    row: Row | None
    missing: tuple[str, ...]
    because: tuple[Fact, ...]
    words: str

    def line(self) -> str:
        """The row as one instruction, with its number, its reasons, and whether it is our own reading."""
        if self.row is None:
            return f"NOMS: no row yet ({self.words}); record {', '.join(self.missing)}."
        ours = ", our reading" if self.row.source == "ours" else ""
        return f"NOMS row {self.row.number} ({self.words}){ours}: {self.row.says}."


@asked_once
def of(facts: Facts) -> Noms:
    """The first row that surely matches. A row that may match for want of an axis ends the search without one."""
    axes = axes_of(facts)
    for number, matches in ROWS:
        answer = matches(axes)
        if answer:
            return Noms(TABLE.rows[number], (), axes.because, _words(axes))
        if answer is None:
            return Noms(None, axes.missing, axes.because, _words(axes))
    return Noms(None, axes.missing or ("why there is a deficit without compression",), axes.because, _words(axes))


def _all(*parts: bool | None) -> bool | None:
    """True, False, or None where something not known decides."""
    return False if False in parts else None if None in parts else True


def _is(value: str | None, *wanted: str) -> bool | None:
    return None if value is None else value in wanted


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


Matches = Callable[[Axes], bool | None]
# Row 12 (collapse with mechanical pain: add cement) comes on top of another row: the rule vertebral_augmentation.
# Row 13 (an axis not known: ask) is what `of` says when no row is left.
ROWS: tuple[tuple[int, Matches], ...] = (
    (1, lambda a: a.emergency),
    (2, lambda a: _all(a.unstable, a.fit)),
    (3, lambda a: _all(a.unstable, _not(a.fit))),
    (4, lambda a: _all(_not(a.unstable), _is(a.grade, "high"), _is(a.kind, "sensitive"))),
    (5, lambda a: _all(_not(a.unstable), _is(a.grade, "high"), _is(a.kind, "intermediate"), a.fit)),
    (6, lambda a: _all(_not(a.unstable), _is(a.grade, "high"), _is(a.kind, "resistant"), a.fit)),
    (7, lambda a: _all(_not(a.unstable), _is(a.grade, "high"), _not(a.fit))),
    (8, lambda a: _all(_not(a.unstable), _is(a.grade, "grey"))),
    (9, lambda a: _all(_not(a.unstable), _low(a), _is(a.kind, "sensitive", "intermediate"))),
    (10, lambda a: _all(_not(a.unstable), _low(a), _is(a.kind, "resistant"), a.fit)),
    (11, lambda a: _all(_not(a.unstable), _low(a), _is(a.kind, "resistant"), _not(a.fit))),
)


def _low(axes: Axes) -> bool | None:
    return _all(_is(axes.grade, "low"), _not(axes.deficit))


def axes_of(facts: Facts) -> Axes:
    """Each axis with the facts behind it. What adds urgency counts at any age, what reassures only while fresh."""
    days = TABLE.value("fresh")
    current = compression.current(facts, days)
    unstable, mechanical, no_sins = stable(facts)
    grade, graded, no_grade = _grade(facts, current)
    deficits = (*neurology.deficits(facts), *neurology.signs(facts))
    intact = neurology.intact(facts, days)
    kind = histology.radiosensitivity(facts)
    fit, systemic, no_fitness = fitness(facts)
    no_examination = () if deficits or intact else (EXAMINATION,)
    return Axes(
        emergency=not_imaged_since(facts) and not fresh_grade(facts),
        unstable=unstable,
        grade=grade,
        deficit=True if deficits else False if intact else None,
        kind=kind.kind,
        fit=fit,
        missing=(*no_sins, *no_grade, *no_examination, *((kind.missing,) if kind.missing else ()), *no_fitness),
        because=each_once((*mechanical, *graded, *current, *deficits, *intact, *kind.because, *systemic)),
    )


def not_imaged_since(facts: Facts) -> bool:
    """Is there a new deficit or current compression that no imaging has answered yet?"""
    days = TABLE.value("fresh")
    found = (*neurology.new_deficits(facts, days), *compression.current(facts, days))
    return bool(found) and not _imaged(facts, found)


def fresh_grade(facts: Facts) -> tuple[Assessment, ...]:
    """High-grade compression read from an MRI of the last days: a deficit newer than it need not be imaged first."""
    days = TABLE.value("recent_grade")
    found = (one for one in compression.current(facts, TABLE.value("fresh")) if isinstance(one, Assessment))
    return tuple(one for one in found if one.when and one.when.surely_within(days, facts.as_of))


EXAMINATION = "neurological examination within {fresh} (Frankel or ASIA grade)".format_map(TABLE.thresholds)


def stable(facts: Facts) -> tuple[bool | None, tuple[Fact, ...], tuple[str, ...]]:
    """Unstable, not unstable (7 to 12 too), or not known; the facts; what is missing. Surgery since ends a score."""
    named = tuple(
        f for f in facts.finding("spinal_instability") if f.certain and not treatment.before_surgery(facts, f.when)
    )
    levels = tuple(i for i in stability.by_level(facts) if not treatment.before_surgery(facts, i.assessment.when))
    scored = tuple(i.assessment for i in levels)
    if named or any(i.score.band() == "unstable" for i in levels):
        return True, (*scored, *named), ()
    missing = [f"SINS item {item}{i.at}" for i in levels if i.score.band() is None for item in i.score.missing]
    days = TABLE.value("fresh")
    old = any(not (a.when and a.when.surely_within(days, facts.as_of)) for a in scored)
    if not levels or old or "sins" in facts.doubtful:
        missing = ["SINS within {fresh}".format_map(TABLE.thresholds)]
    missing += stability.doubts(facts)
    return (None if missing else False), scored, tuple(missing)


def _grade(
    facts: Facts, current: tuple[Finding | Assessment, ...]
) -> tuple[str | None, tuple[Fact, ...], tuple[str, ...]]:
    if current:
        return "high", (), ()
    worst = compression.worst(facts)
    days = TABLE.value("fresh")
    roots = compression.below_cord(facts)
    if roots:
        return None, roots, compression.roots_unknown(facts)
    fresh = all(a.when and a.when.surely_within(days, facts.as_of) for a in compression.by_level(facts))
    if worst is None or not fresh:
        old = (worst,) if worst else ()
        return None, old, ("ESCC grade from an MRI within {fresh}".format_map(TABLE.thresholds),)
    if worst.value in compression.HIGH:
        return None, (worst,), (f"whether {compression.grade(worst)} is what remains after treatment",)
    return ("low" if worst.value in compression.LOW else "grey"), compression.by_level(facts), ()


def _imaged(facts: Facts, found: tuple[Finding | Assessment, ...]) -> bool:
    """A whole-spine MRI, or an ESCC grade read from one, since the newest of them began."""
    starts = [neurology.began(one, facts, TABLE.value("fresh")) for one in found]
    start = care.newest(*starts) if all(starts) else None
    return bool(imaging.whole_spine_mri_since(facts, start)) or any(
        start and a.when and a.when.earliest >= start.latest for a in compression.by_level(facts)
    )


def fitness(facts: Facts) -> tuple[bool | None, tuple[Fact, ...], tuple[str, ...]]:
    """Fit for surgery: good performance and at least three months to live, both fresh. One "no" settles it."""
    days, months = TABLE.value("fresh"), facts.measured("life_expectancy")
    performance = stability.performance(facts)
    if months and not (months.when and months.when.surely_within(days, facts.as_of)):
        months = None
    if performance and not (performance.when and performance.when.surely_within(days, facts.as_of)):
        performance = None
    well = good(performance.name, performance.value) if performance else None
    long = months.value >= TABLE.value("months") if months else None
    known: tuple[Fact, ...] = tuple(m for m in (performance, months) if m)
    missing = (
        *(
            ("performance status within {fresh} (ECOG or Karnofsky)".format_map(TABLE.thresholds),)
            if well is None
            else ()
        ),
        *(("estimate of life expectancy within {fresh}".format_map(TABLE.thresholds),) if long is None else ()),
    )
    fit = _all(well, long)
    return fit, known, () if fit is not None else missing


def good(name: str, value: Decimal) -> bool | None:
    """Does the performance status allow surgery and stereotactic treatment? None between the two limits."""
    if name == "ecog":
        return value <= TABLE.value("ecog_good")
    if value >= TABLE.value("kps_good"):
        return True
    return False if value <= TABLE.value("kps_poor") else None


def _words(axes: Axes) -> str:
    """The known axes in a few words."""
    parts = [
        {True: "unstable", False: "not unstable"}.get(axes.unstable) if axes.unstable is not None else None,
        {"low": "low-grade or no compression", "grey": "ESCC 1c", "high": "compression"}.get(axes.grade or ""),
        {True: "deficit", False: "no deficit"}.get(axes.deficit) if axes.deficit is not None else None,
        histology.WORDS.get(axes.kind or ""),
        {True: "fit", False: "not fit"}.get(axes.fit) if axes.fit is not None else None,
    ]
    return ", ".join(part for part in parts if part) or "no axis known"
