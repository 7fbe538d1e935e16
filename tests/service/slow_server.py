"""The real server, with one thing added: a request waits in its thread for as many seconds as its header X-Wait says.

Stands for whatever could hold a thread: a store that hangs, an evaluation without end. Only tests run it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import ROOT, RunningServer, free_port, wait_until_ready
from flask import request
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from cds_service.app import from_environment
from cds_service.front import FrontDoor


def door() -> FrontDoor:
    """What each worker process runs."""
    front = from_environment()
    front.app.before_request(wait)
    return front


def wait() -> None:
    time.sleep(float(request.headers.get("X-Wait", 0)))


@contextmanager
def serving_slowly(folder: Path, **variables: str) -> Iterator[RunningServer]:
    port = free_port()
    out, err = folder / "stdout.txt", folder / "stderr.txt"
    paths = os.pathsep.join(str(path) for path in (ROOT, Path(__file__).parent))
    more = {"PYTHONPATH": paths, "SPINE_CDS_DATABASE": f"sqlite:///{folder / 'store.db'}", "SPINE_CDS_PORT": str(port)}
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=ROOT,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **more, **variables},
            start_new_session=True,
        )
        server = RunningServer(f"http://127.0.0.1:{port}", process, out, err)
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
