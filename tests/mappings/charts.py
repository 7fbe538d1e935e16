"""Small FHIR charts for the mapping tests: one patient, a few resources, read the way a call reads them."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from fhir_mappings import chart
from fhir_mappings import facts as mapping
from fhir_mappings.answers import Answer, understand
from fhir_mappings.chart import Chart
from hooks.facts import Facts

TODAY = date(2026, 11, 24)
ME = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-05-05"}
SUBJECT = {"reference": "Patient/p1"}
SCT, LNC, ICD = "http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"


def coded(system: str, code: str, display: str | None = None) -> dict[str, Any]:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def bundle(*resources: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources], **more}


def answer(value: Any) -> Answer:
    return understand(json.dumps(value).encode())


def read(*resources: Any, patient: Any = ME, server: str | None = None, **answers: Answer) -> Chart:
    """A chart in which every resource came under `conditions`; the key tells the reader nothing about the content."""
    given: dict[str, Answer] = {"patient": answer(patient), "conditions": answer(bundle(*resources))}
    return chart.read({**given, **answers}, "p1", server)


def facts(*resources: Any, as_of: date = TODAY, **more: Any) -> Facts:
    return mapping.facts(read(*resources, **more), as_of)


def condition(code: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": "c1", "subject": SUBJECT, "code": code, **more}


def observation(code: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {"resourceType": "Observation", "id": "o1", "status": "final", "subject": SUBJECT, "code": code}
    return {**base, "effectiveDateTime": "2026-11-20T08:00:00Z", **more}


def quantity(value: Any, unit: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit, **more}


def status(code: str, kind: str = "clinical") -> dict[str, Any]:
    return coded(f"http://terminology.hl7.org/CodeSystem/condition-{kind}", code)
