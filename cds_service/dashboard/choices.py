"""What the dashboard goes by at a site: the tenant file's words, else those of choices.toml with their grounds."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, TypeVar

from cds_service.dashboard.settings import Dashboard, PeriodKind
from cds_service.setting_types import SettingsError
from cds_service.store.statistics import REASONS
from hooks import knowledge
from hooks.knowledge import Knowledge, KnowledgeError, Source, read_sources

NAMES = ("budget", "fewest_cards", "fewest_patients", "smallest_count", "answer_days")
PARTS = {"version", "choices", "never_propose", "reasons", "source", "review"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A default, and on what ground it stands."""

    value: float
    source: str
    ground: str


@dataclass(frozen=True, slots=True)
class Exemption:
    """Rules that are never proposed for shadow whatever their knowledge says, and on what ground."""

    rules: tuple[str, ...]
    source: str
    ground: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """Whether an override with a reason speaks against the card, and on what ground."""

    speaks_against: bool
    source: str
    ground: str


@dataclass(frozen=True, slots=True)
class Defaults:
    """The file choices.toml; a meaning for each of REASONS."""

    version: str
    choices: Mapping[str, Choice]
    never_propose: Exemption
    reasons: Mapping[str, Meaning]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """What holds at one site. Budgets are shares of 1; `answer_days` in days."""

    approver: str
    budget: float
    budgets: Mapping[str, float]
    fewest_cards: int
    fewest_patients: int
    smallest_count: int
    answer_days: int
    finest_period: PeriodKind
    never_propose: frozenset[str]
    against: frozenset[str]  # reasons that speak against a card

    def budget_of(self, rule: str) -> float:
        """The share of a rule's cards that users may override before it is proposed for shadow."""
        return self.budgets.get(rule, self.budget)

    def is_exempt(self, rule: Knowledge) -> bool:
        """Emergencies and contraindications are never proposed: what no override may silence, no rate may either.

        That is a rule that never rests, in whole or in one of its cards, one that has a critical card among others, and
        one that is named.
        """
        rests = (rule.longest_rest, *rule.rests.values())
        critical = any(card.indicator == "critical" for card in rule.cards.values())
        return 0 in rests or critical or rule.rule in self.never_propose


Kind = TypeVar("Kind", Choice, Exemption, Meaning)


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
    if set(data) != PARTS or set(data["choices"]) != set(NAMES):
        raise KnowledgeError(f"choices.toml: must hold {', '.join(sorted(PARTS))} and the choices {', '.join(NAMES)}")
    if set(data["reasons"]) != set(REASONS):
        raise KnowledgeError(f"choices.toml: reasons must be {', '.join(REASONS)}")
    return Defaults(
        data["version"],
        MappingProxyType({name: _entry(Choice, f"choices.{name}", one) for name, one in data["choices"].items()}),
        _exemption(data["never_propose"]),
        MappingProxyType({name: _entry(Meaning, f"reasons.{name}", one) for name, one in data["reasons"].items()}),
        tuple(read_sources("choices", data).values()),
    )


def _entry(kind: type[Kind], name: str, entry: Mapping[str, Any]) -> Kind:
    try:
        made = kind(**entry)
    except TypeError as error:
        raise KnowledgeError(f"choices.toml: {name}: {error}") from error
    if not made.ground:
        raise KnowledgeError(f"choices.toml: {name} has no ground")
    return made


def _exemption(entry: Mapping[str, Any]) -> Exemption:
    named = _entry(Exemption, "never_propose", entry)
    unknown = set(named.rules) - set(knowledge.catalogue())
    if unknown:
        raise KnowledgeError(f"choices.toml: never_propose.rules: there is no {', '.join(sorted(unknown))}")
    return Exemption(tuple(named.rules), named.source, named.ground)


def check(site: Dashboard, readers: Collection[str]) -> None:
    """Raises SettingsError naming the key."""
    if site.approver and site.approver not in readers:
        raise SettingsError("dashboard.approver: must be the name of a [[reader]], who signs in to decide")
    rules, chosen = knowledge.catalogue(), at(site)
    for name in site.never_propose:
        if name not in rules:
            raise SettingsError(f"dashboard.never_propose: there is no rule {name}; `cds-service rules` lists them")
    for name in site.budgets:
        if name not in rules:
            raise SettingsError(f"dashboard.budgets.{name}: there is no such rule; `cds-service rules` lists them")
        if chosen.is_exempt(rules[name]):
            raise SettingsError(
                f"dashboard.budgets.{name}: emergencies and contraindications are never proposed for shadow, "
                "nor what never_propose names"
            )
    if chosen.fewest_patients < chosen.smallest_count:
        raise SettingsError("dashboard.fewest_patients: must not be below smallest_count, or it could not be shown")


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
        fewest_patients=int(chosen("fewest_patients")),
        smallest_count=int(chosen("smallest_count")),
        answer_days=int(chosen("answer_days")),
        finest_period=site.finest_period,
        never_propose=frozenset((*defaults().never_propose.rules, *site.never_propose)),
        against=frozenset(name for name, one in defaults().reasons.items() if one.speaks_against),
    )
