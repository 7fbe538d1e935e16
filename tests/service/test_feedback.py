"""Feedback over HTTP: the standard's form and Epic's, each malformed field by its name, nothing lost, nothing twice."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import HookRequestError
from cds_service.feedback import LONGEST, MOST_ITEMS, parse
from tests.service.conftest import RunningServer, call_body, serving

CARD = "9368d37b-283f-44a0-93ea-547cebab93ed"
WHEN = "2026-11-24T10:05:31Z"
SERVICE = "spine-patient-view"


def item(**changes: Any) -> dict[str, Any]:
    """An override without a reason, changed; None leaves a field out."""
    whole = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": WHEN, **changes}
    return {key: value for key, value in whole.items() if value is not None}


def accepted(**changes: Any) -> dict[str, Any]:
    return item(**{"outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid.uuid4())}], **changes})


def report(server: RunningServer, *items: Any, service: str = SERVICE) -> requests.Response:
    return server.post({"feedback": list(items)}, f"{service}/feedback")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with serving(folder) as running:
        yield running


def rows(folder: Path, card: str) -> list[dict[str, Any]]:
    with sqlite3.connect(folder / "store.db") as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM feedback WHERE card = ?", (card,))]
    connection.close()
    return found


def test_the_standards_example_is_recorded_and_joined_to_its_call(server: RunningServer, folder: Path) -> None:
    card = server.post(call_body()).json()["cards"][0]
    suggestion = card["suggestions"][0]["uuid"]
    response = report(server, accepted(card=card["uuid"], acceptedSuggestions=[{"id": suggestion}]))
    assert response.status_code == 200
    assert response.json()["issue"][0]["severity"] == "information"
    (row,) = rows(folder, card["uuid"])
    assert (row["outcome"], json.loads(row["accepted"])) == ("accepted", [suggestion])
    with sqlite3.connect(folder / "store.db") as connection:
        joined = connection.execute(
            "SELECT rule FROM speech JOIN feedback ON feedback.call = speech.call AND feedback.card = speech.card"
        ).fetchall()
    connection.close()
    assert {rule for (rule,) in joined} == {one["rule"] for one in card["extension"]["org.spine-cds.rules"]}


def test_an_override_with_a_reason_of_the_card_and_words(server: RunningServer, folder: Path) -> None:
    card = str(uuid.uuid4())
    reason = {"code": "patient-refuses", "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"}
    words = "Mrs Marker does not want it"
    assert report(server, item(card=card, overrideReason={"reason": reason, "userComment": words})).status_code == 200
    (row,) = rows(folder, card)
    assert (row["reason_system"], row["reason_code"], row["commented"]) == (reason["system"], reason["code"], 1)
    assert row["call"] is None
    kept = b"".join(path.read_bytes() for path in folder.glob("store.db*"))
    assert b"Marker" not in kept
    assert "Marker" not in server.written()


def test_epics_form_is_understood(server: RunningServer, folder: Path) -> None:
    """Plural key, card ids that are no UUIDs, display in the reason, parts of the reason in an extension."""
    reason = {
        "reason": {"code": "1", "system": "urn:epic:reasons", "display": "Not now"},
        "userComment": "later",
        "extension": {"com.epic.cdshooks.feedback.overrideReason.reasonDisplay": "Not now"},
    }
    card = server.post(call_body()).json()["cards"][-1]["uuid"]
    assert report(server, item(card=card, overrideReasons=reason)).status_code == 200
    (row,) = rows(folder, card)
    assert (row["reason_system"], row["reason_code"], row["commented"]) == ("urn:epic:reasons", "1", 1)


@pytest.mark.parametrize(
    "given",
    [
        item(outcomeTimestamp="2026-11-24T10:05:31.123456Z"),
        item(outcomeTimestamp="2026-11-24T11:05:31+01:00"),
        item(outcomeTimestamp="2026-11-24T10:05:31"),
        item(overrideReason=None),
        item(overrideReason={"userComment": "only words"}),
        item(overrideReason={"reason": {"code": "x"}}),
        item(overrideReason={}),
        item(extension={"org.example": {"a": 1}}, somethingNew=[1]),
        accepted(acceptedSuggestions=[{"id": "a"}, {"id": "b", "extension": {}}]),
    ],
)
def test_what_clients_may_send_is_taken(server: RunningServer, given: dict[str, Any]) -> None:
    assert report(server, given).status_code == 200


def test_repeats_are_answered_alike_and_kept_once(server: RunningServer, folder: Path) -> None:
    card = str(uuid.uuid4())
    one, other = item(card=card), item(card=card, outcomeTimestamp="2026-11-24T10:06:00Z")
    for _ in range(3):
        assert report(server, one, one, other).status_code == 200
    assert len(rows(folder, card)) == 2


MALFORMED = [
    ("feedback[0]", "nothing"),
    ("feedback[0]", None),
    ("feedback[0].card", item(card=None)),
    ("feedback[0].card", item(card="  ")),
    ("feedback[0].card", item(card=7)),
    ("feedback[0].card", item(card="x" * (LONGEST + 1))),
    ("feedback[0].card", item(card="two\nlines")),
    ("feedback[0].outcome", item(outcome=None)),
    ("feedback[0].outcome", item(outcome="ignored")),
    ("feedback[0].outcome", item(outcome=["accepted"])),
    ("feedback[0].outcomeTimestamp", item(outcomeTimestamp=None)),
    ("feedback[0].outcomeTimestamp", item(outcomeTimestamp="yesterday")),
    ("feedback[0].outcomeTimestamp", item(outcomeTimestamp="2026-11-24")),
    ("feedback[0].outcomeTimestamp", item(outcomeTimestamp=1764000000)),
    ("feedback[0].outcomeTimestamp", item(outcomeTimestamp="2026-13-45T10:00:00Z")),
    ("feedback[0].outcomeTimestamp", item(outcomeTimestamp="0001-01-01T00:00:00Z")),
    ("feedback[0].acceptedSuggestions", accepted(acceptedSuggestions=None)),
    ("feedback[0].acceptedSuggestions", accepted(acceptedSuggestions=[])),
    ("feedback[0].acceptedSuggestions", accepted(acceptedSuggestions={"id": "x"})),
    ("feedback[0].acceptedSuggestions[0]", accepted(acceptedSuggestions=["x"])),
    ("feedback[0].acceptedSuggestions[1].id", accepted(acceptedSuggestions=[{"id": "a"}, {}])),
    ("feedback[0].overrideReason", item(overrideReason="no")),
    ("feedback[0].overrideReasons", item(overrideReasons=["no"])),
    ("feedback[0].overrideReason.reason", item(overrideReason={"reason": "no"})),
    ("feedback[0].overrideReason.reason.code", item(overrideReason={"reason": {"system": "urn:x"}})),
    ("feedback[0].overrideReason.reason.system", item(overrideReason={"reason": {"code": "x", "system": 5}})),
    ("feedback[0].overrideReason.userComment", item(overrideReason={"userComment": {"a": 1}})),
]


@pytest.mark.parametrize(("field", "wrong"), MALFORMED, ids=[f"{field} {i}" for i, (field, _) in enumerate(MALFORMED)])
def test_what_is_wrong_is_named_and_the_rest_is_kept(
    server: RunningServer, folder: Path, field: str, wrong: Any
) -> None:
    good = str(uuid.uuid4())
    response = report(server, wrong, item(card=good))
    assert response.status_code == 400
    (issue,) = response.json()["issue"]
    assert issue["expression"] == [field]
    assert "The other 1 were kept" in issue["diagnostics"]
    assert len(rows(folder, good)) == 1


@pytest.mark.parametrize("body", [{}, {"feedback": []}, {"feedback": {}}, {"feedback": None}, [], "x", 0,
                                  {"feedback": [item()] * (MOST_ITEMS + 1)}])  # fmt: skip
def test_a_body_that_is_no_feedback_is_refused(server: RunningServer, body: Any) -> None:
    response = server.post(body, f"{SERVICE}/feedback")
    assert response.status_code == 400
    assert response.json()["issue"][0]["expression"] == ["feedback"]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"feedback": [NaN]}'])
def test_what_is_not_json_is_refused(server: RunningServer, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert server.post(None, f"{SERVICE}/feedback", data=raw, headers=headers).status_code == 400


def test_other_addresses_methods_and_types(server: RunningServer) -> None:
    assert report(server, item(), service="no-such-service").status_code == 404
    assert server.get(f"/cds-services/{SERVICE}/feedback").status_code == 405
    response = server.post(None, f"{SERVICE}/feedback", data=b"a=b", headers={"Content-Type": "text/plain"})
    assert response.status_code == 415


def test_the_audit_line_counts_and_names_nobody(server: RunningServer) -> None:
    card = str(uuid.uuid4())
    report(server, item(card=card), item(card=card))
    line = [line for line in server.audit_lines() if "feedback" in line][-1]
    assert line["feedback"] == {"recorded": 1, "repeated": 1, "unknown_card": 1}
    assert line["service"] == SERVICE
    assert card not in json.dumps(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("card", "outcome", "outcomeTimestamp", "acceptedSuggestions", "overrideReason", "overrideReasons")


@given(st.sampled_from(FIELDS), JSON, st.sampled_from(("accepted", "overridden")))
def test_no_value_of_any_field_is_more_than_a_refusal(field: str, value: Any, outcome: str) -> None:
    said = {**accepted(outcome=outcome), field: value}
    try:
        understood, refused = parse(json.dumps({"feedback": [said]}, ensure_ascii=True, allow_nan=True).encode())
    except HookRequestError:
        return  # NaN is no JSON
    assert len(understood) + (refused is not None) == 1
