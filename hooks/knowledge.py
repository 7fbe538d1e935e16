"""Reads and checks the knowledge file beside a rule: thresholds, sources, texts, review. A bad one stops start-up."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from hooks import template
from hooks.outcomes import INDICATORS, Wording
from hooks.template import Template

UNIT_WORDS = {"d": "days", "h": "hours", "wk": "weeks", "mo": "months", "a": "years", "1": "", "{score}": ""}
KEYS = {
    "title",
    "question",
    "version",
    "status",
    "implements",
    "group",
    "after_emergency",
    "longest_rest",
    "guideline",
    "strength",
    "certainty",
    "limits",
    "override_reasons",
    "thresholds",
    "source",
    "card",
    "review",
}
OPTIONAL_KEYS = {"thresholds", "group", "after_emergency", "longest_rest"}
CARD_KEYS = {"indicator", "summary", "do", "why", "why_not", "longest_rest"}
REVIEW_KEYS = {"authored_by", "checked_by", "reviewed", "next_review"}
LONGEST_REST = 365  # days; every override ends
STATUSES = ("draft", "active", "retired")


class KnowledgeError(ValueError):
    """A knowledge file that cannot be relied on; the message names the file and the key."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number of medicine: value, UCUM unit, the id of the source that states it ("ours": our own choice), a note.

    `decides`: the rule compares with it, so that vignettes must stand at it and beside it; else it is only stated.
    """

    value: Decimal
    unit: str
    source: str
    note: str = ""
    decides: bool = True
    words: str = field(init=False, repr=False, compare=False)  # number and unit as a card says them

    def __post_init__(self) -> None:
        unit = UNIT_WORDS.get(self.unit, self.unit)
        one = self.value == 1 and self.unit in UNIT_WORDS
        words = f"{self.value.normalize():f} {unit.removesuffix('s') if one else unit}".strip()
        object.__setattr__(self, "words", words)

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Source:
    """Where a statement comes from. `checked`: the text was read, not only remembered."""

    id: str
    cite: str
    url: str
    where: str
    checked: bool


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that a committee signs for one rule.

    `after_emergency`: its card waits while a card on cord compression is critical. `longest_rest`: for how many
    days at most an override keeps it away; 0, for emergencies and contraindications, never; None, as the reason allows.
    """

    rule: str
    title: str
    question: str
    version: str
    status: str
    implements: tuple[str, ...]
    group: str
    after_emergency: bool
    longest_rest: int | None
    guideline: Source
    strength: str
    certainty: str
    limits: tuple[str, ...]
    override_reasons: tuple[str, ...]
    thresholds: Mapping[str, Threshold]
    sources: tuple[Source, ...]
    cards: Mapping[str, Wording]
    rests: Mapping[str, int]  # days, by variant of the card: where it may rest for less than the rule
    review: Mapping[str, str]
    words: Mapping[str, str] = field(init=False, repr=False, compare=False)  # thresholds as card texts say them
    _texts: Mapping[str, Template] = field(init=False, repr=False, compare=False)  # by variant of the card

    def __post_init__(self) -> None:
        words = {name: threshold.words for name, threshold in self.thresholds.items()}
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "_texts", {variant: template.of(text, words) for variant, text in self.cards.items()})

    def value(self, name: str) -> Decimal:
        """The bare number of a threshold. KeyError for a name that the file does not define."""
        return self.thresholds[name].value

    def card(self, variant: str, **words: str) -> Wording:
        """The text of a card, its {placeholders} filled from `words` and from the thresholds.

        KnowledgeError where a word is called like a threshold; KeyError for a word that the text needs and has not.
        """
        return self._texts[variant].wording(self._fill(words))

    def text(self, variant: str, **words: str) -> str:
        """The first instruction of a card text: for a line that one rule adds to another's card."""
        return self._texts[variant].first(self._fill(words))

    def _fill(self, words: Mapping[str, str]) -> Mapping[str, str]:
        if not self.words.keys().isdisjoint(words):
            raise KnowledgeError(f"{self.rule}: a word is called like a threshold: {sorted(self.words.keys() & words)}")
        return {**self.words, **words}


@cache
def load(rule: str) -> Knowledge:
    """The knowledge of one rule, by the name of the rule or of its module; read once. Raises KnowledgeError."""
    name = rule.rpartition(".")[2]
    path = resources.files("hooks.rules") / f"{name}.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise KnowledgeError(f"{name}.toml: {error}") from error
    return read(name, data)


