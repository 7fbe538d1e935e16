"""Connections to FHIR servers that can be ended from outside while they connect, shake hands or read.

The time limits of requests and urllib3 hold for one wait each. A server that sends a byte now and then keeps every one
of them, so the deadline of a call is kept by shutting down the socket under the thread that reads from it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection


class Line:
    """The socket that one search is using at the moment, if it uses one. Ended from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handle: Handle | None = None
        self._ended = False

    def use(self, handle: Handle) -> None:
        """This search now waits for that socket."""
        with self._lock:
            if self._handle is not handle:
                if self._handle is not None:
                    self._handle.release()
                self._handle = handle.hold()
            if self._ended:
                handle.shut_down()

    def let_go(self) -> None:
        """The socket goes back to the pool, and is none of ours any more."""
        with self._lock:
            if self._handle is not None:
                self._handle.release()
            self._handle = None

    def end(self) -> None:
        """Time is up: whoever reads from the socket reads its end."""
        with self._lock:
            self._ended = True
            if self._handle is not None:
                self._handle.shut_down()


class Handle:
    """A second hold on a connection's socket, which stays valid while TLS is put around the first one.

    Closed when neither the connection nor a line holds it: http.client lets a connection go before its last body is
    read.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket = connected.dup()
        self._holders = 1

    def hold(self) -> Handle:
        with self._lock:
            self._holders += 1
        return self

    def shut_down(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            if not self._holders:
                self._socket.close()


_of_this_thread = threading.local()


def use_line(line: Line) -> None:
    """Connections that this thread opens or takes from the pool from now on belong to `line`."""
    _of_this_thread.line = line


class _Endable:
    """What both kinds of connection add: a handle as soon as the socket is there, told to the thread's line.

    Mixed in before urllib3's HTTP and HTTPS connections, which have these methods; the type checker sees this class
    alone, and so cannot know what `super()` will be.
    """

    _handle: Handle | None = None

    def _new_conn(self) -> socket.socket:
        connected: socket.socket = super()._new_conn()  # type: ignore[misc] # in the class that this is mixed into
        self._handle = Handle(connected)
        self._tell()
        return connected

    def putrequest(self, *given: Any, **options: Any) -> None:
        self._tell()  # a connection that was kept open is used again
        super().putrequest(*given, **options)  # type: ignore[misc] # in the class that this is mixed into

    def close(self) -> None:
        super().close()  # type: ignore[misc] # in the class that this is mixed into
        if self._handle is not None:
            self._handle.release()
            self._handle = None

    def _tell(self) -> None:
        line: Line | None = getattr(_of_this_thread, "line", None)
        if line is not None and self._handle is not None:
            line.use(self._handle)


class _Plain(_Endable, HTTPConnection):
    pass


class _Secure(_Endable, HTTPSConnection):
    pass


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secure


class EndableAdapter(HTTPAdapter):
    """The adapter of requests, with such connections in its pools."""

    def init_poolmanager(self, *given: Any, **options: Any) -> None:
        super().init_poolmanager(*given, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
