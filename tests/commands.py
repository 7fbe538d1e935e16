"""The command line as a user runs it, but for the second that reading the program takes.

`run` has each command in a process of its own, with its own standard streams, environment and exit code: a child of a
process that has read the program once. `run_anew` starts Python for it; test_cli.py says that both are the same.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 60  # for one command
STREAMS = {"stdin": os.O_RDONLY, "stdout": os.O_WRONLY, "stderr": os.O_WRONLY}
Ended = subprocess.CompletedProcess[str]


def run_anew(*arguments: str, given: bytes = b"", **variables: str) -> Ended:
    """Starts Python, as a shell would."""
    command = [sys.executable, "-m", "cds_service.cli", *arguments]
    environment = {**os.environ, **variables}
    told = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, timeout=SECONDS, env=environment)
    return Ended(arguments, told.returncode, told.stdout.decode(), told.stderr.decode())


def run(*arguments: str, given: bytes = b"", **variables: str) -> Ended:
    """The same in a fraction of the time. A command that has not ended after a minute is killed."""
    parent = _parent()
    assert parent.stdin is not None
    assert parent.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        for name in STREAMS:
            (Path(folder) / name).write_bytes(given if name == "stdin" else b"")
        order = {"arguments": arguments, "environment": {**os.environ, **variables}, "folder": folder}
        parent.stdin.write(json.dumps(order).encode() + b"\n")
        parent.stdin.flush()
        code = int(parent.stdout.readline())
        said, complained = ((Path(folder) / name).read_bytes().decode() for name in ("stdout", "stderr"))
    return Ended(arguments, code, said, complained)


@cache
def _parent() -> subprocess.Popen[bytes]:
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.commands"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(started.communicate)  # closes its input, which ends it
    return started


def _become(order: dict[str, object]) -> None:
    """Takes on the streams, the environment and the time limit of one command."""
    signal.alarm(SECONDS)
    os.environ.clear()
    os.environ.update(order["environment"])  # type: ignore[call-overload] # from JSON
    for number, (name, flags) in enumerate(STREAMS.items()):
        opened = os.open(Path(str(order["folder"])) / name, flags)
        os.dup2(opened, number)
        os.close(opened)
        said = getattr(sys, name)
        told = {"encoding": said.encoding, "errors": said.errors, "closefd": False}
        setattr(sys, name, open(number, "w" if number else "r", **told))  # noqa: SIM115 - for the whole process


def main() -> None:
    """Reads orders line by line, and says how each ended."""
    from cds_service import cli

    gc.freeze()  # children look at none of it again
    while line := sys.stdin.buffer.readline():
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
            sys.exit(cli.main(order["arguments"]))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
