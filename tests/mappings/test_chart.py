"""What is read, what is refused, and what is never mistaken for "nothing there"."""

from __future__ import annotations

import json
from datetime import date
from itertools import permutations
from typing import Any

import pytest

from fhir_mappings import chart
from fhir_mappings.answers import Given, Unavailable, understand
from fhir_mappings.chart import EMPTY, FOUND, PARTIAL, UNAVAILABLE
from fhir_mappings.facts import facts
from tests.mappings.charts import ICD, ME, SCT, answer, bundle, coded, condition, read

BREAST = condition(coded(ICD, "C50.911"))
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
WARNING = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "4101"}]}


def test_a_resource_of_the_patient_is_kept() -> None:
    kept = read(BREAST)
    assert list(kept.kept) == ["Condition/c1"]
    assert kept.kept["Condition/c1"].concepts == {"primary_breast"}
    assert not kept.refused


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        "Patient/p1/_history/3",
        "https://ehr.example.org/fhir/Patient/p1",
        "urn:uuid:p1",
    ],
)
def test_the_patient_may_be_named_in_these_ways(reference: str) -> None:
    assert read({**BREAST, "subject": {"reference": reference}}, server="https://ehr.example.org/fhir").kept


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p2"},
        {"reference": "Patient/p11"},
        {"reference": "https://elsewhere.example.org/fhir/Patient/p1"},
        {"reference": "https://ehr.example.org.evil.example/fhir/Patient/p1"},
        {"reference": "Group/p1"},
        {"reference": "#p1"},
        {"reference": "urn:uuid:someone"},
        {"identifier": {"value": "p1"}},
        {"display": "Anna"},
        None,
    ],
)
def test_another_patients_resource_never_counts_and_is_named(subject: Any) -> None:
    resource = {key: value for key, value in {**BREAST, "subject": subject}.items() if value is not None}
    found = read(resource, server="https://ehr.example.org/fhir")
    assert not found.kept
    assert [refused.reference for refused in found.refused] == ["Condition/c1"]


def test_a_bundle_may_name_the_patient_by_full_url() -> None:
    entries = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:4f0e", "resource": ME},
            {"fullUrl": "urn:uuid:77aa", "resource": {**BREAST, "subject": {"reference": "urn:uuid:4f0e"}}},
        ],
    }
    found = chart.read({"patient": answer(ME), "conditions": answer(entries)}, "p1")
    assert list(found.kept) == ["Condition/c1"]


def test_another_patient_in_the_prefetch_is_not_ours() -> None:
    found = read(BREAST, patient={**ME, "id": "p2"})
    assert found.patient is None
    assert found.needed_but_missing() == (("patient", "the resource sent is not this patient's"),)


@pytest.mark.parametrize(
    "bad",
    [
        {"resourceType": "Condition", "id": "bad", "subject": {"reference": "Patient/p1"}, "code": "C50.9"},
        {"resourceType": "Condition", "id": "bad", "subject": "Patient/p1", "code": {}},
        {"resourceType": "Observation", "id": "bad", "status": "final", "valueQuantity": {"value": "<5"}},
        {"resourceType": "Condition", "id": "bad", "bodySite": {"text": "an object where a list is due"}},
    ],
)
def test_one_unreadable_resource_is_named_and_voids_nothing_else(bad: dict[str, Any]) -> None:
    found = read(bad, BREAST)
    assert list(found.kept) == ["Condition/c1"]
    assert {r.reference for r in found.refused} == {f"{bad['resourceType']}/bad"}


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceType": "Encounter", "id": "e", "subject": 3},
        {"resourceType": "SomethingNew", "id": "x"},
    ],
)
def test_types_that_we_do_not_read_are_passed_over_in_silence(odd: dict[str, Any]) -> None:
    assert read(odd, BREAST).refused == ()


@pytest.mark.parametrize(
    "more",
    [
        {"unknownElement": {"a": [1, 2]}},
        {"_recordedDate": {"extension": [{"url": "x", "valueCode": "unknown"}]}},
        {"category": {"an object": "as Epic sends it"}},
        {"contained": [{"resourceType": "NoSuchType"}]},
        {"text": {"status": "generated", "div": "<div>x</div>"}},
        {"note": None},
    ],
)
def test_what_real_ehrs_send_besides_does_not_matter(more: dict[str, Any]) -> None:
    assert read({**BREAST, **more}).kept


