"""FHIR servers that drip, redirect, flood or hoard: what a call may cost is bounded, and nobody else is asked."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from conftest import RunningServer, call_body
from connections import until
from test_fhir_search import access, request

from cds_service import fhir_client
from cds_service.fhir_client import Connections, complete
from cds_service.fhir_request import retry_after
from cds_service.services import BY_HOOK
from fhir_mappings.answers import Given, Unavailable
from tests.fhir_stub import FhirServer, Reply, reply, searchset, silent

TEMPLATES = dict(BY_HOOK["patient-view"].prefetch)
QUERY = {"conditions": "Condition?patient={{context.patientId}}"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n"
DRIPS = {
    "the status line": (b"", b"H"),
    "a header": (HEAD + b"X-Long: ", b"a"),
    "headers without end": (HEAD, b"X: y\r\n"),
    "continue without end": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body": (HEAD + b"Content-Length: 1000\r\n\r\n", b" "),
    "a body until the end": (HEAD + b"Connection: close\r\n\r\n", b" "),
    "the length of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
}


@pytest.fixture(scope="module")
def connections() -> Iterator[Connections]:
    opened = fhir_client.connect()
    yield opened
    opened.close()


DROPS = 600  # after which the server ends an answer itself; a minute


@dataclass
class Dripping:
    """Where it is, who listens to it, and how many answers it has ended because nobody hung up on it."""

    url: str = ""
    listening: set[socket.socket] = field(default_factory=set)
    outlasted: int = 0


@contextmanager
def dripping(first: bytes, drop: bytes) -> Iterator[Dripping]:
    """A server that begins an answer and then sends a few bytes ten times a second."""
    here, ended = Dripping(), threading.Event()

    def serve(line: socket.socket) -> None:
        here.listening.add(line)
        try:
            line.recv(65_536)
            line.sendall(first)
            for _ in range(DROPS):
                if ended.wait(0.1):
                    break
                line.sendall(drop)
            else:
                here.outlasted += 1
        except OSError:
            pass
        finally:
            here.listening.discard(line)
            line.close()

    def accept() -> None:
        while not ended.is_set():
            try:
                line, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(line,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        threading.Thread(target=accept, daemon=True).start()
        here.url = f"http://127.0.0.1:{listener.getsockname()[1]}/fhir"
        try:
            yield here
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(("first", "drop"), DRIPS.values(), ids=DRIPS)
def test_a_server_that_drips_is_hung_up_on_at_the_deadline(first: bytes, drop: bytes) -> None:
    connections = fhir_client.connect()
    with dripping(first, drop) as server:
        found = complete(request(server.url), TEMPLATES, access(server.url, timeout_seconds=0.6), connections)
        assert {found[key] for key in TEMPLATES} == {Unavailable("timed out after 0.6 s")}
        connections.threads.shutdown(wait=True)  # would wait for a thread that still reads
        until(lambda: not server.listening)
        assert server.outlasted == 0
    connections.close()


def test_a_tls_handshake_that_never_ends_is_ended() -> None:
    connections = fhir_client.connect()
    with dripping(b"\x16\x03\x03\x3f\xff", b"\x02") as server:
        secure = server.url.replace("http:", "https:")
        found = complete(request(secure), QUERY, access(secure, timeout_seconds=0.6), connections)
        assert isinstance(found["conditions"], Unavailable)
        connections.threads.shutdown(wait=True)
        until(lambda: not server.listening)
        assert server.outlasted == 0
    connections.close()


def test_a_dripping_server_leaves_the_pool_to_healthy_ones(server: RunningServer, fhir_server: FhirServer) -> None:
    """Twelve calls in a row to the dripping one, each with nine searches, then one to another server."""
    prefetch = call_body()["prefetch"]
    fhir_server.answer_all(prefetch, TEMPLATES)
    with dripping(HEAD + b"X-Long: ", b"a") as slow:
        calls = [
            threading.Thread(target=server.post, args=({**call_body(), "prefetch": {}, "fhirServer": slow.url},))
            for _ in range(12)
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        answer = server.post({**call_body(), "prefetch": {}, "fhirServer": fhir_server.url})
        assert answer.status_code == 200
        assert "unavailable" not in server.audit_lines()[-1]  # all within the time allowed


def test_a_connection_that_was_kept_is_used_again_and_may_still_be_ended(fhir_server: FhirServer) -> None:
    connections = fhir_client.connect()
    fhir_server.answer("Condition", searchset({"resourceType": "Condition", "id": "c1"}))
    for _ in range(3):
        found = complete(request(fhir_server.url), QUERY, access(fhir_server.url), connections)
        assert isinstance(found["conditions"], Given)
    connections.close()


def test_the_deadline_counts_from_the_arrival_of_the_call(fhir_server: FhirServer) -> None:
    """What a call had to wait for a thread is not given to the FHIR server on top."""
    connections = fhir_client.connect()
    fhir_server.replies["Condition"] = silent  # for a minute
    hour, waited = access(fhir_server.url, timeout_seconds=3600), time.monotonic() - 3599.5
    found = complete(request(fhir_server.url), QUERY, hour, connections, arrived=waited)
    assert found["conditions"] == Unavailable("timed out after 3600 s")
    connections.close()


@pytest.mark.parametrize("header", ["9" * 400, "9" * 4000, "1e9", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_asks_to_wait_for_ages_is_not_waited_for(fhir_server: FhirServer, header: str) -> None:
    connections = fhir_client.connect()
    fhir_server.replies["Condition"] = (503, {"Content-Type": "application/json", "Retry-After": header}, b"{}")
    found = complete(request(fhir_server.url), QUERY, access(fhir_server.url), connections)["conditions"]
    assert isinstance(found, Unavailable)
    assert found.reason.startswith("HTTP 503 from the FHIR server")  # and not: timed out
    assert len(fhir_server.asked) == 1
    assert len(found.reason) < 100
    assert "inf" not in found.reason
    if header[0] == "9":
        assert "asks to wait too long" in found.reason
    connections.close()


def test_a_wait_of_a_second_is_still_a_second() -> None:
    assert retry_after("1", 0.0) == 1.0


# Redirects.

ELSEWHERE = {
    "another server": "{other}/Condition",
    "without a scheme": "//{other_host}/fhir/Condition",
    "with a user": "http://x:y@{other_host}/fhir/Condition",
    "the same server": "{own}/Condition?again=1",
    "a path": "/fhir/Condition?again=1",
    "a relative path": "Condition?again=1",
    "a file": "file:///etc/passwd",
    "a server of the cloud": "http://169.254.169.254/latest/meta-data",
    "nothing": "",
    "no address": "http://[::1",
    "letters that no header may hold": "http://\u00e9.example.org/",
}


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
@pytest.mark.parametrize("location", ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_redirect_is_followed(
    fhir_server: FhirServer, other_server: FhirServer, status: int, location: str, connections: Connections
) -> None:
    host = other_server.url.partition("//")[2].partition("/")[0]
    there = location.format(other=other_server.url, own=fhir_server.url, other_host=host)
    headers = {"Content-Type": "application/fhir+json", "Location": there, "Refresh": f"0; url={there}", "URI": there}
    fhir_server.replies["Condition"] = (status, headers, b"{}")
    other_server.answer("Condition", searchset())
    found = complete(request(fhir_server.url), QUERY, access(fhir_server.url), connections)
    assert found["conditions"] == Unavailable(f"HTTP {status} from the FHIR server")
    assert len(fhir_server.asked) == 1
    assert other_server.asked == []


@pytest.mark.parametrize("name", ["Content-Location", "Location", "Refresh", "Link"])
def test_an_answer_that_names_another_place_is_an_answer(
    fhir_server: FhirServer, other_server: FhirServer, name: str, connections: Connections
) -> None:
    status, headers, content = reply(searchset())
    fhir_server.replies["Condition"] = (status, {**headers, name: f"{other_server.url}/Condition"}, content)
    found = complete(request(fhir_server.url), QUERY, access(fhir_server.url), connections)
    assert found["conditions"] == Given(())
    assert other_server.asked == []


MEGABYTE = 1_000_000


def flooding(status: int, sent: list[int], most: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers with a body of 200 megabytes, and notes how many of them were taken."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", "/fhir/Condition?again=1")
        handler.send_header("Content-Type", "application/fhir+json")
        handler.send_header("Content-Length", str(most * MEGABYTE))
        handler.end_headers()
        try:
            for _ in range(most):
                handler.wfile.write(b" " * MEGABYTE)
                sent[0] += 1
        except OSError:
            pass
        handler.close_connection = True

    return answer


@pytest.mark.parametrize("status", [200, 201, 302, 307, 308, 404, 500])
def test_no_body_is_read_beyond_the_limit(fhir_server: FhirServer, status: int, connections: Connections) -> None:
    """Of a redirect, whose body the library would read whole, not either."""
    taken = [0]
    fhir_server.replies["Condition"] = flooding(status, taken)
    limits = access(fhir_server.url, timeout_seconds=20.0, max_bytes=2 * MEGABYTE)
    found = complete(request(fhir_server.url), QUERY, limits, connections)
    assert isinstance(found["conditions"], Unavailable)
    assert taken[0] < 20  # what lies in the buffers of the machine


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_a_body_that_unpacks_to_a_thousand_times_its_size(
    fhir_server: FhirServer, layers: int, connections: Connections
) -> None:
    content = b'{"resourceType": "Bundle", "x": "' + b" " * (100 * MEGABYTE)
    for _ in range(layers):
        content = gzip.compress(content, 6)
    headers = {"Content-Type": "application/fhir+json", "Content-Encoding": ", ".join(["gzip"] * layers)}
    fhir_server.replies["Condition"] = (200, headers, content)
    limits = access(fhir_server.url, timeout_seconds=20.0, max_bytes=2 * MEGABYTE)
    tracemalloc.start()
    found = complete(request(fhir_server.url), QUERY, limits, connections)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found["conditions"] == Unavailable("the FHIR server's answers are too large")
    assert peak < 20 * MEGABYTE


# What is written, and what the machine's settings could change.


def test_nothing_of_a_call_is_written_whatever_a_server_answers(server: RunningServer, fhir_server: FhirServer) -> None:
    """Headers that cannot be read are a warning of the library, with the address and so the patient in it."""
    token, patient = "zq-planted-token-zq", "zq-planted-patient-zq"

    def strange(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nno header at all\r\nContent-Type: text/plain\r\n\r\n")
        handler.close_connection = True

    body = {**call_body(), "prefetch": {}, "fhirServer": fhir_server.url}
    body["context"] = {**body["context"], "patientId": patient}
    body["fhirAuthorization"] = {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": "x"}
    body["fhirAuthorization"]["subject"] = "cds-service"
    replies = [strange, drop_line, flooding(200, [0], 30), reply({}, 302, Location=f"http://{patient}/{token}")]
    replies += [reply({"resourceType": "Patient", "id": patient, "birthDate": [token]}), reply([token])]
    for answer in replies:
        for kind in ("Patient", "Condition", "Observation"):
            fhir_server.replies[kind] = answer
        response = server.post(body)
        assert response.status_code == 412, response.text
        assert token not in response.text
        assert patient not in response.text
    assert token not in server.written()
    assert patient not in server.written()


def drop_line(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def test_no_proxy_and_no_password_file_of_the_machine_is_used(
    fhir_server: FhirServer, other_server: FhirServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, other_server.url.removesuffix("/fhir"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login planted password planted\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fhir_server.answer("Condition", searchset())
    opened = fhir_client.connect()
    for token in ("planted", None):
        call = request(fhir_server.url, access_token=token)
        found = complete(call, QUERY, access(fhir_server.url, token_optional=True), opened)
        assert found["conditions"] == Given(())
    opened.close()
    assert other_server.asked == []
    assert [headers.get("Authorization") for _, headers in fhir_server.asked] == ["Bearer planted", None]


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a\nb", "\u4e2d", "a\rb", "\u00e9\r\n\r\nGET / HTTP/1.1"])
def test_a_token_that_no_header_may_hold_is_not_sent(
    fhir_server: FhirServer, token: str, connections: Connections
) -> None:
    fhir_server.answer("Condition", searchset())
    found = complete(request(fhir_server.url, access_token=token), QUERY, access(fhir_server.url), connections)
    assert isinstance(found["conditions"], Unavailable)
    assert fhir_server.asked == []


@pytest.mark.parametrize("patient", [".", "..", "...", "a/../../admin", "a?x=1", "a#b", "a&code=x", "\u00e9"])
def test_an_id_stays_an_id(fhir_server: FhirServer, patient: str, connections: Connections) -> None:
    """Of a step made of dots no address is made; anything else is written so that it is one step, or one value."""
    templates = {"patient": "Patient/{{context.patientId}}", **QUERY}
    complete(request(fhir_server.url, patient_id=patient), templates, access(fhir_server.url), connections)
    paths = [path for path, _ in fhir_server.asked]
    assert all(path.startswith(("/fhir/Patient/", "/fhir/Condition?patient=")) for path in paths)
    assert not any(mark in path.partition("?patient=")[2] for path in paths for mark in "/?#&")
    assert all(path.count("/") <= 3 for path in paths)
    assert bool(paths) == bool(patient.strip("."))


# Too many at once.


def test_no_more_requests_at_once_than_a_server_may_have(fhir_server: FhirServer) -> None:
    """Four calls of nine searches each, of which the server sees three at a time."""
    connections, lock = fhir_client.connect(), threading.Lock()
    under_way, most, all_there = [0], [0], threading.Event()

    def answer(_: BaseHTTPRequestHandler) -> Reply:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            if most[0] == 3:
                all_there.set()
        all_there.wait(20)  # so that there are three at once, however slowly they come
        time.sleep(0.02)  # in which a fourth would come
        with lock:
            under_way[0] -= 1
        return reply(searchset())

    for kind in {query.partition("?")[0].partition("/")[0] for query in TEMPLATES.values()}:
        fhir_server.replies[kind] = answer
    limits = access(fhir_server.url, timeout_seconds=20.0, at_once=3)
    with ThreadPoolExecutor(4) as calls:
        found = list(calls.map(lambda _: complete(request(fhir_server.url), TEMPLATES, limits, connections), range(4)))
    connections.close()
    assert most == [3]
    assert len(fhir_server.asked) == 4 * len(TEMPLATES)
    assert not [one for answers in found for one in answers.values() if isinstance(one, Unavailable)]


def test_a_search_that_never_had_its_turn_says_so(fhir_server: FhirServer, other_server: FhirServer) -> None:
    """And the searches of another server do not wait for it."""
    connections, go = fhir_client.connect(), threading.Event()

    def late(_: BaseHTTPRequestHandler) -> Reply:
        go.wait(60)
        return reply(searchset())

    fhir_server.replies["Condition"] = late
    other_server.answer("Condition", searchset())

    def ask(server: FhirServer, seconds: float) -> object:
        limits = access(server.url, timeout_seconds=seconds, at_once=1)
        return complete(request(server.url), QUERY, limits, connections)["conditions"]

    with ThreadPoolExecutor(1) as calls:
        slow = calls.submit(ask, fhir_server, 60)
        until(lambda: fhir_server.asked)
        said = "timed out after 0.6 s, waiting for other searches of the same FHIR server"
        assert ask(fhir_server, 0.6) == Unavailable(said)
        assert ask(other_server, 60) == Given(())
        assert len(fhir_server.asked) == 1
        go.set()
        assert slow.result() == Given(())
    assert ask(fhir_server, 60) == Given(())  # turns come back
    connections.close()
