"""A real server process, and a small FHIR server for it to ask. Nothing of ours is replaced."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service import examples
from tests import fhir_stub
from tests.fhir_stub import FhirServer
from tests.ports import free_port

HOOK_OF = {"spine-patient-view": "patient_view", "spine-order-select": "order_select", "spine-order-sign": "order_sign"}
ROOT = Path(__file__).parents[2]


def call_body(service: str = "spine-patient-view") -> dict[str, Any]:
    """A valid call of a service, to be changed freely: the bundled example, dated today."""
    body: dict[str, Any] = json.loads(examples.read(HOOK_OF[service], date.today()))
    return body


@dataclass
class RunningServer:
    """A `cds-service serve` process, and what it has written so far."""

    url: str
    process: subprocess.Popen[bytes]
    stdout: Path
    stderr: Path

    def post(self, body: Any, service: str = "spine-patient-view", **options: Any) -> requests.Response:
        if "data" not in options:
            options["json"] = body
        return requests.post(f"{self.url}/cds-services/{service}", timeout=120, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=60, **options)

    def audit_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.read_text().splitlines() if line.startswith("{")]

    def written(self) -> str:
        return self.stdout.read_text() + self.stderr.read_text()


@contextmanager
def serving(folder: Path, *options: str, until: str = "/health/ready", **variables: str) -> Iterator[RunningServer]:
    """Starts a server on a free port, waits until it is ready, ends it as Ctrl-C would and expects a clean end."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    out, err = folder / "stdout.txt", folder / "stderr.txt"
    store = {"SPINE_CDS_DATABASE": f"sqlite:///{folder / 'store.db'}"}
    command = [sys.executable, "-m", "cds_service.cli", "serve", "--port", str(port), *options]
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **store, **variables},
            start_new_session=True,
        )
        server = RunningServer(f"http://127.0.0.1:{port}", process, out, err)
        try:
            wait_until_ready(server, until)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=60)
    assert code == 0, server.written()
    assert "Traceback" not in server.written()


def wait_until_ready(server: RunningServer, path: str = "/health/ready") -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and server.process.poll() is None:
        with contextlib.suppress(requests.ConnectionError):
            if server.get(path).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the server did not become ready:\n{server.written()}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The sandbox tenant, served for the whole test run."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The same with five minutes for a body, and three times that for a head: what ends sooner was not waited for."""
    with serving(tmp_path_factory.mktemp("patient"), SPINE_CDS_BODY_SECONDS="300") as running:
        yield running


@pytest.fixture
def fhir_server() -> Iterator[FhirServer]:
    with fhir_stub.running() as stub:
        yield stub


@pytest.fixture
def other_server() -> Iterator[FhirServer]:
    """A second one, that must not be asked."""
    with fhir_stub.running() as stub:
        yield stub
