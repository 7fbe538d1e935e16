"""The cards that really go out, checked as an EHR would: shape by the standard, orders by two FHIR validators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import fhirkit
import pytest
from conftest import HOOK_OF, RunningServer, call_body
from fhir.resources.R4B import get_fhir_model_class


@pytest.fixture(params=HOOK_OF)
def answered(server: RunningServer, request: pytest.FixtureRequest) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A call and its cards."""
    body = call_body(request.param)
    return body, server.post(body, request.param).json()["cards"]


def suggestions(cards: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for card in cards:
        yield from card.get("suggestions", ())


def test_every_card_has_what_the_standard_requires(answered: Any) -> None:
    _, cards = answered
    assert 0 < len(cards) <= 5
    for card in cards:
        assert 0 < len(card["summary"]) < 140
        assert card["indicator"] in ("info", "warning", "critical")
        assert card["source"]["label"]
        assert card["source"].get("url", "https://").startswith("https://")
        assert {"system", "code"} <= set(card["source"]["topic"])
        assert card["source"]["topic"]["code"].isalnum()
        assert ("suggestions" in card) == ("selectionBehavior" in card)
        assert card.get("selectionBehavior", "any") in ("any", "at-most-one")
        for reason in card.get("overrideReasons", ()):
            assert set(reason) == {"system", "code", "display"}
        for link in card.get("links", ()):
            assert set(link) - ({"appContext"} if link["type"] == "smart" else set()) == {"label", "url", "type"}
    assert sum(card["indicator"] == "critical" for card in cards) <= 1


def test_identifiers_are_uuids_and_none_is_used_twice(answered: Any) -> None:
    _, cards = answered
    named = [one["uuid"] for one in (*cards, *suggestions(cards))]
    assert all(str(UUID(one)) == one for one in named)
    assert len(set(named)) == len(named)


def test_actions(answered: Any) -> None:
    body, cards = answered
    drafts = body["context"].get("draftOrders", {"entry": []})
    drafted = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in drafts["entry"]}
    for suggestion in suggestions(cards):
        assert suggestion["label"]
        assert suggestion["actions"]
        for action in suggestion["actions"]:
            assert action["type"] in ("create", "delete")
            assert action["description"]
            if action["type"] == "delete":
                assert action["resourceId"] in drafted
                assert "resource" not in action


def test_suggested_orders_are_valid_r4_for_two_validators(answered: Any) -> None:
    body, cards = answered
    actions = [action for suggestion in suggestions(cards) for action in suggestion["actions"]]
    orders = [action["resource"] for action in actions if action["type"] == "create"]
    for order in orders:
        get_fhir_model_class(order["resourceType"]).model_validate(order)
        assert fhirkit.validate(order) == []
        assert (order["status"], order["intent"]) == ("draft", "proposal")
        assert order["subject"] == {"reference": f"Patient/{body['context']['patientId']}"}
        assert "id" not in order


def test_every_link_leads_to_a_page(server: RunningServer, answered: Any) -> None:
    _, cards = answered
    for card in cards:
        for link in card.get("links", ()):
            if link["type"] == "smart":  # launched by the EHR, which adds `iss` and `launch`; without them it says so
                assert link["url"] == f"{server.url}/smart/launch"
                assert "Open this from a patient" in server.get("/smart/launch").text
            else:
                assert link["url"].startswith(f"{server.url}/rules")
                assert server.get(link["url"].removeprefix(server.url)).status_code == 200
