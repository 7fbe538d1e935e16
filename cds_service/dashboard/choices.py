"""What the dashboard goes by at a site: the tenant file's words, else those of choices.toml with their grounds."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from cds_service.dashboard.settings import Dashboard, PeriodKind
from hooks.knowledge import KnowledgeError, Source, read_sources

NAMES = ("budget", "fewest_cards", "smallest_count", "answer_days")


@dataclass(frozen=True, slots=True)
class Choice:
    """A default, and on what ground it stands."""

    value: float
    source: str
    ground: str


@dataclass(frozen=True, slots=True)
class Defaults:
    """The file choices.toml."""

    version: str
    choices: Mapping[str, Choice]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """What holds at one site. Budgets are shares of 1; `answer_days` in days."""

    approver: str
    budget: float
    budgets: Mapping[str, float]
    fewest_cards: int
    smallest_count: int
    answer_days: int
    finest_period: PeriodKind

    def budget_of(self, rule: str) -> float:
        """The share of a rule's cards that users may override before it is proposed for shadow."""
        return self.budgets.get(rule, self.budget)


@cache
def defaults() -> Defaults:
    """The file, read once. Raises KnowledgeError naming the key."""
    path = resources.files("cds_service.dashboard") / "choices.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise KnowledgeError(f"choices.toml: {error}") from error
    return read(data)


def read(data: Mapping[str, Any]) -> Defaults:
    """Checks the parsed file. Raises KnowledgeError naming the key."""
    if set(data) != {"version", "choices", "source", "review"} or set(data["choices"]) != set(NAMES):
        raise KnowledgeError(f"choices.toml: must hold version, review, sources and the choices {', '.join(NAMES)}")
    choices = {}
    for name, entry in data["choices"].items():
        if set(entry) != {"value", "source", "ground"} or not entry["ground"]:
            raise KnowledgeError(f"choices.toml: choices.{name} must hold value, source and ground")
        choices[name] = Choice(**entry)
    return Defaults(data["version"], MappingProxyType(choices), tuple(read_sources("choices", data).values()))


def at(site: Dashboard) -> Choices:
    """What holds where the tenant file says this."""
    known = defaults().choices

    def chosen(name: str) -> float:
        own: float | None = getattr(site, name)
        return known[name].value if own is None else own

    return Choices(
        approver=site.approver,
        budget=float(chosen("budget")),
        budgets=MappingProxyType(dict(site.budgets)),
        fewest_cards=int(chosen("fewest_cards")),
        smallest_count=int(chosen("smallest_count")),
        answer_days=int(chosen("answer_days")),
        finest_period=site.finest_period,
    )
