"""CORS over the running server: pages of listed origins may call, others learn nothing; a preflight needs no token."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from conftest import RunningServer, call_body, serving

from tests import callers
from tests.callers import DISCOVERY, FEEDBACK, PUBLIC, SERVICE, bearer, token

EHR, WITH_PORT, IPV6 = "https://ehr.example.org", "https://apps.example.org:8443", "https://[2001:db8::1]:8443"
LISTED = [EHR, WITH_PORT, IPV6]
NOT_LISTED = [
    "null", "*", "", "https://other.example.org", "http://ehr.example.org", "https://ehr.example.org:443",
    "https://ehr.example.org:8443", "https://ehr.example.org/", "https://ehr.example.org.evil.example",
    "https://evil.example/https://ehr.example.org", "https://ehrXexample.org", "https://EHR.example.org",
    "https://evil-ehr.example.org", "https://sub.ehr.example.org", "https://ehr.example.org@evil.example",
    "https://ehr.example.org, https://evil.example", "https://2", "https://d:8443", "https://apps.example.org",
    "http://localhost", "file://", "chrome-extension://abc",
]  # fmt: skip
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("browsers")
    origins = ", ".join(f'"{one}"' for one in LISTED)
    text = callers.TENANT + callers.issuer() + f"[cors]\nallowed_origins = [{origins}]\n"
    with serving(folder, "--tenant", str(callers.write_tenant(folder, text))) as running:
        yield running


def preflight(server: RunningServer, path: str, origin: str, **more: str) -> requests.Response:
    """What a browser sends before the call itself: without Authorization."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET" if path == DISCOVERY else "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return requests.options(server.url + path, headers=headers, timeout=10)


@pytest.mark.parametrize("path", [DISCOVERY, SERVICE, FEEDBACK])
@pytest.mark.parametrize("origin", LISTED)
def test_a_preflight_of_a_listed_origin(guarded: RunningServer, origin: str, path: str) -> None:
    answer = preflight(guarded, path, origin)
    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == origin
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", NOT_LISTED)
def test_another_origin_gets_no_leave(guarded: RunningServer, origin: str) -> None:
    good = token()
    answers = [preflight(guarded, path, origin) for path in (DISCOVERY, SERVICE, FEEDBACK)]
    answers.append(guarded.post({}, headers={"Origin": origin}))
    answers.append(guarded.post(call_body(), headers={"Origin": origin, **bearer(good)}))
    for answer in answers:
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert EHR not in str(answer.headers)
        assert "Origin" in answer.headers["Vary"]


def test_whoever_names_no_origin_is_told_none(guarded: RunningServer) -> None:
    answer = guarded.get("/rules")
    assert ALLOWED not in answer.headers
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("path", ["/", "/rules", "/ledger", "/dashboard", "/fhir/metadata", "/cds-servicesx"])
def test_only_calls_are_for_pages_of_another_origin(guarded: RunningServer, path: str) -> None:
    assert ALLOWED not in guarded.get(path, headers={"Origin": LISTED[0]}).headers


def test_a_page_reads_answers_and_refusals_alike(guarded: RunningServer) -> None:
    """Without leave on a refusal, the page would see a failed network instead of a 401."""
    for sent, expected in ((token(), 200), (token(aud="other"), 401)):
        answer = guarded.post(call_body(), headers={"Origin": EHR, **bearer(sent)})
        assert answer.status_code == expected
        assert answer.headers[ALLOWED] == EHR
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    answer = guarded.post({}, headers={"Origin": EHR, **bearer(token())})
    assert (answer.status_code, answer.headers[ALLOWED]) == (400, EHR)
    answer = guarded.get(DISCOVERY, headers={"Origin": EHR, **bearer(token(aud=PUBLIC + DISCOVERY))})
    assert (answer.status_code, answer.headers[ALLOWED]) == (200, EHR)
    item = {"card": str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-11-24T08:00:00Z"}
    headers = {"Origin": EHR, **bearer(token(aud=PUBLIC + FEEDBACK))}
    answer = guarded.post({"feedback": [item]}, "spine-patient-view/feedback", headers=headers)
    assert (answer.status_code, answer.headers[ALLOWED]) == (200, EHR)


def test_only_what_a_call_needs_is_allowed(guarded: RunningServer) -> None:
    answer = preflight(guarded, SERVICE, EHR, Access_Control_Request_Headers="X-Other, Authorization, cookie")
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization"
    for method in ("PUT", "DELETE", "PATCH"):
        answer = preflight(guarded, SERVICE, EHR, Access_Control_Request_Method=method)
        assert "Access-Control-Allow-Methods" not in answer.headers


def test_a_preflight_is_no_call(guarded: RunningServer) -> None:
    before = len(guarded.audit_lines())
    preflight(guarded, SERVICE, EHR)
    assert len(guarded.audit_lines()) == before


def test_without_a_list_no_page_may_call(tmp_path: Path) -> None:
    path = callers.write_tenant(tmp_path, callers.TENANT + callers.issuer())
    with serving(tmp_path / "server", "--tenant", str(path)) as server:
        assert ALLOWED not in preflight(server, SERVICE, EHR).headers
        answer = server.post(call_body(), headers={"Origin": EHR, **bearer(token())})
        assert (answer.status_code, ALLOWED in answer.headers) == (200, False)


@pytest.mark.parametrize(
    ("origin", "may"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1", True),
        ("https://[::1]:9000", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.0.0.2", False),
        ("null", False),
    ],
)
def test_the_sandbox_lets_pages_of_this_machine_call(server: RunningServer, origin: str, may: bool) -> None:
    answer = preflight(server, SERVICE, origin)
    assert answer.headers.get(ALLOWED) == (origin if may else None)
