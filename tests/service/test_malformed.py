"""Malformed and unwelcome calls: each is refused with an OperationOutcome that names the field and repeats nothing."""

from __future__ import annotations

import copy
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import requests
from conftest import RunningServer, call_body

SECRET = "zq-planted-secret-zq"
Change = Callable[[dict[str, Any]], None]


def put(*path: str, value: Any) -> Change:
    def change(body: dict[str, Any]) -> None:
        for step in path[:-1]:
            body = body[step]
        body[path[-1]] = value

    return change


def drop(*path: str) -> Change:
    def change(body: dict[str, Any]) -> None:
        for step in path[:-1]:
            body = body[step]
        del body[path[-1]]

    return change


def authorization(**changes: Any) -> dict[str, Any]:
    whole = {
        "access_token": SECRET,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "cds-service",
    }
    return {key: value for key, value in {**whole, **changes}.items() if value is not None}


def with_authorization(**changes: Any) -> Change:
    def change(body: dict[str, Any]) -> None:
        body["fhirServer"] = "https://ehr.example.org/fhir"
        body["fhirAuthorization"] = authorization(**changes)

    return change


PATIENT_VIEW: list[tuple[str, str, Change]] = [
    ("hook", "no hook", drop("hook")),
    ("hook", "another hook", put("hook", value="order-sign")),
    ("hook", "an unknown hook", put("hook", value=SECRET)),
    ("hook", "a hook that is a number", put("hook", value=5)),
    ("hookInstance", "no hookInstance", drop("hookInstance")),
    ("hookInstance", "hookInstance null", put("hookInstance", value=None)),
    ("hookInstance", "hookInstance not a UUID", put("hookInstance", value=SECRET)),
    ("context", "no context", drop("context")),
    ("context", "context null", put("context", value=None)),
    ("context", "context a list", put("context", value=[SECRET])),
    ("context", "two megabytes of context", put("context", value=SECRET * 100_000)),
    ("context.patientId", "no patientId", drop("context", "patientId")),
    ("context.patientId", "patientId a number", put("context", "patientId", value=7)),
    ("context.patientId", "patientId a reference", put("context", "patientId", value=f"Patient/{SECRET}")),
    ("context.patientId", "patientId a query", put("context", "patientId", value=f"1&_id={SECRET}")),
    ("context.patientId", "patientId blank", put("context", "patientId", value="")),
    ("context.patientId", "patientId too long", put("context", "patientId", value="a" * 65)),
    ("context.userId", "no userId", drop("context", "userId")),
    ("context.userId", "userId of a made-up type", put("context", "userId", value=f"Wizard/{SECRET}")),
    ("context.userId", "userId without a type", put("context", "userId", value=SECRET)),
    ("context.encounterId", "encounterId a path", put("context", "encounterId", value=f"../{SECRET}")),
    ("prefetch", "prefetch a list", put("prefetch", value=[SECRET])),
    ("prefetch", "prefetch a string", put("prefetch", value=SECRET)),
    ("fhirServer", "fhirServer relative", put("fhirServer", value=f"/{SECRET}")),
    ("fhirServer", "fhirServer of another scheme", put("fhirServer", value=f"ftp://{SECRET}/")),
    ("fhirServer", "fhirServer unreadable", put("fhirServer", value=f"http://[{SECRET}")),
    ("fhirServer", "a token without a server", put("fhirAuthorization", value=authorization())),
    (
        "fhirAuthorization",
        "authorization a string",
        lambda body: (
            put("fhirServer", value="https://ehr.example.org/fhir")(body),
            put("fhirAuthorization", value=SECRET)(body),
        ),
    ),
    ("fhirAuthorization.access_token", "no access_token", with_authorization(access_token=None)),
    ("fhirAuthorization.access_token", "a header in the token", with_authorization(access_token=f"a\r\nX: {SECRET}")),
    ("fhirAuthorization.token_type", "no token_type", with_authorization(token_type=None)),
    ("fhirAuthorization.token_type", "another token_type", with_authorization(token_type=SECRET)),
    ("fhirAuthorization.expires_in", "no expires_in", with_authorization(expires_in=None)),
    ("fhirAuthorization.expires_in", "expires_in a word", with_authorization(expires_in=SECRET)),
    ("fhirAuthorization.scope", "no scope", with_authorization(scope=None)),
    ("fhirAuthorization.subject", "no subject", with_authorization(subject=None)),
]
ORDERS: list[tuple[str, str, Change]] = [
    ("context.draftOrders", "no draftOrders", drop("context", "draftOrders")),
    ("context.draftOrders", "draftOrders a list", put("context", "draftOrders", value=[])),
    ("context.draftOrders", "draftOrders not a Bundle", put("context", "draftOrders", "resourceType", value=SECRET)),
    ("context.draftOrders", "entries that are no list", put("context", "draftOrders", "entry", value=SECRET)),
    ("context.userId", "a patient as the orderer", put("context", "userId", value=f"Patient/{SECRET}")),
]
SELECTIONS: list[tuple[str, str, Change]] = [
    ("context.selections", "no selections", drop("context", "selections")),
    ("context.selections", "selections empty", put("context", "selections", value=[])),
    ("context.selections", "selections a string", put("context", "selections", value=SECRET)),
    ("context.selections", "selections of numbers", put("context", "selections", value=[1])),
    ("context.selections[0]", "a bare id", put("context", "selections", value=["draft-lumbar-mri"])),
    ("context.selections[0]", "the wrong type", put("context", "selections", value=["Task/draft-lumbar-mri"])),
    (
        "context.selections[1]",
        "the second unknown",
        put("context", "selections", value=["ServiceRequest/draft-lumbar-mri", f"ServiceRequest/{SECRET}"]),
    ),
]
CASES = [
    *(("spine-patient-view", *case) for case in PATIENT_VIEW),
    *((service, *case) for service in ("spine-order-select", "spine-order-sign") for case in ORDERS),
    *(("spine-order-select", *case) for case in SELECTIONS),
]


