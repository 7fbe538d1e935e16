"""Whose chart is open, as the record words it: so that nobody fills in a form for another patient."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from fhir_mappings.answers import Answer, Given

LONGEST = 80


class _Name(msgspec.Struct):
    use: str | None = None
    text: str | None = None
    family: str | None = None
    given: list[str] | None = None


class _Patient(msgspec.Struct):
    id: str | None = None
    birthDate: str | None = None
    gender: str | None = None
    name: list[_Name] | None = None


@dataclass(frozen=True, slots=True)
class Banner:
    name: str
    born: str
    sex: str


def read(answer: Answer, patient_id: str) -> Banner:
    """Of the Patient with this id; what cannot be read is said to be not recorded."""
    for _, raw in answer.entries if isinstance(answer, Given) else ():
        try:
            patient = msgspec.json.decode(raw, type=_Patient, strict=False)
        except (msgspec.DecodeError, RecursionError):
            continue
        if patient.id == patient_id:
            return Banner(_name(patient), _short(patient.birthDate), _short(patient.gender))
    return Banner("name not recorded", "not recorded", "not recorded")


def _name(patient: _Patient) -> str:
    names = sorted(patient.name or (), key=lambda one: one.use != "official")
    for one in names:
        said = one.text or " ".join([*(one.given or ()), one.family or ""]).strip()
        if said:
            return _short(said)
    return "name not recorded"


def _short(text: str | None) -> str:
    """One line, of a length that a banner has room for."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text or "").split())
    return f"{line[:LONGEST]}…" if len(line) > LONGEST else line or "not recorded"
