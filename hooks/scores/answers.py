"""The items of every score and the answers that each can take, in words: for forms, and checked against the points."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

from hooks.knowledge import KnowledgeError
from hooks.scores import bauer, katagiri, nesms, sins, tokuhashi, tomita
from hooks.scores.points import Items, Total
from hooks.scores.sins import Score

SINS_MEANING = {
    "stable": "stable",
    "indeterminate": "potentially unstable (indeterminate)",
    "unstable": "unstable",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a score: its answers by points, in the order in which a form shows them."""

    key: str
    name: str
    answers: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Form:
    """A score as a form."""

    key: str
    title: str
    scale: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """The total or its range, what it means where both ends agree, and the items that are open, by name."""

    text: str
    meaning: str
    missing: tuple[str, ...]
    total: int | None


def read(data: Mapping[str, Any], points: Mapping[str, Items]) -> Mapping[str, Form]:
    """Checks the parsed file. Raises KnowledgeError naming the item."""
    if set(data) != set(points):
        raise KnowledgeError(f"answers.toml: missing or unknown scores {sorted(set(data) ^ set(points))}")
    return MappingProxyType({key: _form(key, entry, points[key]) for key, entry in data.items()})


def _form(score: str, entry: Mapping[str, Any], items: Items) -> Form:
    if set(entry) != {"title", "scale", *items}:
        raise KnowledgeError(f"answers.toml: {score}: missing or unknown items")
    asked = tuple(_item(score, key, entry[key], items[key]) for key in items)
    return Form(score, entry["title"], entry["scale"], asked)


def _item(score: str, key: str, entry: Mapping[str, str], points: tuple[int, ...]) -> Item:
    answers = {int(point): words for point, words in entry.items() if point != "name"}
    if set(answers) != set(points) or not entry.get("name"):
        raise KnowledgeError(f"answers.toml: {score}.{key}: its points are {points}")
    return Item(key, entry["name"], MappingProxyType(answers))


POINTS: Mapping[str, Items] = {
    "sins": sins.ITEMS,
    "tokuhashi": tokuhashi.ITEMS,
    "tomita": tomita.ITEMS,
    "bauer": bauer.ITEMS,
    "nesms": nesms.ITEMS,
    "katagiri": katagiri.ITEMS,
}
FORMS = read(tomllib.loads((resources.files("hooks.scores") / "answers.toml").read_text(encoding="utf-8")), POINTS)


def result(score: str, known: Mapping[str, int]) -> Result:
    """What the answers given so far allow. ValueError for an item or points that there are not, or a contradiction."""
    total = TOTALS[score](known)
    missing = tuple(one.name for one in FORMS[score].items if one.key not in known)
    exact = total.lowest if not missing else None
    return Result(str(total), _meaning(score, total), missing, exact)


def _meaning(score: str, total: Total | Score) -> str:
    if isinstance(total, Score):
        return SINS_MEANING.get(total.band() or "", "")
    return BANDS[score](total) or "" if score in BANDS else ""


TOTALS: Mapping[str, Callable[[Mapping[str, int]], Total | Score]] = {
    "sins": sins.score,
    "tokuhashi": tokuhashi.score,
    "tomita": tomita.score,
    "bauer": bauer.score,
    "nesms": nesms.score,
    "katagiri": katagiri.score,
}
BANDS: Mapping[str, Callable[[Total], str | None]] = {
    "tokuhashi": tokuhashi.band,
    "tomita": tomita.band,
    "bauer": bauer.band,
    "katagiri": lambda total: f"risk: {found}" if (found := katagiri.band(total)) else None,
}
