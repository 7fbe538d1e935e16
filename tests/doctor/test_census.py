"""What is counted of a chart, value by value."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from cds_service.doctor_census import Census, UnmappedCode
from fhir_mappings.answers import Answer, understand
from tests.doctor.charts import BREAST, CREATININE, LNC, METASTASIS, SCT, Person, coded

SERVER = "https://ehr.example.org/fhir"


def census(person: Person, *more: dict[str, Any]) -> Census:
    entry = [{"resource": one} for one in (*person.resources[1:], *more)]
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entry}
    answers: dict[str, Answer] = {
        "patient": understand(json.dumps(person.resources[0]).encode()),
        "conditions": understand(json.dumps(bundle).encode()),
        "again": understand(json.dumps(bundle).encode()),  # what two searches bring is counted once
    }
    counted = Census()
    counted.add(answers, person.id, SERVER, date(2026, 11, 24))
    return counted


def test_kept_and_read() -> None:
    found = census(Person("a").condition(METASTASIS).condition(coded(SCT, "1", "Froth")))
    assert (found.charts, found.resources["Condition"], found.kept["Condition"]) == (1, 2, 1)


def test_the_element_in_which_a_foreign_code_stood() -> None:
    person = Person("a").add("ServiceRequest", status="active", intent="order", code=coded("urn:x", "1"))
    person.add("MedicationRequest", status="active", intent="order", medicationCodeableConcept=coded("urn:x", "2"))
    person.observation(coded("urn:x", "3"), component=[{"code": coded("urn:x", "4")}])
    assert {(one.element, one.code) for one in census(person).unmapped} == {
        ("ServiceRequest.code", "1"),
        ("MedicationRequest.medication", "2"),
        ("Observation.code", "3"),
        ("Observation.code", "4"),
    }


def test_sites_that_say_nothing_to_us() -> None:
    lumbar, strange = coded(SCT, "122496007", "Lumbar spine"), coded("urn:x", "L", "Lower back")
    found = census(Person("a").condition(METASTASIS, bodySite=[lumbar, strange]).condition(BREAST, bodySite=[{}]))
    assert found.unmapped == {UnmappedCode("Condition.bodySite", "urn:x", "L", "Lower back"): 1}


def test_foreign_resources_are_counted_by_reason_alone() -> None:
    foreign = Person("b").condition(coded("urn:x", "secret", "secret")).resources[1]
    found = census(Person("a"), foreign)
    assert found.refused == {"another patient or an unknown subject": 1}
    assert not found.unmapped
    assert not found.kept


@pytest.mark.parametrize(
    ("quantity", "unit"),
    [
        ({"value": 1, "code": "umol", "unit": "micromol"}, "umol"),
        ({"value": 1, "unit": "mg per dl"}, "(a unit in words)"),
        ({"value": 1}, "(no unit)"),
        ({"value": 1, "unit": "mg/dL"}, None),
        ({"unit": "stone"}, None),
    ],
)
def test_units(quantity: dict[str, Any], unit: str | None) -> None:
    found = census(Person("a").observation(CREATININE, valueQuantity=quantity))
    assert dict(found.units) == ({("creatinine", unit): 1} if unit else {})


def test_values_refused_for_other_reasons() -> None:
    pain = coded(LNC, "72514-3", "Pain severity")
    found = census(Person("a").observation(pain, 40, "{score}"))
    assert found.values == {"pain score: outside its scale": 1}


@pytest.mark.parametrize(
    ("reference", "missing"),
    [("Medication/m1", 0), (f"{SERVER}/Medication/m1/_history/2", 0), ("Medication/m2", 1)],
)
def test_drugs_that_another_resource_names(reference: str, missing: int) -> None:
    person = Person("a").add(
        "MedicationRequest", status="active", intent="order", medicationReference={"reference": reference}
    )
    medication = {"resourceType": "Medication", "id": "m1", "code": coded("urn:x", "1")}
    assert census(person, medication).drugs_elsewhere == missing


def test_words_only() -> None:
    person = Person("a").condition({"text": "ache"}).condition({"coding": [{"display": "ache"}]}).condition({})
    assert census(person).text_only == {"Condition": 2}


def test_imaging_by_its_procedure_code() -> None:
    study = {"status": "available", "started": "2026-11-01", "procedureCode": [coded("urn:x", "1")]}
    found = census(Person("a").add("ImagingStudy", **study))
    assert found.kept == {"ImagingStudy": 1}
    assert "imaging" not in found.seen


def test_kinds_of_facts_that_were_met() -> None:
    found = census(Person("a").condition(METASTASIS).observation(CREATININE, 1, "mg/dL"))
    assert found.seen == {"patient", "findings", "creatinine"}
