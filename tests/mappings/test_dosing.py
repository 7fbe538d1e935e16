"""The interval between doses: read where it is plain, else left to the prescriber and never guessed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings.proposed_orders import to_fhir
from hooks.outcomes import Dose, ProposedOrder
from tests.mappings.charts import SUBJECT, coded, facts

RXN = "http://www.nlm.nih.gov/research/umls/rxnorm"


def ordered(*dosages: dict[str, Any]) -> tuple[int | None, bool]:
    (found,) = facts(
        {
            "resourceType": "MedicationRequest",
            "id": "m1",
            "status": "active",
            "intent": "order",
            "subject": SUBJECT,
            "medicationCodeableConcept": coded(RXN, "77655"),
            **({"dosageInstruction": list(dosages)} if dosages else {}),
        }
    ).medications
    return found.every_weeks, found.interval_unread


def every(period: Any, unit: str, **more: Any) -> dict[str, Any]:
    return {"timing": {"repeat": {"period": period, "periodUnit": unit, **more}}}


@pytest.mark.parametrize(
    ("dosage", "weeks"),
    [
        (every(12, "wk", frequency=1), 12),
        (every(12, "wk"), 12),
        (every(28, "d", frequency=1), 4),
        (every(4.0, "wk", frequency=1, duration=15, durationUnit="min"), 4),
        ({**every(4, "wk", frequency=1), "text": "every 4 weeks"}, 4),
    ],
)
def test_whole_weeks_are_read(dosage: dict[str, Any], weeks: int) -> None:
    assert ordered(dosage) == (weeks, False)


@pytest.mark.parametrize(
    "dosage",
    [
        every(3, "mo", frequency=1),
        every(1, "a", frequency=1),
        every(10, "d", frequency=1),
        every(4, "wk", frequency=2),
        every(3, "wk", periodMax=4),
        every(4, "wk", count=1),
        {"timing": {"code": coded("http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "Q4W")}},
        {"timing": {"event": ["2026-12-01"]}},
        {"timing": "q12w"},
        {"text": "4 mg every 12 weeks"},
    ],
    ids=str,
)
def test_what_is_not_plainly_weeks_is_not_guessed(dosage: dict[str, Any]) -> None:
    assert ordered(dosage) == (None, True)


def test_an_order_without_a_word_on_the_interval() -> None:
    assert ordered() == (None, False)
    assert ordered({"doseAndRate": [{"doseQuantity": {"value": 4, "unit": "mg"}}]}) == (None, False)


def test_two_instructions_are_not_one_interval() -> None:
    assert ordered(every(4, "wk"), every(12, "wk")) == (None, True)


def test_an_order_proposed_without_an_interval_carries_no_timing() -> None:
    dose = Dose(Decimal("3.5"), "intravenous", None, 15)
    resource: Any = to_fhir(ProposedOrder("zoledronic_acid", "interval as before", dose=dose), "p1")
    assert "timing" not in resource["dosageInstruction"][0]
