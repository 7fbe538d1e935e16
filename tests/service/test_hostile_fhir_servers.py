"""FHIR servers that drip: neither the call nor any thread or connection outlives the time allowed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import RunningServer, call_body
from test_fhir_search import access, request

from cds_service import fhir_client
from cds_service.fhir_client import complete
from cds_service.fhir_request import retry_after
from cds_service.services import BY_HOOK
from fhir_mappings.answers import Given, Unavailable
from tests.fhir_stub import FhirServer, searchset

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


@contextmanager
def dripping(first: bytes, drop: bytes) -> Iterator[tuple[str, Callable[[], int]]]:
    """A server that begins an answer and then sends a few bytes ten times a second; and how many still listen to it."""
    open_lines: set[socket.socket] = set()
    ended = threading.Event()

    def serve(line: socket.socket) -> None:
        open_lines.add(line)
        try:
            line.recv(65_536)
            line.sendall(first)
            while not ended.wait(0.1):
                line.sendall(drop)
        except OSError:
            pass
        finally:
            open_lines.discard(line)
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
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/fhir", lambda: len(open_lines)
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(("first", "drop"), DRIPS.values(), ids=DRIPS)
def test_a_server_that_drips_is_hung_up_on_at_the_deadline(first: bytes, drop: bytes) -> None:
    connections = fhir_client.connect()
    with dripping(first, drop) as (url, listening):
        began = time.monotonic()
        found = complete(request(url), TEMPLATES, access(url, timeout_seconds=0.6), connections)
        assert time.monotonic() - began < 1.2
        assert {found[key] for key in TEMPLATES} == {Unavailable("timed out after 0.6 s")}
        connections.threads.shutdown(wait=True)  # would wait for a thread that still reads
        assert time.monotonic() - began < 1.6
        time.sleep(0.3)
        assert listening() == 0
    connections.close()


def test_a_tls_handshake_that_never_ends_is_ended() -> None:
    connections = fhir_client.connect()
    with dripping(b"\x16\x03\x03\x3f\xff", b"\x02") as (url, _):
        secure = url.replace("http:", "https:")
        began = time.monotonic()
        found = complete(request(secure), QUERY, access(secure, timeout_seconds=0.6), connections)
        assert isinstance(found["conditions"], Unavailable)
        connections.threads.shutdown(wait=True)
        assert time.monotonic() - began < 1.6
    connections.close()


def test_a_dripping_server_leaves_the_pool_to_healthy_ones(server: RunningServer, fhir_server: FhirServer) -> None:
    """Twelve calls in a row to the dripping one, each with nine searches, then one to another server."""
    prefetch = call_body()["prefetch"]
    fhir_server.answer_all(prefetch, TEMPLATES)
    with dripping(HEAD + b"X-Long: ", b"a") as (url, _):
        calls = [
            threading.Thread(target=server.post, args=({**call_body(), "prefetch": {}, "fhirServer": url},))
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

    def slow(_: Any) -> None:
        time.sleep(1)

    fhir_server.replies["Condition"] = slow
    began = time.monotonic()
    found = complete(request(fhir_server.url), QUERY, access(fhir_server.url), connections, arrived=began - 1.7)
    assert time.monotonic() - began < 0.8
    assert found["conditions"] == Unavailable("timed out after 2 s")
    connections.close()


@pytest.mark.parametrize("header", ["9" * 400, "9" * 4000, "1e9", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_asks_to_wait_for_ages_is_not_waited_for(fhir_server: FhirServer, header: str) -> None:
    connections = fhir_client.connect()
    fhir_server.replies["Condition"] = (503, {"Content-Type": "application/json", "Retry-After": header}, b"{}")
    began = time.monotonic()
    found = complete(request(fhir_server.url), QUERY, access(fhir_server.url), connections)["conditions"]
    assert time.monotonic() - began < 1
    assert isinstance(found, Unavailable)
    assert len(found.reason) < 100
    assert "inf" not in found.reason
    if header[0] == "9":
        assert "asks to wait too long" in found.reason
    connections.close()


def test_a_wait_of_a_second_is_still_a_second() -> None:
    assert retry_after("1", 0.0) == 1.0
