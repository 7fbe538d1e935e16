"""From which kind of record a code of ours is read: a diagnosis among the laboratory results tells us nothing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from fhir_mappings import codes
from fhir_mappings.results import GRADES

LABS, ASSESSMENTS, ANSWERS, PROBLEMS, ORDERS = "labs", "assessments", "answers", "problems", "orders"
UNREAD = "unread"
OF_OBSERVATIONS = frozenset({LABS, ASSESSMENTS, ANSWERS})
LETTERS = re.compile(r"[a-z]+")
_ALL_GRADES = frozenset(grade for grades in GRADES.values() for grade in grades)


@dataclass(frozen=True, slots=True)
class Kind:
    """`where`: the FHIR elements that are read; `words`: how systems and files of such codes are called."""

    where: str
    words: frozenset[str]
    concepts: frozenset[str]


def _load() -> Mapping[str, Kind]:
    table = tomllib.loads((resources.files("fhir_mappings") / "kinds.toml").read_text(encoding="utf-8"))
    return MappingProxyType(
        {name: Kind(one["where"], frozenset(one["words"]), frozenset(one["concepts"])) for name, one in table.items()}
    )


KINDS = _load()


def of(system: str, code: str) -> frozenset[str]:
    """The kinds of record from which a code of ours is read; empty when nothing reads it."""
    concepts = codes.concepts(system, code)
    if not concepts and system == codes.ASSESSMENT:
        return frozenset({ANSWERS if code in _ALL_GRADES else ASSESSMENTS})
    found = frozenset(name for name, kind in KINDS.items() if name != UNREAD and kind.concepts & concepts)
    return found | {ORDERS} if system == codes.HCPCS else found  # drugs that are billed as procedures


def meanings(system: str, code: str) -> frozenset[str]:
    """The value sets of a code that something reads, else all of them; an assessment without any stands for itself."""
    concepts = codes.concepts(system, code)
    return concepts - KINDS[UNREAD].concepts or concepts or frozenset({code})


def called(*names: str) -> frozenset[str]:
    """The kinds that some names speak of, such as "urn:here:lab" or "local-orders.json"."""
    words = frozenset(word for name in names for word in LETTERS.findall(name.lower()))
    return frozenset(name for name, kind in KINDS.items() if kind.words & words)


def beside(kinds: frozenset[str]) -> frozenset[str]:
    """The same, with all that stands in one observation if any of it does: what is asked and what is answered."""
    return kinds | OF_OBSERVATIONS if kinds & OF_OBSERVATIONS else kinds
