"""Assessments that a clinician has filled in become FHIR R4 Observations, checked before they leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir.resources.R4B.observation import Observation
from pydantic import ValidationError

from fhir_mappings import codes
from fhir_mappings.units import UCUM
from hooks.scores import sins

SUBMISSION = "urn:spine-cds:submission"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
SINS = "sins"
GRADES = ("escc", "frankel", "ais")
PERFORMANCE = ("ecog", "kps")  # as mCODE profiles them
MONTHS = "mo"
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filled:
    """One assessment to be recorded: a whole number, a grade of ours, or months, on a day.

    `value` is None for a SINS whose items are not all known: then they are recorded without a total. `items` are
    the points of a score's items by name; `level` is a vertebra such as "T5", None for the whole patient.
    """

    name: str
    value: int | str | Decimal | None
    level: str | None = None
    items: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Grade:
    """One answer of a graded examination, as the published code system says it."""

    code: str
    display: str
    definition: str


class NotValid(Exception):
    """The resource would not be valid FHIR: nothing is sent."""


def observation(filled: Filled, patient: str, performer: str, effective: str, identifier: str) -> Resource:
    """A final Observation of contract §6. `performer` is a reference or empty. Raises NotValid."""
    resource: Resource = {
        "resourceType": "Observation",
        "identifier": [{"system": SUBMISSION, "value": identifier}],
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, **_category(filled.name)}]}],
        "code": _concept(filled.name),
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": effective,
        **({"performer": [{"reference": performer}]} if performer else {}),
        **_value(filled),
        **({"bodySite": site(filled.level)} if filled.level else {}),
    }
    if filled.name == SINS:  # the one whose items have codes of their own
        resource["component"] = [
            {"code": _concept(f"{filled.name}-{item}"), "valueInteger": points} for item, points in filled.items
        ]
    try:
        Observation.model_validate(resource)
    except ValidationError:
        raise NotValid(filled.name) from None
    return resource


def _category(name: str) -> Resource:
    """Performance status is a survey in mCODE; what we name ourselves is found by an examination."""
    return {"code": "survey", "display": "Survey"} if name in PERFORMANCE else {"code": "exam", "display": "Exam"}


def _value(filled: Filled) -> Resource:
    if filled.name in PERFORMANCE:
        return {"valueInteger": filled.value, "interpretation": [_answer(filled)]}
    if filled.value is None:
        return {}
    if isinstance(filled.value, str):
        return {"valueCodeableConcept": _concept(filled.value)}
    if isinstance(filled.value, Decimal):
        whole = filled.value == filled.value.to_integral_value()
        number = int(filled.value) if whole else float(filled.value)
        return {"valueQuantity": {"value": number, "unit": "months", "system": UCUM, "code": MONTHS}}
    return {"valueInteger": filled.value}


def _answer(filled: Filled) -> Resource:
    """The LOINC answer of a performance status, which mCODE puts beside the number."""
    for system, code, display in codes.codings(f"{filled.name}_answer"):
        if codes.score(system, code) == filled.value:
            return {"coding": [{"system": system, "code": code, "display": display}], "text": display}
    raise NotValid(filled.name)


def _concept(code: str) -> Resource:
    if code in PERFORMANCE:
        ((system, loinc, words),) = codes.codings(f"{code}_score")
        return {"coding": [{"system": system, "code": loinc, "display": words}], "text": words}
    display = codes.label(codes.ASSESSMENT, code)
    if display is None:
        raise NotValid(code)
    return {"coding": [{"system": codes.ASSESSMENT, "code": code, "display": display}], "text": display}


def site(level: str) -> Resource:
    """A vertebra as the mapping reads it back. KeyError for a level that has no code."""
    system, code, display = _SITES[level]
    return {"coding": [{"system": system, "code": code, "display": display}], "text": level}


def levels() -> tuple[str, ...]:
    """The vertebrae that have a code, from the head down."""
    return tuple(_SITES)


def grades(name: str) -> tuple[Grade, ...]:
    """The answers of a graded examination, in the order of the published code system."""
    return tuple(Grade(one["code"], one["display"], one["definition"]) for one in _CONCEPTS[name]["concept"])


def _sites() -> Iterator[tuple[str, tuple[str, str, str]]]:
    for system, code, display in codes.codings("site_occiput"):
        yield sins.OCCIPUT, (system, code, display)
    for system, code, display in codes.codings("site_vertebra"):
        level = codes.level(system, code)
        if system == codes.SNOMED and level:
            yield level, (system, code, display)


def _order(level: str) -> tuple[int, int]:
    return (0, 0) if level == sins.OCCIPUT else ("CTLS".index(level[0]) + 1, int(level[1:]))


_SITES: Mapping[str, tuple[str, str, str]] = dict(sorted(_sites(), key=lambda one: _order(one[0])))
_CONCEPTS: Mapping[str, Resource] = {one["code"]: one for one in codes.code_systems()["assessment"]["concept"]}
