"""Stopping, and being killed: calls under way are finished, the others are told, and a dead worker is replaced."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
from conftest import RunningServer, call_body, serving
from test_hostile_callers import connect, head

from tests.fhir_stub import FhirServer


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(4)
    handler.close_connection = True


def a_slow_call(fhir_server: FhirServer) -> dict[str, object]:
    """Takes the two seconds that may be read from FHIR servers."""
    fhir_server.replies = dict.fromkeys(("Patient", "Condition"), silent)
    return {**call_body(), "prefetch": {}, "fhirServer": fhir_server.url}


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_calls_under_way_are_finished_and_no_others_taken(
    tmp_path: Path, fhir_server: FhirServer, wish: signal.Signals, workers: str
) -> None:
    with serving(tmp_path, "--workers", workers) as server, ThreadPoolExecutor(10) as callers:
        calls = [callers.submit(server.post, a_slow_call(fhir_server)) for _ in range(10)]
        until(lambda: len(fhir_server.asked) >= 2)
        time.sleep(0.3)
        server.process.send_signal(wish)
        time.sleep(0.5)
        with pytest.raises(requests.ConnectionError):
            server.get("/health/live")
        answers = [call.result() for call in calls]
        assert {answer.status_code for answer in answers} == {412}
        assert server.process.wait(timeout=10) == 0
    assert len(server.audit_lines()) == 10


def test_who_sends_or_reads_nothing_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    body = json.dumps(call_body()).encode()
    with serving(tmp_path) as server:
        lines = [connect(server) for _ in range(6)]
        for line, sent in zip(
            lines,
            (b"", b"GET / HT", head(), head() + b"{", head(length="Content-Length: 9") + body[:5], b"\r\n"),
            strict=True,
        ):
            line.sendall(sent)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=10) == 0
    for line in lines:
        line.close()


def workers_of(server: RunningServer) -> list[int]:
    """The processes that serve: children with the same command line."""
    main = server.process.pid
    own = Path(f"/proc/{main}/cmdline").read_bytes()
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    return [int(child) for child in children if Path(f"/proc/{child}/cmdline").read_bytes() == own]


def until(settled: Callable[[], bool], seconds: float = 30) -> None:
    give_up = time.monotonic() + seconds
    while not settled():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells processes apart by /proc")
def test_a_worker_that_is_killed_is_replaced_and_the_other_serves_on(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as server:
        until(lambda: len(workers_of(server)) == 2)
        before = workers_of(server)
        os.kill(before[0], signal.SIGKILL)
        time.sleep(0.1)
        for _ in range(40):  # each on a connection of its own
            assert server.post(call_body()).status_code == 200
        until(lambda: len(set(workers_of(server)) - {before[0]}) == 2)
        assert before[1] in workers_of(server)
        time.sleep(0.5)
        for _ in range(40):
            assert server.get("/health/ready").status_code == 200
        os.kill(before[1], signal.SIGKILL)
        until(lambda: len(set(workers_of(server)) - set(before)) == 2)
        assert server.post(call_body()).status_code == 200


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells processes apart by /proc")
def test_a_worker_that_is_killed_in_the_middle_of_calls(tmp_path: Path, fhir_server: FhirServer) -> None:
    """Their callers see a broken connection, not an answer that looks calm."""
    with serving(tmp_path) as server, ThreadPoolExecutor(6) as callers:
        calls = [callers.submit(server.post, a_slow_call(fhir_server)) for _ in range(6)]
        until(lambda: len(fhir_server.asked) >= 2)
        (worker,) = workers_of(server)
        os.kill(worker, signal.SIGKILL)
        assert all(isinstance(call.exception(), requests.ConnectionError) for call in calls)
        until(lambda: answers(server))
        assert server.post(call_body()).status_code == 200


def answers(server: RunningServer) -> bool:
    try:
        return server.get("/health/ready").status_code == 200
    except requests.ConnectionError:
        return False
