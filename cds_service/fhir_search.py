"""One read or search of a FHIR server: all its pages, as far as the call's time and size allow, and why not further."""

from __future__ import annotations

import time
from dataclasses import dataclass

from cds_service import fhir_address
from cds_service.fhir_lines import Line, use_line
from cds_service.fhir_request import UNREACHABLE, Ask, Asked, Declined, Reply, first_ask, send
from fhir_mappings.answers import Answer, Given, Unavailable, together

MAX_PAGES = 20  # of one search; with our _count that is thousands of resources, and no server can lead us on for ever
NO_POST = (404, 405, 501)  # how servers say that they do not know POST {type}/_search
TOO_MANY = 429
BUSY = (TOO_MANY, 503)
SHORT_WAIT = 0.25  # seconds, for a server that has too many requests and does not say for how long; ours


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to one search, and what it took. `post_refused`: it had to be asked again as a GET.

    `waited` are milliseconds for which a busy server was given time, `status` is that of its last refusal, or 0.
    """

    answer: Answer
    milliseconds: int
    pages: int
    methods: tuple[str, ...]  # of every request, in turn
    post_refused: bool = False
    waited: int = 0
    status: int = 0


class Reading:
    """One search under way. Pages are kept as they come: what was read before the deadline is used, and no more."""

    def __init__(self, server: Asked, first: Given | None) -> None:
        self._server, self._allowance = server, server.allowance
        self._pages: list[Given] = [first] if first else []
        self._methods: list[str] = []
        self._waited: float | None = None
        self._queued = False
        self._post_refused = False
        self._status = 0
        self._reason = ""
        self._began = time.monotonic()
        self._ended: float | None = None
        self._line = Line()

    def run(self, query: str) -> None:
        """Reads or searches, and follows the pages. For a paged prefetch value only the further pages are read."""
        self._began = time.monotonic()
        use_line(self._line)
        if not self._pages:
            self._first(query)
        if self._pages:
            self._reason = self._further()
        self._ended = time.monotonic()

    def end(self) -> None:
        """Time is up: ends the request under way, so that neither its thread nor its connection outlives the call."""
        self._line.end()

    def fetched(self) -> Fetched:
        """What came of it, at the end or, when time is up, so far."""
        pages, ended = list(self._pages), self._ended
        late = (self._allowance.no_turn if self._queued else self._allowance.late).reason
        reason = self._reason if ended is not None else late if not pages else f"page {len(pages) + 1}: {late}"
        took = round(((ended or time.monotonic()) - self._began) * 1000)
        waited = round((self._waited or 0) * 1000)
        answer: Answer = together(pages, reason) if pages else Unavailable(reason)
        methods = tuple(self._methods)
        return Fetched(answer, took, len(pages), methods, self._post_refused, waited, self._status)

    def _first(self, query: str) -> None:
        ask = first_ask(self._server.base, query)
        got = self._patiently(ask)
        if isinstance(got, Declined) and ask.form is not None and got.status in NO_POST:
            self._post_refused = True
            got = self._patiently(Ask(f"{self._server.base}/{query}"))
        if isinstance(got, Given):
            self._pages.append(got)
        else:
            self._reason = _reason(got)

    def _further(self) -> str:
        """Reads page after page; returns why the last of them was not reached, or nothing."""
        seen: set[str] = set()
        while (link := self._pages[-1].next_page) is not None:
            page = fhir_address.page_below(link, self._server.base)
            if page is None:
                return "the link to the next page leads to another server, and was not followed"
            if page in seen:
                return "the links to further pages lead in a circle"
            if len(self._pages) >= self._allowance.max_pages:
                return f"there are more than {self._allowance.max_pages} pages"
            seen.add(page)
            got = self._patiently(Ask(page))
            if not isinstance(got, Given):
                return f"page {len(self._pages) + 1}: {_reason(got)}"
            self._pages.append(got)
        return ""

    def _patiently(self, ask: Ask) -> Reply:
        """Waits as a busy server asks, once in a search, and only when the time left allows it.

        One that has too many requests and names no time gets a moment; one that is out of service has to say when.
        """
        got = self._once(ask)
        if not isinstance(got, Declined) or got.status not in BUSY or self._waited is not None:
            return got
        seconds = SHORT_WAIT if got.retry_after is None and got.status == TOO_MANY else got.retry_after
        if seconds is None or seconds >= self._allowance.seconds_left():
            return got
        self._waited = seconds
        time.sleep(seconds)
        return self._once(ask)

    def _once(self, ask: Ask) -> Reply:
        """One request. A connection that was kept open, and that the server closed as we used it, is no failure of the
        server: the request is sent again, once.
        """
        got: Reply | None = None
        for _ in range(2):
            got = self._in_turn(ask)
            if got is not None:
                break
        if isinstance(got, Declined):
            self._status = got.status
        failed = got is None or (isinstance(got, Unavailable) and got != self._allowance.no_turn)
        if failed and self._allowance.seconds_left() <= 0:
            return self._allowance.late
        return UNREACHABLE if got is None else got

    def _in_turn(self, ask: Ask) -> Reply | None:
        """The request, sent when no more of this process's requests to the server are under way than may be."""
        self._queued = True
        if not self._server.turns.acquire(timeout=max(self._allowance.seconds_left(), 0)):
            return self._allowance.no_turn
        self._queued = False
        try:
            if self._allowance.seconds_left() <= 0:
                return self._allowance.late
            self._methods.append(ask.method)
            return send(self._server, ask, self._line)
        finally:
            self._server.turns.release()
            self._line.let_go()


def _reason(got: Unavailable | Declined) -> str:
    return got.unavailable().reason if isinstance(got, Declined) else got.reason