@pytest.mark.parametrize(("service", "expression", "label", "change"), CASES, ids=[f"{c[0]}: {c[2]}" for c in CASES])
def test_the_field_is_named_and_nothing_is_repeated(
    server: RunningServer, service: str, expression: str, label: str, change: Change
) -> None:
    body = copy.deepcopy(call_body(service))
    change(body)
    response = server.post(body, service)
    assert outcome(response, 400)["expression"] == [expression]
    assert SECRET not in response.text
    assert len(response.content) < 1000


def outcome(response: requests.Response, status: int) -> dict[str, Any]:
    """The one issue of an OperationOutcome with the expected status."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/fhir+json"
    content = response.json()
    assert content["resourceType"] == "OperationOutcome"
    (issue,) = content["issue"]
    assert set(issue) <= {"severity", "code", "diagnostics", "expression"}
    return dict(issue)


@pytest.mark.parametrize(
    ("label", "content"),
    [
        ("cut short", b'{"hook": "patient-view", "con'),
        ("an array", b"[1, 2]"),
        ("a string", b'"patient-view"'),
        ("nothing", b""),
        ("null", b"null"),
        ("not UTF-8", b'{"hook": "\xff\xfe"}'),
        ("a trailing comma", b'{"hook": "patient-view",}'),
        ("100,000 levels deep", b'{"context":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        ("100,000 levels deep beside everything", b'{"other":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ],
)
def test_a_body_that_is_no_json_object(server: RunningServer, label: str, content: bytes) -> None:
    response = server.post(None, data=content, headers={"Content-Type": "application/json"})
    outcome(response, 400)


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/json; charset=latin-1", ""])
def test_a_body_of_another_type(server: RunningServer, content_type: str) -> None:
    content = json.dumps(call_body()).encode()
    outcome(server.post(None, data=content, headers={"Content-Type": content_type}), 415)


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/fhir+json", "application/json; charset=UTF-8"]
)
def test_a_body_of_the_right_type(server: RunningServer, content_type: str) -> None:
    content = json.dumps(call_body()).encode()
    assert server.post(None, data=content, headers={"Content-Type": content_type}).status_code == 200


def test_an_unknown_service(server: RunningServer) -> None:
    response = server.post(call_body(), SECRET)
    outcome(response, 404)
    assert SECRET not in response.text


def test_an_unknown_address(server: RunningServer) -> None:
    response = server.get(f"/{SECRET}")
    outcome(response, 404)
    assert SECRET not in response.text


def test_the_wrong_method(server: RunningServer) -> None:
    response = server.get("/cds-services/spine-patient-view")
    outcome(response, 405)
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize(
    ("label", "prefetch", "named"),
    [
        ("nothing sent", {}, {"patient", "conditions"}),
        ("an HTML error page", {"conditions": f"<html>{SECRET}</html>"}, {"conditions"}),
        ("a list", {"conditions": [SECRET]}, {"conditions"}),
        ("a number", {"conditions": 5}, {"conditions"}),
        (
            "an OperationOutcome",
            {
                "conditions": {
                    "resourceType": "OperationOutcome",
                    "issue": [{"severity": "error", "code": "exception", "diagnostics": SECRET}],
                }
            },
            {"conditions"},
        ),
        ("no patient", {"patient": None}, {"patient"}),
    ],
)
def test_needed_data_that_cannot_be_had(
    server: RunningServer, label: str, prefetch: dict[str, Any], named: set[str]
) -> None:
    body = call_body()
    body["prefetch"] = {**body["prefetch"], **prefetch} if prefetch else {}
    response = server.post(body)
    assert set(outcome(response, 412)["expression"]) == {f"prefetch.{key}" for key in named}
    assert SECRET not in response.text


def test_a_body_that_announces_too_much_is_refused_unread(server: RunningServer) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(
            b"POST /cds-services/spine-patient-view HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: 67108864\r\n\r\n{"
        )
        answer = b"".join(iter(lambda: line.recv(65_536), b""))  # comes although 64 MB were never sent
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"OperationOutcome" in answer


def test_a_body_of_64_megabytes(server: RunningServer) -> None:
    """The server may close while the client still sends; what must not happen is an answer other than 413."""
    try:
        response = server.post(None, data=b" " * 67_108_864, headers={"Content-Type": "application/json"})
    except requests.ConnectionError:
        return
    outcome(response, 413)


def test_a_body_that_announces_nothing_is_read_to_the_limit_only(server: RunningServer) -> None:
    pieces = (b" " * 1_000_000 for _ in range(21))
    response = server.post(None, data=pieces, headers={"Content-Type": "application/json"})
    outcome(response, 413)


def test_nothing_planted_reached_the_logs(server: RunningServer) -> None:
    server.post({**call_body(), "hookInstance": SECRET, "prefetch": SECRET})
    server.post(call_body(), SECRET)
    assert SECRET not in server.written()
