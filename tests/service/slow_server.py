"""The real server, with one thing added: a request waits in its thread until the test lets it go.

Stands for whatever could hold a thread: a store that hangs, an evaluation without end. Only tests run it. The header
X-Until names a file that the request waits for; beside it each request that waits so puts a file of its own. How many
requests are in each room stands in the file `inside`, anew a hundred times a second.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conftest import ROOT, RunningServer, wait_until_ready
from flask import request
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from cds_service.app import from_environment
from cds_service.front import REFUSAL, FrontDoor
from tests.ports import free_port

FOLDER = "SLOW_SERVER_FOLDER"  # names no setting of the service, which would refuse it
PAUSE = 0.01


def door() -> FrontDoor:
    """What each worker process runs; here it is one."""
    front = from_environment()
    front.app.before_request(wait)
    threading.Thread(target=tell, args=(front, Path(os.environ[FOLDER])), daemon=True).start()
    return front


def wait() -> None:
    gate = request.headers.get("X-Until")
    if gate and not request.environ[REFUSAL]:  # one call too many only passes through a thread of the others
        folder = Path(os.environ[FOLDER])
        (folder / f"{gate}.{uuid.uuid4().hex}").touch()
        while not (folder / gate).exists():
            time.sleep(PAUSE)


def tell(front: FrontDoor, folder: Path) -> None:
    rooms = {"calls": front.calls, "quick": front.quick, "health": front.health}
    while True:
        (folder / "inside.new").write_text(json.dumps({name: room.inside for name, room in rooms.items()}))
        (folder / "inside.new").replace(folder / "inside")
        time.sleep(PAUSE)


@dataclass
class SlowServer(RunningServer):
    folder: Path

    def inside(self, room: str) -> int:
        """How many requests have a thread of `calls`, `quick` or `health`, or wait for one."""
        found: int = json.loads((self.folder / "inside").read_text())[room]
        return found

    def held(self, gate: str) -> int:
        """How many requests have come to wait in their threads for this gate to open."""
        return len(list(self.folder.glob(f"{gate}.*")))

    def open(self, gate: str) -> None:
        (self.folder / gate).touch()


@contextmanager
def serving_slowly(folder: Path, **variables: str) -> Iterator[SlowServer]:
    port = free_port()
    out, err, gates = folder / "stdout.txt", folder / "stderr.txt", folder / "gates"
    gates.mkdir()
    paths = os.pathsep.join(str(path) for path in (ROOT, Path(__file__).parent))
    more = {"PYTHONPATH": paths, "SPINE_CDS_DATABASE": f"sqlite:///{folder / 'store.db'}", "SPINE_CDS_PORT": str(port)}
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=ROOT,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **more, FOLDER: str(gates), **variables},
            start_new_session=True,
        )
        server = SlowServer(f"http://127.0.0.1:{port}", process, out, err, gates)
        try:
            wait_until_ready(server)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=60)
    assert code == 0, server.written()
    assert "Traceback" not in server.written()


if __name__ == "__main__":
    Server(
        "slow_server:door",
        factory=True,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        port=int(os.environ["SPINE_CDS_PORT"]),
        websockets=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=20,
    ).serve()
