"""The ledger for a committee: one form, and for one card or call why each rule was or was not shown."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from cds_service import explain_text, readers
from cds_service.errors import FHIR_JSON, HookRequestError, NotInLedger, ServiceError, operation_outcome
from cds_service.explain import Entry, explain
from cds_service.pages.reading import OFFERED, POLICY
from cds_service.routes import here, json_response

ledger_pages = Blueprint("ledger", __name__)
FIELD = "id"


@ledger_pages.get("/ledger")
def form() -> Response:
    """The form; with its field filled in, what it asks for."""
    reader = readers.check(request, here().settings.tenant)
    asked = request.args.get(FIELD)
    return _shown("ledger.html", 200, reader) if asked is None else _explained(asked, reader)


@ledger_pages.get("/ledger/<asked>")
def one(asked: str) -> Response:
    """One call, by the uuid of a card or by its hookInstance."""
    return _explained(asked, readers.check(request, here().settings.tenant))


def _explained(asked: str, reader: str) -> Response:
    service = here()
    try:
        explained = explain(service.memory.store, service.settings.tenant.tenant.name, asked)
    except (HookRequestError, NotInLedger) as error:
        return _refused(error, asked, reader)
    if _wants_json():
        return _private(json_response(explained))
    return _shown("ledger_call.html", 200, reader, one=explained, **_words(explained))


def _words(explained: Entry) -> Entry:
    """What the page says in the words of the command line."""
    rules = explained["rules"]
    return {
        "groups": [[rule for rule in rules if rule["on_asked_card"]], [r for r in rules if not r["on_asked_card"]]],
        "known": here().rules,
        "words": explain_text,
    }


def _refused(error: ServiceError, asked: str, reader: str) -> Response:
    if _wants_json():
        outcome = operation_outcome(error.code, error.diagnostics, error.expression)
        return _private(json_response(outcome, error.status, mimetype=FHIR_JSON))
    return _shown("ledger.html", error.status, reader, asked=asked, wrong=error.diagnostics)


def _shown(template: str, status: int, reader: str, **values: object) -> Response:
    page = render_template(template, reader=reader, field=FIELD, **values)
    return _private(Response(page, status, mimetype="text/html"))


def _private(response: Response) -> Response:
    """Not kept by any browser or proxy, not framed; the one form may only ask us."""
    response.headers["Content-Security-Policy"] = POLICY.replace("form-action 'none'", "form-action 'self'")
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(OFFERED) == "application/json"
