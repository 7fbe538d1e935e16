"""The grid and the cards as the companion's page shows them: plain words, whatever the record holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhir_mappings import assessments
from hooks.card_text import describe
from hooks.facts import Assessment, Fact, Facts
from hooks.plain_text import plain
from hooks.questions import cancer, grid, prognosis
from hooks.scores import answers, sins


@dataclass(frozen=True, slots=True)
class AxisWords:
    """One row of the grid; all facts are (what and when, the resource that says so).

    `earlier` was graver than what replaced it, `old` does not count any more, `scores` is what somebody recorded.
    """

    name: str
    state: str
    known: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    earlier: tuple[tuple[str, str], ...]
    old: tuple[tuple[str, str], ...]
    scores: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CardWords:
    indicator: str
    summary: str
    detail: str


def grid_words(facts: Facts) -> list[AxisWords]:
    return [
        AxisWords(
            one.name,
            one.state,
            _facts(one.facts),
            one.missing,
            _facts(one.earlier),
            _facts(one.old),
            tuple((f"{plain(describe(fact))} ({_scale(fact)})", fact.source) for fact in one.scores),
        )
        for one in grid.of(facts)
    ]


def _facts(facts: tuple[Fact, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((plain(describe(fact)), fact.source) for fact in facts)


def _scale(fact: Fact) -> str:
    """Without its scale nobody can tell a good total from a bad one."""
    return answers.FORMS[fact.name].scale if isinstance(fact, Assessment) else ""


def form_words(facts: Facts) -> dict[str, Any]:
    """What the form needs: the answers of all that can be recorded, and what the chart says of them."""
    sites = cancer.primary_sites(facts)
    return {
        "forms": answers.FORMS,
        "scales": answers.SCALES,
        "caveats": {key: answers.caveats(key, sites) for key in answers.FORMS},
        "prognosis": prognosis.lines(facts),
        "of_chart": prognosis.settled(facts),
        "grades": {name: assessments.grades(name) for name in assessments.GRADES},
        "levels": [(level, sins.location_points(level)) for level in assessments.levels()],
        "bands": [answers.SINS_MEANING[sins.band(total)] for total in range(sins.HIGHEST + 1)],
    }


def card_words(card: dict[str, Any]) -> CardWords:
    return CardWords(card["indicator"], card["summary"], plain(card["detail"]))
