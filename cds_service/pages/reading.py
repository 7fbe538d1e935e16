"""The start page, the intended use, and a page for each rule: what it asks, its numbers, their sources, who signed."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import NotFound

from cds_service import __version__, catalogue, intended_use, readers, services, source_attributes
from cds_service.routes import here, json_response
from hooks.knowledge import Knowledge

pages = Blueprint("pages", __name__)
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
OFFERED = ["text/html", "application/json"]


@pages.after_request
def no_scripts(response: Response) -> Response:
    """Tells the browser to load our style sheet and nothing else, and caches that one URL has two forms."""
    response.headers["Content-Security-Policy"] = POLICY
    response.vary.add("Accept")
    return response


@pages.get("/")
def start() -> str:
    """What this server is, and where to go on."""
    tenant = here().settings.tenant
    return render_template(
        "start.html",
        tenant=tenant.tenant.name,
        sandbox=tenant.is_sandbox,
        open_to_all=not tenant.issuer,
        services=services.SERVICES,
        version=__version__,
        ledger=readers.may_ask(request, tenant),
    )


@pages.get("/rules")
def all_rules() -> Response:
    """The rule catalogue."""
    entries = [_entry(rule) for rule in here().rules.values()]
    if _wants_json():
        return json_response({"rules": entries, "statements": catalogue.statements()})
    return _page("rules.html", rules=entries, signed_here=catalogue.signed_here, statements=catalogue.statements())


@pages.get("/rules/<name>")
def one_rule(name: str) -> Response:
    """All that is signed for one rule."""
    rule = here().rules.get(name)
    if rule is None:
        raise NotFound
    entry = catalogue.whole(rule, here().settings.tenant, date.today())
    if _wants_json():
        return json_response(entry)
    return _page("rule.html", rule=entry, regulation=source_attributes.regulation())


@pages.get("/intended-use")
def use() -> Response:
    """Who may use this, what it must not be used for, and where it stands with regulators."""
    rules = here().rules.values()
    if _wants_json():
        return json_response(intended_use.as_dict(rules))
    return _page("intended_use.html", use=intended_use.statement(), critical=intended_use.critical(rules))


def _entry(rule: Knowledge) -> catalogue.Entry:
    return catalogue.as_dict(rule, here().settings.tenant, date.today())


def _page(template: str, **values: object) -> Response:
    return Response(render_template(template, **values), mimetype="text/html")


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(OFFERED) == "application/json"
