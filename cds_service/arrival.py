"""One body on its way in: what has come of it, within a time, a size and what all bodies together may hold."""

from __future__ import annotations

import asyncio

from granian._granian import RSGIHTTPProtocol as HTTPProtocol
from granian.rsgi import Scope

from cds_service.errors import BodyLate, BodyTooLarge, HookRequestError, Overloaded, ServiceError

DISCARDED = 4_000_000  # bytes beyond a limit that are read and thrown away, so that the caller can read the refusal


class Shelf:
    """How many bytes of bodies may lie in memory at once, whole or in part. Touched in the event loop only."""

    def __init__(self, most: int) -> None:
        self._left = most

    def takes(self, size: int) -> bool:
        if size > self._left:
            return False
        self._left -= size
        return True

    def give_back(self, size: int) -> None:
        self._left += size


class Arrival:
    """One body on its way in: what has come of it, and why no more of it was taken."""

    def __init__(self, shelf: Shelf, limit: int, seconds: float) -> None:
        self._shelf, self._limit, self._seconds = shelf, limit, seconds
        self._taken: list[bytes] = []
        self.refusal: ServiceError | None = None
        self._held = 0

    def whole(self) -> bytes:
        """The body, once: it is handed over, and counts as held until it is let go.

        Joined once all of it is there: a buffer that grows is larger than the body, and the system is asked for the
        memory of each large one anew, and for a single moment it lies there twice.
        """
        body = b"".join(self._taken)
        self._taken.clear()
        return body

    def let_go(self) -> None:
        self._shelf.give_back(self._held)
        self._held = 0
        self._taken.clear()

    async def take(self, scope: Scope, protocol: HTTPProtocol) -> bool:
        """Takes the body. True when nothing of it is left on the wire, so that the connection can be used again."""
        announced = _announced(scope)
        if announced == 0:
            return True
        if announced is not None and announced > self._limit:
            self.refusal = BodyTooLarge(self._limit)
            if announced > self._limit + DISCARDED:  # before anything is read
                return False
        try:
            async with asyncio.timeout(self._seconds):
                whole = await self._pieces(protocol)
        except TimeoutError:
            self._drop(BodyLate(self._seconds))
            return False
        except RuntimeError:  # granian's word for a caller who has gone
            self._drop(HookRequestError("", "The body is cut short."))
            return False
        if whole and self.refusal is None and announced is not None and self._held != announced:
            self._drop(HookRequestError("", "The body is cut short."))
            return False
        return whole

    async def _pieces(self, protocol: HTTPProtocol) -> bool:
        discarded = 0
        async for piece in protocol:
            size = len(piece)
            if self.refusal is None:
                if self._held + size > self._limit:
                    self._drop(BodyTooLarge(self._limit))
                elif not self._shelf.takes(size):
                    self._drop(Overloaded())
                else:
                    self._held += size
                    self._taken.append(piece)
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
