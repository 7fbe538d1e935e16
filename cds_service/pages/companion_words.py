"""The grid and the cards as the companion's page shows them: plain words, whatever the record holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hooks.card_text import describe
from hooks.facts import Facts
from hooks.plain_text import plain
from hooks.questions import grid


@dataclass(frozen=True, slots=True)
class AxisWords:
    """One row of the grid; `known` are (what and when, the resource that says so)."""

    name: str
    state: str
    known: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardWords:
    indicator: str
    summary: str
    detail: str


def grid_words(facts: Facts) -> list[AxisWords]:
    return [
        AxisWords(one.name, one.state, tuple((plain(describe(fact)), fact.source) for fact in one.facts), one.missing)
        for one in grid.of(facts)
    ]


def card_words(card: dict[str, Any]) -> CardWords:
    return CardWords(card["indicator"], card["summary"], plain(card["detail"]))
