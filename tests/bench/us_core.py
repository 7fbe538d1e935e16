"""One FHIR R4 resource at a time, dressed as an EHR sends it: several codings, narrative, extensions, units, series.

Every builder takes the random source first and returns JSON as dicts. Nothing here knows what the service reads.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from tests.bench.concepts import SYSTEMS, Concept

BASE = "https://ehr.example.org/fhir"
PROFILE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
UCUM = "http://unitsofmeasure.org"
PATIENT = "bench-patient"
SUBJECT = {"reference": f"Patient/{PATIENT}", "display": "Beispiel, Berta"}

Resource = dict[str, Any]


def concept(of: Concept) -> Resource:
    """Two or three codings for one idea: the standard ones, and the hospital's own as it stands in its master file."""
    coding = [_coding(*one) for one in of.codings]
    own = {"system": f"{SYSTEMS['local']}/{of.kind}", "code": f"{of.kind[:3].upper()}{of.codings[0][1]}"}
    return {"coding": [*coding, {**own, "display": of.name, "userSelected": False}], "text": of.name}


def observation(rng: Random, name: str, of: Concept, day: date, value: float | None = None, **more: Any) -> Resource:
    """A result within its reference range, or the one given; of a panel, its parts."""
    written = _instant(rng, day)
    base = _dressed(rng, "Observation", name, "observation-lab" if of.kind == "laboratory" else "vital-signs", of, day)
    base |= {
        "status": "final",
        "category": [_one(f"{TERMINOLOGY}observation-category", of.kind.replace("vital", "vital-signs"))],
        "code": concept(of),
        "subject": SUBJECT,
        "encounter": {"reference": f"Encounter/visit-{rng.randrange(400)}"},
        "effectiveDateTime": written,
        "issued": written,
        "performer": [{"reference": "Organization/lab-1", "display": "Clinical Laboratory, Main Campus"}],
    }
    if rng.random() < 0.1:
        base["_effectiveDateTime"] = {"extension": [{"url": f"{BASE}/StructureDefinition/clock", "valueCode": "LIS"}]}
    if of.unit:
        base |= _result(rng, of, value)
    if of.parts:
        base["component"] = [{"code": concept(part), **_quantity_of(rng, part)} for part in of.parts]
    if rng.random() < 0.15:
        base["note"] = [{"text": "Specimen received in good condition. Result verified by the laboratory on duty."}]
    return base | more


def condition(rng: Random, name: str, of: Concept, onset: date, **more: Any) -> Resource:
    return {
        **_dressed(rng, "Condition", name, "condition-problems-health-concerns", of, onset),
        "clinicalStatus": _one(f"{TERMINOLOGY}condition-clinical", "active"),
        "verificationStatus": _one(f"{TERMINOLOGY}condition-ver-status", "confirmed"),
        "category": [_one(f"{TERMINOLOGY}condition-category", "problem-list-item")],
        "severity": _one(SYSTEMS["sct"], "6736007", "Moderate (severity modifier)"),
        "code": concept(of),
        "subject": SUBJECT,
        "onsetDateTime": onset.isoformat(),
        "recordedDate": onset.isoformat(),
        "recorder": {"reference": f"Practitioner/{rng.randrange(90)}", "display": "Doctor, Diana"},
        **more,
    }


def medication(rng: Random, name: str, of: Concept, day: date, **more: Any) -> Resource:
    return {
        **_dressed(rng, "MedicationRequest", name, "medicationrequest", of, day),
        "status": "active",
        "intent": "order",
        "category": [_one(f"{TERMINOLOGY}medicationrequest-category", "outpatient")],
        "medicationCodeableConcept": concept(of),
        "subject": SUBJECT,
        "authoredOn": day.isoformat(),
        "requester": {"reference": f"Practitioner/{rng.randrange(90)}", "display": "Doctor, Diana"},
        "dosageInstruction": [_dosage("Take one tablet by mouth daily", 1, "{tbl}", {"periodUnit": "d", "period": 1})],
        "dispenseRequest": {"numberOfRepeatsAllowed": 3, "quantity": _quantity(90, "{tbl}")},
        **more,
    }


def procedure(rng: Random, name: str, of: Concept, day: date, **more: Any) -> Resource:
    return {
        **_dressed(rng, "Procedure", name, "procedure", of, day),
        "status": "completed",
        "category": _one(SYSTEMS["sct"], "103693007", "Diagnostic procedure"),
        "code": concept(of),
        "subject": SUBJECT,
        "performedPeriod": {"start": _instant(rng, day), "end": _instant(rng, day + timedelta(days=1))},
        "performer": [{"actor": {"reference": f"Practitioner/{rng.randrange(90)}", "display": "Doctor, Diana"}}],
        "location": {"reference": "Location/day-clinic", "display": "Day clinic"},
        **more,
    }


def service(rng: Random, name: str, of: Concept, day: date, **more: Any) -> Resource:
    return {
        **_dressed(rng, "ServiceRequest", name, "servicerequest", of, day),
        "status": "completed",
        "intent": "order",
        "category": [_one(SYSTEMS["sct"], "108252007", "Laboratory procedure")],
        "priority": "routine",
        "code": concept(of),
        "subject": SUBJECT,
        "occurrenceDateTime": day.isoformat(),
        "authoredOn": day.isoformat(),
        "requester": {"reference": f"Practitioner/{rng.randrange(90)}", "display": "Doctor, Diana"},
        **more,
    }