def test_damaged_entries_cost_only_themselves() -> None:
    raw = {"resourceType": "Bundle", "entry": [{"fullUrl": 7, "resource": BREAST}, {"resource": BREAST}, "text", None]}
    found = chart.read({"patient": answer(ME), "conditions": answer(raw)}, "p1")
    assert list(found.kept) == ["Condition/c1"]
    assert found.sources["conditions"].state == PARTIAL
    assert [r.reference for r in found.refused] == ["an entry of conditions"]


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (answer(bundle(BREAST)), FOUND),
        (answer(bundle()), EMPTY),
        (answer({"resourceType": "Bundle", "type": "searchset", "total": 0}), EMPTY),
        (None, EMPTY),
        (answer({**bundle(WARNING), "total": 0}), EMPTY),  # how Epic writes "nothing found"
        (answer(bundle(BREAST, link=[{"relation": "next", "url": "https://ehr/next"}])), PARTIAL),
        (answer(bundle(BREAST, OUTCOME)), PARTIAL),
        (answer(OUTCOME), UNAVAILABLE),
        (answer(bundle(OUTCOME)), UNAVAILABLE),
        (answer({**bundle(OUTCOME), "total": 0}), UNAVAILABLE),
        (answer(bundle(WARNING)), UNAVAILABLE),
        (Unavailable("not sent"), UNAVAILABLE),
        (answer("<html>login</html>"), UNAVAILABLE),
        (answer([1]), UNAVAILABLE),
        (answer({"entry": []}), UNAVAILABLE),
        (answer({"resourceType": "Bundle", "entry": "none"}), UNAVAILABLE),
    ],
)
def test_found_empty_partial_and_unavailable_are_kept_apart(given: Any, state: str) -> None:
    found = chart.read({"patient": answer(ME), "conditions": given}, "p1")
    assert found.sources["conditions"].state == state
    assert bool(found.needed_but_missing()) == (state == UNAVAILABLE)


def test_too_deep_nesting_is_unavailable_and_not_a_crash() -> None:
    deep = b'{"resourceType":"Bundle","entry":' + b"[" * 5000 + b"]" * 5000 + b"}"
    assert isinstance(understand(deep), Unavailable)


def test_one_deep_resource_is_refused_alone() -> None:
    deep = '{"resourceType":"Condition","id":"deep","code":' + '{"a":' * 400 + "1" + "}" * 400 + "}"
    raw = (
        '{"resourceType":"Bundle","entry":[{"resource":' + deep + '},{"resource":' + json.dumps(BREAST) + "}]}"
    ).encode()
    given = understand(raw)
    assert isinstance(given, Given)
    assert "Condition/c1" in chart.read({"patient": answer(ME), "conditions": given}, "p1").kept


def test_the_newer_of_two_versions_is_kept_wherever_it_comes() -> None:
    old = condition(coded(ICD, "C50.911"), meta={"lastUpdated": "2026-01-01T00:00:00Z"})
    new = condition(coded(ICD, "C61"), meta={"lastUpdated": "2026-02-01T00:00:00Z"})
    for pair in permutations((old, new)):
        assert read(*pair).kept["Condition/c1"].concepts == {"primary_prostate"}


def test_parts_merge_to_the_same_chart_in_any_order() -> None:
    parts = [
        read(BREAST),
        read(condition(coded(ICD, "C79.51"), id="c2", recordedDate="2026-03-03")),
        read(condition(coded(SCT, "94222008"), id="c2", meta={"lastUpdated": "2026-09-01T00:00:00Z"})),
        read(condition(coded(ICD, "M54.5"), id="c3", subject={"reference": "Patient/other"})),
        chart.read({"patient": answer(ME), "conditions": Unavailable("timed out")}, "p1"),
    ]
    merged = []
    for order in permutations(parts):
        whole = order[0]
        for part in order[1:]:
            whole = chart.merge(whole, part)
        merged.append((whole.patient, dict(whole.kept), dict(whole.sources), whole.refused, dict(whole.ignored)))
    assert all(one == merged[0] for one in merged)
    assert merged[0][1]["Condition/c2"].concepts >= {"bone_metastasis"}
    assert merged[0][2]["conditions"].state == UNAVAILABLE


def test_merging_a_part_twice_changes_nothing() -> None:
    one, two = read(BREAST), read(condition(coded(ICD, "C79.51"), id="c2"))
    whole = chart.merge(one, two)
    assert chart.merge(whole, two).kept == whole.kept


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (condition(coded(ICD, "J45.909")), "codes outside our value sets"),
        ({**BREAST, "verificationStatus": coded("v", "refuted")}, "verification status refuted"),
        ({**BREAST, "verificationStatus": coded("v", "entered-in-error")}, "verification status entered-in-error"),
    ],
)
def test_what_is_left_out_on_purpose_is_counted_by_reason(resource: dict[str, Any], reason: str) -> None:
    found = read(resource)
    assert not found.kept
    assert not found.refused
    assert found.ignored == {reason: 1}


@pytest.mark.parametrize("name", ["a b", "<script>", "x/../Patient/2", "", "é", "x" * 300])
def test_an_id_that_is_none_names_nothing(name: str) -> None:
    (reference,) = read({**BREAST, "id": name}).kept
    assert reference.startswith("Condition without id")


def test_a_key_that_we_did_not_ask_for_is_not_repeated() -> None:
    more = answer(bundle(BREAST, link=[{"relation": "next"}]))
    found = chart.read({"patient": answer(ME), "conditions": answer(bundle()), "<b>evil</b>": more}, "p1")
    assert facts(found, date(2026, 11, 24)).incomplete == ("other data",)
