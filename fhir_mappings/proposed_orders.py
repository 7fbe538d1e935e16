"""Proposed orders become FHIR R4 requests: drafts, proposals, checked by fhir.resources before they leave."""

from __future__ import annotations

import re

from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import ValidationError

from fhir_mappings import codes
from fhir_mappings.local_codes import NONE, LocalCodes
from fhir_mappings.orderables import CODINGS, name
from fhir_mappings.units import UCUM
from hooks.outcomes import Dose, ProposedOrder

ROUTES = {"intravenous": "route_intravenous", "subcutaneous": "route_subcutaneous"}
REASON = re.compile(r"(Condition|Observation)/[A-Za-z0-9\-.]{1,64}")
MOST_REASONS = 10


def to_fhir(order: ProposedOrder, patient_id: str, local: LocalCodes = NONE) -> dict[str, object] | None:
    """A ServiceRequest, or with a dose a MedicationRequest, as FHIR JSON; None when it would not be valid FHIR.

    The site's own codes for the same thing stand first: some EHRs place an order by these alone.
    """
    code = _concept(order, local)
    resource = _medication(order, order.dose, code, patient_id) if order.dose else _service(order, code, patient_id)
    model = MedicationRequest if order.dose else ServiceRequest
    try:
        model.model_validate(resource)
    except ValidationError:
        return None
    return resource


def _service(order: ProposedOrder, code: dict[str, object], patient_id: str) -> dict[str, object]:
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "priority": order.priority,
        "code": code,
        "subject": {"reference": f"Patient/{patient_id}"},
        **_reasons(order),
    }


def _medication(order: ProposedOrder, dose: Dose, code: dict[str, object], patient_id: str) -> dict[str, object]:
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "proposal",
        "priority": order.priority,
        "medicationCodeableConcept": code,
        "subject": {"reference": f"Patient/{patient_id}"},
        **_reasons(order),
        "dosageInstruction": [_dosage(order.text, dose)],
    }


def _concept(order: ProposedOrder, local: LocalCodes) -> dict[str, object]:
    milligrams = order.dose.milligrams if order.dose else None
    theirs = [
        {"system": one.system, "code": one.code} | ({"display": one.display} if one.display else {})
        for one in local.orders.get(order.concept, ())
        if one.fits(milligrams)
    ]
    return {"coding": [*theirs, *(dict(coding) for coding in CODINGS[order.concept])], "text": name(order.concept)}


def _reasons(order: ProposedOrder) -> dict[str, object]:
    """The conditions and observations that the order rests on; R4 lets a reason be nothing else."""
    sendable = [reason for reason in dict.fromkeys(order.reasons) if REASON.fullmatch(reason)][:MOST_REASONS]
    return {"reasonReference": [{"reference": reason} for reason in sendable]} if sendable else {}


def _dosage(text: str, dose: Dose) -> dict[str, object]:
    system, code, display = codes.codings(ROUTES[dose.route])[0]
    given: dict[str, object] = {
        "doseQuantity": {"value": float(dose.milligrams), "unit": "mg", "system": UCUM, "code": "mg"},
    }
    repeat: dict[str, object] = {}
    if dose.every_weeks:
        repeat |= {"frequency": 1, "period": dose.every_weeks, "periodUnit": "wk"}
    if dose.every_weeks and dose.over_minutes:
        repeat |= {"duration": dose.over_minutes, "durationUnit": "min"}
    return {
        "text": text,
        **({"timing": {"repeat": repeat}} if repeat else {}),
        "route": {"coding": [{"system": system, "code": code, "display": display}]},
        "doseAndRate": [given],
    }
