"""Stands between the server and Flask: takes each request in whole, within a time and a size, before a thread is given.

A thread that waits for a caller's bytes can be held for ever by a caller who sends none. So bodies are awaited in the
event loop, where a thousand waiting callers cost no thread, and Flask only ever sees requests that have arrived.
"""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from flask import Flask
from granian._granian import RSGIHTTPProtocol as HTTPProtocol
from granian.rsgi import Scope

from cds_service.config import Settings
from cds_service.errors import BodyLate, BodyTooLarge, HookRequestError, Overloaded, ServiceError

ARRIVED = "spine_cds.arrived"  # in the WSGI environment: time.monotonic() when the request's last byte was there
REFUSAL = "spine_cds.refusal"  # and the ServiceError to answer with, when its body was not taken
CALLS = "/cds-services/"
ANSWERING = 4  # threads for calls: they wait for FHIR servers; evaluation itself runs one at a time
QUICK = 2  # threads for everything that waits for nobody, health above all
WAITING = 64  # calls that may wait for a thread; the next one is told to come again
SMALL_BODY = 65_536  # for everything that is not a call
BODIES_HELD = 8  # bodies of the largest size that may lie in memory at once, whole or in part
DISCARDED = 4_000_000  # bytes beyond a limit that are read and thrown away, so that the caller can read the refusal
RETRY_SECONDS = "1"


class FrontDoor:
    """An RSGI application, granian's own kind, around the Flask one. One per worker process."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self._answering = ThreadPoolExecutor(ANSWERING, thread_name_prefix="call")
        self._quick = ThreadPoolExecutor(QUICK, thread_name_prefix="quick")
        self._calls = 0  # that have a thread or wait for one; touched in the event loop only, as is the next one
        self._held = 0  # bytes of bodies

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answers one request. What the server runs is no asyncio task, and time limits need one."""
        if scope.proto == "http":
            await asyncio.get_running_loop().create_task(self._serve(scope, protocol))

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        for pool in (self._answering, self._quick):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, scope: Scope, protocol: HTTPProtocol) -> None:
        is_call = scope.method == "POST" and scope.path.startswith(CALLS)
        largest = self.settings.max_body_bytes
        limit = largest if is_call else min(SMALL_BODY, largest)
        taking = _Taking(self, limit)
        counted = False
        try:
            whole = await taking.body(scope, protocol)
            if is_call and taking.refusal is None:
                counted = self._calls < ANSWERING + WAITING
                self._calls += counted
                if not counted:
                    taking.refusal = Overloaded()
            environ = environment(scope, bytes(taking.taken))
            environ[ARRIVED] = time.monotonic()
            if taking.refusal is not None:
                environ[REFUSAL] = taking.refusal
            pool = self._answering if counted else self._quick
            status, headers, content = await self._run(pool, environ)
        finally:
            self._calls -= counted
            taking.let_go()
        if not whole:
            headers.append(("Connection", "close"))
        protocol.response_bytes(status, headers, content)

    async def _run(self, pool: Executor, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        return await asyncio.get_running_loop().run_in_executor(pool, self._answer, environ)

    def _answer(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        """Flask's answer, whole."""
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
            said[:] = [int(status.split(" ", 1)[0]), list(headers)]

        # `start` returns no write(), which WSGI keeps for old applications; Flask never asks for it.
        pieces: Iterable[bytes] = self.app.wsgi_app(environ, start)  # type: ignore[arg-type]
        try:
            content = b"".join(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        status, headers = said
        return status, headers, content

    def hold(self, size: int) -> bool:
        """May so many more bytes be kept in memory?"""
        if self._held + size > BODIES_HELD * self.settings.max_body_bytes:
            return False
        self._held += size
        return True

    def release(self, size: int) -> None:
        self._held -= size


class _Taking:
    """One body on its way in: what has come of it, and why no more of it was taken."""

    def __init__(self, door: FrontDoor, limit: int) -> None:
        self._door, self._limit = door, limit
        self.taken = bytearray()
        self.refusal: ServiceError | None = None
        self._held = 0

    def let_go(self) -> None:
        self._door.release(self._held)
        self._held = 0
        self.taken = bytearray()

    async def body(self, scope: Scope, protocol: HTTPProtocol) -> bool:
        """Takes the body. True when nothing of it is left on the wire, so that the connection can be used again."""
        announced = _announced(scope)
        if announced == 0:
            return True
        if announced is not None and announced > self._limit:
            self.refusal = BodyTooLarge(self._limit)
            if announced > self._limit + DISCARDED:  # before anything is read
                return False
        seconds = self._door.settings.body_seconds
        try:
            async with asyncio.timeout(seconds):
                whole = await self._pieces(protocol)
        except TimeoutError:
            self._drop(BodyLate(seconds))
            return False
        except RuntimeError:  # granian's word for a caller who has gone
            self._drop(HookRequestError("", "The body is cut short."))
            return False
        if whole and self.refusal is None and announced is not None and len(self.taken) != announced:
            self._drop(HookRequestError("", "The body is cut short."))
            return False
        return whole

    async def _pieces(self, protocol: HTTPProtocol) -> bool:
        discarded = 0
        async for piece in protocol:
            size = len(piece)
            if self.refusal is None:
                if len(self.taken) + size > self._limit:
                    self._drop(BodyTooLarge(self._limit))
                elif not self._door.hold(size):
                    self._drop(Overloaded())
                else:
                    self._held += size
                    self.taken += piece
                    continue
            discarded += size
            if discarded > self._limit + DISCARDED:
                return False
        return True

    def _drop(self, refusal: ServiceError) -> None:
        self.refusal = refusal
        self.let_go()


def _announced(scope: Scope) -> int | None:
    """The length that the request says its body has: 0 without one, None when it comes in chunks."""
    text = scope.headers.get("content-length")
    if text is not None:
        return int(text) if text.isascii() and text.isdigit() else None
    return None if scope.headers.get("transfer-encoding") else 0


def environment(scope: Scope, body: bytes) -> dict[str, Any]:
    """The WSGI environment of a request whose body is there. Nothing of the machine's own environment is in it."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host or "localhost",
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name:  # would be taken for the header with a hyphen
            continue
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}" if key in environ else value
    return environ
