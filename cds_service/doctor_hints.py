"""Which of our codes is worded most like a foreign one: a hint for the human who writes the map, never a mapping."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from fhir_mappings import codes
from fhir_mappings.results import MEASUREMENTS, PREGNANCY_TEST, PSYCHOSOCIAL

WORD = re.compile(r"[^\W\d_]{3,}")
# LOINC says how and in what was measured, SNOMED CT which kind of thing it is; both are alike for unlike things.
FURNITURE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\b(in|by)\s.*$", re.IGNORECASE)
SAYS_NOTHING = frozenset({"and", "the", "with", "for", "nos", "unspecified", "serum", "plasma", "blood", "level"})
TURN_ROUND = frozenset({"without", "not", "non", "absence", "absent", "negative"})  # one alone means the opposite
ALIKE = 0.7  # the mean of difflib's ratio of letters and of the share of words, 0 to 1; below it hints were of no use
LETTERS = 0.5  # of difflib's ratio: how near a label must be to be looked at
CANDIDATES = 5
SAME_WORD = 0.85  # a misspelt word counts as ours
STRANGE = 1 / 3  # the share of words that none of our labels knows from which on nothing is suggested
OBSERVED = frozenset({*MEASUREMENTS, PREGNANCY_TEST, PSYCHOSOCIAL, "disease_status_code"})


@dataclass(frozen=True, slots=True)
class Hint:
    """A value set of ours, the label in it that comes nearest, and how near."""

    concept: str
    label: str
    likeness: float


@cache
def _labels(observed: bool) -> Mapping[str, tuple[str, str]]:
    """Labels as their sorted words -> (value set, label): those that observations are coded with, or all others."""
    found: dict[str, tuple[str, str]] = {}
    for concept in codes.value_sets():
        if (concept in OBSERVED) == observed:
            for _, _, label in codes.codings(concept):
                found.setdefault(" ".join(_words(label)), (concept, label))
    found.pop("", None)
    return found


@cache
def _vocabulary(observed: bool) -> tuple[str, ...]:
    return tuple(sorted({word for label in _labels(observed) for word in label.split()}))


def _words(text: str) -> list[str]:
    return sorted(set(WORD.findall(FURNITURE.sub(" ", text).lower())) - SAYS_NOTHING)


@cache
def nearest(display: str, observed: bool = False) -> Hint | None:
    """The label most like a display, in any order of words; None when none is like it, or it has words of its own."""
    words, known = _words(display), _vocabulary(observed)
    ours = {near[0] for word in words if (near := difflib.get_close_matches(word, known, 1, SAME_WORD))}
    if not words or (len(words) - len(ours)) / len(words) >= STRANGE:
        return None
    wanted = " ".join(sorted(ours))
    turns = TURN_ROUND.intersection(words)
    alike = [label for label in _labels(observed) if TURN_ROUND.intersection(label.split()) == turns]
    close = difflib.get_close_matches(wanted, alike, CANDIDATES, LETTERS)
    likeness, best = max(((_likeness(wanted, label), label) for label in close), default=(0.0, ""))
    return Hint(*_labels(observed)[best], round(likeness, 2)) if likeness >= ALIKE else None


def _likeness(one: str, other: str) -> float:
    first, second = set(one.split()), set(other.split())
    words = 2 * len(first & second) / (len(first) + len(second))
    return (words + difflib.SequenceMatcher(None, other, one).ratio()) / 2
