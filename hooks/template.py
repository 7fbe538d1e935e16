"""Card texts that wait for their patient: a line without words of the chart is ready, thresholds filled in."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hooks.outcomes import Wording


class Line(NamedTuple):
    """`is_open`: words of the chart are still to come, and thresholds with them; else it stands as it will be read."""

    text: str
    is_open: bool


class Template(NamedTuple):
    """A card text line by line."""

    indicator: str
    summary: tuple[Line]
    do: tuple[Line, ...]
    why: tuple[Line, ...]
    why_not: tuple[Line, ...]

    def wording(self, words: Mapping[str, str]) -> Wording:
        """The text as one patient's card says it. KeyError for a word that it needs and that is not among `words`."""
        return Wording(
            self.indicator,
            _filled(self.summary, words)[0],
            _filled(self.do, words),
            _filled(self.why, words),
            _filled(self.why_not, words),
        )

    def first(self, words: Mapping[str, str]) -> str:
        """Its first instruction alone."""
        return _filled(self.do[:1], words)[0]


def of(text: Wording, thresholds: Mapping[str, str]) -> Template:
    """The text as the knowledge file has it, with {placeholders} for the thresholds, and for words that are to come."""

    def part(lines: tuple[str, ...]) -> tuple[Line, ...]:
        return tuple(_line(line, thresholds) for line in lines)

    summary = (_line(text.summary, thresholds),)
    return Template(text.indicator, summary, part(text.do), part(text.why), part(text.why_not))


def lines(text: Wording) -> Iterator[str]:
    """Every line of a text."""
    yield from (text.summary, *text.do, *text.why, *text.why_not)


def _line(text: str, thresholds: Mapping[str, str]) -> Line:
    asked = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    return Line(text, True) if asked - thresholds.keys() else Line(text.format_map(thresholds), False)


def _filled(lines: tuple[Line, ...], words: Mapping[str, str]) -> tuple[str, ...]:
    return tuple([text.format_map(words) if is_open else text for text, is_open in lines])
