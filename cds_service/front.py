"""Stands between the server and Flask: takes each request in whole, within a time and a size, before a thread is given.

A thread that waits for a caller's bytes can be held for ever by a caller who sends none. So bodies are awaited in the
event loop, where a thousand waiting callers cost no thread, and Flask only ever sees requests that have arrived. No
request waits without bound: for a thread only with so many others, and for its answer until its time is up.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from flask import Flask, Response, g, request
from granian._granian import RSGIHTTPProtocol as HTTPProtocol
from granian.rsgi import Scope

from cds_service import unread
from cds_service.arrival import Arrival, Shelf
from cds_service.audit import AuditLine
from cds_service.config import Settings
from cds_service.errors import FHIR_JSON, Overloaded, operation_outcome
from cds_service.rooms import TOO_LATE, Room, Turn
from cds_service.smart import late

ARRIVED = "spine_cds.arrived"  # in the WSGI environment: time.monotonic() when the request's last byte was there
REFUSAL = "spine_cds.refusal"  # and the ServiceError to answer with, when its body was not taken
TURN = "spine_cds.turn"  # and whose turn it is to answer
CALLS, FEEDBACK = "/cds-services/", "/feedback"
PLAYGROUND = "/playground"  # its forms hold a call, and are answered by making it
HEALTH, LIVE = "/health/", "/health/live"
ANSWERING = 4  # threads for calls: they wait for FHIR servers; evaluation itself runs one at a time
COMPANION, COMPANION_ANSWERING = "/smart/", 2  # threads of its own: it waits for FHIR servers, and no call waits for it
COUNTING, COUNTING_AT_ONCE = "/dashboard", 1  # a thread of its own: the store may count for seconds
QUICK = 2  # threads for everything that waits for nobody
WAITING = 64  # requests that may wait for a thread, of each kind; the next one is told to come again
PROBES = 16  # that may wait to hear whether the service is ready
SMALL_BODY = 65_536  # for everything that is no call
FEEDBACK_BODY = 1_000_000  # a report holds a thousand items at most
BODIES_HELD = 8  # bodies of the largest size that may lie in memory at once, whole or in part
RETRY_SECONDS = "1"
PRIVATE = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
LIVE_REPLY = b'{"status":"live"}'
Reply = tuple[int, list[tuple[str, str]], bytes]
log = logging.getLogger("cds_service")


class FrontDoor:
    """An RSGI application, granian's own kind, around the Flask one. One per worker process."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.calls = Room("call", ANSWERING, WAITING)
        self.quick = Room("quick", QUICK, WAITING)
        self.health = Room("health", 1, PROBES)
        self.companion = Room("companion", COMPANION_ANSWERING, PROBES)
        self.counting = Room("counting", COUNTING_AT_ONCE, PROBES)
        self._shelf = Shelf(BODIES_HELD * settings.max_body_bytes)
        self._at_work: set[asyncio.Task[Reply]] = set()
        app.after_request(_only_in_time)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beginning = loop.create_task(unread.limit(self.settings.body_seconds))

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answers one request. What the server runs is no asyncio task, and time limits need one."""
        if scope.proto == "http":
            await asyncio.get_running_loop().create_task(self._serve(scope, protocol))

    def __rsgi_del__(self, _loop: asyncio.AbstractEventLoop) -> None:
        for room in (self.calls, self.quick, self.health, self.companion, self.counting):
            room.close()

    async def _serve(self, scope: Scope, protocol: HTTPProtocol) -> None:
        began = time.monotonic()
        room, limit = self._place(scope)
        arrival = Arrival(self._shelf, limit, self.settings.body_seconds)
        whole = await arrival.take(scope, protocol)
        try:
            status, headers, content = await self._reply(scope, room, arrival)
        except Overloaded as error:  # no thread has seen the request
            status, headers, content = self._refusal(scope, error, begun=False)
            self._note(scope, status, began)
        if not whole:
            headers.append(("Connection", "close"))
        protocol.response_bytes(status, headers, content)

    def _place(self, scope: Scope) -> tuple[Room, int]:
        """Which threads answer a request, and how large its body may be."""
        largest = self.settings.max_body_bytes
        if scope.method.upper() == "POST" and scope.path.startswith(CALLS):  # as Flask reads a method
            is_feedback = scope.path.endswith(FEEDBACK)
            return (self.quick, min(FEEDBACK_BODY, largest)) if is_feedback else (self.calls, largest)
        if scope.method.upper() == "POST" and scope.path == PLAYGROUND and not self.settings.tenant.issuer:
            return self.calls, largest
        if scope.path.startswith(COMPANION):
            return self.companion, min(SMALL_BODY, largest)
        if scope.path.startswith(COUNTING):
            return self.counting, min(SMALL_BODY, largest)
        return self.health if scope.path.startswith(HEALTH) else self.quick, min(SMALL_BODY, largest)

    async def _reply(self, scope: Scope, room: Room, arrival: Arrival) -> Reply:
        """Flask's answer, within the time for one call. Raises Overloaded when none has begun to work on it."""
        if scope.path == LIVE and scope.method == "GET":  # of the event loop itself, however busy the threads are
            arrival.let_go()
            return 200, [("Content-Type", "application/json"), *PRIVATE], LIVE_REPLY
        if room is self.calls and (arrival.refusal is not None or room.is_full()):
            arrival.refusal = arrival.refusal or Overloaded()
            room = self.quick  # that the caller is trusted is checked all the same, and the refusal written down
        environ = environment(scope, arrival.whole())
        environ[ARRIVED], environ[TURN], environ[REFUSAL] = time.monotonic(), Turn(), arrival.refusal
        work = asyncio.get_running_loop().create_task(self._work(room, environ, arrival))
        self._at_work.add(work)
        work.add_done_callback(self._done)
        await asyncio.wait({work}, timeout=self.settings.call_seconds)
        turn: Turn = environ[TURN]
        if work.done() or not turn.give_up():
            return await work
        if not turn.begun:
            raise Overloaded(TOO_LATE)
        log.warning("a request was answered 503 after %d s; its thread goes on", self.settings.call_seconds)
        return self._refusal(scope, Overloaded(TOO_LATE), begun=True)

    def _refusal(self, scope: Scope, error: Overloaded, begun: bool) -> Reply:
        """For whoever sits before the companion in a pane of the EHR, a page that says what can have happened."""
        if scope.path.startswith(COMPANION) and "text/html" in scope.headers.get("accept", ""):
            headers, content = late.page(self.settings, scope.path, begun)
            return error.status, [*headers, ("Retry-After", RETRY_SECONDS), *PRIVATE], content
        return refusal(error)

    async def _work(self, room: Room, environ: dict[str, Any], arrival: Arrival) -> Reply:
        """Place, thread and body are held until the thread has ended, even where the caller was answered before."""
        try:
            return await room.run(environ[ARRIVED] + self.settings.call_seconds, self._answer, environ)
        finally:
            arrival.let_go()

    def _done(self, work: asyncio.Task[Reply]) -> None:
        self._at_work.discard(work)
        if not work.cancelled():
            work.exception()  # or asyncio would say that nobody asked for it, where nobody waits any more

    def _note(self, scope: Scope, status: int, began: float) -> None:
        """The audit line of a call that no thread has written one for, or not yet."""
        if scope.path.startswith(CALLS.rstrip("/")):
            AuditLine(tenant=self.settings.tenant.tenant.name).write(status, (time.monotonic() - began) * 1000)

    def _answer(self, environ: dict[str, Any]) -> Reply:
        """Flask's answer, whole."""
        if not environ[TURN].begin():
            return refusal(Overloaded(TOO_LATE))  # which nobody waits for
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
            said[:] = [int(status.split(" ", 1)[0]), list(headers)]

        # `start` returns no write(), which WSGI keeps for old applications; Flask never asks for it.
        pieces: Iterable[bytes] = self.app.wsgi_app(environ, start)  # type: ignore[arg-type] # WSGI's type asks for that write()
        try:
            content = b"".join(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        status, headers = said
        return status, headers, content


def refusal(error: Overloaded) -> Reply:
    """The same as Flask would send, for when no thread can be had."""
    content = msgspec.json.encode(operation_outcome(error.code, error.diagnostics))
    return error.status, [("Content-Type", FHIR_JSON), ("Retry-After", RETRY_SECONDS), *PRIVATE], content


def claim(environ: Mapping[str, Any]) -> None:
    """For the thread that answers a call, before it writes down what is shown. Raises Overloaded if it is too late."""
    turn: Turn | None = environ.get(TURN)
    if turn is not None and not turn.claim():
        raise Overloaded(TOO_LATE)


def _only_in_time(response: Response) -> Response:
    """What comes too late is seen by nobody, and its audit line says so."""
    try:
        claim(request.environ)
    except Overloaded as error:
        response.status_code = error.status
        if "audit" in g:
            g.audit.indicators, g.audit.fault = None, "took too long"
    return response


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
