"""What the service is for, what it must not be used for, and its regulatory position, from one file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources

import msgspec

from hooks.knowledge import Knowledge, KnowledgeError


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A heading with paragraphs and a list; `lists` adds one that is derived ("critical_rules")."""

    heading: str
    paragraphs: list[str] = []
    items: list[str] = []
    lists: str = ""


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A source of the position: what of it was read, and whether that was the text itself."""

    cite: str
    url: str
    verified: bool
    read: str


class IntendedUse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data file."""

    title: str
    date: str
    lead: str
    section: list[Section]
    source: list[Reading]


@cache
def statement() -> IntendedUse:
    """The checked file, read once. Raises KnowledgeError naming it."""
    text = (resources.files("cds_service") / "intended_use.toml").read_text(encoding="utf-8")
    try:
        return msgspec.convert(tomllib.loads(text), IntendedUse)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise KnowledgeError(f"intended_use.toml: {error}") from error


def critical(rules: Iterable[Knowledge]) -> list[Knowledge]:
    """The rules that can give a card of the highest urgency."""
    return [rule for rule in rules if any(text.indicator == "critical" for text in rule.cards.values())]


def as_dict(rules: Iterable[Knowledge]) -> dict[str, object]:
    """The statement for JSON, with the names of the rules that can give a critical card."""
    said: dict[str, object] = msgspec.to_builtins(statement())
    return {**said, "critical_rules": [rule.rule for rule in critical(rules)]}
