"""Orders that we propose: valid FHIR by two independent validators, complete, and only with codes that we ship."""

from __future__ import annotations

from decimal import Decimal

import fhirkit
import msgspec
import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings import codes
from fhir_mappings.proposed_orders import CODINGS, PATIENT_ID, REASON, to_fhir
from hooks.outcomes import Dose, ProposedOrder

DOSES = {
    "zoledronic_acid": Dose(Decimal("3.5"), "intravenous", 4, 15),
    "denosumab": Dose(Decimal(120), "subcutaneous", 4),
}


def proposed(concept: str, **more: object) -> ProposedOrder:
    return ProposedOrder(concept, "what the button says", reasons=("Condition/c1",), dose=DOSES.get(concept), **more)


@pytest.mark.parametrize("concept", CODINGS)
def test_two_validators_accept_every_order(concept: str) -> None:
    resource = to_fhir(proposed(concept), "p1")
    assert resource is not None
    sent = msgspec.json.encode(resource)
    model = MedicationRequest if concept in DOSES else ServiceRequest
    model.model_validate_json(sent)
    assert fhirkit.validate(msgspec.json.decode(sent)) == []
    assert (resource["status"], resource["intent"], resource["subject"]) == (
        "draft",
        "proposal",
        {"reference": "Patient/p1"},
    )
    assert resource["reasonReference"] == [{"reference": "Condition/c1"}]


@given(st.from_regex(PATIENT_ID, fullmatch=True), st.lists(st.from_regex(REASON, fullmatch=True), max_size=12))
def test_what_is_added_to_a_shape_that_is_known_keeps_it_valid(patient_id: str, reasons: list[str]) -> None:
    for concept in ("mri_whole_spine", "denosumab"):
        order = ProposedOrder(concept, "words", reasons=tuple(reasons), dose=DOSES.get(concept))
        resource = to_fhir(order, patient_id)
        assert resource is not None
        assert fhirkit.validate(msgspec.json.decode(msgspec.json.encode(resource))) == []
        (MedicationRequest if concept in DOSES else ServiceRequest).model_validate(resource)


@pytest.mark.parametrize("name", ["", "a b", "Patient/1", "a" * 65, "a\n"])
def test_an_order_for_a_patient_whom_nobody_can_find_is_not_made(name: str) -> None:
    assert to_fhir(proposed("mri_whole_spine"), name) is None


@pytest.mark.parametrize("concept", CODINGS)
def test_no_order_carries_a_code_of_one_country(concept: str) -> None:
    assert not any(part in c["code"] for c in CODINGS[concept] for part in ("000119", "000124", "000087"))


@pytest.mark.parametrize("priority", ["routine", "urgent", "asap", "stat"])
def test_the_urgency_travels(priority: str) -> None:
    resource = to_fhir(proposed("mri_whole_spine", priority=priority), "p1")
    assert resource is not None
    assert resource["priority"] == priority


def test_a_dose_is_structured() -> None:
    resource = to_fhir(proposed("zoledronic_acid"), "p1")
    assert resource is not None
    (dosage,) = resource["dosageInstruction"]
    assert dosage["doseAndRate"][0]["doseQuantity"] == {
        "value": 3.5,
        "unit": "mg",
        "system": "http://unitsofmeasure.org",
        "code": "mg",
    }
    assert dosage["timing"]["repeat"] == {
        "frequency": 1,
        "period": 4,
        "periodUnit": "wk",
        "duration": 15,
        "durationUnit": "min",
    }
    assert dosage["route"]["coding"][0]["system"] == codes.SNOMED


def test_an_order_that_would_be_invalid_is_not_made() -> None:
    assert to_fhir(proposed("mri_whole_spine", priority=""), "p1") is None


def test_reasons_are_conditions_and_observations_with_ids_ten_at_most() -> None:
    odd = ("", "Condition without id (conditions 3)", "ImagingStudy/i", "Condition/a b", f"Condition/{'a' * 65}")
    good = (*(f"Condition/c{number}" for number in range(9)), "Observation/o1", "Observation/o2")
    made = to_fhir(ProposedOrder("mri_whole_spine", "x", reasons=(*odd, *good, *good)), "p1")
    assert made is not None
    assert made["reasonReference"] == [{"reference": reference} for reference in good[:10]]
