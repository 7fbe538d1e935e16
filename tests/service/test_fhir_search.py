"""Searches of a real size: pages, long queries, busy servers; what was read before a failure is used and named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
import requests
import responses
from conftest import RunningServer, call_body, serving

from cds_service import fhir_address, fhir_client, fhir_request, fhir_search
from cds_service.fhir_client import Connections, FhirAccess, complete
from cds_service.fhir_request import retry_after
from cds_service.hook_request import HookRequest, brought
from fhir_mappings import chart
from fhir_mappings.answers import Given, Unavailable, understand
from fhir_mappings.patient_view import PREFETCH
from tests.fhir_stub import FhirServer, Reply, reply, searchset, silent

BASE = "https://ehr.example.org/fhir"
QUERY = {"conditions": "Condition?patient={{context.patientId}}&_count=2"}
LONG = {"laboratory": "Observation?patient={{context.patientId}}&code=" + ",".join(f"urn:x|{n}" for n in range(300))}


def request(server: str, **changes: Any) -> HookRequest:
    """A call; what the prefetch and the draft orders hold is given as JSON."""
    given: dict[str, Any] = {
        "hook": "patient-view",
        "hook_instance": "",
        "patient_id": "p1",
        "user_id": "Practitioner/1",
        "encounter_id": None,
        "prefetch": {},
        "fhir_server": server,
        "access_token": "planted",
        "draft_orders": None,
        "selections": None,
    }
    whole = {**given, **changes}
    whole["prefetch"] = {key: brought(key, msgspec.Raw(text)) for key, text in whole["prefetch"].items()}
    whole["draft_orders"] = whole["draft_orders"] and understand(whole["draft_orders"])
    return HookRequest(**whole)


def access(server: str, **changes: Any) -> FhirAccess:
    given: dict[str, Any] = {"timeout_seconds": 20.0, "token_optional": False, "max_bytes": 1_000_000}
    return FhirAccess((server,), **{**given, **changes})


@pytest.fixture(scope="module")
def connections() -> Iterator[Connections]:
    opened = fhir_client.connect()
    yield opened
    opened.close()


Ask = Callable[..., Any]


@pytest.fixture
def ask(fhir_server: FhirServer, connections: Connections) -> Ask:
    """Completes one template from the stub: the answer alone."""

    def asking(template: dict[str, str] = QUERY, prefetch: Any = None, **limits: Any) -> Any:
        (key,) = template
        sent = {} if prefetch is None else {key: json.dumps(prefetch).encode()}
        call = request(fhir_server.url, prefetch=sent)
        return complete(call, template, access(fhir_server.url, **limits), connections)[key]

    return asking


def condition(number: int) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": f"c{number}", "subject": {"reference": "Patient/p1"}}


def ids(answer: Any) -> list[str]:
    return [json.loads(bytes(raw))["id"] for _, raw in answer.entries]


def paged(server: FhirServer, pages: int, instead: dict[int, Callable[[BaseHTTPRequestHandler], Reply | None]]) -> None:
    """`pages` pages of one condition each; for some of them something else happens."""

    def answer(handler: BaseHTTPRequestHandler) -> Reply | None:
        page = int(parse_qs(handler.path.partition("?")[2]).get("page", ["1"])[0])
        if page in instead:
            return instead[page](handler)
        following = f"{server.url}/Condition?page={page + 1}" if page < pages else None
        return reply(searchset(condition(page), following=following))

    server.replies["Condition"] = answer


def test_all_pages_are_read(ask: Ask, fhir_server: FhirServer) -> None:
    paged(fhir_server, 4, {})
    answer = ask()
    assert ids(answer) == ["c1", "c2", "c3", "c4"]
    assert (answer.partial, answer.reason, answer.next_page) == (False, "", None)
    assert all(headers["Authorization"] == "Bearer planted" for _, headers in fhir_server.asked)


def test_one_page_is_not_partial(ask: Ask, fhir_server: FhirServer) -> None:
    paged(fhir_server, 1, {})
    assert ids(ask()) == ["c1"]
    assert len(fhir_server.asked) == 1


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/fhir+json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"resourceType": ')
    handler.close_connection = True


def huge(_: BaseHTTPRequestHandler) -> Reply:
    return reply({"resourceType": "Bundle", "x": "y" * 1_000_000})


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (silent, "page 3: timed out after 3 s"),
        (cut_off, "page 3: the FHIR server could not be reached"),
        (huge, "page 3: the FHIR server's answers are too large"),
        (lambda _: reply({}, 500), "page 3: HTTP 500 from the FHIR server"),
        (lambda _: reply({}, 401), "page 3: HTTP 401 from the FHIR server"),
        (lambda _: reply({}, 302, Location="http://127.0.0.1:9/"), "page 3: HTTP 302 from the FHIR server"),
        (lambda _: reply({"resourceType": "OperationOutcome"}), "page 3: the EHR reported an error"),
        (lambda _: (200, {"Content-Type": "text/html"}, b"login"), "page 3: the FHIR server did not answer with JSON"),
        (lambda _: (200, {"Content-Type": "application/json"}, b"[]"), "page 3: the EHR sent something that is not a"),
    ],
)
def test_what_was_read_before_a_failure_is_kept(ask: Ask, fhir_server: FhirServer, failure: Any, reason: str) -> None:
    paged(fhir_server, 5, {3: failure})
    answer = ask(timeout_seconds=3.0)
    assert ids(answer) == ["c1", "c2"]
    assert answer.partial
    assert answer.reason.startswith(reason)


def test_the_token_never_follows_a_link_elsewhere(ask: Ask, fhir_server: FhirServer, other_server: FhirServer) -> None:
    elsewhere = (
        f"{other_server.url}/Condition?page=2",
        f"{fhir_server.url}2/Condition?page=2",
        f"{fhir_server.url.removesuffix('/fhir')}/other/Condition?page=2",
        f"{fhir_server.url}/../admin?page=2",
        f"{fhir_server.url}/%2e%2e/admin?page=2",
        fhir_server.url.replace("127.0.0.1", "localhost") + "/Condition?page=2",
        fhir_server.url.replace("http://", f"http://x@{other_server.url.partition('//')[2].partition('/')[0]}/"),
        fhir_server.url.replace("http:", "https:") + "/Condition?page=2",
        "Condition?page=2",
        "?page=2",
        "",
        "file:///etc/passwd",
    )
    for link in elsewhere:
        fhir_server.asked.clear()
        fhir_server.answer("Condition", searchset(condition(1), following=link or " "))
        answer = ask()
        assert ids(answer) == ["c1"], link
        assert answer.reason == "the link to the next page leads to another server, and was not followed", link
        assert len(fhir_server.asked) == 1
    assert other_server.asked == []


def test_a_link_without_an_address(ask: Ask, fhir_server: FhirServer) -> None:
    fhir_server.answer("Condition", {**searchset(condition(1)), "link": [{"relation": "next"}]})
    assert ask() == Given(ask().entries, partial=True)


def test_links_that_lead_in_a_circle(ask: Ask, fhir_server: FhirServer) -> None:
    fhir_server.replies["Condition"] = lambda _: reply(
        searchset(condition(1), following=f"{fhir_server.url}/Condition?page=1")
    )
    assert ask().reason == "the links to further pages lead in a circle"
    assert len(fhir_server.asked) == 2


def test_no_server_leads_us_on_for_ever(ask: Ask, fhir_server: FhirServer) -> None:
    paged(fhir_server, 1000, {})
    answer = ask()
    assert answer.reason == f"there are more than {fhir_search.MAX_PAGES} pages"
    assert len(fhir_server.asked) == len(answer.entries) == fhir_search.MAX_PAGES


def test_the_bytes_of_all_searches_are_counted_together(fhir_server: FhirServer, connections: Connections) -> None:
    paged(fhir_server, 20, {})
    one_page = len(json.dumps(searchset(condition(1), following=f"{fhir_server.url}/Condition?page=2")))
    templates = {"conditions": "Condition?x=1", "others": "Condition?x=2"}
    limits = access(fhir_server.url, max_bytes=10 * one_page)
    found = complete(request(fhir_server.url), templates, limits, connections)
    assert all("too large" in getattr(answer, "reason", "") for answer in found.values())
    assert sum(len(answer.entries) for answer in found.values() if isinstance(answer, Given)) <= 10


def test_a_damaged_page_does_not_end_the_search(ask: Ask, fhir_server: FhirServer) -> None:
    damaged = {**searchset(condition(1), following=f"{fhir_server.url}/Condition?page=2"), "total": "many"}
    damaged["entry"].append("no entry")
    paged(fhir_server, 2, {1: lambda _: reply(damaged)})
    answer = ask()
    assert ids(answer) == ["c1", "c2"]
    assert answer.damaged == 1


def test_a_damaged_page_whose_links_cannot_be_read(ask: Ask, fhir_server: FhirServer) -> None:
    fhir_server.answer("Condition", {**searchset(condition(1)), "total": "many", "link": "next"})
    answer = ask()
    assert (ids(answer), answer.partial, answer.next_page) == (["c1"], True, None)
    assert answer.shortfall() == "a further page was not read"


def test_a_server_that_counts_more_than_it_sends(ask: Ask, fhir_server: FhirServer) -> None:
    """Cut at its own page size, and no link to the rest: seen in a server of today."""
    fhir_server.answer("Condition", {**searchset(condition(1), condition(2)), "total": 301})
    answer = ask()
    assert answer.shortfall() == "only 2 of 301 came, and no link to the rest"
    patient = Given(((None, msgspec.Raw(b'{"resourceType": "Patient", "id": "p1"}')),))
    record = chart.read({"patient": patient, "conditions": answer}, "p1")
    assert record.sources["conditions"] == chart.Source("partial", answer.shortfall())


@pytest.mark.parametrize("total", [0, 1, 2, None])
def test_a_count_that_is_reached(ask: Ask, fhir_server: FhirServer, total: int | None) -> None:
    fhir_server.answer("Condition", {**searchset(condition(1), condition(2)), "total": total})
    assert ask().shortfall() == ""


def test_the_count_is_that_of_all_pages(ask: Ask, fhir_server: FhirServer) -> None:
    following = f"{fhir_server.url}/Condition?page=2"
    first, last = searchset(condition(1), following=following), searchset(condition(2))
    paged(fhir_server, 2, {1: lambda _: reply({**first, "total": 2}), 2: lambda _: reply({**last, "total": 2})})
    assert ask().shortfall() == ""


def drops(times: int, then: Any) -> Callable[[BaseHTTPRequestHandler], Reply | None]:
    left = [times]

    def answer(handler: BaseHTTPRequestHandler) -> Reply | None:
        left[0] -= 1
        if left[0] < 0:
            return reply(then)
        handler.close_connection = True  # without a word
        return None

    return answer


def test_a_connection_that_the_server_closed_is_opened_again(ask: Ask, fhir_server: FhirServer) -> None:
    fhir_server.replies["Condition"] = drops(1, searchset(condition(1)))
    assert ids(ask()) == ["c1"]
    assert len(fhir_server.asked) == 2


def test_a_server_that_only_drops_connections(ask: Ask, fhir_server: FhirServer) -> None:
    fhir_server.replies["Condition"] = drops(9, searchset())
    assert ask() == Unavailable("the FHIR server could not be reached")
    assert len(fhir_server.asked) == 2


# Paged prefetch values.


def test_a_paged_prefetch_value_is_completed(ask: Ask, fhir_server: FhirServer) -> None:
    paged(fhir_server, 3, {})
    sent = searchset(condition(1), following=f"{fhir_server.url}/Condition?page=2")
    answer = ask(prefetch=sent)
    assert ids(answer) == ["c1", "c2", "c3"]
    assert not answer.partial
    assert [path for path, _ in fhir_server.asked] == ["/fhir/Condition?page=2", "/fhir/Condition?page=3"]


def test_a_paged_prefetch_value_stays_partial_when_the_rest_fails(ask: Ask, fhir_server: FhirServer) -> None:
    paged(fhir_server, 3, {2: lambda _: reply({}, 403)})
    answer = ask(prefetch=searchset(condition(1), following=f"{fhir_server.url}/Condition?page=2"))
    assert (ids(answer), answer.partial, answer.reason) == (["c1"], True, "page 2: HTTP 403 from the FHIR server")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fhir_server": "https://other.example.org/fhir"}, "not on this site's list"),
        ({"access_token": None}, "no access token"),
    ],
)
@responses.activate
def test_a_paged_prefetch_value_where_nobody_may_be_asked(
    changes: dict[str, Any], reason: str, connections: Connections
) -> None:
    sent = json.dumps(searchset(condition(1), following=f"{BASE}/Condition?page=2")).encode()
    call = request(BASE, **{"prefetch": {"conditions": sent}, **changes})
    answer = complete(call, QUERY, access(BASE), connections)["conditions"]
    assert isinstance(answer, Given)
    assert (ids(answer), answer.partial) == (["c1"], True)
    assert reason in answer.reason
    assert len(responses.calls) == 0


# Long searches.


def test_a_short_search_is_a_get(ask: Ask, fhir_server: FhirServer) -> None:
    paged(fhir_server, 1, {})
    ask()
    assert fhir_server.posted == []


def test_a_long_search_is_posted_as_a_form(ask: Ask, fhir_server: FhirServer) -> None:
    fhir_server.answer("Observation", searchset(condition(1)))
    assert ids(ask(LONG)) == ["c1"]
    ((path, form),) = fhir_server.posted
    assert path == "/fhir/Observation/_search"
    assert parse_qs(form) == parse_qs(LONG["laboratory"].partition("?")[2].replace("{{context.patientId}}", "p1"))
    (_, headers) = fhir_server.asked[0]
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["Authorization"] == "Bearer planted"


def test_the_longest_url_that_is_sent() -> None:
    room = fhir_request.LONGEST_URL - len(f"{BASE}/Observation?code=")
    assert fhir_request.first_ask(BASE, f"Observation?code={'x' * room}").form is None
    longer = fhir_request.first_ask(BASE, f"Observation?code={'x' * (room + 1)}")
    assert (longer.url, longer.form) == (f"{BASE}/Observation/_search", f"code={'x' * (room + 1)}")
    piped = fhir_request.first_ask(BASE, f"Observation?code={'|' * (room // 2)}")  # each is sent as three characters
    assert piped.form is not None
    assert fhir_request.first_ask(BASE, f"Patient/{'x' * 2000}").form is None  # a read cannot be posted


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_that_knows_no_post_is_asked_by_get(ask: Ask, fhir_server: FhirServer, status: int) -> None:
    fhir_server.refuse_post = status
    fhir_server.answer("Observation", searchset(condition(1)))
    for _ in range(2):  # nothing is remembered of the server
        assert ids(ask(LONG)) == ["c1"]
    assert [path.partition("?")[0] for path, _ in fhir_server.asked] == [
        "/fhir/Observation/_search",
        "/fhir/Observation",
    ] * 2


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_any_other_refusal_of_a_post_stands(ask: Ask, fhir_server: FhirServer, status: int) -> None:
    fhir_server.refuse_post = status
    assert ask(LONG) == Unavailable(f"HTTP {status} from the FHIR server")
    assert len(fhir_server.asked) == 1


# Busy servers.


def busy(times: int, status: int, then: Any, **headers: str) -> Callable[[BaseHTTPRequestHandler], Reply]:
    left = [times]

    def answer(_: BaseHTTPRequestHandler) -> Reply:
        left[0] -= 1
        return reply({}, status, **headers) if left[0] >= 0 else reply(then)

    return answer


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(ask: Ask, fhir_server: FhirServer, status: int) -> None:
    fhir_server.replies["Condition"] = busy(1, status, searchset(condition(1)), Retry_After="1")
    began = time.monotonic()
    assert ids(ask()) == ["c1"]
    assert time.monotonic() - began >= 1.0
    assert len(fhir_server.asked) == 2


def test_a_wait_that_does_not_fit_is_not_begun(ask: Ask, fhir_server: FhirServer) -> None:
    fhir_server.replies["Condition"] = busy(1, 429, searchset(), Retry_After="30")
    assert ask() == Unavailable("HTTP 429 from the FHIR server, which asks to wait for 30 s")
    assert len(fhir_server.asked) == 1


def test_a_busy_server_is_waited_for_once(ask: Ask, fhir_server: FhirServer) -> None:
    fhir_server.replies["Condition"] = busy(9, 503, searchset(), Retry_After="0")
    assert ask() == Unavailable("HTTP 503 from the FHIR server, which asks to wait for 0 s")
    assert len(fhir_server.asked) == 2


NO_TIME = [{}, {"Retry_After": "soon"}, {"Retry_After": "-1"}]


@pytest.mark.parametrize("header", NO_TIME)
def test_too_many_requests_without_a_time_are_tried_once_more(
    ask: Ask, fhir_server: FhirServer, header: dict[str, str]
) -> None:
    fhir_server.replies["Condition"] = busy(9, 429, searchset(), **header)
    assert ask() == Unavailable("HTTP 429 from the FHIR server")
    assert len(fhir_server.asked) == 2
    fhir_server.replies["Condition"] = busy(1, 429, searchset(condition(1)), **header)
    assert ids(ask()) == ["c1"]


@pytest.mark.parametrize("header", NO_TIME)
def test_who_is_out_of_service_and_names_no_time_is_not_waited_for(
    ask: Ask, fhir_server: FhirServer, header: dict[str, str]
) -> None:
    fhir_server.replies["Condition"] = busy(9, 503, searchset(), **header)
    assert ask() == Unavailable("HTTP 503 from the FHIR server")
    assert len(fhir_server.asked) == 1


def test_pages_before_a_busy_one_are_kept(ask: Ask, fhir_server: FhirServer) -> None:
    paged(fhir_server, 3, {2: lambda _: reply({}, 429, Retry_After="60")})
    answer = ask()
    assert ids(answer) == ["c1"]
    assert answer.reason == "page 2: HTTP 429 from the FHIR server, which asks to wait for 60 s"


def test_a_time_to_wait_until() -> None:
    now = 1_700_000_000.0
    assert retry_after(formatdate(now + 30, usegmt=True), now) == 30.0
    assert retry_after(formatdate(now - 30, usegmt=True), now) == 0.0
    assert retry_after(" 7 ", now) == 7.0
    for nonsense in (None, "", "soon", "-3", "1.5", "٣", "Mon, 99 Foo 2026 00:00:00 GMT"):
        assert retry_after(nonsense, now) is None


# The network's edge replaced by `responses`.


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (requests.ConnectionError("refused"), "page 2: the FHIR server could not be reached"),
        (requests.exceptions.SSLError("certificate"), "page 2: the FHIR server could not be reached"),
        (requests.ReadTimeout("slow"), "page 2: timed out after 20 s"),
    ],
)
@responses.activate
def test_a_network_failure_on_a_later_page(raised: Exception, reason: str, connections: Connections) -> None:
    base = BASE.replace("example.org", "example.org:443")
    first = searchset(condition(1), following=f"{BASE}/Condition?page=2")  # written without the port
    responses.get(
        f"{base}/Condition",
        json=first,
        content_type="application/fhir+json",
        match=[responses.matchers.query_param_matcher({"patient": "p1", "_count": "2"})],
    )
    responses.get(f"{base}/Condition?page=2", body=raised)
    answer = complete(request(BASE), QUERY, access(BASE), connections)["conditions"]
    assert isinstance(answer, Given)
    assert (ids(answer), answer.partial, answer.reason) == (["c1"], True, reason)


@responses.activate
def test_a_network_failure_of_a_post(connections: Connections) -> None:
    responses.post(f"{BASE.replace('example.org', 'example.org:443')}/Observation/_search", body=requests.ReadTimeout())
    answer = complete(request(BASE), LONG, access(BASE), connections)["laboratory"]
    assert answer == Unavailable("timed out after 20 s")
    assert len(responses.calls) == 1


@pytest.mark.parametrize(
    ("link", "address"),
    [
        (f"{BASE}/Condition?page=2", "https://ehr.example.org:443/fhir/Condition?page=2"),
        (
            f"{BASE}?_getpages=a-b&_getpagesoffset=20",
            "https://ehr.example.org:443/fhir?_getpages=a-b&_getpagesoffset=20",
        ),
        (f"{BASE}/?ct=a%2Fb%3D", "https://ehr.example.org:443/fhir?ct=a%2Fb%3D"),
        (f"{BASE}/$page?id=7", "https://ehr.example.org:443/fhir/$page?id=7"),
        ("https://EHR.example.org:443/fhir/Condition", "https://ehr.example.org:443/fhir/Condition"),
        (f"{BASE}/Condition?code=urn:x|1,urn:x|2", "https://ehr.example.org:443/fhir/Condition?code=urn:x|1,urn:x|2"),
        (f"{BASE}/Condition?page=2#x", None),
        (f"{BASE}/Condition?page=\\2", None),
        (f"{BASE}/Condition?page=2 3", None),
        (f"{BASE}/Condition?page=é", None),
        (f"{BASE}ool/Condition?page=2", None),
        ("https://ehr.example.org/Condition?page=2", None),
        ("https://ehr.example.org?x=/fhir/Condition", None),
        ("https://evil.org?https://ehr.example.org/fhir/Condition", None),
        ("//ehr.example.org/fhir/Condition?page=2", None),
        ("", None),
    ],
)
def test_addresses_of_further_pages(link: str, address: str | None) -> None:
    base = fhir_address.permitted(BASE, (BASE,))
    assert base is not None
    assert fhir_address.page_below(link, base) == address


def test_a_server_whose_base_is_its_root() -> None:
    base = fhir_address.permitted("https://ehr.example.org", ("https://ehr.example.org/",))
    assert base == "https://ehr.example.org:443"
    assert fhir_address.page_below("https://ehr.example.org/Condition?page=2", base) == f"{base}/Condition?page=2"
    assert fhir_address.page_below("https://ehr.example.com/Condition?page=2", base) is None


# What the reader of a card sees.


def test_the_card_names_what_did_not_arrive(tmp_path: Path, fhir_server: FhirServer) -> None:
    prefetch = call_body()["prefetch"]
    fhir_server.answer_all(prefetch, PREFETCH)
    observations = {
        **prefetch["laboratory"],
        "entry": prefetch["laboratory"]["entry"] + prefetch["assessments"]["entry"],
    }
    fhir_server.answer("Observation", observations)
    following = f"{fhir_server.url}/ImagingStudy?page=2"
    fhir_server.replies["ImagingStudy"] = lambda handler: (
        reply({}, 503)
        if "page=2" in handler.path
        else reply({**prefetch["imaging"], "link": [{"relation": "next", "url": following}]})
    )
    tenant = tmp_path / "tenant.toml"
    tenant.write_text(
        f'environment = "sandbox"\n[tenant]\nname = "here"\n[fhir]\nallowed_servers = ["{fhir_server.url}"]\n'
    )
    body = {**call_body(), "prefetch": {}, "fhirServer": fhir_server.url}
    running: RunningServer
    with serving(tmp_path / "server", "--tenant", str(tenant)) as running:
        cards = running.post(body).json()["cards"]
    closing = cards[-1]["detail"].replace("\\", "")
    assert "Data that did not reach this service" in closing
    assert "imaging studies: only a part was sent (page 2: HTTP 503 from the FHIR server)" in closing
