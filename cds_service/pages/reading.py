"""The start page, and a page for each rule: what it asks, its numbers, where they come from, who checked them."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import NotFound

from cds_service import __version__, services
from cds_service.catalogue import as_dict
from cds_service.routes import here, json_response

pages = Blueprint("pages", __name__)
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@pages.after_request
def no_scripts(response: Response) -> Response:
    """Tells the browser to load our style sheet and nothing else."""
    response.headers["Content-Security-Policy"] = POLICY
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
    )


@pages.get("/rules")
def all_rules() -> Response:
    """The rule catalogue."""
    rules = here().rules
    modes = {name: here().settings.tenant.mode(name) for name in rules}
    if _wants_json():
        return json_response({"rules": [{**as_dict(rule), "mode": modes[name]} for name, rule in rules.items()]})
    return Response(render_template("rules.html", rules=rules.values(), modes=modes), mimetype="text/html")


@pages.get("/rules/<name>")
def one_rule(name: str) -> Response:
    """All that is signed for one rule."""
    rule = here().rules.get(name)
    if rule is None:
        raise NotFound
    mode = here().settings.tenant.mode(name)
    if _wants_json():
        return json_response({**as_dict(rule), "mode": mode})
    return Response(render_template("rule.html", rule=rule, mode=mode), mimetype="text/html")


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
