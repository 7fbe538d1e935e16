"""One HTTP request to a FHIR server: within the call's deadline and size, when it is its turn, never redirected."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlencode

import requests
import urllib3

from cds_service.fhir_lines import Line
from fhir_mappings.answers import Given, Unavailable, understand

PIECE = 65_536  # bytes read from a FHIR server at a time, so that the deadline and the size limit are seen between
# Longest URL that is sent. IIS refuses a query above 2,048 bytes unless told otherwise, and other gateways do at 2,000
# to 8,000; there is room left for what a gateway puts in front. A site's own codes make our searches grow beyond it.
LONGEST_URL = 1_800
LONGEST_WAIT = 86_400.0  # seconds; who asks for more has not understood the header, and nobody wants to read the number
UNREACHABLE = Unavailable("the FHIR server could not be reached")


class Allowance:
    """What all searches of one call share: the moment by which they end, the bytes that they may take together."""

    def __init__(self, seconds: float, max_bytes: int, max_pages: int, since: float | None = None) -> None:
        """The seconds count from `since` (time.monotonic), when the call arrived; else from now."""
        self.max_pages = max_pages  # of each search
        self._deadline = (time.monotonic() if since is None else since) + seconds
        self._bytes_left = max_bytes
        self._lock = threading.Lock()
        self.late = Unavailable(f"timed out after {seconds:g} s")
        self.no_turn = Unavailable(f"{self.late.reason}, waiting for other searches of the same FHIR server")

    def seconds_left(self) -> float:
        return self._deadline - time.monotonic()

    def takes(self, size: int) -> bool:
        """May these bytes be taken too?"""
        with self._lock:
            self._bytes_left -= size
            return self._bytes_left >= 0


@dataclass(frozen=True, slots=True)
class Asked:
    """The FHIR server as one call may ask it: below `base`, with these headers, in `turns` that all calls share."""

    session: requests.Session
    threads: Executor
    headers: Mapping[str, str]
    base: str
    allowance: Allowance
    turns: threading.Semaphore


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP request: a GET, or with a form a POST of it."""

    url: str
    form: str | None = None

    @property
    def method(self) -> str:
        return "GET" if self.form is None else "POST"


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


Reply = Given | Unavailable | Declined


def send(server: Asked, ask: Ask, line: Line) -> Reply | None:
    """One request; None when the connection was dropped before an answer came.

    Every other failure of the network or of the server becomes Unavailable with a plain reason.
    """
    headers = dict(server.headers)
    if ask.form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    seconds = max(server.allowance.seconds_left(), 0.001)
    try:
        with server.session.request(
            ask.method, ask.url, data=ask.form, headers=headers, timeout=seconds, allow_redirects=False, stream=True
        ) as response:
            try:
                return _answer(response, server.allowance)
            finally:  # before the connection goes back to the pool, where another search may take it
                line.let_go()
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        return server.allowance.late
    except requests.ConnectionError as error:
        dropped = bool(error.args) and isinstance(error.args[0], urllib3.exceptions.ProtocolError)
        return None if dropped else UNREACHABLE
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
        return UNREACHABLE


def _answer(response: requests.Response, allowance: Allowance) -> Reply:
    if response.status_code != 200:
        return Declined(response.status_code, retry_after(response.headers.get("Retry-After"), time.time()))
    if "json" not in response.headers.get("Content-Type", ""):
        return Unavailable("the FHIR server did not answer with JSON")
    return _body(response.raw, allowance)


def _body(body: urllib3.HTTPResponse, allowance: Allowance) -> Given | Unavailable:
    """The response's bytes, piece by piece, within the deadline and the size limit."""
    pieces = bytearray()
    while piece := body.read1(PIECE, decode_content=True):
        pieces += piece
        if not allowance.takes(len(piece)):
            return Unavailable("the FHIR server's answers are too large")
        if allowance.seconds_left() < 0:
            return allowance.late
    return understand(bytes(pieces))


def without_location(response: requests.Response, **_: object) -> None:
    """A response hook: forgets where a redirect would lead.

    Not to follow it is not enough. The library prepares the request that it could send next, and for that reads the
    whole body of the redirect, however large it is.
    """
    response.headers.pop("Location", None)


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
