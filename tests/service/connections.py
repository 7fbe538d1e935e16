"""What Linux tells of the connections of a server: who listens, who is connected still, and what has not been read."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conftest import RunningServer

TABLE = Path("/proc/net/tcp")
ESTABLISHED, LISTENING = "01", "0A"


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    """Waits for what must become true; fails when it does not, however busy the machine is."""
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, "has not become true"
        time.sleep(0.05)


@dataclass(frozen=True)
class _Row:
    """One end of a connection, as this machine sees it: its own port, that of the other end, and bytes on their way."""

    port: int
    peer: int
    state: str
    unsent: int
    unread: int


def _rows() -> Iterator[_Row]:
    for line in TABLE.read_text().splitlines()[1:]:
        _, here, there, state, queues, *_ = line.split()
        unsent, _, unread = queues.partition(":")
        yield _Row(int(here[-4:], 16), int(there[-4:], 16), state, int(unsent, 16), int(unread, 16))


def port_of(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


def listeners(server: RunningServer) -> int:
    """How many workers take connections; each listens by itself."""
    return sum(row.port == port_of(server) and row.state == LISTENING for row in _rows())


def connected(server: RunningServer, lines: Sequence[socket.socket]) -> int:
    """How many of these connections the server's end has not given up."""
    ours, port = {line.getsockname()[1] for line in lines}, port_of(server)
    rows = [row for row in _rows() if row.port == port and row.state == ESTABLISHED]
    return len(ours & {row.peer for row in rows})  # a row may be told twice, while others come and go


def all_read(server: RunningServer, lines: Sequence[socket.socket]) -> bool:
    """Whether the server has read every byte that was sent on these connections."""
    ours, port = {line.getsockname()[1] for line in lines}, port_of(server)
    sent = [row.unsent for row in _rows() if row.peer == port and row.port in ours]
    come = [row.unread for row in _rows() if row.port == port and row.peer in ours]
    return not any((*sent, *come))
