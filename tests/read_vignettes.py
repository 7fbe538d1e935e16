"""Reads tests/vignettes/*.toml: facts in clinical words, without any FHIR, and what the rule must say of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from cds_service import vignette_words
from fhir_mappings import dates
from hooks.facts import (
    Assessment,
    Fact,
    Facts,
    Finding,
    Imaging,
    Irradiated,
    Measurement,
    Medication,
    Order,
    Patient,
    Procedure,
)

FOLDER = Path(__file__).parent / "vignettes"
AS_OF = date(2026, 11, 24)
KEYS = {
    "name",
    "patient",
    "facts",
    "unavailable",
    "incomplete",
    "expect",
    "indicator",
    "suggests",
    "removes",
    "says",
    "never_says",
    "missing",
    "why",
    "threshold",
    "side",
    "as_of",
}


@dataclass(frozen=True)
class Vignette:
    """One imagined patient and the answer that a clinician would sign."""

    rule: str
    name: str
    facts: Facts
    expect: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.rule}: {self.name}"


def files() -> list[Path]:
    return sorted(FOLDER.glob("*.toml"))


def all_vignettes() -> list[Vignette]:
    return [vignette for path in files() for vignette in of_file(path)]


def of_file(path: Path) -> Iterator[Vignette]:
    data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    assert set(data) == {"vignette"}, f"{path.name}: only [[vignette]] entries"
    for entry in data["vignette"]:
        unknown = set(entry) - KEYS
        assert not unknown, f"{path.name}: {entry.get('name')}: unknown keys {unknown}"
        yield Vignette(path.stem, entry["name"], _facts(entry), entry)


def _facts(entry: dict[str, Any]) -> Facts:
    """Facts in the order of the file; each gets a reference of its own unless it names one with `source`."""
    known: dict[type, list[Any]] = {}
    for number, words in enumerate(entry.get("facts", ()), 1):
        fact = _fact(dict(words), number)
        known.setdefault(type(fact), []).append(fact)
    patient = vignette_words.person(entry)
    return Facts(
        as_of=entry.get("as_of", AS_OF),
        patient=Patient("Patient/1", patient.get("age"), patient.get("sex"), patient.get("deceased", False)),
        findings=_newest(known.get(Finding, [])),
        measurements=_newest(known.get(Measurement, [])),
        assessments=_newest(known.get(Assessment, [])),
        imaging=_newest(known.get(Imaging, [])),
        orders=_newest(known.get(Order, [])),
        medications=_newest(known.get(Medication, [])),
        procedures=_newest(known.get(Procedure, [])),
        unavailable=tuple(entry.get("unavailable", ())),
        incomplete=tuple(entry.get("incomplete", ())),
    )


def _newest(facts: list[Any]) -> tuple[Any, ...]:
    return tuple(sorted(facts, key=lambda f: f.when.latest if f.when else date.min, reverse=True))


def _fact(words: dict[str, Any], number: int) -> Fact:
    kind = next(k for k in BUILDERS if k in words)
    source = words.pop("source", None)
    subject = words.pop(kind)
    fact, left = BUILDERS[kind](subject, words, source or f"{RESOURCES[kind]}/{number}")
    assert not left, f"unknown words {sorted(left)} of {kind}"
    return fact


def _concepts(subject: str | list[str]) -> frozenset[str]:
    return frozenset([subject] if isinstance(subject, str) else subject)


def _finding(subject: Any, words: dict[str, Any], source: str) -> tuple[Fact, dict[str, Any]]:
    return Finding(
        source,
        _concepts(subject),
        words.pop("label", ""),
        dates.when(words.pop("onset", None)),
        dates.when(words.pop("recorded", None)),
        words.pop("status", "active"),
        words.pop("certain", True),
        frozenset(words.pop("levels", ())),
    ), words


def _measurement(subject: Any, words: dict[str, Any], source: str) -> tuple[Fact, dict[str, Any]]:
    low, high = words.pop("low", None), words.pop("high", None)
    return Measurement(
        source,
        subject,
        Decimal(str(words.pop("value"))),
        dates.when(words.pop("when", None)),
        None if low is None else Decimal(str(low)),
        None if high is None else Decimal(str(high)),
        bound=words.pop("bound", ""),
    ), words


def _assessment(subject: Any, words: dict[str, Any], source: str) -> tuple[Fact, dict[str, Any]]:
    value = words.pop("value", None)
    return Assessment(
        source,
        subject,
        None if value is None else str(value),
        dates.when(words.pop("when", None)),
        words.pop("level", None),
        tuple(words.pop("items", {}).items()),
    ), words


def _imaging(subject: Any, words: dict[str, Any], source: str) -> tuple[Fact, dict[str, Any]]:
    return Imaging(source, subject, frozenset(words.pop("regions", ())), dates.when(words.pop("when", None))), words


def _order(subject: Any, words: dict[str, Any], source: str) -> tuple[Fact, dict[str, Any]]:
    draft = words.pop("draft", False)
    return Order(
        source,
        _concepts(subject),
        words.pop("status", "draft" if draft else "active"),
        dates.when(words.pop("when", None)),
        "",
        draft,
        words.pop("selected", draft),
        frozenset(words.pop("levels", ())),
        words.pop("elsewhere", False),
    ), words


def _medication(subject: Any, words: dict[str, Any], source: str) -> tuple[Fact, dict[str, Any]]:
    draft, dose, kind = words.pop("draft", False), words.pop("mg", None), words.pop("kind", "order")
    status = words.pop("status", "draft" if draft else "completed" if kind == "given" else "active")
    return Medication(
        source,
        _concepts(subject),
        status,
        kind,
        None if dose is None else Decimal(str(dose)),
        dates.when(words.pop("when", None)),
        "",
        draft,
        words.pop("selected", draft),
        words.pop("every_weeks", None),
        words.pop("interval_unread", False),
    ), words


def _procedure(subject: Any, words: dict[str, Any], source: str) -> tuple[Fact, dict[str, Any]]:
    return Procedure(
        source,
        _concepts(subject),
        words.pop("status", "completed"),
        dates.when(words.pop("when", None)),
        "",
        frozenset(words.pop("levels", ())),
        tuple(
            Irradiated(Decimal(str(one["gray"])) * 100, one.get("fractions"), frozenset(one.get("levels", ())))
            for one in words.pop("doses", ())
        ),
        elsewhere=words.pop("elsewhere", False),
    ), words


BUILDERS = {
    "finding": _finding,
    "measured": _measurement,
    "assessed": _assessment,
    "imaging": _imaging,
    "order": _order,
    "medication": _medication,
    "procedure": _procedure,
}
RESOURCES = {
    "finding": "Condition",
    "measured": "Observation",
    "assessed": "Observation",
    "imaging": "ImagingStudy",
    "order": "ServiceRequest",
    "medication": "MedicationRequest",
    "procedure": "Procedure",
}
