"""Callers who send half a request, too much of one, or lie about whom they call: the others are still answered."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
from conftest import RunningServer, call_body, serving
from connections import all_read, connected, until

from cds_service.front import ANSWERING, WAITING
from tests.fhir_stub import FhirServer

CALL = "/cds-services/spine-patient-view"
SITE = 'environment = "sandbox"\n[tenant]\nname = "here"\n[fhir]\nallowed_servers = ["loopback"]\ntimeout_seconds = 5\n'


def connect(server: RunningServer) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def head(path: str = CALL, length: str = "Content-Length: 5000", kind: str = "application/json") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: {kind}\r\n{length}\r\n\r\n".encode()


def status(line: socket.socket) -> int:
    return int(line.recv(65_536).split(b" ", 2)[1])


def everything(line: socket.socket) -> bytes:
    """All that comes until the server closes."""
    return b"".join(iter(lambda: line.recv(65_536), b""))


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The sandbox, with two seconds for a body."""
    with serving(tmp_path_factory.mktemp("impatient"), SPINE_CDS_BODY_SECONDS="2") as running:
        yield running


HALVES = {
    "announced and not sent": head() + b"{",
    "in chunks that do not end": head(length="Transfer-Encoding: chunked") + b"1\r\n{\r\n",
    "a search form": head("/fhir/ValueSet/_search", kind="application/x-www-form-urlencoded") + b"name=",
    "to a page that takes none": head("/health/live") + b"{",
    "only half a head": b"POST /cds-services/spine-patient-view HTTP/1.1\r\nHost: he",
}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_a_hundred_half_sent_bodies_hold_up_nobody(patient: RunningServer, half: bytes) -> None:
    """Others are answered while all of the hundred are still waited for."""
    with ExitStack() as lines:
        waiting = [lines.enter_context(connect(patient)) for _ in range(100)]
        for line in waiting:
            line.sendall(half)
        until(lambda: all_read(patient, waiting))
        assert patient.get("/health/live").status_code == 200
        assert patient.post(call_body()).json()["cards"]
        assert connected(patient, waiting) == 100


def test_who_sends_half_a_body_is_told_so_and_hung_up_on(impatient: RunningServer) -> None:
    with connect(impatient) as line:
        began = time.monotonic()
        line.sendall(head() + b"{")
        answer = everything(line)
        assert time.monotonic() - began > 1.5
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()
    assert b"did not arrive within 2 seconds" in answer
    assert impatient.audit_lines()[-1]["status"] == 408


def test_a_body_that_drips_is_late_all_the_same(impatient: RunningServer) -> None:
    with connect(impatient) as line:
        line.sendall(head())
        dripping = threading.Event()

        def drip() -> None:
            while not dripping.wait(0.2):
                try:
                    line.send(b" ")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            assert status(line) == 408
        finally:
            dripping.set()
            thread.join()


def test_who_hangs_up_in_the_middle_leaves_no_answer_and_no_harm(impatient: RunningServer) -> None:
    for _ in range(20):
        with connect(impatient) as line:
            line.sendall(head() + json.dumps(call_body()).encode()[:3000])
    assert impatient.post(call_body()).status_code == 200
    assert "failed" not in impatient.stderr.read_text()


def test_after_a_refusal_the_connection_still_serves_the_next_call(server: RunningServer) -> None:
    """A megabyte that is refused for its type, its address or its size, forty times, and after each a good call."""
    megabyte = b" " * 1_000_000
    refused = [(CALL, "text/plain", 415), ("/nowhere", "application/json", 404), ("/fhir/ValueSet/_search", "", 413)]
    with requests.Session() as kept:
        for turn in range(40):
            path, kind, expected = refused[turn % 3]
            refusal = kept.post(server.url + path, data=megabyte, headers={"Content-Type": kind}, timeout=10)
            assert refusal.status_code == expected
            assert kept.post(server.url + CALL, json=call_body(), timeout=10).status_code == 200


def test_a_refusal_that_leaves_bytes_unread_says_that_it_hangs_up(server: RunningServer) -> None:
    with connect(server) as line:
        line.sendall(head(length="Content-Length: 90000000"))
        answer = everything(line)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


def test_a_body_shorter_than_announced_is_not_taken_for_a_whole_one(server: RunningServer) -> None:
    body = json.dumps(call_body()).encode()
    with connect(server) as line:
        line.sendall(head(length=f"Content-Length: {len(body) + 10}") + body)
        line.shutdown(socket.SHUT_WR)
        answer = everything(line)
    assert not answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("application/x-www-form-urlencoded", 60_000, 200),
        ("application/x-www-form-urlencoded", 70_000, 413),
        ("multipart/form-data; boundary=x", 100, 415),
        ("application/json", 100, 415),
    ],
)
def test_a_search_form_is_small_and_no_file(server: RunningServer, kind: str, size: int, expected: int) -> None:
    form = b"status=active&name=" + b"a" * size
    headers = {"Content-Type": kind}
    answer = requests.post(f"{server.url}/fhir/ValueSet/_search", data=form, headers=headers, timeout=10)
    assert answer.status_code == expected


