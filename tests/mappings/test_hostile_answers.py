"""Answers that look calm and are not: what is no answer, what is lost on the way, what belongs to somebody else."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from fhir_mappings import chart
from fhir_mappings import facts as mapping
from fhir_mappings.answers import ASKED, Given, Unavailable, asked_for, together, understand
from fhir_mappings.chart import DRAFTS, EMPTY, FOUND, PARTIAL, UNAVAILABLE, Chart
from fhir_mappings.prefetch import templates
from fhir_mappings.text_mentions import REPORTS
from hooks import closing_card
from hooks.facts import Facts
from tests.mappings.charts import ME, SCT, TODAY, answer, bundle, coded, condition, facts, read

EHR, OTHER = "https://ehr.example.org/fhir", "https://other.example.org/fhir"
BREAST = condition(coded(SCT, "254837009"), id="breast")
SPINE = condition(coded(SCT, "94274006"), id="spine")
RX = "http://www.nlm.nih.gov/research/umls/rxnorm"
ZOLEDRONATE, METFORMIN = coded(RX, "77655"), coded(RX, "6809")
SUBJECT: dict[str, Any] = {"subject": {"reference": "Patient/p1"}}
ORDER = {"resourceType": "MedicationRequest", "id": "z1", "status": "draft", "intent": "order", **SUBJECT}


def outcome(**issue: Any) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def entries(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(parts), **more}


def conditions(value: Any) -> Chart:
    return chart.read({"patient": answer(ME), "conditions": answer(value)}, "p1")


def drafts(*resources: Any) -> Facts:
    given = answer(bundle(*resources))
    assert isinstance(given, Given)
    return mapping.facts(chart.read({"patient": answer(ME), "conditions": None}, "p1", None, given), TODAY)


def test_what_each_key_asks_for_is_what_its_template_says() -> None:
    asked = {key: query.partition("?")[0].partition("/")[0] for key, query in templates().items()}
    assert asked | {REPORTS: "DiagnosticReport"} == ASKED


@pytest.mark.parametrize(
    "part",
    [
        *({"resource": one} for one in ("Condition", [BREAST], 5, True, None, {}, {"id": "x"})),
        {"resource": {**BREAST, "resourceType": 5}},
        {"resource": {**BREAST, "resourceType": "condition"}},
        {"resource": {**BREAST, "resourceType": "Condition "}},
        {"resource": bundle(BREAST)},
        {"resource": {"resourceType": "Parameters", "parameter": [{"resource": BREAST}]}},
        {"fullUrl": f"{EHR}/Condition/breast"},
        {"response": {"status": "403 Forbidden"}},
        {},
    ],
)
def test_an_entry_that_nobody_can_read_is_named_and_the_key_is_partial(part: Any) -> None:
    found = conditions(entries({"resource": SPINE}, part))
    assert found.sources["conditions"].state == PARTIAL
    assert "conditions" in mapping.facts(found, TODAY).lost
    alone = conditions(entries(part))
    assert alone.sources["conditions"].state == UNAVAILABLE
    assert alone.needed_but_missing()


@pytest.mark.parametrize(
    "lost",
    [
        {**BREAST, "subject": {"reference": "Patient/zz"}},
        {**BREAST, "subject": {"identifier": {"value": "p1"}}},
        {key: value for key, value in BREAST.items() if key != "subject"},
        {**BREAST, "code": "breast cancer"},
    ],
)
@pytest.mark.parametrize("name", ["breast", "a b", 7, None, "<b>x</b>"])
@pytest.mark.parametrize("address", [None, "", "x", f"{EHR}/Condition/breast", "urn:uuid:4f0e"])
def test_a_cancer_that_was_lost_under_any_name_leaves_the_conditions_in_doubt(
    lost: Any, name: Any, address: str | None
) -> None:
    resource = {**lost, "id": name} if name is not None else {k: v for k, v in lost.items() if k != "id"}
    entry = {"resource": resource} | ({} if address is None else {"fullUrl": address})
    known = mapping.facts(conditions(entries(entry)), TODAY)
    assert closing_card._conditions_in_doubt(known)
    assert closing_card.undelivered(known)


@pytest.mark.parametrize(
    "value",
    [
        ME,
        bundle(ME),
        bundle({"resourceType": "Observation", "id": "o"}),
        *({"resourceType": kind} for kind in ("List", "Binary", "Parameters", "bundle", "Basic")),
        {"resourceType": "Bundle", "total": 7},
        {"resourceType": "Bundle", "total": 7, "entry": []},
        {"resourceType": "Bundle", "type": "batch-response", "entry": [{"response": {"status": "403"}}]},
        {
            "resourceType": "Bundle",
            "type": "batch-response",
            "entry": [{"response": {"status": "500", "outcome": outcome(severity="error")}}],
        },
    ],
)
def test_something_else_than_was_asked_for_is_no_answer(value: Any) -> None:
    found = conditions(value)
    assert found.sources["conditions"].state == UNAVAILABLE
    assert found.needed_but_missing()


def test_a_further_page_of_something_else_is_not_the_rest() -> None:
    first, second = answer(bundle(BREAST)), answer(bundle(ME, {"resourceType": "Observation", "id": "o"}))
    assert isinstance(first, Given)
    assert isinstance(second, Given)
    assert together([first, second]).shortfall() == "a further page holds something else"
    assert not together([first, first]).shortfall()


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (bundle(BREAST, total=2), PARTIAL),
        (bundle(BREAST, ME, total=2), PARTIAL),  # what was only included is in no total
        (bundle(BREAST, total=1), FOUND),
        (bundle(BREAST, link=[{"relation": "Next", "url": f"{EHR}?page=2"}]), PARTIAL),
        (bundle(ME, total=0), EMPTY),
    ],
)
def test_the_ehrs_own_count_is_believed(value: Any, state: str) -> None:
    assert conditions(value).sources["conditions"].state == state


EPIC = outcome(
    severity="warning",
    code="processing",
    details={"coding": [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369", "code": "4101"}]},
)


@pytest.mark.parametrize("remark", [EPIC, outcome(severity="warning", code="not-found")])
def test_epics_way_to_say_none_found(remark: Any) -> None:
    assert understand(b"null") != answer(bundle(remark, total=0)) == Given(())


@pytest.mark.parametrize(
    "remark",
    [
        outcome(severity="warning", code="suppressed"),
        outcome(severity="information", code="forbidden"),
        outcome(severity="warning", code="incomplete"),
        outcome(severity="WARNING", code="not-found"),
        outcome(severity="ERROR", code="exception"),
        outcome(code="not-found"),
        outcome(severity="warning"),
        {"resourceType": "OperationOutcome"},
    ],
)
def test_a_mild_word_for_not_looked_is_not_none_found(remark: Any) -> None:
    assert isinstance(answer(bundle(remark, total=0)), Unavailable)
    assert conditions(bundle(BREAST, remark)).sources["conditions"].state == PARTIAL


def test_a_draft_order_that_cannot_be_read_is_named() -> None:
    known = drafts(bundle(ORDER), {**ORDER, "medicationCodeableConcept": "zoledronate"})
    assert "a draft order: could not be read" in known.unreadable
    assert any("MedicationRequest/z1" in line for line in known.unreadable)
    assert "draft orders" in known.lost


@pytest.mark.parametrize(
    "drug",
    [
        {},
        {"medicationCodeableConcept": {"text": "Zoledronic acid"}},
        {"medicationReference": {"reference": "Medication/m1", "display": "Zoledronic acid"}},
        {
            "medicationReference": {"reference": "#m"},
            "contained": [{"resourceType": "Medication", "id": "m", "code": "zoledronic acid"}],
        },
    ],
)
def test_a_draft_order_of_an_unknown_drug_is_named(drug: dict[str, Any]) -> None:
    assert drafts({**ORDER, **drug}).unreadable == ("draft order MedicationRequest/z1: drug not known, not checked",)


def test_two_medications_of_one_id_count_both_until_it_is_known_which_is_newer() -> None:
    order = {**ORDER, "medicationReference": {"reference": "Medication/m1"}}
    one, two = ({"resourceType": "Medication", "id": "m1", "code": code} for code in (ZOLEDRONATE, METFORMIN))
    for parts in permutations((order, one, two)):
        assert [m.concepts for m in drafts(*parts).medications] == [{"zoledronic_acid"}]
    newer = {**two, "meta": {"lastUpdated": "2026-11-20T00:00:00Z"}}
    older = {**one, "meta": {"lastUpdated": "2026-11-19T00:00:00Z"}}
    for parts in permutations((order, older, newer)):
        assert drafts(*parts).medications == ()


def test_a_medication_of_another_server_is_another_medication() -> None:
    order = {**ORDER, "medicationReference": {"reference": f"{EHR}/Medication/m1"}}
    drug = {"resourceType": "Medication", "id": "m1", "code": METFORMIN}
    given = answer(entries({"resource": order}, {"resource": drug, "fullUrl": f"{OTHER}/Medication/m1"}))
    assert isinstance(given, Given)
    known = mapping.facts(chart.read({"patient": answer(ME), "conditions": None}, "p1", None, given), TODAY)
    assert known.unreadable == ("draft order MedicationRequest/z1: drug not known, not checked",)


@pytest.mark.parametrize("text", ["", "unknown", "n/a", "2062-01-01", "2026-13-45"])
def test_a_date_of_death_that_cannot_be_silences_nobody(text: str) -> None:
    known = facts(BREAST, patient={**ME, "deceasedDateTime": text})
    assert not known.patient.deceased
    assert [line for line in known.unreadable if line.startswith("Patient/p1: the date of death")]


@pytest.mark.parametrize("more", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-11-24T08:00:00Z"}])
def test_the_dead_are_left_alone(more: dict[str, Any]) -> None:
    assert facts(BREAST, patient={**ME, **more}).patient.deceased


class TestWhoseServer:
    """Absolute addresses: one id on two servers is two patients, and two resources."""

    def test_a_patient_of_another_server_is_not_ours(self) -> None:
        people = entries({"resource": ME, "fullUrl": f"{OTHER}/Patient/p1"})
        found = chart.read({"patient": answer(people), "conditions": answer(bundle(BREAST))}, "p1", EHR)
        assert found.patient is None

    @pytest.mark.parametrize("server", [EHR, None])
    def test_a_resource_of_another_server_is_not_ours(self, server: str | None) -> None:
        people = entries({"resource": ME, "fullUrl": f"{EHR}/Patient/p1"})
        mixed = entries(
            {"resource": BREAST, "fullUrl": f"{EHR}/Condition/breast"},
            {"resource": SPINE, "fullUrl": f"{OTHER}/Condition/spine"},
        )
        found = chart.read({"patient": answer(people), "conditions": answer(mixed)}, "p1", server)
        assert list(found.kept) == ["Condition/breast"]
        assert [(one.reference, one.reason) for one in found.refused] == [
            ("Condition/spine", "stands on another server")
        ]

    def test_a_server_behind_a_proxy_may_call_itself_otherwise_all_through(self) -> None:
        named = entries(
            {"resource": BREAST, "fullUrl": "http://internal:8080/fhir/Condition/breast"},
            {"resource": SPINE, "fullUrl": "http://internal:8080/fhir/Condition/spine"},
        )
        found = chart.read({"patient": answer(ME), "conditions": answer(named)}, "p1", EHR)
        assert set(found.kept) == {"Condition/breast", "Condition/spine"}

    def test_one_id_on_two_servers_is_two_resources(self) -> None:
        mixed = [
            {"resource": SPINE, "fullUrl": f"{EHR}/Condition/spine"},
            {"resource": {**BREAST, "id": "spine"}, "fullUrl": f"{OTHER}/Condition/spine"},
        ]
        for parts in permutations(mixed):
            known = mapping.facts(conditions(entries(*parts)), TODAY)
            assert len(known.findings) == 2
            assert {one.source for one in known.findings} == {"Condition/spine"}

    @pytest.mark.parametrize("name", ["Patient/zz", f"{EHR}/Patient/zz", "x", "Group/p1"])
    def test_an_entry_does_not_make_another_patients_name_ours(self, name: str) -> None:
        people = entries({"resource": ME, "fullUrl": name})
        theirs = {**BREAST, "subject": {"reference": name}}
        found = chart.read({"patient": answer(people), "conditions": answer(bundle(theirs))}, "p1")
        assert not found.kept

    @pytest.mark.parametrize("subject", ["javascript:x/Patient/p1", "x/Patient/p1", f"{OTHER}/Patient/p1"])
    def test_an_absolute_subject_without_a_known_server(self, subject: str) -> None:
        people = entries({"resource": ME, "fullUrl": f"{EHR}/Patient/p1"})
        theirs = {**BREAST, "subject": {"reference": subject}}
        found = chart.read({"patient": answer(people), "conditions": answer(bundle(theirs))}, "p1")
        assert not found.kept


LIVE, WITHDRAWN = {**ORDER, "medicationCodeableConcept": ZOLEDRONATE}, {"status": "entered-in-error"}


def at(resource: dict[str, Any], **meta: str) -> dict[str, Any]:
    return {**resource, "meta": meta}


def test_a_draft_that_was_withdrawn_since_is_none_and_of_unknown_order_counts() -> None:
    day, later = "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"
    for pair in permutations((at(LIVE, lastUpdated=day), at({**LIVE, **WITHDRAWN}, lastUpdated=later))):
        assert not drafts(*pair).medications
    for pair in permutations((at(LIVE, lastUpdated=later), at({**LIVE, **WITHDRAWN}, lastUpdated=day))):
        assert drafts(*pair).medications
    for pair in permutations((LIVE, {**LIVE, **WITHDRAWN})):
        assert drafts(*pair).medications


def test_a_version_number_tells_apart_what_was_written_at_once() -> None:
    wrong = {"verificationStatus": coded("v", "entered-in-error")}
    for pair in permutations((at(BREAST, versionId="9"), at({**BREAST, **wrong}, versionId="10"))):
        assert not read(*pair).kept
    for pair in permutations((at(BREAST, versionId="10"), at({**BREAST, **wrong}, versionId="9"))):
        assert read(*pair).kept


def test_a_newer_version_of_another_patient_does_not_take_ours() -> None:
    foreign = at({**BREAST, "subject": {"reference": "Patient/zz"}}, lastUpdated="2026-11-21T00:00:00Z")
    for pair in permutations((at(BREAST, lastUpdated="2026-11-20T00:00:00Z"), foreign)):
        assert read(*pair).kept


@pytest.mark.parametrize("key", ["<b>evil</b>", "medications"])
def test_neither_a_key_nor_an_address_of_the_callers_is_repeated(key: str) -> None:
    foreign = {k: v for k, v in BREAST.items() if k != "id"} | {"subject": {"reference": "Patient/zz"}}
    sent = answer(entries("text", {"resource": 5}, {"resource": foreign, "fullUrl": "https://evil.example/x"}))
    known = mapping.facts(chart.read({"patient": answer(ME), "conditions": None, key: sent}, "p1"), TODAY)
    said = " ".join((*known.unreadable, *known.lost, *known.incomplete, *known.unavailable))
    assert key not in said
    assert "evil" not in said
    assert "conditions" in known.lost


def test_asked_for_leaves_what_is_no_answer_alone() -> None:
    assert asked_for("conditions", None) is None
    assert asked_for(DRAFTS, Unavailable("x")) == Unavailable("x")
