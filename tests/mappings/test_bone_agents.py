"""Pregnancy answers, dental work, and which bone agent at which dose an order, a dose given or a bill means."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings.patient_view import PREFETCH
from tests.mappings.charts import LNC, SCT, SUBJECT, coded, facts, observation

RXN = "http://www.nlm.nih.gov/research/umls/rxnorm"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"


@pytest.mark.parametrize("test", ["2106-3", "2118-8", "2110-5", "2112-1", "82810-3"])
@pytest.mark.parametrize(
    ("system", "code", "value"),
    [
        (SCT, "10828004", "positive"),
        (SCT, "77386006", "positive"),
        (LNC, "LA15173-0", "positive"),
        (SCT, "260385009", "negative"),
        (SCT, "60001007", "negative"),
        (LNC, "LA26683-5", "negative"),
    ],
)
def test_a_coded_answer_about_pregnancy_is_understood(test: str, system: str, code: str, value: str) -> None:
    found = facts(observation(coded(LNC, test), valueCodeableConcept=coded(system, code))).assessments
    assert [(a.name, a.value, a.when.text if a.when else None) for a in found] == [("pregnancy", value, "2026-11-20")]


@pytest.mark.parametrize(
    "value",
    [
        {"valueCodeableConcept": coded(LNC, "LA4489-6", "Unknown")},
        {"valueCodeableConcept": {"text": "negative"}},
        {"valueCodeableConcept": {"coding": [*coded(SCT, "10828004")["coding"], *coded(SCT, "260385009")["coding"]]}},
        {"valueString": "negative"},
        {"dataAbsentReason": coded("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown")},
        {},
    ],
    ids=["unknown", "text", "both", "string", "absent", "nothing"],
)
def test_any_other_answer_is_no_answer(value: dict[str, Any]) -> None:
    assert facts(observation(coded(LNC, "2106-3"), **value)).assessments == ()


def test_a_preliminary_pregnancy_test_does_not_count() -> None:
    sent = observation(coded(LNC, "2106-3"), status="preliminary", valueCodeableConcept=coded(SCT, "260385009"))
    assert facts(sent).assessments == ()


def test_positive_means_pregnant_only_as_the_answer_to_a_pregnancy_test() -> None:
    assert facts(observation(coded(LNC, "17861-6"), valueCodeableConcept=coded(SCT, "10828004"))).assessments == ()


def test_pregnancy_tests_are_asked_for() -> None:
    assert all(f"{LNC}|{code}" in PREFETCH["laboratory"] for code in ("2106-3", "2118-8", "82810-3"))


def request(code: str, **more: Any) -> dict[str, Any]:
    base = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order", "subject": SUBJECT}
    return {**base, "authoredOn": "2026-11-01", "medicationCodeableConcept": coded(RXN, code), **more}


@pytest.mark.parametrize(
    ("code", "agent", "milligrams"),
    [
        ("993449", "denosumab", None),
        ("993452", "denosumab", 60),
        ("993456", "denosumab", 60),
        ("1046398", "denosumab", 120),
        ("2717866", "denosumab", 120),
        ("2725502", "denosumab", 60),
        ("351114", "zoledronic_acid", 4),
        ("705824", "zoledronic_acid", 5),
        ("904431", "oral_bisphosphonate", 70),
    ],
)
def test_products_and_biosimilars_are_told_apart_by_agent_and_dose(
    code: str, agent: str, milligrams: int | None
) -> None:
    (found,) = facts(request(code)).medications
    assert agent in found.concepts
    assert found.dose_mg == (None if milligrams is None else Decimal(milligrams))


def test_the_dose_as_written_counts_before_that_of_the_product() -> None:
    written = [{"doseAndRate": [{"doseQuantity": {"value": 120, "unit": "mg"}}]}]
    (found,) = facts(request("993452", dosageInstruction=written)).medications
    assert found.dose_mg == Decimal(120)


@pytest.mark.parametrize(
    ("code", "agent"),
    [
        ("J3489", "zoledronic_acid"),
        ("J0897", "denosumab"),
        ("Q5159", "denosumab"),
        ("J2430", "pamidronate"),
        ("J1740", "ibandronate"),
    ],
)
def test_a_bill_is_a_dose_given_without_its_milligrams(code: str, agent: str) -> None:
    billed = {"resourceType": "Procedure", "id": "b1", "status": "completed", "subject": SUBJECT}
    (found,) = facts({**billed, "code": coded(HCPCS, code), "performedDateTime": "2026-11-01"}).medications
    assert (found.kind, found.status, found.dose_mg, agent in found.concepts) == ("given", "completed", None, True)


def test_an_administration_is_a_dose_given() -> None:
    given = {"resourceType": "MedicationAdministration", "id": "a1", "status": "completed", "subject": SUBJECT}
    dosage = {"dose": {"value": 4, "unit": "mg", "code": "mg"}}
    sent = {**given, "medicationCodeableConcept": coded(RXN, "351114"), "effectiveDateTime": "2026-11-01T10:00:00Z"}
    (found,) = facts({**sent, "dosage": dosage}).medications
    assert (found.kind, found.dose_mg) == ("given", Decimal(4))


@pytest.mark.parametrize(
    ("code", "concept"),
    [("34043003", "dental_examination"), ("55162003", "invasive_dental_work"), ("173291009", "invasive_dental_work")],
)
def test_dental_care_is_seen(code: str, concept: str) -> None:
    done = {"resourceType": "Procedure", "id": "d1", "status": "completed", "subject": SUBJECT}
    (found,) = facts({**done, "code": coded(SCT, code), "performedDateTime": "2026-11-01"}).procedures
    assert concept in found.concepts
