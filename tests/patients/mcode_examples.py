"""Reads the mCODE examples beside the project, where they are there, and tells what the mapping makes of each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from fhir_mappings import chart
from fhir_mappings import facts as mapping
from fhir_mappings.answers import Answer, understand
from fhir_mappings.relevance import LeftOut
from hooks.facts import Fact, Irradiated, When

DATA = Path(__file__).parents[3] / "shared" / "data"
GUIDE, TRIALS = DATA / "mcode-ig-4.0.0", DATA / "mcode-trial-matching"
TODAY = date(2026, 11, 24)
UNSAID = ("source", "label", "elsewhere")  # the row's own name, the record's words, and what tests of sites tell
NOTHING = "kept, but says nothing that a rule reads"
Resource = dict[str, Any]


def guide() -> dict[str, list[str]]:
    """File -> what it became, for every file of the guide that is of a type that we read and speaks of a patient."""
    resources = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(GUIDE.glob("*.json"))]
    told: dict[str, list[str]] = {}
    for patient in (one for one in resources if one["resourceType"] == "Patient"):
        own = [one for one in resources if _subject(one) == f"Patient/{patient['id']}"]
        told |= _told(patient, [{"resource": one} for one in own])
    return told


def bundles(folder: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Bundle -> its resources -> what they became, for each Bundle of a folder that has a patient."""
    for path in sorted(folder.glob("*.json")):
        entries = list(_entries(json.loads(path.read_text(encoding="utf-8"))))
        patients = [one["resource"] for one in entries if one["resource"]["resourceType"] == "Patient"]
        if patients:
            yield path.stem, _told(patients[0], entries)


def _entries(bundle: Resource) -> Iterator[Resource]:
    for entry in bundle.get("entry", ()):
        if entry.get("resource", {}).get("resourceType") == "Bundle":
            yield from _entries(entry["resource"])
        elif "resource" in entry:
            yield {key: entry[key] for key in ("fullUrl", "resource") if key in entry}


def _subject(resource: Resource) -> str | None:
    named = resource.get("subject") or resource.get("patient") or {}
    return named.get("reference") if isinstance(named, dict) else None


def _told(patient: Resource, entries: list[Resource]) -> dict[str, list[str]]:
    answers: dict[str, Answer] = {
        "patient": understand(json.dumps(patient).encode()),
        "conditions": understand(json.dumps({"resourceType": "Bundle", "entry": entries}).encode()),
    }
    known = mapping.facts(chart.read(answers, patient["id"]), TODAY)
    told: dict[str, list[str]] = {}
    for reference, _, verdict in chart.judged(answers, patient["id"]):
        told[reference] = [f"left out: {verdict.reason}"] if isinstance(verdict, LeftOut) else [NOTHING]
    for line in known.unreadable:
        reference, _, reason = line.partition(": ")
        told[reference] = [f"refused: {reason}"]
    for fact in known.all():
        told[fact.source] = [*(one for one in told[fact.source] if one != NOTHING), words(fact)]
    told[f"Patient/{patient['id']}"] = [words(known.patient)]
    return told


def words(fact: Fact | Any) -> str:
    """Every field of a fact that is not at its default, by name, but for UNSAID."""
    said = [
        f"{field.name} {_word(value)}"
        for field in dataclasses.fields(fact)
        if field.name not in UNSAID and (value := getattr(fact, field.name)) != field.default
    ]
    return f"{type(fact).__name__}: {'; '.join(said)}"


def _word(value: Any) -> str:
    if isinstance(value, When):
        return value.text
    if isinstance(value, Irradiated):
        place = "+".join(sorted(value.levels)) or value.label
        return f"{value.dose_cgy:f} cGy in {value.fractions} to {place}"
    if isinstance(value, frozenset):
        return "+".join(sorted(value))
    if isinstance(value, tuple):
        return ", ".join(_word(one) for one in value)
    return f"{value}"
