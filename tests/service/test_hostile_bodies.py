"""A body that says two things at once, and a draft order that no button can remove."""

from __future__ import annotations

import json
import time

import pytest
from conftest import RunningServer, call_body

from cds_service import hook_request, services
from cds_service.errors import HookRequestError

BODY = json.dumps(call_body())
SERVICE = next(one for one in services.SERVICES if one.hook == "patient-view")
NONE_FOUND = '{"resourceType": "Bundle", "total": 0}'


def doubled(inside: str, key: str, value: str) -> str:
    """The body with a second value for a key of one of its objects, put first."""
    return BODY.replace(inside, f'{inside}"{key}": {value}, ', 1)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (doubled('"prefetch": {', "conditions", NONE_FOUND), "prefetch.conditions"),
        (doubled('"prefetch": {', "conditions", "null"), "prefetch.conditions"),
        (doubled('"prefetch": {', "\\u0063onditions", NONE_FOUND), "prefetch.conditions"),
        (doubled("{", "prefetch", "{}"), "prefetch"),
        (doubled('"context": {', "patientId", '"p2"'), "context.patientId"),
        (doubled("{", "context", '{"patientId": "p2"}'), "context.patientId"),
        (doubled("{", "context", "null"), "context"),
        (doubled("{", "prefetch", '"}"'), "prefetch"),
        (doubled("{", "hook", '"patient-view"'), "hook"),
        (doubled("{", "more", '{"prefetch": {}}').replace("{", '{"prefetch": null, ', 1), "prefetch"),
    ],
)
def test_the_same_key_twice_is_refused_by_name(server: RunningServer, body: str, named: str) -> None:
    got = server.post(None, data=body.encode(), headers={"Content-Type": "application/json"})
    assert (got.status_code, got.json()["issue"][0]["expression"]) == (400, [named])


@pytest.mark.parametrize("indent", [None, 2])
def test_however_it_is_written_a_body_with_each_key_once_is_read(indent: int | None) -> None:
    body = json.dumps({**call_body(), 'a "quoted\\" key': [1]}, indent=indent).encode()
    assert hook_request.parse(body, SERVICE).prefetch


def test_a_key_of_the_callers_own_is_not_repeated() -> None:
    body = doubled("{", "<b>x</b>", "1").replace("{", '{"<b>x</b>": 2, ', 1)
    with pytest.raises(HookRequestError) as refused:
        hook_request.parse(body.encode(), SERVICE)
    assert "<b>" not in str(refused.value)


def test_the_check_costs_little() -> None:
    entry = json.dumps({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "X", "a": "b" * 9_000_000}}]})
    body = doubled('"prefetch": {', "more", entry).encode()
    began = time.process_time()  # not the time of day: the machine may be busy
    hook_request.parse(body, SERVICE)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("name", [None, "a b", "<img src=x>", "a" * 65])
def test_a_draft_without_an_id_is_removed_by_hand(server: RunningServer, name: str | None) -> None:
    body = call_body("spine-order-sign")
    for entry in body["context"]["draftOrders"]["entry"]:
        entry["fullUrl"] = "https://evil.example/fhir/MedicationRequest/9"
        entry["resource"].pop("id")
        if name is not None:
            entry["resource"]["id"] = name
    cards = server.post(body, "spine-order-sign").json()["cards"]
    actions = [a for card in cards for one in card.get("suggestions", ()) for a in one["actions"]]
    assert not [action for action in actions if action["type"] == "delete"]
    assert "Remove by hand" in str(cards)
    assert "evil.example" not in str(cards)
