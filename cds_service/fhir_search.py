"""One read or search of a FHIR server: all its pages, as far as the call's time and size allow, and why not further."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlencode

import requests
import urllib3

from cds_service import fhir_address
from cds_service.fhir_lines import Line, use_line
from fhir_mappings.answers import Answer, Given, Unavailable, together, understand

PIECE = 65_536  # bytes read from a FHIR server at a time, so that the deadline and the size limit are seen between
MAX_PAGES = 20  # of one search; with our _count that is thousands of resources, and no server can lead us on for ever
# Longest URL that is sent. IIS refuses a query above 2,048 bytes unless told otherwise, and other gateways do at 2,000
# to 8,000; there is room left for what a gateway puts in front. A site's own codes make our searches grow beyond it.
LONGEST_URL = 1_800
NO_POST = (404, 405, 501)  # how servers say that they do not know POST {type}/_search
BUSY = (429, 503)
LONGEST_WAIT = 86_400.0  # seconds; who asks for more has not understood the header, and nobody wants to read the number
UNREACHABLE = Unavailable("the FHIR server could not be reached")


class Allowance:
    """What all searches of one call share: the moment by which they end, the bytes that they may take together."""

    def __init__(self, seconds: float, max_bytes: int, max_pages: int = MAX_PAGES, since: float | None = None) -> None:
        """The seconds count from `since` (time.monotonic), when the call arrived; else from now."""
        self.max_pages = max_pages  # of each search
        self._deadline = (time.monotonic() if since is None else since) + seconds
        self._bytes_left = max_bytes
        self._lock = threading.Lock()
        self.late = Unavailable(f"timed out after {seconds:g} s")

    def seconds_left(self) -> float:
        return self._deadline - time.monotonic()

    def takes(self, size: int) -> bool:
        """May these bytes be taken too?"""
        with self._lock:
            self._bytes_left -= size
            return self._bytes_left >= 0


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP request: a GET, or with a form a POST of it."""

    url: str
    form: str | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """A status other than 200, and the seconds after which the server would like to be asked again, if it says so."""

    status: int
    retry_after: float | None = None

    def unavailable(self) -> Unavailable:
        seconds = self.retry_after
        wish = "" if seconds is None else f", which asks to wait for {seconds:g} s"
        if seconds is not None and seconds > LONGEST_WAIT:
            wish = ", which asks to wait too long"
        return Unavailable(f"HTTP {self.status} from the FHIR server{wish}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer to one search, and what it took. `post_refused`: it had to be asked again as a GET."""

    answer: Answer
    milliseconds: int
    pages: int
    methods: tuple[str, ...]  # of every request, in turn
    post_refused: bool = False


class Reading:
    """One search under way. Pages are kept as they come: what was read before the deadline is used, and no more."""

    def __init__(
        self,
        session: requests.Session,
        headers: Mapping[str, str],
        base: str,
        allowance: Allowance,
        first: Given | None,
    ) -> None:
        self._session, self._headers, self._base, self._allowance = session, headers, base, allowance
        self._pages: list[Given] = [first] if first else []
        self._methods: list[str] = []
        self._waited = self._post_refused = False
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
        late = self._allowance.late.reason
        reason = self._reason if ended is not None else late if not pages else f"page {len(pages) + 1}: {late}"
        took = round(((ended or time.monotonic()) - self._began) * 1000)
        answer: Answer = together(pages, reason) if pages else Unavailable(reason)
        return Fetched(answer, took, len(pages), tuple(self._methods), self._post_refused)

    def _first(self, query: str) -> None:
        ask = first_ask(self._base, query)
        got = self._patiently(ask)
        if isinstance(got, Declined) and ask.form is not None and got.status in NO_POST:
            self._post_refused = True
            got = self._patiently(Ask(f"{self._base}/{query}"))
        if isinstance(got, Given):
            self._pages.append(got)
        else:
            self._reason = got.unavailable().reason if isinstance(got, Declined) else got.reason

    def _further(self) -> str:
        """Reads page after page; returns why the last of them was not reached, or nothing."""
        seen: set[str] = set()
        while (link := self._pages[-1].next_page) is not None:
            page = fhir_address.page_below(link, self._base)
            if page is None:
                return "the link to the next page leads to another server, and was not followed"
            if page in seen:
                return "the links to further pages lead in a circle"
            if len(self._pages) >= self._allowance.max_pages:
                return f"there are more than {self._allowance.max_pages} pages"
            seen.add(page)
            got = self._patiently(Ask(page))
            if not isinstance(got, Given):
                why = got.unavailable() if isinstance(got, Declined) else got
                return f"page {len(self._pages) + 1}: {why.reason}"
            self._pages.append(got)
        return ""

    def _patiently(self, ask: Ask) -> Given | Unavailable | Declined:
        """Waits as a busy server asks, once in a search, and only when the time left allows it."""
        got = self._once(ask)
        if not isinstance(got, Declined) or got.status not in BUSY or got.retry_after is None:
            return got
        if self._waited or got.retry_after >= self._allowance.seconds_left():
            return got
        self._waited = True
        time.sleep(got.retry_after)
        return self._once(ask)

    def _once(self, ask: Ask) -> Given | Unavailable | Declined:
        """One request. Every failure of the network or of the server becomes Unavailable with a plain reason.

        A connection that was kept open, and that the server closed as we used it, is no failure of the server: the
        request is sent again, once.
        """
        for _ in range(2):
            if self._allowance.seconds_left() <= 0:
                return self._allowance.late
            got = self._sent(ask)
            self._line.let_go()
            if got is not None:
                break
        if got is None or isinstance(got, Unavailable):
            return self._allowance.late if self._allowance.seconds_left() <= 0 else got or UNREACHABLE
        return got

    def _sent(self, ask: Ask) -> Given | Unavailable | Declined | None:
        """The same, tried once; None when the connection was dropped before an answer came."""
        method, headers = "GET", dict(self._headers)
        if ask.form is not None:
            method, headers["Content-Type"] = "POST", "application/x-www-form-urlencoded"
        self._methods.append(method)
        seconds = max(self._allowance.seconds_left(), 0.001)
        try:
            with self._session.request(
                method, ask.url, data=ask.form, headers=headers, timeout=seconds, allow_redirects=False, stream=True
            ) as response:
                try:
                    return self._answer(response)
                finally:  # before the connection goes back to the pool, where another search may take it
                    self._line.let_go()
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            return self._allowance.late
        except requests.ConnectionError as error:
            dropped = bool(error.args) and isinstance(error.args[0], urllib3.exceptions.ProtocolError)
            return None if dropped else UNREACHABLE
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
            return UNREACHABLE

    def _answer(self, response: requests.Response) -> Given | Unavailable | Declined:
        if response.status_code != 200:
            return Declined(response.status_code, retry_after(response.headers.get("Retry-After"), time.time()))
        if "json" not in response.headers.get("Content-Type", ""):
            return Unavailable("the FHIR server did not answer with JSON")
        return self._body(response.raw)

    def _body(self, body: urllib3.HTTPResponse) -> Given | Unavailable:
        """The response's bytes, piece by piece, within the deadline and the size limit."""
        pieces = bytearray()
        while piece := body.read1(PIECE, decode_content=True):
            pieces += piece
            if not self._allowance.takes(len(piece)):
                return Unavailable("the FHIR server's answers are too large")
            if self._allowance.seconds_left() < 0:
                return self._allowance.late
        return understand(bytes(pieces))


def first_ask(base: str, query: str) -> Ask:
    """A GET of the query; a search whose URL would be too long is posted as a form instead."""
    kind, mark, parameters = query.partition("?")
    url = f"{base}/{query}"
    if not mark or len(str(requests.utils.requote_uri(url))) <= LONGEST_URL:
        return Ask(url)
    return Ask(f"{base}/{kind}/_search", urlencode(parse_qsl(parameters, keep_blank_values=True)))


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds to wait by a Retry-After header, which holds seconds or an HTTP date; None when it says neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)  # of hundreds of digits: infinite
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None
