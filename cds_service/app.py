"""Puts the web application together: settings in, a WSGI application out."""

from __future__ import annotations

import gc
import logging
import os
import time
import traceback
from collections.abc import Iterable
from datetime import date
from http import HTTPStatus
from pathlib import PurePath
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException

from cds_service import (
    audit,
    config,
    examples,
    fhir_client,
    housekeeping,
    memory,
    security,
    services,
    site_codes,
    site_texts,
)
from cds_service.answer import answer
from cds_service.browsers import allow_browsers
from cds_service.config import Settings
from cds_service.errors import (
    FHIR_JSON,
    NotReady,
    NotTrusted,
    Overloaded,
    ServiceError,
    StoreUnavailable,
    operation_outcome,
)
from cds_service.front import RETRY_SECONDS, FrontDoor
from cds_service.hook_request import parse
from cds_service.pages.companion import companion_pages
from cds_service.pages.companion_login import companion_login
from cds_service.pages.dashboard import dashboard_pages
from cds_service.pages.ledger import ledger_pages
from cds_service.pages.playground import playground_pages
from cds_service.pages.reading import POLICY, pages
from cds_service.publication import fhir_urls
from cds_service.routes import EXTENSION, Service, hook_urls, json_response, running, status_urls
from cds_service.smart import clients
from cds_service.smart import settings as smart_settings
from cds_service.store.tokens import SharedTokens
from hooks import knowledge

HTTP_CODES = {404: "not-found", 405: "not-supported", 413: "too-long", 415: "not-supported"}
log = logging.getLogger("cds_service")


def create_app(settings: Settings) -> Flask:
    """The application for one tenant. Raises SettingsError when a key file cannot be used."""
    app = Flask(__name__, template_folder="pages", static_folder="pages/static")
    # No address is put right by a redirect: it would be written from the Host header, which is the caller's to choose.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    local = site_codes.read(settings.tenant)
    remembered = memory.remember(settings, local)
    trusted = security.trust(settings.tenant, SharedTokens(remembered.store))
    trusted.start()
    app.extensions[EXTENSION] = Service(
        settings,
        knowledge.catalogue(),
        trusted,
        fhir_client.connect(),
        local,
        services.for_site(local, settings.tenant.text.mentions),
        site_texts.read(settings.tenant),
        remembered,
    )
    for urls in (hook_urls, status_urls, pages, fhir_urls):
        app.register_blueprint(urls)
    if settings.tenant.reader or settings.tenant.is_sandbox:
        for urls in (ledger_pages, dashboard_pages):  # nobody else may read them: they are not there for anybody else
            app.register_blueprint(urls)
    if settings.tenant.smart is not None:
        smart_settings.read_secrets(settings.tenant.smart, settings.tenant.folder)
        for server, address in clients.redirect_uris(settings.tenant, settings.public_base_url):
            log.info("the companion's redirect URI at %s is %s", server, address)
        app.register_blueprint(companion_login)
        app.register_blueprint(companion_pages)
    if not settings.tenant.issuer:  # then it is a sandbox; elsewhere a call needs a token, which a page has not
        app.register_blueprint(playground_pages)
    app.register_error_handler(ServiceError, refused)
    app.register_error_handler(HTTPException, refused_by_flask)
    app.register_error_handler(Exception, failed)
    app.after_request(write_audit)
    app.after_request(keep_private)
    allow_browsers(app, settings.tenant)
    below(app, urlsplit(settings.public_base_url).path)
    return app


def below(app: Flask, path: str) -> None:
    """Links and forms of pages begin with the path of our public address, which the proxy takes off before it asks."""
    inner = app.wsgi_app

    def asked(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["SCRIPT_NAME"] = path
        return inner(environ, start)

    if path:
        # Flask's manual wraps an application by putting a function in the place of this method, against its type.
        app.wsgi_app = asked  # type: ignore[method-assign,assignment] # as the manual has it


def from_environment() -> FrontDoor:
    """What every worker process of the server starts with: an application that has answered once before it listens."""
    settings = config.from_environment(os.environ)
    audit.to_standard_output(settings.log_level)
    app = create_app(settings)
    warm_up(settings)
    housekeeping.start(running(app).memory.store, settings.retention_days)
    # What is alive now stays alive. Without this, the collector walks all FHIR models again and again: p99 tenfold.
    gc.collect()
    gc.freeze()
    return FrontDoor(app, settings)


def warm_up(settings: Settings) -> None:
    """Answers the bundled examples once, so that no caller waits for models and knowledge to load."""
    for name in examples.NAMES:
        body = examples.read(name, date.today())
        service = services.BY_HOOK[examples.hook(name)]
        request = parse(body, service)
        answers = fhir_client.complete(request, service.prefetch)
        answer(service, request, answers, settings.tenant, settings.public_base_url, date.today(), request.seed())


def refused(error: ServiceError) -> Response:
    """A refusal of ours, as an OperationOutcome; a caller who is not trusted learns nothing more than that."""
    if isinstance(error, NotTrusted):
        response = Response(status=401)
        response.headers["WWW-Authenticate"] = "Bearer"
        del response.headers["Content-Type"]
        return response
    outcome = operation_outcome(error.code, error.diagnostics, error.expression)
    response = for_people(error.status, error.diagnostics) or json_response(outcome, error.status, mimetype=FHIR_JSON)
    response.headers.update(error.headers)
    if isinstance(error, NotReady | Overloaded | StoreUnavailable):
        response.headers["Retry-After"] = RETRY_SECONDS
    return response


def refused_by_flask(error: HTTPException) -> Response:
    """What Flask refuses by itself (unknown URL, wrong method), in the same form. The URL is not repeated."""
    status = error.code or 500
    outcome = operation_outcome(HTTP_CODES.get(status, "processing"), f"{error.name}.")
    response = for_people(status, f"{error.name}.") or json_response(outcome, status, mimetype=FHIR_JSON)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(allowed)
    return response


def for_people(status: int, said: str) -> Response | None:
    """A refusal as a page, for a browser that opens an address; None for everybody else, and for calls."""
    wanted = request.accept_mimetypes
    opened = request.method == "GET" and wanted["text/html"] > max(wanted[FHIR_JSON], wanted["application/json"])
    if not opened or "audit" in g:
        return None
    page = Response(render_template("refused.html", name=HTTPStatus(status).phrase, said=said), status)
    page.headers["Content-Security-Policy"] = POLICY
    page.vary.add("Accept")
    return page


def failed(error: Exception) -> Response:
    """A defect of ours: the caller learns that it happened, the log which type and where, nobody any value."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
    fault = f"{type(error).__name__} at {place}"
    log.error("a call failed: %s", fault)
    if "audit" in g:
        g.audit.fault = fault
    return json_response(operation_outcome("exception", "The service failed."), 500, mimetype=FHIR_JSON)


def write_audit(response: Response) -> Response:
    """One line for each call of discovery or a CDS service."""
    if "audit" in g:
        g.audit.write(response.status_code, (time.perf_counter() - g.began) * 1000)
    return response


def keep_private(response: Response) -> Response:
    """Answers may hold patient data: no cache keeps them, no browser guesses their type."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
