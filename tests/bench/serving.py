"""Starts the servers that are measured, each as a process of its own, and ends them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import expected, talk
from tests.bench.bodies import Call
from tests.bench.expected import Check
from tests.bench.talk import HOST, Target

ROOT = Path(__file__).parents[2]
HEALTHCHAIN = ROOT / ".venv" / "healthchain" / "bin" / "python"
START_SECONDS = 90
FLOOR, SCAN = "/cds-services/floor", "/cds-services/scan"  # of the reference server
NO_CARDS = b'{"cards":[]}'  # what the reference server always says
SERVICES = {"patient-view": "spine-patient-view", "order-sign": "spine-order-sign"}


@dataclass(frozen=True)
class Server:
    """A running server: where it listens, and the process that was started."""

    name: str
    port: int
    pid: int

    def target(self, path: str, body: bytes, name: str = "", check: Check = expected.anything) -> Target:
        return Target(name or self.name, self.port, talk.post(path, body), self.workers(), check)

    def constant(self, path: str, body: bytes, name: str = "") -> Target:
        """If this is the reference server."""
        return self.target(path, body, name, expected.exactly(NO_CARDS))

    def call(self, call: Call, body: bytes, name: str = "") -> Target:
        """A hook call, if this is our service. `body` is that of the call."""
        return self.target(f"/cds-services/{SERVICES[call.hook]}", body, name, expected.of(call))

    def diagnosis(self, body: bytes) -> Target:
        """The question to the peer whether there is a metastasis."""
        return self.target("/cds/cds-services/bench", body, check=expected.some_card)

    def workers(self) -> tuple[int, ...]:
        """The processes that answer: the children that were started, or else the process itself."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        found = tuple(map(int, children.read_text().split())) if children.exists() else ()
        return found or (self.pid,)

    def worker(self) -> int:
        """The one worker there is: whichever child holds most, as Python may have started a small one besides."""
        return max(self.workers(), key=resident)


def resident(pid: int, what: str = "VmRSS") -> int:
    """Bytes of memory that a process holds, or with VmHWM the most that it held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:")), 0)


@contextmanager
def ours(folder: Path, workers: int = 1, tenant: Path | None = None) -> Iterator[Server]:
    """`cds-service serve`: the bundled sandbox (no token asked), ledger in SQLite, audit lines into a file."""
    command = [sys.executable, "-m", "cds_service.cli", "serve", "--workers", str(workers)]
    settings = {"SPINE_CDS_DATABASE": f"sqlite:///{folder / f'ours-{workers}.db'}"}
    if tenant:
        settings["SPINE_CDS_TENANT"] = str(tenant)
    with _started("ours", command, settings, folder, "/health/ready") as server:
        yield server


@contextmanager
def references(folder: Path, workers: int = 1) -> Iterator[Server]:
    """The same server with the floor and the scan."""
    command = [sys.executable, "-m", "tests.bench.reference"]  # not imported: it needs orjson
    settings = {"SPINE_CDS_WORKERS": str(workers), "SPINE_CDS_DATABASE": "sqlite:///not-used.db"}
    with _started("floor", command, settings, folder, None) as server:
        yield server


@contextmanager
def healthchain(folder: Path, workers: int = 1) -> Iterator[Server]:
    """The Python peer under its own server, uvicorn, as its documentation starts it."""
    options = ["--workers", str(workers), "--no-access-log", "--log-level", "warning"]
    command = [str(HEALTHCHAIN), "-m", "uvicorn", "healthchain_app:app", *options]
    with _started("HealthChain", command, {}, folder, "/cds/cds-discovery", Path(__file__).parent) as server:
        yield server


@contextmanager
def _started(
    name: str,
    command: Sequence[str],
    settings: Mapping[str, str],
    folder: Path,
    ready: str | None,
    where: Path = ROOT,
) -> Iterator[Server]:
    port = _free_port()
    ports = {"SPINE_CDS_PORT": str(port), "SPINE_CDS_HOST": HOST}
    options = [] if settings else ["--port", str(port)]  # ours are told by the environment, the peer by an option
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SPINE_CDS_", "PYTHON"))}
    said = folder / f"{name}-{port}.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [*command, *options],
            cwd=where,
            env={**kept, **ports, **settings},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait(port, ready, process, said)
        yield Server(name, port, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=20)


def _wait(port: int, ready: str | None, process: subprocess.Popen[bytes], said: Path) -> None:
    """Until the address answers, with 200 where one is named."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            status, _ = talk.asked(port, talk.get(ready or "/"))
        except (OSError, StopIteration):
            time.sleep(0.05)
            continue
        if ready is None or status == 200:
            return
        time.sleep(0.05)
    raise RuntimeError(f"{said.name} did not become ready:\n{said.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind((HOST, 0))
        port: int = trial.getsockname()[1]
        return port


@contextmanager
def listening(name: str, module: str, options: Sequence[str], folder: Path) -> Iterator[int]:
    """Another process that listens; its port, given to it as its first option."""
    port = _free_port()
    command = [sys.executable, "-m", module, str(port), *options]
    with (folder / f"{module}-{port}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        _until_it_listens(name, port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def _until_it_listens(name: str, port: int) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{name} did not begin to listen")