def read(name: str, data: Mapping[str, Any]) -> Knowledge:
    """Checks a parsed knowledge file and gives it its shape. Raises KnowledgeError naming the key."""
    unknown = set(data) - KEYS
    lacking = KEYS - set(data) - OPTIONAL_KEYS
    if unknown or lacking:
        raise KnowledgeError(f"{name}.toml: unknown {sorted(unknown)}, missing {sorted(lacking)}")
    by_id = read_sources(name, data)
    thresholds = read_thresholds(name, data, by_id)
    if data["guideline"] not in by_id:
        raise KnowledgeError(f"{name}.toml: guideline names no [[source]]")
    if not isinstance(data.get("after_emergency", False), bool):
        raise KnowledgeError(f"{name}.toml: after_emergency must be true or false")
    if data["status"] not in STATUSES:
        raise KnowledgeError(f"{name}.toml: status must be one of {STATUSES}")
    return Knowledge(
        rule=name,
        title=data["title"],
        question=data["question"],
        version=data["version"],
        status=data["status"],
        implements=tuple(data["implements"]),
        group=data.get("group", ""),
        after_emergency=data.get("after_emergency", False),
        longest_rest=_rest(name, data),
        guideline=by_id[data["guideline"]],
        strength=data["strength"],
        certainty=data["certainty"],
        limits=tuple(data["limits"]),
        override_reasons=tuple(data["override_reasons"]),
        thresholds=MappingProxyType(thresholds),
        sources=tuple(by_id.values()),
        cards=MappingProxyType({key: _card(name, key, entry) for key, entry in data["card"].items()}),
        rests=MappingProxyType(
            {key: rest for key, entry in data["card"].items() if (rest := _rest(name, entry)) is not None}
        ),
        review=_review(name, data["review"]),
    )


def read_sources(name: str, data: Mapping[str, Any]) -> dict[str, Source]:
    """The sources of a file by id; also for tables that several rules ask (NOMS, histology)."""
    return {source.id: source for source in (_source(name, entry) for entry in data["source"])}


def read_thresholds(name: str, data: Mapping[str, Any], sources: Mapping[str, Source]) -> dict[str, Threshold]:
    """The thresholds of a file by name, each with a source that the file lists."""
    return {key: _threshold(name, key, entry, sources) for key, entry in data.get("thresholds", {}).items()}


def _source(name: str, entry: Mapping[str, Any]) -> Source:
    try:
        return Source(**entry)
    except TypeError as error:
        raise KnowledgeError(f"{name}.toml: [[source]] {error}") from error


def _threshold(name: str, key: str, entry: Mapping[str, Any], sources: Mapping[str, Source]) -> Threshold:
    try:
        threshold = Threshold(**{**entry, "value": Decimal(str(entry["value"]))})
    except (TypeError, KeyError, ArithmeticError) as error:
        raise KnowledgeError(f"{name}.toml: thresholds.{key}: {error!r}") from error
    if threshold.source not in sources and threshold.source != "ours":
        raise KnowledgeError(f"{name}.toml: thresholds.{key}.source names no [[source]]")
    return threshold


def _card(name: str, key: str, entry: Mapping[str, Any]) -> Wording:
    if set(entry) - CARD_KEYS or entry.get("indicator") not in INDICATORS:
        raise KnowledgeError(f"{name}.toml: card.{key}: unknown keys or no valid indicator")
    text = Wording(
        indicator=entry["indicator"],
        summary=entry["summary"],
        do=tuple(entry["do"]),
        why=tuple(entry.get("why", ())),
        why_not=tuple(entry.get("why_not", ())),
    )
    try:
        for line in template.lines(text):
            list(string.Formatter().parse(line))
    except ValueError as error:
        raise KnowledgeError(f"{name}.toml: card.{key}: {error}") from error
    return text


def _rest(name: str, entry: Mapping[str, Any]) -> int | None:
    rest: int | None = entry.get("longest_rest")
    if rest is not None and (type(rest) is not int or not 0 <= rest <= LONGEST_REST):
        raise KnowledgeError(f"{name}.toml: longest_rest must be a whole number of days from 0 to {LONGEST_REST}")
    return rest


def _review(name: str, entry: Mapping[str, Any]) -> Mapping[str, str]:
    if set(entry) != REVIEW_KEYS:
        raise KnowledgeError(f"{name}.toml: review must hold exactly {sorted(REVIEW_KEYS)}")
    return MappingProxyType(
        {key: value.isoformat() if isinstance(value, date) else str(value) for key, value in entry.items()}
    )


def catalogue() -> dict[str, Knowledge]:
    """Every rule's knowledge by name, in the order of precedence. Raises KnowledgeError for the first bad file."""
    from hooks import order_select, patient_view  # the rules load their own files; asked late, to avoid a circle

    names = dict.fromkeys(rule.__name__ for rule in (*patient_view.RULES, *order_select.RULES))
    return {name.rpartition(".")[2]: load(name) for name in names}
