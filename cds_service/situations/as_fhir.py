"""The rows of a situation's file become FHIR R4 resources, dressed as an EHR sends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fhir_mappings import codes
from fhir_mappings.units import UCUM

Row = Mapping[str, Any]
Resource = dict[str, Any]
HL7 = "http://terminology.hl7.org/CodeSystem/"
# How the files name the systems of their codes, as [system, code, display].
SYSTEMS = {
    "sct": codes.SNOMED,
    "lnc": codes.LOINC,
    "icd": codes.ICD_10_CM,
    "rxn": codes.RXNORM,
    "dcm": codes.DICOM,
    "ours": codes.ASSESSMENT,
}


def resource(key: str, row: Row, patient_id: str) -> Resource:
    """One row of the table that is named like a prefetch key. KeyError where the row lacks what its kind needs."""
    kind, build = KINDS[key]
    subject = {"subject": {"reference": f"Patient/{patient_id}"}}
    return {"resourceType": kind, "id": row["id"], **build(row), **subject}


def patient(row: Row, patient_id: str) -> Resource:
    """The Patient, whose name says that there is no such person."""
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "name": [{"use": "official", "family": row["family"], "given": [row["given"]]}],
        "gender": row["gender"],
        "birthDate": row["born"],
    }


def draft(row: Row, patient_id: str) -> Resource:
    """An order that has just been picked: a drug where it has a dose, else a service."""
    key = "medicationRequests" if "mg" in row else "serviceRequests"
    return resource(key, {"status": "draft", **row}, patient_id)


def searchset(key: str, rows: list[Row], patient_id: str) -> Resource:
    """The Bundle that answers the search of one prefetch key; FHIR has no empty arrays."""
    entries = [{"resource": resource(key, row, patient_id), "search": {"mode": "match"}} for row in rows]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(rows), **({"entry": entries} if rows else {})}


def _coding(code: list[str]) -> dict[str, str]:
    system, value, display = code
    return {"system": SYSTEMS[system], "code": value, "display": display}


def _concept(code: list[str]) -> dict[str, Any]:
    return {"coding": [_coding(code)], "text": code[2]}


def _hl7(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": HL7 + system, "code": code}]}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def _condition(row: Row) -> Resource:
    return {
        "clinicalStatus": _hl7("condition-clinical", row.get("status", "active")),
        "verificationStatus": _hl7("condition-ver-status", "confirmed"),
        "category": [_hl7("condition-category", "problem-list-item")],
        "code": _concept(row["code"]),
        **({"bodySite": [_concept(row["site"])]} if "site" in row else {}),
        "onsetDateTime": row["onset"],
        "recordedDate": row["onset"],
    }


def _laboratory(row: Row) -> Resource:
    return _observation(row, "laboratory")


def _assessment(row: Row) -> Resource:
    return _observation(row, row.get("category", "survey"))


def _observation(row: Row, category: str) -> Resource:
    limits = {name: _quantity(row[name], row["unit"]) for name in ("low", "high") if name in row}
    return {
        "status": "final",
        "category": [_hl7("observation-category", category)],
        "code": _concept(row["code"]),
        **({"bodySite": _concept(row["site"])} if "site" in row else {}),
        "effectiveDateTime": row["when"],
        **_value(row),
        **({"referenceRange": [limits]} if limits else {}),
        **({"component": [_part(*one) for one in row["parts"]]} if "parts" in row else {}),
    }


def _value(row: Row) -> Resource:
    if "unit" in row:
        return {"valueQuantity": _quantity(row["value"], row["unit"])}
    if "answer" in row:
        return {"valueCodeableConcept": _concept(row["answer"])}
    return {"valueInteger": row["value"]}


def _part(code: list[str], points: int) -> Resource:
    return {"code": _concept(code), "valueInteger": points}


def _imaging(row: Row) -> Resource:
    return {
        "status": "available",
        "started": row["when"],
        "modality": [{"system": codes.DICOM, "code": row["modality"]}],
        "procedureCode": [_concept(row["code"])],
        "description": row["code"][2],
    }


def _request(row: Row) -> Resource:
    return {"status": row.get("status", "active"), "intent": "order", "authoredOn": row["when"]}


def _service(row: Row) -> Resource:
    site = {"bodySite": [_concept(row["site"])]} if "site" in row else {}
    return {**_request(row), "code": _concept(row["code"]), **site}


def _medication(row: Row) -> Resource:
    return {**_request(row), "medicationCodeableConcept": _concept(row["code"]), "dosageInstruction": [_dosage(row)]}


def _dosage(row: Row) -> Resource:
    period = {"frequency": 1, "period": row["every"][0], "periodUnit": row["every"][1]}
    return {
        "text": row["text"],
        "timing": {"repeat": period},
        "route": _concept(row["route"]),
        "doseAndRate": [{"doseQuantity": _quantity(row["mg"], "mg")}],
    }


def _given(row: Row) -> Resource:
    return {
        "status": "completed",
        "medicationCodeableConcept": _concept(row["code"]),
        "effectiveDateTime": row["when"],
        "dosage": {"route": _concept(row["route"]), "dose": _quantity(row["mg"], "mg")},
    }


def _procedure(row: Row) -> Resource:
    site = {"bodySite": [_concept(row["site"])]} if "site" in row else {}
    status = row.get("status", "completed")
    return {"status": status, "code": _concept(row["code"]), "performedDateTime": row["when"], **site}


KINDS: Mapping[str, tuple[str, Callable[[Row], Resource]]] = {
    "conditions": ("Condition", _condition),
    "laboratory": ("Observation", _laboratory),
    "assessments": ("Observation", _assessment),
    "imaging": ("ImagingStudy", _imaging),
    "medicationRequests": ("MedicationRequest", _medication),
    "medicationAdministrations": ("MedicationAdministration", _given),
    "serviceRequests": ("ServiceRequest", _service),
    "procedures": ("Procedure", _procedure),
}
