"""The patients that specify a rule, read for its page: who they are in words, and what must be said of them.

They lie in `tests/vignettes`, where the tests run them; a wheel has them beside the rules (pyproject.toml).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from cds_service import vignette_words
from fhir_mappings import codes

AS_OF = date(2026, 11, 24)  # the day on which their patients are asked about, where a file says no other
REPOSITORY = Path(__file__).parent.parent / "tests" / "vignettes"
CONCEPTS = ("finding", "order", "medication", "procedure")  # kinds of facts that name value sets


@dataclass(frozen=True, slots=True)
class Vignette:
    """One imagined patient: `patient` and `expected` in short phrases, `value_sets` that it names."""

    name: str
    patient: tuple[str, ...]
    expected: tuple[str, ...]
    outcome: str  # recommend, cannot tell, not applicable
    value_sets: frozenset[str]

    def as_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "patient": list(self.patient),
            "outcome": self.outcome,
            "expected": list(self.expected),
        }


@cache
def of_rule(rule: str) -> tuple[Vignette, ...]:
    """The vignettes of a rule in the order of its file; none for a name that has no file."""
    file = folder() / f"{rule}.toml"
    if not file.is_file():
        return ()
    data = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    return tuple(_read(entry) for entry in data["vignette"])


def folder() -> Traversable:
    """Where the files lie: beside the rules where the package is installed, else in the repository."""
    installed = resources.files("hooks.rules") / "vignettes"
    return installed if installed.is_dir() else REPOSITORY


def _read(entry: Mapping[str, Any]) -> Vignette:
    return Vignette(
        name=entry["name"],
        patient=tuple(vignette_words.patient(entry)),
        expected=tuple(vignette_words.expected(entry)),
        outcome=entry["expect"],
        value_sets=frozenset(_concepts(entry)) & codes.value_sets().keys(),
    )


def _concepts(entry: Mapping[str, Any]) -> list[str]:
    named = [fact[kind] for fact in entry["facts"] for kind in CONCEPTS if kind in fact]
    named += [vignette_words.VALUE_SET_OF[fact["measured"]] for fact in entry["facts"] if _has_set(fact)]
    flat = [one for some in named for one in ([some] if isinstance(some, str) else some)]
    return [*flat, *entry.get("suggests", ())]


def _has_set(fact: Mapping[str, Any]) -> bool:
    return fact.get("measured") in vignette_words.VALUE_SET_OF
