"""A scored questionnaire is known with its date; one without a score says that nobody was asked."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from fhir_mappings import chart, patient_view
from fhir_mappings.answers import understand
from hooks.facts import Facts, When

DAY = date(2026, 11, 24)


def facts_of(**value: Any) -> Facts:
    observation = {
        "resourceType": "Observation",
        "id": "phq",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "44261-6"}], "text": "PHQ-9"},
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2026-11-01",
        **value,
    }
    bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": observation}]}
    given = {"patient": {"resourceType": "Patient", "id": "1"}, "assessments": bundle}
    answers = {key: understand(json.dumps(resource).encode()) for key, resource in given.items()}
    return patient_view.facts(chart.read(answers, "1", None), DAY)


def test_a_score_is_a_screening_of_that_day() -> None:
    for value in ({"valueInteger": 9}, {"valueQuantity": {"value": 9, "code": "{score}"}}):
        (screen,) = facts_of(**value).assessed("psychosocial_screening")
        assert (screen.source, screen.value, screen.when) == ("Observation/phq", "9", When.on(date(2026, 11, 1)))


def test_a_score_as_text_counts_and_words_are_named() -> None:
    (screen,) = facts_of(valueString="9").assessed("psychosocial_screening")
    assert screen.value == "9"
    assert facts_of(valueString="declined").unreadable == ("Observation/phq: psychosocial screening: a score in words",)
    assert facts_of(valueString="101").unreadable == ("Observation/phq: psychosocial screening: outside its scale",)


def test_without_a_score_nobody_was_asked() -> None:
    assert facts_of(valueQuantity={"unit": "{score}"}).assessed("psychosocial_screening") == ()


def test_the_prefetch_asks_for_it() -> None:
    assert "http://loinc.org|44261-6" in patient_view.PREFETCH["assessments"]
