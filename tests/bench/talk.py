"""Clients that cost little beside the servers they ask: one kept-open connection, or many at once over raw sockets."""

from __future__ import annotations

import selectors
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, repeat

from tests.bench.expected import Check, anything

HOST = "127.0.0.1"
PIECE = 1 << 18
PATIENCE = 120.0  # seconds for one answer


@dataclass(frozen=True)
class Target:
    """What is asked of whom. `request` is the whole HTTP request as bytes, `pids` the processes that answer.

    `check` looks at the first answer of each series.
    """

    name: str
    port: int
    request: bytes = field(repr=False)
    pids: tuple[int, ...] = ()
    check: Check = field(default=anything, repr=False)

    def looked_at(self, line: Line | None = None) -> None:
        """Asks once, before anything is timed: RuntimeError where the answer is not the one expected."""
        status, body = line.ask(self.request) if line else asked(self.port, self.request)
        if status != 200:
            raise RuntimeError(f"{self.name} answered {status}: {body[:300]!r}")
        self.check(body)


@dataclass(frozen=True)
class Samples:
    """Nanoseconds of each answer: until it was here, and of the processor in the process that gave it (0: unknown)."""

    took: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def add(self, took: float, processor: float) -> None:
        self.took.append(float(took))
        self.processor.append(float(processor))

    @property
    def ms(self) -> float:
        """The median until it was here."""
        return statistics.median(self.took) / 1e6