def imaging(rng: Random, name: str, of: Concept, day: date, **more: Any) -> Resource:
    """A study with two to four DICOM series."""
    modality = {"system": SYSTEMS["dcm"], "code": of.modality}
    root, started = f"1.2.840.99999.{rng.randrange(10**9)}", _instant(rng, day)
    series = [
        {
            "uid": f"{root}.{number}",
            "number": number,
            "modality": modality,
            "description": f"{of.name} series {number}",
            "numberOfInstances": rng.randrange(1, 400),
            "started": started,
            "instance": [{"uid": f"{root}.{number}.1", "sopClass": {"system": "urn:ietf:rfc:3986", "code": _CT_CLASS}}],
        }
        for number in range(1, rng.randrange(3, 6))
    ]
    return {
        **_dressed(rng, "ImagingStudy", name, "imagingstudy", of, day),
        "status": "available",
        "modality": [modality],
        "subject": SUBJECT,
        "started": started,
        "numberOfSeries": len(series),
        "procedureCode": [concept(of)],
        "description": of.name,
        "series": series,
        **more,
    }


_CT_CLASS = "urn:oid:1.2.840.10008.5.1.4.1.1.2"


def patient(rng: Random, born: date) -> Resource:
    return {
        "resourceType": "Patient",
        "id": PATIENT,
        "meta": {"versionId": "7", "profile": [f"{PROFILE}patient"]},
        "extension": [{"url": f"{PROFILE}birthsex", "valueCode": "F"}],
        "identifier": [{"system": "urn:oid:1.2.36.146.595.217.0.1", "value": str(rng.randrange(10**7))}],
        "name": [{"use": "official", "family": "Beispiel", "given": ["Berta"]}],
        "telecom": [{"system": "phone", "value": "555-0100", "use": "home"}],
        "gender": "female",
        "birthDate": born.isoformat(),
        "address": [{"line": ["1 Example Road"], "city": "Anytown", "postalCode": "00000"}],
    }


def _dressed(rng: Random, kind: str, name: str, profile: str, of: Concept, day: date) -> Resource:
    """What every resource carries before its content: versions, a narrative on some, identifiers, an extension."""
    base: Resource = {
        "resourceType": kind,
        "id": name,
        "meta": {
            "versionId": str(rng.randrange(1, 5)),
            "lastUpdated": _instant(rng, day),
            "source": f"urn:uuid:{rng.getrandbits(64):016x}",
            "profile": [f"{PROFILE}{profile}"],
        },
    }
    if rng.random() < 0.6:
        base["text"] = {"status": "generated", "div": _narrative(rng, kind, of, day)}
    base["extension"] = [
        {"url": f"{BASE}/StructureDefinition/source-system", "valueString": rng.choice(("LIS", "RIS", "CPOE", "ADT"))}
    ]
    base["identifier"] = [{"system": f"{BASE}/identifiers/{kind.lower()}", "value": f"{rng.getrandbits(48):012x}"}]
    return base


def _narrative(rng: Random, kind: str, of: Concept, day: date) -> str:
    rows = "".join(
        f"<tr><td>{system}</td><td>{code}</td><td>{display}</td></tr>" for system, code, display in of.codings
    )
    told = "Reviewed with the patient. " * rng.randrange(2, 9)
    return (
        f'<div xmlns="http://www.w3.org/1999/xhtml"><p><b>Generated Narrative: {kind}</b></p><p>{of.name}, '
        f"{day.isoformat()}</p><table><tr><th>System</th><th>Code</th><th>Display</th></tr>{rows}</table><p>{told}</p></div>"
    )


def _result(rng: Random, of: Concept, value: float | None) -> Resource:
    limits = {"low": _quantity(of.low, of.unit), "high": _quantity(of.high, of.unit)}
    said = _quantity_of(rng, of) if value is None else {"valueQuantity": _quantity(value, of.unit)}
    return {
        **said,
        "interpretation": [_one(f"{TERMINOLOGY}v3-ObservationInterpretation", "N", "Normal")],
        "referenceRange": [{**limits, "text": f"{of.low} - {of.high} {of.unit}"}],
    }


def _quantity_of(rng: Random, of: Concept) -> Resource:
    return {"valueQuantity": _quantity(round(rng.uniform(of.low, of.high), 1), of.unit)}


def _quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def _dosage(text: str, amount: float, unit: str, repeat: Resource) -> Resource:
    return {
        "text": text,
        "timing": {"repeat": {"frequency": 1, **repeat}},
        "route": _one(SYSTEMS["sct"], "26643006", "Oral route"),
        "doseAndRate": [{"doseQuantity": _quantity(amount, unit)}],
    }


def _one(system: str, code: str, display: str = "") -> Resource:
    return {"coding": [_coding(system, code, display)]}


def _coding(system: str, code: str, display: str) -> Resource:
    coding = {"system": SYSTEMS.get(system, system), "code": code}
    return {**coding, "display": display} if display else coding


def _instant(rng: Random, day: date) -> str:
    return f"{day.isoformat()}T{rng.randrange(7, 17):02}:{rng.randrange(60):02}:00+01:00"
