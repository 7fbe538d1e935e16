"""What the prefetch lacks is asked from the EHR's FHIR server: when allowed, within one deadline, never elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
import requests
import responses
from conftest import RunningServer, call_body, serving
from connections import until

from cds_service import examples, fhir_client
from cds_service.fhir_client import FhirAccess, complete, expand
from cds_service.hook_request import HookRequest, parse
from cds_service.services import BY_HOOK
from fhir_mappings.answers import Given, Unavailable
from tests import fhir_stub
from tests.fhir_stub import FhirServer, dripping, silent

TOKEN = "zq-planted-token-zq"
BASE = "https://ehr.example.org/fhir"
SERVICE = BY_HOOK["patient-view"]
TEMPLATES = dict(SERVICE.prefetch)


def without_prefetch(server: str, token: str | None = TOKEN, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    body = call_body()
    body["prefetch"] = {key: value for key, value in body["prefetch"].items() if key in keep}
    body["fhirServer"] = server
    if token is not None:
        body["fhirAuthorization"] = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read",
            "subject": "cds-service",
        }
    return body


def test_the_same_cards_from_a_fhir_server_as_from_prefetch(server: RunningServer, fhir_server: FhirServer) -> None:
    prefetched = server.post(call_body()).json()["cards"]
    prefetch = call_body()["prefetch"]
    both = prefetch["laboratory"]["entry"] + prefetch["assessments"]["entry"]
    observations = {**prefetch["laboratory"], "entry": both}
    fhir_server.answer_all({**prefetch, "laboratory": observations, "assessments": observations}, TEMPLATES)
    fetched = server.post(without_prefetch(fhir_server.url)).json()["cards"]
    assert [card["summary"] for card in fetched] == [card["summary"] for card in prefetched]
    assert len(fhir_server.asked) == len(TEMPLATES)
    assert all(headers["Authorization"] == f"Bearer {TOKEN}" for _, headers in fhir_server.asked)
    assert all("Cookie" not in headers for _, headers in fhir_server.asked)
    assert TOKEN not in server.written()


def test_only_what_is_lacking_is_asked(server: RunningServer, fhir_server: FhirServer) -> None:
    body = without_prefetch(fhir_server.url, keep=tuple(key for key in TEMPLATES if key != "patient"))
    body["prefetch"]["imaging"] = None  # asked by the EHR, none found
    fhir_server.answer("Patient", call_body()["prefetch"]["patient"])
    assert server.post(body).status_code == 200
    assert [path for path, _ in fhir_server.asked] == ["/fhir/Patient/example-anna"]


def test_a_null_patient_and_a_failed_key_are_asked_again(server: RunningServer, fhir_server: FhirServer) -> None:
    prefetch = call_body()["prefetch"]
    body = without_prefetch(fhir_server.url, keep=tuple(TEMPLATES))
    body["prefetch"] |= {"patient": None, "conditions": "<html>503</html>"}
    fhir_server.answer_all(prefetch, {key: TEMPLATES[key] for key in ("patient", "conditions")})
    assert server.post(body).status_code == 200
    assert len(fhir_server.asked) == 2


def test_a_sandbox_server_may_be_asked_without_a_token(server: RunningServer, fhir_server: FhirServer) -> None:
    fhir_server.answer_all(call_body()["prefetch"], TEMPLATES)
    assert server.post(without_prefetch(fhir_server.url, token=None)).status_code == 200
    assert all("Authorization" not in headers for _, headers in fhir_server.asked)


def test_optional_data_that_failed_is_named_on_the_audit_line(server: RunningServer, fhir_server: FhirServer) -> None:
    fhir_server.answer_all(call_body()["prefetch"], {key: TEMPLATES[key] for key in ("patient", "conditions")})
    fhir_server.answer("ImagingStudy", {"resourceType": "OperationOutcome"}, status=403)
    assert server.post(without_prefetch(fhir_server.url)).status_code == 200
    assert server.audit_lines()[-1]["unavailable"]["imaging"] == "HTTP 403 from the FHIR server"


@pytest.fixture(scope="module")
def listed() -> Iterator[FhirServer]:
    with fhir_stub.running() as stub:
        yield stub


@pytest.fixture
def fhir_server(listed: FhirServer) -> FhirServer:
    """The one server of the list, and nothing left over from the test before."""
    listed.replies.clear()
    listed.asked.clear()
    return listed


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, listed: FhirServer) -> Iterator[RunningServer]:
    """A sandbox whose list holds `fhir_server` only, with a short deadline."""
    folder = tmp_path_factory.mktemp("strict")
    (folder / "tenant.toml").write_text(
        f'environment = "sandbox"\n[tenant]\nname = "strict"\n'
        f'[fhir]\nallowed_servers = ["{listed.url}"]\ntimeout_seconds = 2.0\n'
    )
    with serving(folder, "--tenant", str(folder / "tenant.toml")) as running:
        yield running


def test_no_other_server_is_contacted(strict: RunningServer, fhir_server: FhirServer, other_server: FhirServer) -> None:
    other_server.answer_all(call_body()["prefetch"], TEMPLATES)
    for address in (other_server.url, other_server.url.replace("127.0.0.1", "localhost"), f"{fhir_server.url}/other"):
        response = strict.post(without_prefetch(address))
        assert response.status_code == 412
        assert "not on this site's list" in response.text
    assert other_server.asked == []
    assert fhir_server.asked == []


def test_redirects_and_next_links_are_not_followed(
    strict: RunningServer, fhir_server: FhirServer, other_server: FhirServer
) -> None:
    fhir_server.answer_all(call_body()["prefetch"], TEMPLATES)
    fhir_server.replies["Patient"] = (302, {"Location": f"{other_server.url}/Patient/example-anna"}, b"")
    conditions = call_body()["prefetch"]["conditions"]
    conditions["link"] = [{"relation": "next", "url": f"{other_server.url}/Condition?page=2"}]
    fhir_server.answer("Condition", conditions)
    response = strict.post(without_prefetch(fhir_server.url))
    assert response.status_code == 412
    assert "HTTP 302" in response.text
    assert other_server.asked == []


def test_a_cookie_is_not_sent_back(strict: RunningServer, fhir_server: FhirServer) -> None:
    fhir_server.answer_all(call_body()["prefetch"], TEMPLATES)
    status, headers, content = fhir_server.replies["Patient"]  # type: ignore[misc]
    fhir_server.replies["Patient"] = (status, {**headers, "Set-Cookie": "session=1"}, content)
    for _ in range(2):
        strict.post(without_prefetch(fhir_server.url))
    assert all("Cookie" not in headers for _, headers in fhir_server.asked)


@pytest.mark.parametrize("reply", [silent, dripping])
def test_one_deadline_for_everything(strict: RunningServer, fhir_server: FhirServer, reply: Any) -> None:
    """The call is answered while two searches are still held up."""
    fhir_server.answer_all(call_body()["prefetch"], {key: TEMPLATES[key] for key in ("patient", "conditions")})
    fhir_server.replies["Observation"] = reply
    fhir_server.replies["Procedure"] = reply
    assert strict.post(without_prefetch(fhir_server.url)).status_code == 200
    assert strict.audit_lines()[-1]["unavailable"]["procedures"] == "timed out after 2 s"


def test_health_answers_while_a_fhir_server_hangs(strict: RunningServer, fhir_server: FhirServer) -> None:
    fhir_server.replies["Patient"] = silent
    with ThreadPoolExecutor(1) as callers:
        calling = callers.submit(strict.post, without_prefetch(fhir_server.url))
        until(lambda: fhir_server.asked)
        assert strict.get("/health/live").status_code == 200
        assert not calling.done()


# The client by itself, with the network's edge replaced by `responses`.


def request(**changes: Any) -> HookRequest:
    parsed = parse(examples.read("patient_view", date.today()), SERVICE)
    given = {"prefetch": {}, "fhir_server": BASE, "access_token": TOKEN, **changes}
    return HookRequest(**{**{name: getattr(parsed, name) for name in HookRequest.__slots__}, **given})


ACCESS = FhirAccess(allowed_servers=(BASE,), timeout_seconds=2.0, token_optional=False, max_bytes=10_000)
ONE = {"conditions": "Condition?patient={{context.patientId}}"}
URL = f"{BASE}/Condition".replace("example.org", "example.org:443")
BUNDLE = {"resourceType": "Bundle", "type": "searchset", "total": 0}


def ask(access: FhirAccess = ACCESS, **changes: Any) -> Any:
    connections = fhir_client.connect()
    try:
        return complete(request(**changes), ONE, access, connections)["conditions"]
    finally:
        connections.threads.shutdown()
        connections.session.close()


@responses.activate
def test_an_answer_is_passed_on_as_it_came() -> None:
    responses.get(URL, json=BUNDLE, content_type="application/fhir+json")
    assert ask() == Given((), total=0)
    (sent,) = responses.calls
    assert sent.request.url == f"{URL}?patient=example-anna"
    assert sent.request.headers["Accept"] == "application/fhir+json"


@pytest.mark.parametrize("status", [204, 301, 400, 401, 403, 404, 410, 429, 500, 503])
@responses.activate
def test_any_other_status_is_unavailable(status: int) -> None:
    responses.get(URL, json=BUNDLE, status=status, content_type="application/fhir+json")
    assert ask() == Unavailable(f"HTTP {status} from the FHIR server")


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (requests.ConnectionError("refused"), "the FHIR server could not be reached"),
        (requests.exceptions.SSLError("certificate"), "the FHIR server could not be reached"),
        (requests.exceptions.ChunkedEncodingError("broken"), "the FHIR server could not be reached"),
        (requests.ReadTimeout("slow"), "timed out after 2 s"),
        (requests.ConnectTimeout("slow"), "timed out after 2 s"),
    ],
)
@responses.activate
def test_a_network_failure_is_unavailable(raised: Exception, reason: str) -> None:
    responses.get(URL, body=raised)
    assert ask() == Unavailable(reason)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"<html>login</html>", "text/html"),
        (b"<html>login</html>", "application/fhir+json"),
        (b"[]", "application/json"),
        (b'{"resourceType": "OperationOutcome"}', "application/fhir+json"),
        (b'{"resourceType": "Bundle", "x": "' + b"y" * 10_000 + b'"}', "application/fhir+json"),
    ],
)
@responses.activate
def test_an_answer_that_is_no_resource_is_unavailable(content: bytes, content_type: str) -> None:
    responses.get(URL, body=content, content_type=content_type)
    assert isinstance(ask(), Unavailable)


@responses.activate
def test_nothing_is_asked_without_a_token_outside_a_sandbox() -> None:
    for token in ("", None):
        assert "no access token" in ask(access_token=token).reason
    assert len(responses.calls) == 0


@responses.activate
def test_nothing_is_asked_without_a_server() -> None:
    assert ask(fhir_server=None) == Unavailable("not sent")
    assert len(responses.calls) == 0


def test_a_template_that_needs_what_the_call_does_not_say() -> None:
    assert expand("Encounter/{{context.encounterId}}", request(encounter_id=None)) is None
    assert expand("Observation?subject={{userPractitionerId}}", request()) is None
    assert expand("{{context.userId}}", request()) == "Practitioner/example-doctor"
    assert expand("Patient/{{context.patientId}}", request()) == "Patient/example-anna"
