"""The items of every score and the answers that each can take, in words: for forms, and checked against the points."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

from hooks.knowledge import KnowledgeError
from hooks.scores import bauer, katagiri, nesms, performance, sins, tokuhashi, tomita
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
    note: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A score as a form."""

    key: str
    title: str
    scale: str
    items: tuple[Item, ...]
    caveat: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """A grade without items: its answers by value, in the order in which a form shows them."""

    key: str
    title: str
    answers: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Result:
    """The total or its range, what it means where both ends agree, and the items that are open, by name."""

    text: str
    meaning: str
    missing: tuple[str, ...]
    total: int | None
    items: int = 0  # how many there are

    @property
    def words(self) -> str:
        """A range is never shown without how many items are open: it would be taken for the total."""
        meaning = f", {self.meaning}" if self.meaning else ""
        still = f" ({len(self.missing)} of {self.items} items open)" if self.missing else ""
        return f"{self.text}{meaning}{still}"


def read(data: Mapping[str, Any], points: Mapping[str, Items]) -> Mapping[str, Form]:
    """Checks the parsed file. Raises KnowledgeError naming the item."""
    if set(data) != set(points):
        raise KnowledgeError(f"answers.toml: missing or unknown scores {sorted(set(data) ^ set(points))}")
    return MappingProxyType({key: _form(key, entry, points[key]) for key, entry in data.items()})


def _form(score: str, entry: Mapping[str, Any], items: Items) -> Form:
    if set(entry) - {"caveat"} != {"title", "scale", *items}:
        raise KnowledgeError(f"answers.toml: {score}: missing or unknown items")
    asked = tuple(_item(score, key, entry[key], items[key]) for key in items)
    return Form(score, entry["title"], entry["scale"], asked, entry.get("caveat", ""))


def _item(score: str, key: str, entry: Mapping[str, str], points: tuple[int, ...]) -> Item:
    answers = {int(point): words for point, words in entry.items() if point not in ("name", "note")}
    if set(answers) != set(points) or not entry.get("name"):
        raise KnowledgeError(f"answers.toml: {score}.{key}: its points are {points}")
    return Item(key, entry["name"], MappingProxyType(answers), entry.get("note", ""))


def read_scale(key: str, entry: Mapping[str, str], values: Iterable[int]) -> Scale:
    """Raises KnowledgeError where the words do not fit the values."""
    answers = {int(value): words for value, words in entry.items() if value != "title"}
    if set(answers) != set(values) or not entry.get("title"):
        raise KnowledgeError(f"answers.toml: {key}: its values are {sorted(values)}")
    return Scale(key, entry["title"], MappingProxyType(answers))


POINTS: Mapping[str, Items] = {
    "sins": sins.ITEMS,
    "tokuhashi": tokuhashi.ITEMS,
    "tomita": tomita.ITEMS,
    "bauer": bauer.ITEMS,
    "nesms": nesms.ITEMS,
    "katagiri": katagiri.ITEMS,
}
_WORDS = tomllib.loads((resources.files("hooks.scores") / "answers.toml").read_text(encoding="utf-8"))
SCALES = MappingProxyType({key: read_scale(key, _WORDS.pop(key), values) for key, values in performance.ASKED.items()})
FORMS = read(_WORDS, POINTS)


def result(score: str, known: Mapping[str, int]) -> Result:
    """What the answers given so far allow. ValueError for an item or points that there are not, or a contradiction."""
    total = TOTALS[score](known)
    missing = tuple(one.name for one in FORMS[score].items if one.key not in known)
    exact = total.lowest if not missing else None
    return Result(str(total), _meaning(score, total), missing, exact, len(FORMS[score].items))


def _meaning(score: str, total: Total | Score) -> str:
    if isinstance(total, Score):
        return SINS_MEANING.get(total.band() or "", "")
    said, band = _BANDS.get(score, ("", None))
    found = band(total) if band else None
    return f"{said}: {found}" if found else ""


TOTALS: Mapping[str, Callable[[Mapping[str, int]], Total | Score]] = {
    "sins": sins.score,
    "tokuhashi": tokuhashi.score,
    "tomita": tomita.score,
    "bauer": bauer.score,
    "nesms": nesms.score,
    "katagiri": katagiri.score,
}
# Predictions and strategies are those of their day, and are never said as if they were today's.
_BANDS: Mapping[str, tuple[str, Callable[[Total], str | None]]] = {
    "tokuhashi": ("historical estimate", tokuhashi.band),
    "tomita": ("historical strategy", tomita.band),
    "bauer": ("historical strategy", bauer.band),
    "katagiri": ("risk", katagiri.band),
}
_CALIBRATED: Mapping[str, Callable[[Collection[str]], bool]] = {
    "tokuhashi": tokuhashi.calibrated,
    "tomita": tomita.calibrated,
}


def caveats(score: str, sites: Collection[str]) -> tuple[str, ...]:
    """What must be said beside a total of a patient with these primaries."""
    known = _CALIBRATED.get(score)
    of_disease = () if known is None or known(sites) else ("Not calibrated for this disease.",)
    return (*of_disease, *((FORMS[score].caveat,) if FORMS[score].caveat else ()))
