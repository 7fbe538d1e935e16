"""Callers who send half a request, too much of one, or lie about whom they call: the others are still answered."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
from conftest import RunningServer, call_body, serving

from tests.fhir_stub import FhirServer

CALL = "/cds-services/spine-patient-view"


def connect(server: RunningServer) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


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
def test_a_hundred_half_sent_bodies_hold_up_nobody(impatient: RunningServer, half: bytes) -> None:
    with ExitStack() as lines:
        for _ in range(100):
            lines.enter_context(connect(impatient)).sendall(half)
        began = time.monotonic()
        assert impatient.get("/health/live").status_code == 200
        assert time.monotonic() - began < 1
        assert impatient.post(call_body()).json()["cards"]


def test_who_sends_half_a_body_is_told_so_and_hung_up_on(impatient: RunningServer) -> None:
    with connect(impatient) as line:
        began = time.monotonic()
        line.sendall(head() + b"{")
        answer = everything(line)
        assert 1.5 < time.monotonic() - began < 5
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
    server: RunningServer, fhir_server: FhirServer
) -> None:
    """A FHIR server that says nothing holds every thread; who had to wait behind that is not made to wait once more."""
    fhir_server.replies = dict.fromkeys(("Patient", "Condition"), silent)
    body = {**call_body(), "prefetch": {}, "fhirServer": fhir_server.url}
    began = time.monotonic()
    with ThreadPoolExecutor(90) as callers:
        calls = [callers.submit(server.post, body) for _ in range(90)]
        time.sleep(0.5)
        asked = time.monotonic()
        assert server.get("/health/live").status_code == 200
        assert time.monotonic() - asked < 1
        answers = [call.result() for call in calls]
    assert time.monotonic() - began < 8  # and not 90 / 4 times two seconds
    busy = [answer for answer in answers if answer.status_code == 503]
    assert busy
    assert all(answer.headers["Retry-After"] == "1" for answer in busy)
    assert {answer.status_code for answer in answers} == {412, 503}


def test_half_sent_bodies_cannot_fill_the_memory(tmp_path: Path) -> None:
    """Eight bodies of the largest size may lie there; the ninth is sent away, and served once the others have gone."""
    with serving(tmp_path, SPINE_CDS_MAX_BODY_BYTES="1000") as small, ExitStack() as lines:
        for _ in range(8):
            lines.enter_context(connect(small)).sendall(head(length="Content-Length: 1000") + b" " * 990)
        time.sleep(0.3)
        for expected in (503, 400):
            with connect(small) as line:
                line.sendall(head(length="Content-Length: 1000") + b" " * 1000)
                answer = line.recv(65_536)
            assert answer.startswith(f"HTTP/1.1 {expected} ".encode()), answer
            assert (b"retry-after: 1" in answer.lower()) == (expected == 503)
            lines.close()
            time.sleep(0.3)


def test_a_gzip_body_of_two_members_is_refused_in_words(server: RunningServer) -> None:
    body = json.dumps(call_body()).encode()
    for packed, expected in ((gzip.compress(body), 200), (gzip.compress(body[:50]) + gzip.compress(body[50:]), 400)):
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = server.post(None, data=packed, headers=headers)
        assert answer.status_code == expected
    assert "something follows it" in answer.text


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(4)
    handler.close_connection = True


def test_ctrl_c_ends_it_within_seconds_whoever_is_still_sending(tmp_path: Path) -> None:
    with ExitStack() as lines:
        with serving(tmp_path) as server:
            for _ in range(8):
                lines.enter_context(connect(server)).sendall(head() + b"{")
            time.sleep(0.3)
            began = time.monotonic()
        assert time.monotonic() - began < 6
