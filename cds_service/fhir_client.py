"""Completes the prefetch: asks the EHR's own FHIR server, when this site allows it, for what did not come with it."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import quote, urlsplit

import requests

from cds_service import fhir_medicines
from cds_service.fhir_address import permitted
from cds_service.fhir_lines import EndableAdapter
from cds_service.fhir_medicines import MEDICINES, Medicines
from cds_service.fhir_request import Allowance, Asked, without_location
from cds_service.fhir_search import MAX_PAGES, Fetched, Reading
from cds_service.hook_request import NOT_SENT, HookRequest
from fhir_mappings import drug_references
from fhir_mappings.answers import Answer, Given, Unavailable, asked_for
from hooks.sealed import sealed

PARALLEL = 40  # ten templates, those of texts included, for each of the four threads that answer calls
AT_ONCE = 20  # requests of one process to one FHIR server: two calls' worth. More wait, within their own time; ours
TOKEN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@sealed()
class FhirAccess:
    """What this site permits: server base URLs (or "loopback"), seconds and bytes for all searches of one call."""

    allowed_servers: tuple[str, ...]
    timeout_seconds: float
    token_optional: bool  # a sandbox server may be asked without a token
    max_bytes: int
    max_pages: int = MAX_PAGES  # of one search
    at_once: int = AT_ONCE  # requests under way to one server, over all calls of the process


@dataclass(frozen=True, slots=True)
class Connections:
    """The process's pooled connections and threads. Keeps no cookies, follows no proxy settings of the machine.

    Nothing is remembered of a server between calls, not even that it refuses POST: servers are mended.
    """

    session: requests.Session
    threads: ThreadPoolExecutor
    turns: dict[str, threading.Semaphore] = field(default_factory=dict)  # by origin; as many as a site's list has

    def turns_at(self, base: str, at_once: int) -> threading.Semaphore:
        """What every request to this server waits for: a slow server gets no more of them than it can have at once."""
        return self.turns.setdefault(urlsplit(base).netloc, threading.BoundedSemaphore(at_once))

    def close(self) -> None:
        """Ends threads and connections."""
        self.threads.shutdown(cancel_futures=True)
        self.session.close()


def connect() -> Connections:
    """Opens the pools; one per process."""
    session = requests.Session()
    session.trust_env = False
    session.hooks["response"] = [without_location]
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = EndableAdapter(pool_connections=8, pool_maxsize=PARALLEL)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return Connections(session, ThreadPoolExecutor(PARALLEL, thread_name_prefix="fhir"))


def complete(
    request: HookRequest,
    templates: Mapping[str, str],
    access: FhirAccess | None = None,
    connections: Connections | None = None,
    arrived: float | None = None,
) -> dict[str, Answer]:
    """One answer for each template, from the prefetch or else from the FHIR server. Without `access`: prefetch only.

    The time allowed counts from `arrived` (time.monotonic), so that a call that had to wait is not late twice.
    A prefetch value that is one page of several is completed from the same server. What came under keys that we did
    not ask for is data of the same chart, and is read too where it can be. Medications that only a reference names are
    fetched as well; a key whose drugs stay unknown is then answered in part.
    """
    answers: dict[str, Answer] = {key: request.prefetch.get(key, NOT_SENT) for key in templates}
    answers |= {key: one for key, one in request.prefetch.items() if key not in templates and isinstance(one, Given)}
    lacking = {key: template for key, template in templates.items() if _lacks(answers[key])}
    if not lacking and not drug_references.nameless(answers, request.draft_orders):
        return answers  # nobody need be asked
    if access is None or connections is None or request.fhir_server is None:
        return _with_drugs(answers, request.draft_orders, Medicines())
    base = permitted(request.fhir_server, access.allowed_servers)
    why_not = _why_not(request, base, access)
    if base is None or why_not:
        return _with_drugs({**answers, **_with_reason(answers, lacking, why_not)}, request.draft_orders, Medicines())
    server = asked(request, base, access, connections, arrived)
    begun = {key: one for key in lacking if isinstance(one := answers[key], Given) and not one.misfit()}
    of_drugs = {key: one for key, one in lacking.items() if one.partition("?")[0] in drug_references.OF_DRUGS}
    others = begin(request, {key: lacking[key] for key in lacking if key not in of_drugs}, server, begun)
    fetched = fetch(request, of_drugs, server, begun)
    answers |= {key: asked_for(key, one.answer) for key, one in fetched.items()}
    # Not after the others: a slow search for something else must not cost the drugs their names.
    uses = drug_references.nameless(answers, request.draft_orders)
    medicines = fhir_medicines.fetch(uses, base, lambda queries: fetch(request, queries, server))
    answers |= {key: asked_for(key, one.answer) for key, one in others.finish().items()}
    return _with_drugs(answers, request.draft_orders, medicines)


def _why_not(request: HookRequest, base: str | None, access: FhirAccess) -> str:
    """Why the FHIR server that the call names is not asked; the empty string when it may be."""
    if base is None:
        return "and the FHIR server is not on this site's list"
    if not request.access_token and not access.token_optional:
        return "and no access token for the FHIR server came with it"
    return ""


def _with_drugs(answers: dict[str, Answer], drafts: Answer, medicines: Medicines) -> dict[str, Answer]:
    """The answers with the Medications that were fetched; those whose drugs are still not known say so."""
    if medicines.entries:
        there = answers.get(MEDICINES)
        before = there.entries if isinstance(there, Given) else ()
        answers = {**answers, MEDICINES: Given((*before, *medicines.entries))}
    return drug_references.in_doubt(answers, drug_references.nameless(answers, drafts), medicines.reason)


def _lacks(answer: Answer) -> bool:
    """Was nothing sent, something else than was asked for, or only one page of several?"""
    if isinstance(answer, Given):
        return answer.next_page is not None or bool(answer.misfit())
    return isinstance(answer, Unavailable)


def _with_reason(answers: Mapping[str, Answer], lacking: Mapping[str, str], why: str) -> dict[str, Answer]:
    """The same lacking keys, with the reason why the FHIR server was not asked either."""
    found: dict[str, Answer] = {}
    for key in lacking:
        answer = answers[key]
        if isinstance(answer, Unavailable):
            found[key] = Unavailable(f"{answer.reason}, {why}")
        elif isinstance(answer, Given) and answer.next_page is not None:
            found[key] = replace(answer, reason=f"a further page was not read, {why}")
    return found


def expand(template: str, request: HookRequest) -> str | None:
    """A template with its {{context...}} tokens filled, or None when one of them cannot be."""
    known = {
        "context.patientId": _one_step(request.patient_id),
        "context.encounterId": _one_step(request.encounter_id or ""),
        "context.userId": quote(request.user_id, safe="/"),  # a reference: Type/id is a read
    }
    tokens = TOKEN.findall(template)
    if any(known.get(token) is None for token in tokens):
        return None
    return TOKEN.sub(lambda match: known[match[1]] or "", template)


def _one_step(text: str) -> str | None:
    """An id as one step of an address or one value; None for what FHIR allows as id and an address does not: dots."""
    return quote(text, safe="") if text.strip(".") else None


def asked(
    request: HookRequest, base: str, access: FhirAccess, connections: Connections, arrived: float | None = None
) -> Asked:
    """A permitted base URL as one call may ask it: with its token, and within one allowance for all that it asks."""
    headers = {"Accept": "application/fhir+json"}
    if request.access_token:
        headers["Authorization"] = f"Bearer {request.access_token}"
    allowance = Allowance(access.timeout_seconds, access.max_bytes, access.max_pages, arrived)
    turns = connections.turns_at(base, access.at_once)
    return Asked(connections.session, connections.threads, headers, base, allowance, turns)


@dataclass(frozen=True, slots=True)
class Searches:
    """Searches of one call that are under way together."""

    server: Asked
    readings: Mapping[str, Reading]
    calls: tuple[Future[None], ...]
    unsent: Mapping[str, Fetched]

    def finish(self) -> dict[str, Fetched]:
        """What came of each; what is not back at the deadline counts as timed out."""
        if wait(self.calls, timeout=max(self.server.allowance.seconds_left(), 0)).not_done:
            for reading in self.readings.values():
                reading.end()
        for call in self.calls:  # one that has not begun need not; one under way has been ended
            if not call.cancel() and call.done():
                call.result()  # raises what the thread raised: a defect of ours must not look like a slow server
        return {**self.unsent, **{key: reading.fetched() for key, reading in self.readings.items()}}


def begin(
    request: HookRequest, templates: Mapping[str, str], server: Asked, begun: Mapping[str, Given] | None = None
) -> Searches:
    """Starts every template at once. `begun` holds first pages that are there already."""
    readings: dict[str, Reading] = {}
    unsent: dict[str, Fetched] = {}
    calls = []
    for key, template in templates.items():
        query = expand(template, request)
        if query is None:
            why = Unavailable("not sent, and its query needs something that the call does not say")
            unsent[key] = Fetched(why, 0, 0, ())
            continue
        readings[key] = Reading(server, (begun or {}).get(key))
        calls.append(server.threads.submit(readings[key].run, query))
    return Searches(server, readings, tuple(calls), unsent)


def fetch(
    request: HookRequest, templates: Mapping[str, str], server: Asked, begun: Mapping[str, Given] | None = None
) -> dict[str, Fetched]:
    """Every template at once, until all are back or time is up."""
    return begin(request, templates, server, begun).finish()
