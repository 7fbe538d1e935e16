"""Reads the FHIR data beside the project, where it is there, as one patient-view request a patient."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fhir_mappings.answers import Answer, understand
from fhir_mappings.patient_view import PREFETCH

DATA = Path(__file__).parents[3] / "shared" / "data"
KEY_OF = {"Patient": "patient"} | {
    template.partition("?")[0]: key for key, template in PREFETCH.items() if "?" in template and key != "laboratory"
}
DATES = ("recordedDate", "onsetDateTime", "effectiveDateTime", "authoredOn", "started", "performedDateTime", "issued")


@dataclass(frozen=True)
class SharedChart:
    """One patient of one folder: the request body and the last day on which anything was written."""

    folder: str
    name: str
    request: dict[str, Any]
    last_day: date

    def __str__(self) -> str:
        return f"{self.folder}/{self.name}"


def all_charts() -> list[SharedChart]:
    """Every patient of every folder; the empty list when the data is not there."""
    return [chart for folder in sorted(DATA.glob("*")) if folder.is_dir() for chart in _folder(folder)]


def answers_of(chart: SharedChart) -> dict[str, Answer]:
    """The prefetch of a chart as the service understands it."""
    return {key: understand(json.dumps(value).encode()) for key, value in chart.request["prefetch"].items()}


def _folder(folder: Path) -> Iterator[SharedChart]:
    loose: list[dict[str, Any]] = []
    for path in sorted(folder.rglob("*json*")):
        for number, text in enumerate(_texts(path)):
            try:
                resource = json.loads(text)
            except ValueError:
                continue  # damaged on purpose by its authors; the service would answer 400
            if not isinstance(resource, dict):
                continue
            if resource.get("resourceType") == "Bundle":
                yield from _patients(folder.name, f"{path.name.partition('.')[0]}-{number}", list(_entries(resource)))
            else:
                loose.append({"fullUrl": None, "resource": resource})
    yield from _patients(folder.name, "loose", loose)


def _texts(path: Path) -> Iterator[str]:
    if path.name.endswith(".ndjson.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from lines
    elif path.name.endswith(".gz"):
        yield gzip.decompress(path.read_bytes()).decode("utf-8")
    elif path.suffix == ".json":
        yield path.read_text(encoding="utf-8")


def _entries(bundle: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in bundle.get("entry", ()):
        resource = entry.get("resource", {})
        if resource.get("resourceType") == "Bundle":
            yield from _entries(resource)
        elif resource:
            yield {"fullUrl": entry.get("fullUrl"), "resource": resource}


def _patients(folder: str, name: str, entries: list[dict[str, Any]]) -> Iterator[SharedChart]:
    for entry in entries:
        patient = entry["resource"]
        if patient.get("resourceType") == "Patient" and patient.get("id"):
            names = {entry["fullUrl"], f"Patient/{patient['id']}", f"urn:uuid:{patient['id']}"} - {None}
            own = [
                e for e in entries if _subject(e["resource"]) in names or e["resource"]["resourceType"] == "Medication"
            ]
            yield SharedChart(folder, f"{name}-{patient['id']}", _request(entry, own), _last_day(own))


def _subject(resource: dict[str, Any]) -> str | None:
    subject = resource.get("subject") or resource.get("patient") or {}
    return subject.get("reference") if isinstance(subject, dict) else None


def _request(patient: dict[str, Any], own: list[dict[str, Any]]) -> dict[str, Any]:
    prefetch: dict[str, Any] = {key: {"resourceType": "Bundle", "type": "searchset", "entry": []} for key in PREFETCH}
    prefetch["patient"] = patient["resource"]
    for entry in own:
        key = KEY_OF.get(
            entry["resource"]["resourceType"],
            "medicationRequests" if entry["resource"]["resourceType"] == "Medication" else None,
        )
        if key:
            prefetch[key]["entry"].append({k: v for k, v in entry.items() if v is not None})
    if patient["fullUrl"]:
        prefetch["patient"] = {"resourceType": "Bundle", "type": "searchset", "entry": [patient]}
    return {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": patient["resource"]["id"]},
        "prefetch": prefetch,
    }


def _last_day(own: list[dict[str, Any]]) -> date:
    days = [str(e["resource"][key])[:10] for e in own for key in DATES if len(str(e["resource"].get(key, ""))) >= 10]
    return max((date.fromisoformat(day) for day in days if _is_day(day)), default=date(2026, 11, 24))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text) <= date(2026, 11, 24)
    except ValueError:
        return False
