"""The URLs that an EHR calls: discovery, the CDS services, health and version."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial

import msgspec
from flask import Blueprint, Flask, Response, current_app, g, request

from cds_service import __version__, body, feedback, fhir_client, ledger, services
from cds_service.answer import Answered, answer
from cds_service.audit import AuditLine
from cds_service.config import Settings
from cds_service.errors import FHIR_JSON, NeededDataMissing, NotReady, UnknownService, operation_outcome
from cds_service.fhir_client import Connections, FhirAccess
from cds_service.front import ARRIVED, FEEDBACK_BODY, claim
from cds_service.hook_request import parse
from cds_service.json_bounds import Bounds
from cds_service.memory import Memory, milliseconds_now
from cds_service.security import Trust, keys_ready
from cds_service.services import CdsService
from cds_service.store import reports
from cds_service.store.reports import Scope
from cds_service.tenants import Tenant
from fhir_mappings.idea_search import IdeaSearch
from fhir_mappings.local_codes import LocalCodes
from hooks.knowledge import Knowledge

hook_urls = Blueprint("hook", __name__)
status_urls = Blueprint("status", __name__)
SILENCED_EXTENSION = "org.spine-cds.silenced"
EXTENSION = "spine_cds"  # under which the running service hangs on the Flask application


@dataclass(frozen=True, slots=True)
class Service:
    """What one process holds to answer calls: settings, the signed knowledge, whom it trusts, its connections."""

    settings: Settings
    rules: Mapping[str, Knowledge]
    trust: Trust
    connections: Connections
    local: LocalCodes  # what the site's own codes mean
    services: Mapping[str, CdsService]
    search: IdeaSearch | None  # of uncoded text, where the site has switched it on
    memory: Memory


def running(app: Flask) -> Service:
    """The service that create_app gave to an application."""
    service: Service = app.extensions[EXTENSION]
    return service


def here() -> Service:
    """The service of the current request."""
    return running(current_app)


def json_response(value: object, status: int = 200, mimetype: str = "application/json") -> Response:
    """A response with `value` as JSON."""
    return Response(msgspec.json.encode(value), status=status, mimetype=mimetype)


def fhir_access(tenant: Tenant, max_bytes: int) -> FhirAccess:
    """What the tenant permits for reading from FHIR servers."""
    return FhirAccess(
        allowed_servers=tuple(tenant.fhir.allowed_servers),
        timeout_seconds=tenant.fhir.timeout_seconds,
        token_optional=tenant.is_sandbox,
        max_bytes=max_bytes,
        at_once=tenant.fhir.requests_at_once,
    )


@hook_urls.before_app_request
def begin_audit() -> None:
    """Begins the line before anything can be refused. A browser's preflight is no call."""
    if request.path.startswith("/cds-services") and request.method != "OPTIONS":
        g.began = time.perf_counter()
        g.audit = AuditLine(tenant=here().settings.tenant.tenant.name)


@hook_urls.get("/cds-services")
def discovery() -> Response:
    """What this server offers, for EHRs that read it."""
    _check_caller()
    return json_response(services.discovery(here().services.values()))


@hook_urls.post("/cds-services/<service_id>")
def call(service_id: str) -> Response:
    """One hook call, answered with cards."""
    caller = _check_caller()
    ours, line = here(), g.audit
    service, settings, memory = ours.services.get(service_id), ours.settings, ours.memory
    if service is None:
        raise UnknownService
    line.service = service.id
    raw = body.read(request, settings.max_body_bytes)
    hook_request = parse(raw, service, Bounds(settings.max_depth, settings.max_entries))
    line.hook_instance = hook_request.hook_instance
    access = fhir_access(settings.tenant, settings.max_body_bytes)
    answers = fhir_client.complete(
        hook_request, service.prefetch, access, ours.connections, request.environ.get(ARRIVED)
    )
    patient = memory.patient(hook_request, caller)
    try:
        answered = answer(
            service,
            hook_request,
            answers,
            settings.tenant,
            settings.public_base_url,
            date.today(),
            hook_request.seed(),
            ours.local,
            ours.search,
            partial(memory.resting, patient),
        )
    except NeededDataMissing as error:
        line.unavailable = dict(error.lacking)
        raise
    line.answered(answered)
    claim(request.environ)  # that there is still time to answer: what comes too late is not written down as shown
    took = (time.perf_counter() - g.began) * 1000
    line.in_ledger = memory.keep(answered, hook_request, caller, patient, service.id, took)
    return json_response({"cards": answered.cards, **_silenced(answered)})


def _silenced(answered: Answered) -> dict[str, object]:
    """What users have set aside, beside the cards: an empty list of cards must be told from "nothing to say"."""
    if not answered.silenced:
        return {}
    rules = [
        {"rule": rule, "reason": one.reason, "until": ledger.moment(one.until)}
        for rule, one in answered.silenced.items()
    ]
    return {"extension": {SILENCED_EXTENSION: rules}}


@hook_urls.post("/cds-services/<service_id>/feedback")
def report(service_id: str) -> Response:
    """What users did with cards of one service. Sent again it changes nothing; what can be read is kept."""
    caller = _check_caller()
    service = here().services.get(service_id)
    if service is None:
        raise UnknownService
    g.audit.service = service.id
    settings, memory = here().settings, here().memory
    items, refused = feedback.parse(body.read(request, min(FEEDBACK_BODY, settings.max_body_bytes)))
    kept = reports.keep(memory.store, Scope(memory.tenant, caller, service.id), items, milliseconds_now())
    g.audit.feedback = asdict(kept)
    if refused is not None:
        raise refused
    said = f"{kept.recorded} recorded, {kept.repeated} known before, {kept.unknown_card} of cards not in the ledger."
    return json_response(operation_outcome("informational", said, severity="information"), mimetype=FHIR_JSON)


def _check_caller() -> str:
    """The issuer that vouches for the caller; empty in a sandbox without issuers. Raises NotTrusted."""
    endpoint = here().settings.public_base_url + request.path
    return here().trust.verify(request.headers.get("Authorization"), endpoint, time.time())


@status_urls.get("/health/live")
def live() -> Response:
    """The process answers."""
    return json_response({"status": "live"})


@status_urls.get("/health/ready")
def ready() -> Response:
    """Knowledge was read before the first call could arrive; store and callers' keys are looked at each time.

    An issuer without keys is named; as long as another one's callers can be let in, this process has work to do.
    """
    service = here()
    problem = service.memory.store.problem()
    store = [f"SPINE_CDS_DATABASE: {problem}"] if problem else []
    keys = keys_ready(service.trust)
    if store or (keys and len(keys) == len(service.trust.issuers)):
        raise NotReady([*store, *keys])
    said: dict[str, object] = {"status": "ready", "rules": len(service.rules)}
    return json_response({**said, "keys": keys} if keys else said)


@status_urls.get("/version")
def version() -> Response:
    """Which software and which version of each rule's knowledge."""
    rules = {name: rule.version for name, rule in here().rules.items()}
    return json_response({"software": __version__, "cdsHooks": services.CDS_HOOKS_VERSION, "rules": rules})
