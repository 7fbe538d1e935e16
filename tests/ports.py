"""Ports for server processes of tests: each is given once, however many tests run beside each other on this machine."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

FIRST, LAST = 20_000, 29_999  # below those that systems give to connections by themselves, which nobody can lock
_held: list[int] = []  # open files; each locks its port for as long as this process lives


def free_port() -> int:
    """A port of the loopback address that no other process of tests has, and nothing listens on."""
    folder = Path(tempfile.gettempdir()) / f"spine-cds-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in random.sample(range(FIRST, LAST + 1), LAST - FIRST):
        if _locked(folder / str(port)) and _unused(port):
            return port
    raise AssertionError("no port is free")


def _locked(file: Path) -> bool:
    """Whether the lock could be had; another process has it, or this one already."""
    opened = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return False
    _held.append(opened)
    return True


def _unused(port: int) -> bool:
    with socket.socket() as trial:
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
