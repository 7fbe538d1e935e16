"""Whole patients as an EHR would send them, and the cards that come back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from cds_service.cli import evaluate
from cds_service.tenants import load_tenant
from fhir_mappings.patient_view import PREFETCH
from tests.mappings.charts import SUBJECT, bundle, coded, condition, observation, quantity

TODAY = date(2026, 11, 24)
SCT, LNC, ICD = "http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"
RXN, OURS = "http://www.nlm.nih.gov/research/umls/rxnorm", "urn:spine-cds:assessment"
TENANT = load_tenant(None)
KEYS = {
    "Condition": "conditions",
    "Observation": "laboratory",
    "ImagingStudy": "imaging",
    "MedicationRequest": "medicationRequests",
    "MedicationAdministration": "medicationAdministrations",
    "ServiceRequest": "serviceRequests",
    "Procedure": "procedures",
}


@dataclass(frozen=True)
class Answer:
    """The cards and every rule's outcome, as `cds-service evaluate --format json` gives them."""

    cards: list[dict[str, Any]]
    rules: dict[str, dict[str, Any]]

    def card(self, rule: str) -> dict[str, Any] | None:
        """The card on which a rule speaks (being cut or asked for on the closing card does not count)."""
        for card in self.cards:
            for entry in card.get("extension", {}).get("org.spine-cds.rules", ()):
                if entry["rule"] == rule and self.rules[rule]["outcome"] == "recommend" and not entry.get("cut"):
                    return card
        return None

    def offered(self) -> list[str]:
        """Every code that any card offers to order."""
        return [
            coding["code"]
            for card in self.cards
            for suggestion in card.get("suggestions", ())
            for action in suggestion["actions"]
            for coding in (
                action.get("resource", {}).get("code")
                or action.get("resource", {}).get("medicationCodeableConcept")
                or {}
            ).get("coding", ())
        ]

    @property
    def text(self) -> str:
        return "\n".join(f"{card['summary']}\n{card['detail']}" for card in self.cards)


def opened(*resources: dict[str, Any], **options: Any) -> Answer:
    """The chart is opened."""
    return _answer(opening_request(*resources, **options))


def signing(*drafts: dict[str, Any], record: tuple[dict[str, Any], ...] = (), **options: Any) -> Answer:
    """The drafts are about to be signed."""
    return _answer(signing_request(*drafts, record=record, **options))


def _answer(request: dict[str, Any]) -> Answer:
    answered = evaluate(json.dumps(request).encode(), TENANT, TODAY)
    return Answer(answered.cards, {str(one.rule): one.as_dict() for one in answered.decisions})


def opening_request(*resources: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The body of patient-view."""
    return _request({"hook": "patient-view", "context": {}}, resources, **options)


def signing_request(*drafts: dict[str, Any], record: tuple[dict[str, Any], ...] = (), **options: Any) -> dict[str, Any]:
    """The body of order-sign."""
    entries = [{"resource": draft} for draft in drafts]
    context = {"draftOrders": {"resourceType": "Bundle", "entry": entries}}
    return _request({"hook": "order-sign", "context": context}, record, **options)


def _request(
    call: dict[str, Any],
    resources: tuple[dict[str, Any], ...],
    *,
    without: tuple[str, ...] = (),
    age: int = 64,
    sex: str = "female",
) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {key: [] for key in PREFETCH if key != "patient"}
    for resource in resources:
        found[KEYS[resource["resourceType"]]].append(resource)
    prefetch: dict[str, Any] = {key: bundle(*entries) for key, entries in found.items() if key not in without}
    prefetch["patient"] = {
        "resourceType": "Patient",
        "id": "p1",
        "gender": sex,
        "birthDate": f"{TODAY.year - age}-01-01",
    }
    return {
        **call,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "prefetch": prefetch,
        "context": {"userId": "Practitioner/1", "patientId": "p1", **call["context"]},
    }


def problem(name: str, system: str, code: str, onset: str | None = None, **more: Any) -> dict[str, Any]:
    dated = {"onsetDateTime": onset} if onset else {}
    return condition(coded(system, code), id=name, **dated, **more)


def lab(name: str, code: str, value: Any, unit: str, when: str = "2026-11-18", **limits: float) -> dict[str, Any]:
    ranges = {key: quantity(limit, unit) for key, limit in limits.items()}
    more = {"referenceRange": [ranges]} if ranges else {}
    return observation(coded(LNC, code), id=name, valueQuantity=quantity(value, unit), effectiveDateTime=when, **more)


def score(name: str, code: str, when: str = "2026-11-20", **more: Any) -> dict[str, Any]:
    return observation(coded(OURS, code), id=name, effectiveDateTime=when, **more)


def imaging(name: str, started: str, code: str = "42698-1") -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy",
        "id": name,
        "status": "available",
        "subject": SUBJECT,
        "started": started,
        "modality": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "MR"}],
        "procedureCode": [coded(LNC, code)],
    }


def service(name: str, system: str, code: str, status: str = "active", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": name,
        "status": status,
        "intent": "order",
        "subject": SUBJECT,
        "code": coded(system, code),
        **more,
    }


def drug(name: str, code: str, milligrams: float | None = None, status: str = "active", **more: Any) -> dict[str, Any]:
    dose = (
        {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": quantity(milligrams, "mg")}]}]} if milligrams else {}
    )
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": status,
        "intent": "order",
        "subject": SUBJECT,
        "medicationCodeableConcept": coded(RXN, code),
        **dose,
        **more,
    }


def given(name: str, code: str, milligrams: float, when: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationAdministration",
        "id": name,
        "status": "completed",
        "subject": SUBJECT,
        "medicationCodeableConcept": coded(RXN, code),
        "effectiveDateTime": when,
        "dosage": {"dose": quantity(milligrams, "mg")},
    }


def done(name: str, code: str, when: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Procedure",
        "id": name,
        "status": "completed",
        "subject": SUBJECT,
        "code": coded(SCT, code),
        "performedDateTime": when,
        **more,
    }