def post(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


class Line:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def hang_up(self) -> None:
        """Ends the connection, also for a thread that waits for an answer on it."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body."""
        self._socket.sendall(request)
        answer = _Answer()
        while not answer.whole:
            answer.take(self._socket.recv(PIECE))
        return answer.status, answer.body


class _Answer:
    """An HTTP answer with a Content-Length, as it comes in."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._head = -1
        self._end = -1

    def take(self, piece: bytes) -> None:
        if not piece:
            raise ConnectionError(f"the server hung up after {bytes(self._bytes[:200])!r}")
        self._bytes += piece
        if self._end < 0 and (head := self._bytes.find(b"\r\n\r\n")) >= 0:
            names = bytes(self._bytes[:head]).lower().split(b"\r\n")
            length = next(int(name[15:]) for name in names if name.startswith(b"content-length:"))
            self._head, self._end = head + 4, head + 4 + length

    @property
    def whole(self) -> bool:
        return 0 <= self._end <= len(self._bytes)

    @property
    def status(self) -> int:
        return int(self._bytes[9:12])

    @property
    def body(self) -> bytes:
        return bytes(self._bytes[self._head :])


def asked(port: int, request: bytes) -> tuple[int, bytes]:
    """One question over a connection of its own."""
    with Line(port) as line:
        return line.ask(request)


def interleaved(targets: Sequence[Target], seconds: float, least: int = 5, warm: int = 3) -> dict[str, Samples]:
    """Asks each target in turn, again and again; samples by target. Every other round runs backwards.

    Ends after `seconds`, but not before `least` rounds. The first answers are looked at, of the others the status.
    """
    samples = {target.name: Samples() for target in targets}
    with ExitStack() as stack:
        lines = {target.name: stack.enter_context(Line(target.port)) for target in targets}
        for target in targets:
            target.looked_at(lines[target.name])
        for _ in range(warm - 1):
            for target in targets:
                _timed(lines[target.name], target)
        end = time.monotonic() + seconds
        for number in count():
            if number >= least and time.monotonic() > end:
                break
            for target in targets if number % 2 else reversed(targets):
                samples[target.name].add(*_timed(lines[target.name], target))
    return samples


def _timed(line: Line, target: Target) -> tuple[int, int]:
    busy, began = processor_ns(target.pids), time.perf_counter_ns()
    status, body = line.ask(target.request)
    took, busy = time.perf_counter_ns() - began, processor_ns(target.pids) - busy
    if status != 200:
        raise RuntimeError(f"{target.name} answered {status}: {body[:300]!r}")
    return took, busy


def processor_ns(pids: Sequence[int]) -> int:
    """Nanoseconds of the processor that other processes have had so far; 0 where that cannot be asked."""
    if sys.platform != "linux":
        return 0
    return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)  # so Linux makes the number of their clock


@dataclass(frozen=True)
class Rate:
    """What many connections at once got out of a server, and milliseconds of the processor that an answer took there.

    Only answers of status 200 count; `refused` is how many others came (a server that is overloaded says so).
    `client` is the share of one core that asking took.
    """

    per_second: float
    p50_ms: float
    processor_ms: float
    refused: int
    client: float


def rate(target: Target, connections: int, seconds: float) -> Rate:
    """Every connection asks again as soon as it has been answered; counted once as many answers came as there are
    connections, for so many seconds and at least twice as many answers.
    """
    target.looked_at()
    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        for _ in range(connections):
            stack.callback(_Asking(target.port, repeat(target.request), selector).end)
        _run(selector, 0, least=connections)
        began, cpu, busy = time.monotonic(), time.process_time(), processor_ns(target.pids)
        found = _run(selector, began + seconds, least=2 * connections)
        lasted = time.monotonic() - began
        share = (time.process_time() - cpu) / lasted
        busy = processor_ns(target.pids) - busy
    took = [one for status, one in found if status == 200]
    if not took:
        raise RuntimeError(f"{target.name} refused all of {len(found)} requests")
    refused = len(found) - len(took)
    return Rate(len(took) / lasted, statistics.median(took) * 1000, busy / len(took) / 1e6, refused, share)


def many(target: Target, requests: int, connections: int, bodies: Iterator[bytes] | None = None) -> None:
    """So many requests, over connections that each ask again as soon as they have been answered.

    `bodies` are whole requests, without end, to ask instead of the target's own.
    """
    target.looked_at()
    asking = bodies or repeat(target.request)
    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        for _ in range(connections):
            stack.callback(_Asking(target.port, asking, selector).end)
        refused = Counter(status for status, _ in _run(selector, 0, least=requests) if status != 200)
    if refused:
        raise RuntimeError(f"{target.name} answered {dict(refused)}")


def _run(selector: selectors.BaseSelector, until: float, least: int) -> list[tuple[int, float]]:
    """Status and seconds of each answer, until a moment of time.monotonic() is over and so many answers have come."""
    found: list[tuple[int, float]] = []
    while len(found) < least or time.monotonic() < until:
        ready = selector.select(timeout=PATIENCE)
        if not ready:
            raise RuntimeError(f"no answer within {PATIENCE:g} s")
        found += [answered for key, _ in ready if (answered := key.data.go_on()) is not None]
    return found


class _Asking:
    """One connection of many: sends what the socket takes, reads what has come."""

    def __init__(self, port: int, requests: Iterator[bytes], selector: selectors.BaseSelector) -> None:
        self._requests, self._selector = requests, selector
        self._socket = socket.create_connection((HOST, port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._begin()
        selector.register(self._socket, selectors.EVENT_WRITE, self)

    def _begin(self) -> None:
        self._left = memoryview(next(self._requests))
        self._answer = _Answer()
        self._began = time.monotonic()

    def go_on(self) -> tuple[int, float] | None:
        """The status, and the seconds that the answer took, once it is whole."""
        if self._left:
            self._left = self._left[self._socket.send(self._left) :]
            if not self._left:
                self._selector.modify(self._socket, selectors.EVENT_READ, self)
            return None
        self._answer.take(self._socket.recv(PIECE))
        if not self._answer.whole:
            return None
        answered = self._answer.status, time.monotonic() - self._began
        self._begin()
        self._selector.modify(self._socket, selectors.EVENT_WRITE, self)
        return answered

    def end(self) -> None:
        self._selector.unregister(self._socket)
        self._socket.close()
