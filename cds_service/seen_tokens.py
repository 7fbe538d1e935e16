"""Which tokens were used already, so that each is good for one call."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import Protocol

REMEMBERED = 500_000  # token ids; about 60 MB when full


class TokenMemory(Protocol):
    """What remembers tokens: of this process, or of all workers and copies of the service."""

    def accept_once(self, iss: str, jti: str, expires: float, now: float) -> bool:
        """True the first time, False from then on until `expires` (both in seconds since 1970)."""


@dataclass(slots=True)
class SeenTokens:
    """Ids of the tokens that this process accepted, until they expire by themselves. Bounded: when full, it refuses."""

    limit: int = REMEMBERED
    _expiry: dict[bytes, float] = field(default_factory=dict)
    _full_until: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def accept_once(self, iss: str, jti: str, expires: float, now: float) -> bool:
        """False for a token seen before, or when no more can be remembered."""
        name = _name(iss, jti)
        with self._lock:
            if self._expiry.get(name, 0) > now or not self._has_room(now):
                return False
            self._expiry[name] = expires
            return True

    def holds(self, iss: str, jti: str, now: float) -> bool:
        """Was it accepted here?"""
        return self._expiry.get(_name(iss, jti), 0) > now

    def _has_room(self, now: float) -> bool:
        if len(self._expiry) >= self.limit and now >= self._full_until:
            self._expiry = {one: until for one, until in self._expiry.items() if until > now}
            self._full_until = min(self._expiry.values(), default=0)
        return len(self._expiry) < self.limit


@dataclass(frozen=True, slots=True)
class SeenHereFirst:
    """A memory that others share, with our own in front: who repeats a token here need not be looked up there."""

    shared: TokenMemory
    here: SeenTokens = field(default_factory=SeenTokens)

    def accept_once(self, iss: str, jti: str, expires: float, now: float) -> bool:
        """As the shared memory says. Raises what it raises; the token is then not used up."""
        if self.here.holds(iss, jti, now) or not self.shared.accept_once(iss, jti, expires, now):
            return False
        self.here.accept_once(iss, jti, expires, now)  # full or not: the shared memory decides
        return True


def _name(iss: str, jti: str) -> bytes:
    return hashlib.blake2b(f"{iss}\n{jti}".encode(), digest_size=16).digest()
