"""Who may look at what the service has answered: readers named in the tenant file, by HTTP Basic over TLS."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Request, current_app
from werkzeug.exceptions import NotFound
from werkzeug.security import check_password_hash

from cds_service.errors import NotAReader, TooManyGuesses
from cds_service.tenants import Tenant, is_loopback

EXTENSION = "spine_cds_guesses"  # under which an application's wrong passwords hang on it
LONGEST = 1024  # bytes of a password: longer ones are not hashed
SHORTEST = 12  # characters of a new password
MOST_GUESSES, WINDOW_SECONDS = 10, 60.0  # for one name
MOST_OF_ALL = 100  # for all names together, but not for those who have been let in before
# A proxy on this machine is a loopback peer too, and these are what it adds. They are never believed, only noticed.
FORWARDING = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


@dataclass(slots=True)
class Guesses:
    """The last wrong passwords, in one process. Hashing is slow on purpose, and must not be had for free.

    They are counted by name, whether there is such a reader or not: who guesses at one locks out no other.
    """

    _wrong: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=MOST_OF_ALL))
    _let_in: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, name: str, now: float) -> float:
        """For how many more seconds no password of that name is looked at; 0 when one may be."""
        with self._lock:
            mine = [when for when, guessed in self._wrong if guessed == name][-MOST_GUESSES:]
            bounds = [mine] if len(mine) == MOST_GUESSES else []
            if len(self._wrong) == MOST_OF_ALL and name not in self._let_in:
                bounds.append([self._wrong[0][0]])
            return max((max(0.0, first[0] + WINDOW_SECONDS - now) for first in bounds), default=0.0)

    def wrong(self, name: str, now: float) -> None:
        with self._lock:
            self._wrong.append((now, name))

    def right(self, name: str) -> None:
        with self._lock:
            self._let_in.add(name)


def check(request: Request, tenant: Tenant) -> str:
    """The name of the reader who asks; empty for someone at this machine, in a sandbox that names no readers.

    Raises NotFound where nobody may read, NotAReader, TooManyGuesses.
    """
    if not tenant.reader:
        if not may_ask(request, tenant):
            raise NotFound
        return ""
    given = request.authorization
    name, password = (given.username, given.password) if given and given.type == "basic" else (None, None)
    if name is None or password is None:
        raise NotAReader
    guesses: Guesses = current_app.extensions.setdefault(EXTENSION, Guesses())
    wait = guesses.wait(name[:LONGEST], time.monotonic())
    if wait:
        raise TooManyGuesses(math.ceil(wait))
    if len(password.encode()) > LONGEST or not _is_right(tenant, name, password):
        guesses.wrong(name[:LONGEST], time.monotonic())
        raise NotAReader
    guesses.right(name)
    return name


def may_ask(request: Request, tenant: Tenant) -> bool:
    """Is there anything to sign in to, or is this someone at this machine, before a sandbox that names no readers?"""
    return bool(tenant.reader) or (tenant.is_sandbox and _from_this_machine(request))


def _is_right(tenant: Tenant, name: str, password: str) -> bool:
    """As slow for a name that there is not: another's hash is compared in vain."""
    known = next((reader for reader in tenant.reader if reader.name == name), None)
    matches = check_password_hash((known or tenant.reader[0]).password_hash, password)
    return matches and known is not None


def _from_this_machine(request: Request) -> bool:
    """By the peer's address alone, which nobody can write; and not by way of a proxy or of a foreign name for us."""
    peer = (request.remote_addr or "").strip("[]").removeprefix("::ffff:")
    forwarded = any(name in request.headers for name in FORWARDING)
    return is_loopback(peer) and is_loopback(_host(request)) and not forwarded


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        return ""
