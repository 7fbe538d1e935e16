"""Hangs up on callers who take nothing of their answer: they hold no thread, but a place among the connections.

Granian has no time limit for answers. Linux has one, and each connection takes it over from the socket that listens;
granian opens that in the worker process, and tells nobody. So it is looked for among the files of the process.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

OPEN_FILES = Path("/proc/self/fd")
TRIES, BETWEEN = 100, 0.05  # seconds; the worker begins to listen a moment after it begins


async def limit(seconds: int) -> None:
    """Gives every connection to come so long for each part of an answer. Does nothing on other systems than Linux."""
    for _ in range(TRIES):
        found = list(_listening()) if OPEN_FILES.exists() and hasattr(socket, "TCP_USER_TIMEOUT") else []
        for listening in found:
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, seconds * 1000)
            listening.close()  # our copy
        if found:
            return
        await asyncio.sleep(BETWEEN)


def _listening() -> Iterator[socket.socket]:
    """Copies of the process's sockets that accept connections over TCP."""
    for name in os.listdir(OPEN_FILES):
        try:
            if not stat.S_ISSOCK(os.stat(int(name)).st_mode):
                continue
            copy = socket.socket(fileno=os.dup(int(name)))
        except OSError:  # closed since it was listed
            continue
        inet = copy.family in (socket.AF_INET, socket.AF_INET6)
        if inet and copy.type == socket.SOCK_STREAM and copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            yield copy
        else:
            copy.close()
