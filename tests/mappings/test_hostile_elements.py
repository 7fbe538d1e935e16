"""One element of a wrong type: the diagnosis, the result and the patient stay, the element is named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fhir_mappings import chart
from fhir_mappings import facts as mapping
from fhir_mappings.answers import understand
from hooks.facts import Facts
from tests.mappings.charts import (
    LNC,
    ME,
    SCT,
    SUBJECT,
    TODAY,
    answer,
    bundle,
    coded,
    condition,
    facts,
    observation,
    quantity,
    status,
)

WEAK, CALCIUM = coded(SCT, "249945007"), coded(LNC, "17861-6")


def weakness(**more: Any) -> Facts:
    return facts({**condition(WEAK, onsetDateTime="2026-11-17"), **more})


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ({"bodySite": {"text": "leg"}}, "bodySite"),
        ({"bodySite": ["leg"]}, "bodySite"),
        ({"recordedDate": 20261120}, "recordedDate"),
        ({"abatementDateTime": 20261120}, "abatementDateTime"),
        ({"meta": "x"}, "meta"),
        ({"code": {"coding": [{"system": SCT, "code": 5}, *WEAK["coding"]]}}, "code.coding"),
        ({"clinicalStatus": 7}, "clinicalStatus"),
    ],
)
def test_a_weakness_with_one_odd_element_is_still_a_weakness(odd: dict[str, Any], named: str) -> None:
    found = weakness(**odd)
    assert [(f.status, f.certain) for f in found.findings] == [("active", True)]
    assert found.unreadable == (f"Condition/c1: {named} not understood",)


def test_a_weakness_whose_verification_cannot_be_read_is_a_suspicion() -> None:
    found = weakness(verificationStatus=[status("refuted", "ver-status")])
    assert [f.certain for f in found.findings] == [False]
    assert found.unreadable == ("Condition/c1: verificationStatus not understood",)


@pytest.mark.parametrize(("word", "state"), [("active", "active"), ("resolved", "past")])
def test_a_status_as_a_plain_word_is_that_status(word: str, state: str) -> None:
    found = weakness(clinicalStatus=word, verificationStatus="confirmed")
    assert [(f.status, f.certain) for f in found.findings] == [(state, True)]
    assert found.unreadable == ()


def test_refuted_as_a_plain_word_is_refuted() -> None:
    assert weakness(verificationStatus="refuted").findings == ()


@pytest.mark.parametrize(
    "odd", [{"subject": "Patient/p1"}, {"code": "weakness"}, {"code": {"coding": WEAK["coding"][0]}}]
)
def test_whose_and_what_must_be_readable(odd: dict[str, Any]) -> None:
    found = weakness(**odd)
    assert found.findings == ()
    assert any(line.startswith("Condition/c1") for line in found.unreadable)


def test_a_birth_date_of_a_wrong_type_leaves_the_age_unknown() -> None:
    found = facts(condition(WEAK), patient={**ME, "birthDate": 1964})
    assert (found.patient.age_years, found.patient.sex, len(found.findings)) == (None, "female", 1)
    assert found.unreadable == ("Patient/p1: birthDate not understood",)


def test_a_result_keeps_its_value_without_its_odd_site_and_loses_an_odd_value() -> None:
    found = facts(observation(CALCIUM, valueQuantity=quantity(9.3, "mg/dL"), bodySite=["arm"]))
    assert len(found.measurements) == 1
    bounded = facts(observation(CALCIUM, valueQuantity=quantity(9.3, "mg/dL") | {"comparator": 5}))
    assert bounded.measurements == ()
    assert bounded.unreadable == (
        "Observation/o1: valueQuantity not understood",
        "Observation/o1: calcium: value not understood",
    )


def test_a_result_whose_status_cannot_be_read_does_not_count() -> None:
    found = facts(observation(CALCIUM, valueQuantity=quantity(9.3, "mg/dL"), status=["final"]))
    assert found.measurements == ()
    assert found.unreadable == ("Observation/o1: status not understood",)


def test_an_odd_prohibition_never_becomes_an_order() -> None:
    order = {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "status": "active",
        "intent": "order",
        "doNotPerform": 5,
        "subject": SUBJECT,
        "code": coded(LNC, "42698-1"),
    }
    found = facts(order)
    assert found.orders == ()
    assert found.unreadable == ("ServiceRequest/s1: the resource cannot be read",)


def test_a_condition_of_nothing_but_odd_elements_is_refused() -> None:
    odd = dict.fromkeys(("meta", "bodySite", "onsetDateTime", "onsetPeriod", "abatementPeriod", "recordedDate"), 5)
    assert weakness(**odd).unreadable == ("Condition/c1: the resource cannot be read",)


@pytest.mark.parametrize("kind", ["ImagingStudy", "Procedure", "ServiceRequest"])
def test_an_examination_without_an_id_counts(kind: str) -> None:
    done = {
        "resourceType": kind,
        "status": "available" if kind == "ImagingStudy" else "completed",
        "intent": "order",
        "subject": SUBJECT,
        "code": coded(LNC, "42698-1"),
        "procedureCode": [coded(LNC, "42698-1")],
        "started": "2026-11-01",
        "authoredOn": "2026-11-01",
        "performedDateTime": "2026-11-01",
    }
    assert [(one.source, one.modality) for one in facts(done).imaging] == [(f"{kind} without id (conditions 2)", "MR")]


def test_a_bound_without_a_number_is_refused_alone() -> None:
    bound = {"comparator": "<", "unit": "mg/dL"}
    found = facts(
        observation(coded(LNC, "2160-0"), id="odd", valueQuantity=bound),
        observation(coded(LNC, "2160-0"), id="plain", valueQuantity=quantity(1.2, "mg/dL")),
    )
    assert [one.source for one in found.measurements] == ["Observation/plain"]
    assert found.unreadable == ("Observation/odd: creatinine: value not understood",)


def test_an_odd_element_beside_a_name_that_is_no_text_refuses_the_resource_alone() -> None:
    """The decoder passes over the names of what we do not read; taking the resource apart does not."""
    written = msgspec.json.encode(
        bundle({**condition(WEAK, id="c1"), "note": [], "meta": "x"}, condition(WEAK, id="c2"))
    )
    conditions = understand(written.replace(b'"note"', b'"n\xa2te"'))
    found = mapping.facts(chart.read({"patient": answer(ME), "conditions": conditions}, "p1"), TODAY)
    assert [f.source for f in found.findings] == ["Condition/c2"]
    assert found.unreadable == ("Condition/c1: the resource cannot be read",)
