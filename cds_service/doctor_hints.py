"""Which of our codes is worded most like a foreign one: a hint for the human who writes the map, never a mapping."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from fhir_mappings import codes, orderables
from fhir_mappings.kinds import ANSWERS, ASSESSMENTS, KINDS, LABS, ORDERS, PROBLEMS

TOKEN = re.compile(r"[^\W\d_]+|\d+")
SHORTEST = 3  # letters of a word; shorter ones count only as part of an abbreviation that we know
# LOINC says how and in what was measured, SNOMED CT which kind of thing it is; both are alike for unlike things.
FURNITURE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\b(in|by)\s.*$", re.IGNORECASE)
SAYS_NOTHING = frozenset({"and", "the", "with", "for", "nos", "unspecified", "serum", "plasma", "blood", "level"})
TURN_ROUND = frozenset({"without", "no", "not", "non", "absence", "absent", "negative"})  # one alone means the opposite
ALIKE = 0.75  # the mean of difflib's ratio of letters and of the share of words, 0 to 1; below it hints were of no use
LETTERS = 0.5  # of difflib's ratio: how near a label must be to be looked at
CANDIDATES = 5
SAME_WORD = 0.85  # a misspelt word counts as ours
STRANGE = 1 / 3  # the share of words that none of our labels knows from which on nothing is suggested
# Where a code stands -> the kinds of codes of ours that are read from there.
READ_FROM: Mapping[str, tuple[str, ...]] = {
    "Condition.code": (PROBLEMS,),
    "Observation.code": (LABS, ASSESSMENTS),
    "Observation.valueCodeableConcept": (ANSWERS,),
    "Observation.interpretation": (ANSWERS,),
    "ServiceRequest.code": (ORDERS,),
    "Procedure.code": (ORDERS,),
    "ImagingStudy.procedureCode": (ORDERS,),
    "ImagingStudy.modality": ("modalities",),
    "MedicationRequest.medication": ("drugs",),
    "MedicationAdministration.medication": ("drugs",),
}
SITES = ("sites",)  # for every bodySite


@dataclass(frozen=True, slots=True)
class Hint:
    """A value set of ours, the label in it that comes nearest, how near, and the code to map to, if it lists any."""

    concept: str
    label: str
    likeness: float
    code: tuple[str, str, str] | None  # system, code, display


@cache
def _words_of_hospitals() -> Mapping[str, Any]:
    return tomllib.loads((resources.files("cds_service") / "doctor_words.toml").read_text(encoding="utf-8"))


@cache
def _expansions(kinds: tuple[str, ...]) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """Words of hospitals -> ours: first those of all kinds, then those of these; of each the longest first."""
    known = _words_of_hospitals()
    tables = [known["any"], {words: ours for kind in kinds for words, ours in known.get(kind, {}).items()}]
    found = [[(frozenset(theirs.split()), frozenset(ours.split())) for theirs, ours in one.items()] for one in tables]
    return tuple(pair for table in found for pair in sorted(table, key=lambda pair: len(pair[0]), reverse=True))


@cache
def _labels(kinds: tuple[str, ...]) -> Mapping[str, tuple[str, str, tuple[str, str, str] | None]]:
    """Labels and titles of the value sets of these kinds, as their sorted words -> (value set, label, code)."""
    found: dict[str, tuple[str, str, tuple[str, str, str] | None]] = {}
    for concept, label, code in (*_listed(kinds), *_titles(kinds)):
        found.setdefault(" ".join(sorted(_words(label, kinds))), (concept, label, code))
    found.pop("", None)
    return found


def _listed(kinds: tuple[str, ...]) -> Iterator[tuple[str, str, tuple[str, str, str]]]:
    for concept in _concepts(kinds):
        yield from ((concept, coding[2], coding) for coding in codes.codings(concept))
    if ASSESSMENTS in kinds:
        for one in codes.code_systems()["assessment"]["concept"]:
            yield one["code"], one["display"], (codes.ASSESSMENT, one["code"], one["display"])


def _titles(kinds: tuple[str, ...]) -> Iterator[tuple[str, str, tuple[str, str, str] | None]]:
    """Of an order the code that we propose ourselves, so that a map of it serves both ways."""
    for concept in _concepts(kinds):
        proposed = orderables.CODINGS.get(concept, ())
        first = (proposed[0]["system"], proposed[0]["code"], proposed[0]["display"]) if proposed else None
        yield concept, str(codes.value_sets()[concept]["title"]), first or next(iter(codes.codings(concept)), None)


def _concepts(kinds: tuple[str, ...]) -> list[str]:
    return sorted(concept for kind in kinds for concept in KINDS[kind].concepts)


@cache
def _vocabulary(kinds: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({word for label in _labels(kinds) for word in label.split()}))


def _words(text: str, kinds: tuple[str, ...]) -> set[str]:
    tokens = set(TOKEN.findall(FURNITURE.sub(" ", text).lower()))
    for theirs, ours in _expansions(kinds):
        if theirs <= tokens:
            tokens = (tokens - theirs) | ours
    return {one for one in tokens if _is_word(one, kinds)} - SAYS_NOTHING


def _is_word(token: str, kinds: tuple[str, ...]) -> bool:
    """In an answer a number is the answer (ECOG 1); elsewhere it is a dose, a version or a part of a name."""
    return token in TURN_ROUND or (kinds == (ANSWERS,) if token.isdigit() else len(token) >= SHORTEST)


@cache
def nearest(display: str, element: str) -> Hint | None:
    """The label most like a display, in any order of words; None when none is like it, or it has words of its own.

    `element` is where the code stood ("Condition.code"): only what is read from there can be meant.
    """
    kinds = SITES if element.endswith(".bodySite") else READ_FROM.get(element, ())
    opened = re.sub(r"[()\[\]]", " ", display)  # what stands in brackets may be the half of it: Vitamin D (25-OH)
    return _nearest(_words(display, kinds), kinds) or _nearest(_words(opened, kinds), kinds)


def _nearest(words: set[str], kinds: tuple[str, ...]) -> Hint | None:
    known = _vocabulary(kinds)
    if words & set(_words_of_hospitals()["strangers"]) - set(known):
        return None
    ours = {near[0] for word in words if (near := difflib.get_close_matches(word, known, 1, SAME_WORD))}
    if not words or (len(words) - len(ours)) / len(words) >= STRANGE:
        return None
    wanted = " ".join(sorted(ours))
    turns = TURN_ROUND.intersection(words)
    alike = [label for label in _labels(kinds) if TURN_ROUND.intersection(label.split()) == turns]
    close = difflib.get_close_matches(wanted, alike, CANDIDATES, LETTERS)
    likeness, best = max(((_likeness(wanted, label), label) for label in close), default=(0.0, ""))
    if likeness < ALIKE:
        return None
    concept, label, code = _labels(kinds)[best]
    return Hint(concept, label, round(likeness, 2), code)


def _likeness(one: str, other: str) -> float:
    first, second = set(one.split()), set(other.split())
    words = 2 * len(first & second) / (len(first) + len(second))
    return (words + difflib.SequenceMatcher(None, other, one).ratio()) / 2
