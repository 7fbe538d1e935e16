"""Reading a body: whatever arrives, it is either a well-formed call or an error that names a field."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from conftest import HOOK_OF, call_body
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import HookRequestError
from cds_service.hook_request import hook_of, parse
from cds_service.services import BY_ID
from fhir_mappings.answers import Answer, Given

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = [
    ("hook",),
    ("hookInstance",),
    ("fhirServer",),
    ("fhirAuthorization",),
    ("context",),
    ("context", "patientId"),
    ("context", "userId"),
    ("context", "encounterId"),
    ("context", "selections"),
    ("context", "draftOrders"),
    ("context", "draftOrders", "entry"),
    ("prefetch",),
    ("prefetch", "conditions"),
]


@given(service=st.sampled_from(sorted(HOOK_OF)), path=st.sampled_from(PATHS), value=JSON)
def test_any_value_anywhere(service: str, path: tuple[str, ...], value: Any) -> None:
    body = copy.deepcopy(call_body(service))
    place = body
    for step in path[:-1]:
        place = place.setdefault(step, {})
    place[path[-1]] = value
    refusals = []
    try:
        parse(json.dumps(body).encode(), BY_ID[service])
    except HookRequestError as error:
        refusals.append(error)
    for refusal in refusals:
        (expression,) = refusal.expression
        assert expression.split(".")[0] in body


@given(st.binary(max_size=50))
def test_any_bytes(content: bytes) -> None:
    with pytest.raises(HookRequestError):
        parse(content, BY_ID["spine-patient-view"])
    assert hook_of(content) is None


def read(answer: Answer) -> list[Any]:
    return [json.loads(bytes(raw)) for _, raw in answer.entries] if isinstance(answer, Given) else []


def resources(value: Any) -> list[Any]:
    """Those of a Bundle, or the one that it is."""
    return [one["resource"] for one in value.get("entry", ())] if value["resourceType"] == "Bundle" else [value]


def test_what_is_read_of_a_call() -> None:
    body = call_body("spine-order-select")
    request = parse(json.dumps(body).encode(), BY_ID["spine-order-select"])
    assert request.patient_id == "example-omar"
    assert request.selections == ("ServiceRequest/draft-lumbar-mri",)
    assert read(request.draft_orders) == resources(body["context"]["draftOrders"])
    assert {key: read(one) for key, one in request.prefetch.items()} == {
        key: resources(value) for key, value in body["prefetch"].items()
    }
    assert (request.fhir_server, request.access_token, request.encounter_id) == (None, None, None)


def test_the_seed_of_a_call_is_its_own() -> None:
    body = {**call_body(), "fhirServer": "https://ehr.example.org/fhir"}
    context = body["context"]
    others: list[dict[str, Any]] = [
        {"hookInstance": "0f4c7d2e-6a53-4b0e-9c1d-5f0a3b7e2d11"},
        {"fhirServer": "https://ehr.example.org/other"},
        {"context": {**context, "patientId": "other"}},
        {"context": {**context, "userId": "Practitioner/other"}},
    ]
    bodies = [json.dumps({**body, **other}).encode() for other in ({}, {}, *others)]
    first, again, *rest = [parse(one, BY_ID["spine-patient-view"]).seed() for one in bodies]
    assert first == again
    assert len({first, *rest}) == 1 + len(others)


def test_order_sign_takes_every_draft() -> None:
    body = call_body("spine-order-sign")
    body["context"]["selections"] = ["MedicationRequest/unknown"]  # not part of this hook, so not read
    assert parse(json.dumps(body).encode(), BY_ID["spine-order-sign"]).selections is None


@pytest.mark.parametrize("blank", [None, ""])
def test_an_encounter_may_be_blank(blank: str | None) -> None:
    body = call_body()
    body["context"]["encounterId"] = blank
    assert parse(json.dumps(body).encode(), BY_ID["spine-patient-view"]).encounter_id is None
