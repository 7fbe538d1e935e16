"""Whole patients: bounds of a laboratory warn and never reassure, earlier radiotherapy is told with its dose."""

from __future__ import annotations

from typing import Any

import pytest

from tests.patients.test_riskiest_points import BONE, BREAST, critical
from tests.patients.whole_patients import SCT, done, drug, lab, opened, problem, service, signing

ZOLEDRONATE = drug("z", "77655", 4, status="draft")
WEIGHT, ALBUMIN = lab("kg", "29463-7", 70, "kg"), lab("alb", "1751-7", 4.0, "g/dL")
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"


def bounded(name: str, code: str, comparator: str, value: float, when: str = "2026-11-20") -> dict[str, Any]:
    result = lab(name, code, value, "mg/dL", when, low=8.6, high=10.2)
    return {**result, "valueQuantity": {**result["valueQuantity"], "comparator": comparator}}


def test_calcium_above_what_the_analyser_counts_is_an_emergency() -> None:
    answer = opened(BREAST, BONE, bounded("ca", "17861-6", ">", 15), ALBUMIN)
    assert any("above 15 mg/dL" in summary for summary in critical(answer))


@pytest.mark.parametrize(("comparator", "value"), [(">", 8.0), ("<", 9.9), (">", 9.4)])
def test_a_bound_that_may_be_normal_reassures_nobody(comparator: str, value: float) -> None:
    """Nor is the older result, which was normal, taken for what calcium is now."""
    old = lab("old", "17861-6", 9.4, "mg/dL", "2026-11-10", low=8.6, high=10.2)
    record = (BREAST, BONE, old, bounded("ca", "17861-6", comparator, value), ALBUMIN)
    rules = {**opened(*record).rules, **signing(ZOLEDRONATE, record=record).rules}
    assert rules["hypercalcaemia"]["outcome"] == "cannot_tell"
    assert rules["bone_agent_hypocalcaemia"]["outcome"] == "cannot_tell"


def test_creatinine_above_what_the_analyser_counts_stops_zoledronic_acid() -> None:
    record = (BREAST, BONE, bounded("crea", "2160-0", ">", 8), WEIGHT)
    assert signing(ZOLEDRONATE, record=record).rules["bone_agent_renal_dose"]["outcome"] == "recommend"


def test_creatinine_above_a_normal_number_allows_no_dose() -> None:
    record = (BREAST, BONE, bounded("crea", "2160-0", ">", 0.8), WEIGHT)
    assert signing(ZOLEDRONATE, record=record).rules["bone_agent_renal_dose"]["outcome"] == "cannot_tell"
    labels = [one["label"] for card in opened(*record).cards for one in card.get("suggestions", ())]
    assert not any("oledronic" in label for label in labels)


def test_the_dose_of_an_earlier_course_stands_on_the_card_of_the_next() -> None:
    delivered = [
        {"url": "totalDoseDelivered", "valueQuantity": {"value": 30, "unit": "Gy"}},
        {"url": "fractionsDelivered", "valueUnsignedInt": 10},
    ]
    dose = {"url": f"{MCODE}radiotherapy-dose-delivered-to-volume", "extension": delivered}
    course = done("rt", "1217123003", "2026-03-20", extension=[dose])
    spine = problem("spine", SCT, "94602001", "2026-09-01")
    draft = service("order", SCT, "1156506007", status="draft")
    text = signing(draft, record=(BREAST, spine, course)).text
    assert "30 Gy in 10 fractions, volume not stated as spine, 2026-03-20" in text
    assert "Not on record, so obtain it: levels of the earlier radiotherapy" in text
