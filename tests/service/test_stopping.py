"""Stopping, and being killed: calls under way are finished, the others are told, and a dead worker is replaced."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
from conftest import RunningServer, call_body, serving
from connections import TABLE, all_read, listeners, until
from test_hostile_callers import connect, everything, head

from tests.fhir_stub import FhirServer

pytestmark = pytest.mark.skipif(not TABLE.exists(), reason="tells processes and connections apart by /proc")
SITE = """
environment = "sandbox"
[tenant]
name = "here"
[fhir]
allowed_servers = ["loopback"]
timeout_seconds = 30.0
"""


@pytest.fixture
def patient_site(tmp_path: Path) -> tuple[str, ...]:
    """Options of a server that waits long for FHIR servers, and at its end for calls under way."""
    (tmp_path / "tenant.toml").write_text(SITE)
    return "--tenant", str(tmp_path / "tenant.toml")


@contextmanager
def ten_calls(server: RunningServer, fhir_server: FhirServer) -> Iterator[tuple[list[socket.socket], threading.Event]]:
    """Ten calls that have reached the server and wait for a FHIR server, or behind those who do, until the event."""
    go = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        go.wait(60)
        handler.close_connection = True

    fhir_server.replies = dict.fromkeys(("Patient", "Condition"), late)
    body = json.dumps({**call_body(), "prefetch": {}, "fhirServer": fhir_server.url}).encode()
    with ExitStack() as lines:
        calls = [lines.enter_context(connect(server)) for _ in range(10)]
        for line in calls:
            line.settimeout(60)
            line.sendall(head(length=f"Content-Length: {len(body)}\r\nConnection: close") + body)
        until(lambda: all_read(server, calls) and len(fhir_server.asked) >= 2)
        try:
            yield calls, go
        finally:
            go.set()


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_calls_under_way_are_finished_and_no_others_taken(
    tmp_path: Path, patient_site: tuple[str, ...], fhir_server: FhirServer, wish: signal.Signals, workers: str
) -> None:
    with serving(tmp_path, "--workers", workers, *patient_site) as server:
        until(lambda: listeners(server) == int(workers))
        with ten_calls(server, fhir_server) as (calls, go):
            server.process.send_signal(wish)
            until(lambda: listeners(server) == 0)
            with pytest.raises(ConnectionRefusedError):
                connect(server)
            go.set()
            answers = [everything(line) for line in calls]
        assert {answer.partition(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 412 Precondition Failed"}
        assert server.process.wait(timeout=60) == 0
    assert len(server.audit_lines()) == 10


def test_who_sends_or_reads_nothing_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    """Each of them might for five minutes, if nobody told the server to stop."""
    body = json.dumps(call_body()).encode()
    with serving(tmp_path, SPINE_CDS_BODY_SECONDS="300") as server:
        lines = [connect(server) for _ in range(6)]
        for line, sent in zip(
            lines,
            (b"", b"GET / HT", head(), head() + b"{", head(length="Content-Length: 9") + body[:5], b"\r\n"),
            strict=True,
        ):
            line.sendall(sent)
        until(lambda: all_read(server, lines))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0
    for line in lines:
        line.close()


def workers_of(server: RunningServer) -> list[int]:
    """The processes that serve: children with the same command line."""
    main = server.process.pid
    own = Path(f"/proc/{main}/cmdline").read_bytes()
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    return [int(child) for child in children if Path(f"/proc/{child}/cmdline").read_bytes() == own]


def has_ended(pid: int) -> bool:
    """Whether all its threads have, and with the last one its connections; its parent may not have looked yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        return state == "Z" and os.listdir(f"/proc/{pid}/task") == [str(pid)]
    except FileNotFoundError:
        return True


def test_a_worker_that_is_killed_is_replaced_and_the_other_serves_on(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        until(lambda: listeners(server) == 2)
        before = workers_of(server)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: has_ended(before[0]))
        for _ in range(40):  # each on a connection of its own
            assert server.post(call_body()).status_code == 200
        until(lambda: len(set(workers_of(server)) - {before[0]}) == 2 and listeners(server) == 2)
        assert before[1] in workers_of(server)
        for _ in range(40):
            assert server.get("/health/ready").status_code == 200
        os.kill(before[1], signal.SIGKILL)
        until(lambda: len(set(workers_of(server)) - set(before)) == 2)
        assert server.post(call_body()).status_code == 200


def test_a_worker_that_is_killed_in_the_middle_of_calls(
    tmp_path: Path, patient_site: tuple[str, ...], fhir_server: FhirServer
) -> None:
    """Their callers see a broken connection, not an answer that looks calm."""
    with serving(tmp_path, *patient_site) as server:
        with ten_calls(server, fhir_server) as (calls, _):
            (worker,) = workers_of(server)
            os.kill(worker, signal.SIGKILL)
            assert {heard(line) for line in calls} == {b""}
        until(lambda: answers(server))
        assert server.post(call_body()).status_code == 200


def heard(line: socket.socket) -> bytes:
    try:
        return everything(line)
    except ConnectionResetError:
        return b""


def answers(server: RunningServer) -> bool:
    try:
        return server.get("/health/ready").status_code == 200
    except requests.ConnectionError:
        return False
