"""A real FHIR server (sekmet-fhir, SQLite) in an environment of its own, loaded with the charts of the tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.ports import free_port
from tests.turns import one_at_a_time

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".venv" / "fhir-server" / "bin" / "sekmet"
TOKEN = "planted-token-of-the-doctor"


@dataclass(frozen=True)
class RealServer:
    url: str

    def load(self, *resources: dict[str, Any]) -> None:
        """Stores resources under their own ids."""
        for start in range(0, len(resources), 200):
            entry = [
                {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}}
                for r in resources[start : start + 200]
            ]
            bundle = {"resourceType": "Bundle", "type": "batch", "entry": entry}
            answer = requests.post(self.url, json=bundle, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=120)
            answer.raise_for_status()
            statuses = {one["response"]["status"][:3] for one in answer.json()["entry"]}
            assert statuses <= {"200", "201"}, answer.text[:2000]


def install() -> None:
    """Builds the environment when `make test` has not done so; of several processes the first one does."""
    with one_at_a_time("fhir-server"):
        command = ["make", "--silent", ".venv/.fhir-server"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=600)


@contextmanager
def running(folder: Path) -> Iterator[RealServer]:
    """Serves on a free port until the block ends. Asks for a bearer token; references are absolute, as in many EHRs."""
    install()
    port = free_port()
    url = f"http://127.0.0.1:{port}/fhir"
    settings = {
        "base_url": url,
        "host": "127.0.0.1",
        "port": port,
        "data_dir": str(folder / "data"),
        "simulator": {"enabled": False},
        "validation": {"inbound": "off"},
        "server_auth": {"types": ["bearer"], "tokens": [TOKEN], "enforce_scopes": False},
        "server_behaviour": {"absolute_references": True},
        "log_inbound": False,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.yaml").write_text(json.dumps(settings))  # JSON is YAML
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEKMET", "PYTHON"))}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [str(PROGRAM), "serve", "--config", "settings.yaml"],
            cwd=folder,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait(url, process, folder / "log.txt")
        yield RealServer(url)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if requests.get(f"{url}/metadata", timeout=5).status_code in (200, 401):
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"the FHIR server did not become ready:\n{log.read_text()}")
