"""Keys that an issuer publishes at an address: fetched by a thread of their own, so that no caller holds up another.

PyJWT's own PyJWKClient is not used: it follows proxy settings of the machine, reads answers of any size for any time,
and locks out callers with known keys while it fetches.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import requests
import urllib3
from werkzeug.datastructures import ResponseCacheControl
from werkzeug.http import parse_cache_control_header

from cds_service.fhir_lines import EndableAdapter, Line, use_line
from cds_service.fhir_request import without_location
from cds_service.issuer_keys import KeySet, NotAKeySet, PublicKey, read_key_set

MAX_BYTES = 262_144  # of a key set; a hundred keys with certificates
PIECE = 16_384
WAITING = 2  # callers, of all issuers together, that may wait for a fetch; the other threads stay free
_LATE = "was not there in time"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. How long keys count as fresh, and how often and how long their source is asked."""

    fresh: float = 300  # when the source does not say
    shortest: float = 60  # bounds of what it says with Cache-Control
    longest: float = 900
    retry: float = 30  # after a fetch that failed
    pause: float = 5  # at least, between fetches that unknown key ids ask for
    patience: float = 2  # of a caller with an unknown key id, while a fetch is under way
    fetch: float = 5  # for one fetch, to the last byte
    oldest: float = 86_400  # keys that could not be refreshed for so long are not used any more


@dataclass(frozen=True, slots=True)
class _Held:
    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    until: float = 0  # time.monotonic()


class KeysNotHad(Exception):
    """Why a fetch brought no keys, in a few words."""


class FetchedKeys:
    """The keys at one address. They are fetched at the start, when no longer fresh, and for an unknown key id."""

    def __init__(
        self,
        url: str,
        setting: str,
        algorithms: tuple[str, ...],
        waiting: threading.Semaphore,
        pace: Pace | None = None,
    ) -> None:
        """`setting` names the key of the tenant file in the log; `waiting` bounds the callers that wait at once."""
        self._url, self._setting, self._algorithms = url, setting, algorithms
        self._waiting, self._pace = waiting, pace or Pace()
        self._thread = threading.Thread(target=self._run, name="issuer-keys", daemon=True)
        self._turn = threading.Condition()  # guards what follows up to _fetches; never held while fetching
        self._due = self._began = float("-inf")
        self._wanted = self._fetching = self._stopped = False
        self._fetches = 0
        self._held, self._said = _Held(), "they have not been fetched yet"

    def start(self) -> None:
        """Begins to fetch. The first keys may come later than the first caller."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the fetching, after the fetch under way."""
        with self._turn:
            self._wanted = self._stopped = True
            self._turn.notify_all()

    def find(self, kid: str) -> PublicKey | None:
        """The key with this id. An unknown one has the keys fetched anew, unless that was done a moment ago."""
        found = self._current().get(kid)
        if found is None and self._waiting.acquire(blocking=False):
            try:
                self._ask()
            finally:
                self._waiting.release()
            found = self._current().get(kid)
        return found

    def problem(self) -> str:
        """Why no caller of this issuer can be let in; empty when keys are there."""
        if not self._thread.is_alive():
            return f"{self._setting}: keys are not being fetched"
        return "" if self._current() else f"{self._setting}: no keys: {self._said or 'they are too old'}"

    def _current(self) -> Mapping[str, PublicKey]:
        held = self._held
        return held.keys if time.monotonic() < held.until else {}

    def _ask(self) -> None:
        """Waits for the fetch under way, or for a new one if the last is long enough ago."""
        with self._turn:
            if not self._thread.is_alive():
                return
            if not self._fetching:
                if time.monotonic() - self._began < self._pace.pause:
                    return
                self._wanted = True
                self._turn.notify_all()
            before = self._fetches
            self._turn.wait_for(lambda: self._fetches > before, self._pace.patience)

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._wanted, max(self._due - time.monotonic(), 0))
                if self._stopped:
                    return
                self._wanted, self._fetching, self._began = False, True, time.monotonic()
            seconds = self._refresh(time.monotonic())
            with self._turn:
                self._due, self._fetching = time.monotonic() + seconds, False
                self._fetches += 1
                self._turn.notify_all()

    def _refresh(self, now: float) -> float:
        """Fetches once; returns the seconds until the next time. A set that cannot be had leaves the old keys."""
        try:
            content, seconds = fetch(self._url, self._pace)
            found = read_key_set(content, self._algorithms)
        except (KeysNotHad, NotAKeySet) as error:
            self._say(f"the key set {error}")
            return self._pace.retry
        # Even one without any usable key: that is how an issuer withdraws its keys.
        self._held = _Held(found.keys, now + self._pace.oldest)
        self._say(_faults(found))
        return seconds

    def _say(self, what: str) -> None:
        """Logs what is new, and not the same every few minutes."""
        if what and what != self._said:
            log.error("%s: %s", self._setting, what)
        elif self._said and not what:
            log.info("%s: keys were fetched", self._setting)
        self._said = what


def _faults(found: KeySet) -> str:
    left_out = f"left out: {'; '.join(found.unusable[:5])}" if found.unusable else ""
    return left_out or ("" if found.keys else "the set holds no key for signatures")


def fetch(url: str, pace: Pace) -> tuple[bytes, float]:
    """The bytes at an address, and for how many seconds they are fresh. Raises KeysNotHad.

    When time is up the connection is ended, which may look like the end of an answer: so the clock has the last word.
    """
    ends = time.monotonic() + pace.fetch
    line = Line()
    use_line(line)
    timer = threading.Timer(pace.fetch, line.end)
    timer.daemon = True
    timer.start()
    try:
        answer = _answer(url, pace)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        late = time.monotonic() >= ends
        raise KeysNotHad(_LATE if late else f"could not be fetched ({type(error).__name__})") from error
    finally:
        timer.cancel()
        line.let_go()
    if time.monotonic() >= ends:
        raise KeysNotHad(_LATE)
    return answer


def _answer(url: str, pace: Pace) -> tuple[bytes, float]:
    """Follows no redirect and no proxy of the machine, and keeps no cookie."""
    with requests.Session() as session:
        session.trust_env = False
        session.hooks["response"] = [without_location]
        session.mount("https://", EndableAdapter())
        session.mount("http://", EndableAdapter())
        with session.get(url, timeout=pace.fetch, allow_redirects=False, stream=True) as response:
            if response.status_code != 200:
                raise KeysNotHad(f"was answered with HTTP {response.status_code}")
            return _body(response.raw), freshness(response.headers.get("Cache-Control"), pace)


def _body(body: urllib3.HTTPResponse) -> bytes:
    pieces = bytearray()
    while piece := body.read1(PIECE, decode_content=True):
        pieces += piece
        if len(pieces) > MAX_BYTES:
            raise KeysNotHad(f"is larger than {MAX_BYTES} bytes")
    return bytes(pieces)


def freshness(cache_control: str | None, pace: Pace) -> float:
    """The seconds that a Cache-Control header allows, within our bounds."""
    said = parse_cache_control_header((cache_control or "").lower(), cls=ResponseCacheControl)
    if said.no_store or said.no_cache:
        return pace.shortest
    return pace.fresh if said.max_age is None else min(max(said.max_age, pace.shortest), pace.longest)