@pytest.mark.parametrize(
    "path", ["//rules", "/rules//cord", "/fhir//metadata", "/rules/", "//evil.example/%2f..", "/./rules"]
)
def test_nobody_is_sent_to_the_host_that_the_caller_named(server: RunningServer, path: str) -> None:
    with connect(server) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode())
        answer = everything(line)
    assert b"evil.example" not in answer
    assert b"\r\nlocation:" not in answer.lower()
    assert answer.split(b" ", 2)[1] in (b"200", b"404")


def test_a_header_with_an_underscore_is_not_taken_for_another(server: RunningServer) -> None:
    body = json.dumps(call_body()).encode()
    with connect(server) as line:
        request = head(length=f"Content-Length: {len(body)}\r\nConnection: close", kind="text/plain")
        line.sendall(request.replace(b"\r\n\r\n", b"\r\nContent_Type: application/json\r\n\r\n") + body)
        assert everything(line).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("line", [b"Authorization: Bearer \xff\xfe", b"X-Odd: \xc3\xa9", b"Accept: \xff"])
def test_a_header_that_is_no_text(server: RunningServer, line: bytes) -> None:
    with connect(server) as wire:
        wire.sendall(b"GET /rules HTTP/1.1\r\nHost: here\r\nConnection: close\r\n" + line + b"\r\n\r\n")
        assert everything(wire).split(b" ", 2)[1] in (b"200", b"400")


def test_more_calls_than_can_be_answered_in_time_are_told_to_come_again(
    tmp_path: Path, fhir_server: FhirServer
) -> None:
    """A FHIR server that says nothing holds every thread; who had to wait behind that is not made to wait once more.

    Else half a minute would be too short for most of them: four at a time, and five seconds for each.
    """
    (tmp_path / "tenant.toml").write_text(SITE)
    ended = threading.Event()
    fhir_server.replies = dict.fromkeys(("Patient", "Condition"), lambda handler: silent(handler, ended))
    body = json.dumps({**call_body(), "prefetch": {}, "fhirServer": fhir_server.url}).encode()
    sent = head(length=f"Content-Length: {len(body)}\r\nConnection: close") + body
    options = ("--tenant", str(tmp_path / "tenant.toml"))
    with serving(tmp_path, *options, SPINE_CDS_CALL_SECONDS="30") as server, ExitStack() as lines:
        calls = [lines.enter_context(connect(server)) for _ in range(90)]
        for line in calls:
            line.sendall(sent)
        until(lambda: all_read(server, calls))
        assert server.get("/health/live").status_code == 200
        answers = [everything(line) for line in calls]
        ended.set()
    asked = sum(answer.startswith(b"HTTP/1.1 412 ") for answer in answers)
    busy = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503 ")]
    assert (asked, len(busy)) == (ANSWERING + WAITING, 90 - ANSWERING - WAITING)
    assert all(b"retry-after: 1" in answer.lower() for answer in busy)


def ninth(small: RunningServer) -> bytes:
    """The answer to one more body of the largest size."""
    with connect(small) as line:
        line.sendall(head(length="Content-Length: 1000\r\nConnection: close") + b" " * 1000)
        return everything(line)


def test_half_sent_bodies_cannot_fill_the_memory(tmp_path: Path) -> None:
    """Eight bodies of the largest size may lie there; the ninth is sent away, and served once the others have gone."""
    given = {"SPINE_CDS_MAX_BODY_BYTES": "1000", "SPINE_CDS_BODY_SECONDS": "300"}
    with serving(tmp_path, **given) as small, ExitStack() as lines:
        half = [lines.enter_context(connect(small)) for _ in range(8)]
        for line in half:
            line.sendall(head(length="Content-Length: 1000") + b" " * 990)
        until(lambda: ninth(small).startswith(b"HTTP/1.1 503 "))
        assert b"\r\nretry-after: 1\r\n" in ninth(small).lower()
        lines.close()
        until(lambda: ninth(small).startswith(b"HTTP/1.1 400 "))


def test_a_gzip_body_of_two_members_is_refused_in_words(server: RunningServer) -> None:
    body = json.dumps(call_body()).encode()
    for packed, expected in ((gzip.compress(body), 200), (gzip.compress(body[:50]) + gzip.compress(body[50:]), 400)):
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = server.post(None, data=packed, headers=headers)
        assert answer.status_code == expected
    assert "something follows it" in answer.text


def silent(handler: BaseHTTPRequestHandler, ended: threading.Event) -> None:
    ended.wait(60)
    handler.close_connection = True


def test_ctrl_c_ends_it_within_seconds_whoever_is_still_sending(tmp_path: Path) -> None:
    """Each of them might go on for five minutes; `serving` waits for half a minute."""
    with ExitStack() as lines, serving(tmp_path, SPINE_CDS_BODY_SECONDS="300") as server:
        sending = [lines.enter_context(connect(server)) for _ in range(8)]
        for line in sending:
            line.sendall(head() + b"{")
        until(lambda: all_read(server, sending))
