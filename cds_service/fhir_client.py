"""Completes the prefetch: asks the EHR's own FHIR server, when this site allows it, for the keys that did not come."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import quote, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from cds_service.hook_request import HookRequest
from cds_service.tenants import LOOPBACK, is_loopback
from fhir_mappings.answers import Answer, Given, Unavailable, understand

PARALLEL = 36  # nine templates for each of four blocking threads
PIECE = 65_536  # bytes read from a FHIR server at a time, so that the deadline and the size limit are seen between
TOKEN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
PATIENT_KEY = "patient"  # every chart has a patient: null under this key means that the EHR did not look


@dataclass(frozen=True, slots=True)
class FhirAccess:
    """What this site permits: server base URLs (or "loopback"), seconds for all searches of one call together."""

    allowed_servers: tuple[str, ...]
    timeout_seconds: float
    token_optional: bool  # a sandbox server may be asked without a token
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Connections:
    """The process's pooled connections and threads. Keeps no cookies, follows no proxy settings of the machine."""

    session: requests.Session
    threads: ThreadPoolExecutor


def connect() -> Connections:
    """Opens the pools; one per process."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = HTTPAdapter(pool_connections=8, pool_maxsize=PARALLEL)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return Connections(session, ThreadPoolExecutor(PARALLEL, thread_name_prefix="fhir"))


def complete(
    request: HookRequest,
    templates: Mapping[str, str],
    access: FhirAccess | None = None,
    connections: Connections | None = None,
) -> dict[str, Answer]:
    """One answer for each template, from the prefetch or else from the FHIR server. Without `access`: prefetch only.

    What came under keys that we did not ask for is data of the same chart, and is read too where it can be.
    """
    answers: dict[str, Answer] = {key: from_prefetch(request, key) for key in templates}
    unasked = {key: from_prefetch(request, key) for key in request.prefetch if key not in templates}
    answers |= {key: answer for key, answer in unasked.items() if isinstance(answer, Given)}
    lacking = {key: templates[key] for key, answer in answers.items() if isinstance(answer, Unavailable)}
    if not lacking or access is None or connections is None or request.fhir_server is None:
        return answers
    base = permitted(request.fhir_server, access.allowed_servers)
    if base is None:
        return {**answers, **_with_reason(answers, lacking, "and the FHIR server is not on this site's list")}
    if not request.access_token and not access.token_optional:
        return {**answers, **_with_reason(answers, lacking, "and no access token for the FHIR server came with it")}
    return {**answers, **_fetch_all(request, lacking, base, access, connections)}


def from_prefetch(request: HookRequest, key: str) -> Answer:
    """What the call itself brought under a key: its resources, None for "asked, none found", or Unavailable."""
    raw = request.prefetch.get(key)
    if raw is None:
        return Unavailable("not sent")
    if raw == b"null":
        return Unavailable("not sent") if key == PATIENT_KEY else None
    return understand(raw)


def permitted(server: str, allowed: tuple[str, ...]) -> str | None:
    """The base URL to call for a request's fhirServer, or None when this site's list does not hold it.

    The URL returned is put together from the parts that were compared, never the caller's own text.
    """
    wanted = _plain_address(server)
    if wanted is None:
        return None
    scheme, host, port, path = wanted
    if any(wanted == _plain_address(one) for one in allowed if one != LOOPBACK) or (
        LOOPBACK in allowed and is_loopback(host)
    ):
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}"
    return None


def _plain_address(address: str) -> tuple[str, str, int, str] | None:
    """(scheme, host, port, path) of a URL that can be read in one way only, else None.

    Refused: user names, queries, fragments, percent signs, backslashes, spaces, dots as path steps or after the host.
    """
    if re.search(r"[^\x21-\x7e]|[\\%@?#]", address):
        return None
    try:
        parts = urlsplit(address)
        port = {"https": 443, "http": 80}.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        return None
    host, path = parts.hostname or "", parts.path
    steps = path.split("/")
    if not (port and host) or parts.scheme not in ("https", "http") or host.endswith("."):
        return None
    if not PLAIN_PATH.fullmatch(path) or "." in steps or ".." in steps:
        return None
    return parts.scheme, host, port, path.rstrip("/")


def _with_reason(answers: Mapping[str, Answer], lacking: Mapping[str, str], why: str) -> dict[str, Answer]:
    """The same unavailable keys, with the reason why the FHIR server was not asked either."""
    return {
        key: Unavailable(f"{answer.reason}, {why}")
        for key in lacking
        if isinstance(answer := answers[key], Unavailable)
    }


def expand(template: str, request: HookRequest) -> str | None:
    """A template with its {{context...}} tokens filled, or None when one of them cannot be."""
    known = {
        "context.patientId": quote(request.patient_id, safe=""),
        "context.encounterId": quote(request.encounter_id, safe="") if request.encounter_id else None,
        "context.userId": quote(request.user_id, safe="/"),  # a reference: Type/id is a read
    }
    tokens = TOKEN.findall(template)
    if any(known.get(token) is None for token in tokens):
        return None
    return TOKEN.sub(lambda match: known[match[1]] or "", template)


def _fetch_all(
    request: HookRequest, lacking: Mapping[str, str], base: str, access: FhirAccess, connections: Connections
) -> dict[str, Answer]:
    """Every lacking key at once; what is not back at the deadline counts as timed out."""
    deadline = time.monotonic() + access.timeout_seconds
    headers = {"Accept": "application/fhir+json"}
    if request.access_token:
        headers["Authorization"] = f"Bearer {request.access_token}"
    calls: dict[str, Future[Answer]] = {}
    answers: dict[str, Answer] = {}
    for key, template in lacking.items():
        query = expand(template, request)
        if query is None:
            answers[key] = Unavailable("not sent, and its query needs something that the call does not say")
        else:
            calls[key] = connections.threads.submit(
                _fetch, connections.session, f"{base}/{query}", headers, deadline, access
            )
    wait(calls.values(), timeout=access.timeout_seconds)
    late = Unavailable(f"timed out after {access.timeout_seconds:g} s")
    return {**answers, **{key: _result(call, late) for key, call in calls.items()}}


def _result(call: Future[Answer], late: Unavailable) -> Answer:
    if call.done():
        return call.result()
    call.cancel()  # one that has not begun need not; one under way ends itself at the deadline
    return late


def _fetch(
    session: requests.Session, url: str, headers: Mapping[str, str], deadline: float, access: FhirAccess
) -> Answer:
    """One read or search. Every failure of the network or of the server becomes Unavailable with a plain reason."""
    late = Unavailable(f"timed out after {access.timeout_seconds:g} s")
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        return late
    try:
        with session.get(url, headers=headers, timeout=remaining, allow_redirects=False, stream=True) as response:
            if response.status_code != 200:
                return Unavailable(f"HTTP {response.status_code} from the FHIR server")
            if "json" not in response.headers.get("Content-Type", ""):
                return Unavailable("the FHIR server did not answer with JSON")
            return _read(response.raw, deadline, access, late)
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        return late
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        return Unavailable("the FHIR server could not be reached")


def _read(body: urllib3.HTTPResponse, deadline: float, access: FhirAccess, late: Unavailable) -> Answer:
    """The response's bytes, piece by piece, within the deadline and the size limit."""
    pieces = bytearray()
    while piece := body.read1(PIECE, decode_content=True):
        pieces += piece
        if len(pieces) > access.max_bytes:
            return Unavailable("the FHIR server's answer is too large")
        if time.monotonic() > deadline:
            return late
    return understand(bytes(pieces))
