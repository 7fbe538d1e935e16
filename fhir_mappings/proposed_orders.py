"""Proposed orders become FHIR R4 requests: drafts, proposals, of a shape that fhir.resources has found valid."""

from __future__ import annotations

import re
from functools import lru_cache

from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import ValidationError

from fhir_mappings import codes
from fhir_mappings.local_codes import NONE, LocalCodes, OrderCode
from fhir_mappings.orderables import CODINGS, name
from fhir_mappings.units import UCUM
from hooks.outcomes import Dose, ProposedOrder

ROUTES = {"intravenous": "route_intravenous", "subcutaneous": "route_subcutaneous"}
REASON = re.compile(r"(Condition|Observation)/[A-Za-z0-9\-.]{1,64}")
PATIENT_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
MOST_REASONS = 10
SHAPES = 1000  # of orders that are remembered as valid: by concept, priority, dose and the site's codes
STAND_IN = {"reference": "Condition/1"}


def to_fhir(order: ProposedOrder, patient_id: str, local: LocalCodes = NONE) -> dict[str, object] | None:
    """A ServiceRequest, or with a dose a MedicationRequest, as FHIR JSON; None when it would not be valid FHIR.

    The site's own codes for the same thing stand first: some EHRs place an order by these alone.
    """
    text = order.text if order.dose else ""  # else it stands beside the order, not in it
    shape = _shape(order.concept, order.priority, text, order.dose, local.orders.get(order.concept, ()))
    if shape is None or not PATIENT_ID.fullmatch(patient_id):
        return None
    return {**shape, "subject": {"reference": f"Patient/{patient_id}"}, **_reasons(order)}


@lru_cache(maxsize=SHAPES)
def _shape(
    concept: str, priority: str, text: str, dose: Dose | None, theirs: tuple[OrderCode, ...]
) -> dict[str, object] | None:
    """All of an order but whom it is for and what it rests on; None where it would not be valid FHIR.

    Made and checked once for each, of which there are few: checking takes longer than parsing a small chart. They name
    no patient; what a record has a part in is the number of weeks between two doses. What is added is references, whose
    form is checked each time. Its parts stand in every answer: nobody may change them.
    """
    shape: dict[str, object] = {"resourceType": "ServiceRequest" if dose is None else "MedicationRequest"}
    shape |= {"status": "draft", "intent": "proposal", "priority": priority}
    code = _concept(concept, dose, theirs)
    if dose is None:
        shape["code"] = code
    else:
        shape |= {"medicationCodeableConcept": code, "dosageInstruction": [_dosage(text, dose)]}
    return shape if _is_valid(shape) else None


def _is_valid(shape: dict[str, object]) -> bool:
    """Is it valid FHIR, with references like those that will be added?"""
    model = MedicationRequest if shape["resourceType"] == "MedicationRequest" else ServiceRequest
    try:
        model.model_validate({**shape, "subject": STAND_IN, "reasonReference": [STAND_IN]})
    except ValidationError:
        return False
    return True


def _concept(concept: str, dose: Dose | None, theirs: tuple[OrderCode, ...]) -> dict[str, object]:
    milligrams = dose.milligrams if dose else None
    first = [
        {"system": one.system, "code": one.code} | ({"display": one.display} if one.display else {})
        for one in theirs
        if one.fits(milligrams)
    ]
    return {"coding": [*first, *(dict(coding) for coding in CODINGS[concept])], "text": name(concept)}


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
