"""The NOMS grid: on each of the four axes what is known, from what and when, and what is not recorded."""

from __future__ import annotations

from dataclasses import dataclass

from hooks.card_text import sentence
from hooks.facts import Fact, Facts
from hooks.outcomes import each_once
from hooks.questions import compression, histology, neurology, noms, recorded, stability

NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its state in words, the facts that it rests on, and what is missing to know it.

    `earlier` was graver than what has replaced it since; `old` is too old to count; `scores` are prognosis scores as
    somebody recorded them: the state does not rest on any of these.
    """

    name: str
    state: str
    facts: tuple[Fact, ...]
    missing: tuple[str, ...]
    earlier: tuple[Fact, ...] = ()
    old: tuple[Fact, ...] = ()
    scores: tuple[Fact, ...] = ()


def of(facts: Facts) -> tuple[Axis, ...]:
    """Neurologic, oncologic, mechanical, systemic; as the table of hooks/questions/noms.py reads them."""
    axes = noms.axes_of(facts)
    _, mechanical, no_sins = noms.stable(facts)
    kind = histology.radiosensitivity(facts)
    _, systemic, no_fitness = noms.fitness(facts)
    no_kind = (kind.missing,) if kind.missing else ()
    others = {*no_sins, *no_kind, *no_fitness}
    neurologic = (
        *compression.by_level(facts),
        *compression.confirmed(facts),
        *neurology.deficits(facts),
        *neurology.newest_grades(facts),
    )
    missing = tuple(one for one in axes.missing if one not in others)
    visceral = facts.finding("visceral_or_brain_metastasis")
    return (
        Axis("Neurologic", _neurologic(axes), _once(neurologic), missing, _graver(facts, "escc", "frankel", "ais")),
        Axis("Oncologic", _oncologic(kind), _once(kind.because), no_kind),
        Axis("Mechanical", _mechanical(facts, axes), _once(mechanical), no_sins, _graver(facts, "sins")),
        Axis(
            "Systemic",
            _systemic(axes),
            _once((*systemic, *visceral)),
            no_fitness,
            old=_once(tuple(one for name in recorded.MEASURED for one in _aged(facts, name, systemic))),
            scores=tuple(one for name in recorded.PROGNOSIS for one in recorded.newest(facts, name)),
        ),
    )


def _graver(facts: Facts, *names: str) -> tuple[Fact, ...]:
    return tuple(one for name in names for one in recorded.earlier(facts, name))


def _aged(facts: Facts, name: str, counted: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """A result that is on record and does not count: more than "not known", and less than known."""
    found = facts.measured(name)
    return (found,) if found and found not in counted else ()


def _once(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    return each_once(facts)


def _neurologic(axes: noms.Axes) -> str:
    grade = {"low": "no or low-grade compression", "grey": "ESCC 1c", "high": "compression"}.get(axes.grade or "")
    deficit = None if axes.deficit is None else "deficit" if axes.deficit else "no deficit"
    parts = [grade or "compression not known", deficit or "function not known"]
    return sentence(", ".join(parts)) if grade or deficit else sentence(NOT_KNOWN)


def _oncologic(kind: histology.Radiosensitivity) -> str:
    return sentence(histology.WORDS.get(kind.kind or "", NOT_KNOWN))


def _mechanical(facts: Facts, axes: noms.Axes) -> str:
    """A score between stable and unstable is said as such."""
    if axes.unstable is None:
        return sentence(NOT_KNOWN)
    worst = stability.worst(facts)
    between = not axes.unstable and worst is not None and worst.score.band() == "indeterminate"
    state = "Potentially unstable" if between else "Unstable" if axes.unstable else "Stable"
    before = {stability.band(found) for one in recorded.earlier(facts, "sins") if (found := stability.of(one))}
    return f"{state} now, unstable before" if "unstable" in before and not axes.unstable else state


def _systemic(axes: noms.Axes) -> str:
    if axes.fit is None:
        return sentence(NOT_KNOWN)
    return "Fit for surgery" if axes.fit else "Not fit for surgery"
