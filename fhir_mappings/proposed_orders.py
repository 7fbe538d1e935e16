"""Proposed orders become FHIR R4 requests: drafts, proposals, checked by fhir.resources before they leave."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import ValidationError

from fhir_mappings import codes
from fhir_mappings.local_codes import NONE, LocalCodes
from fhir_mappings.units import UCUM
from hooks.outcomes import Dose, ProposedOrder

ROUTES = {"intravenous": "route_intravenous", "subcutaneous": "route_subcutaneous"}
REASON = re.compile(r"(Condition|Observation)/[A-Za-z0-9\-.]{1,64}")
MOST_REASONS = 10
NAMES = {
    "mri_whole_spine": "MRI of the whole spine (cervical, thoracic, lumbar)",
    "ct_spine": "CT of the spine",
}


def _load() -> Mapping[str, tuple[dict[str, str], ...]]:
    """The codings of each orderable; ValueError for a code that is not in the value set of that name."""
    table = tomllib.loads((resources.files("fhir_mappings") / "order_codes.toml").read_text(encoding="utf-8"))
    found = {}
    for concept, wanted in table.items():
        listed = {f"{system}|{code}": (system, code, display) for system, code, display in codes.codings(concept)}
        missing = [code for code in wanted if code not in listed]
        if missing:
            raise ValueError(f"order_codes.toml: {concept}: {missing} not in its value set")
        found[concept] = tuple(dict(zip(("system", "code", "display"), listed[code], strict=True)) for code in wanted)
    return MappingProxyType(found)


CODINGS = _load()


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
    ours = [dict(coding) for coding in CODINGS[order.concept]]
    theirs = [
        {"system": system, "code": code} | ({"display": display} if display else {})
        for coding in ours
        for system, code, display in local.theirs.get((coding["system"], coding["code"]), ())
    ]
    return {"coding": [*theirs, *ours], "text": NAMES.get(order.concept, ours[0]["display"])}


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
