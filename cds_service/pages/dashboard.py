"""The dashboard for an alert committee: numbers by rule and period, the same as a file, proposals and decisions."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from flask import Blueprint, Response, redirect, render_template, request, url_for

from cds_service import body, readers, services
from cds_service.dashboard import as_csv, asked, board, choices, lines, periods, proposals
from cds_service.dashboard.asked import Asked
from cds_service.dashboard.choices import Choices
from cds_service.dashboard.proposals import Proposal
from cds_service.errors import (
    FHIR_JSON,
    BodyTooLarge,
    HookRequestError,
    ServiceError,
    WrongMediaType,
    operation_outcome,
)
from cds_service.memory import milliseconds_now
from cds_service.pages.own_page import is_from_us
from cds_service.pages.reading import OFFERED, POLICY
from cds_service.routes import here, json_response
from cds_service.store import decisions, statistics
from cds_service.store.decisions import AGREED, DECLINED, Decision
from cds_service.store.statistics import REASONS
from hooks.override_reasons import OVERRIDE_WORDS
from hooks.refire import NO_REASON, OTHER_REASON

dashboard_pages = Blueprint("dashboard", __name__)
USUAL_DAYS, LONGEST_DAYS = 90, 366  # for which a decision holds
REASON_WORDS = {**OVERRIDE_WORDS, OTHER_REASON: "Another reason of the site", NO_REASON: "No reason given"}
MODES = {"live": "live", "shadow": "shadow", "off": "off", "gone": "no longer here"}


@dashboard_pages.app_context_processor
def in_navigation() -> dict[str, bool]:
    """Pages link here for those who may read, or who can sign in to."""
    return {"has_dashboard": readers.may_ask(request, here().settings.tenant)}


@dashboard_pages.get("/dashboard")
def show() -> Response:
    """The numbers for what the form asks, and what is proposed."""
    reader = readers.check(request, here().settings.tenant)
    wanted = _asked()
    return _private(Response(render_template("dashboard.html", reader=reader, **_view(wanted)), mimetype="text/html"))


@dashboard_pages.get("/dashboard.csv")
def download() -> Response:
    """The same numbers as a file. What cannot be understood is refused here: a file has no room for a remark."""
    readers.check(request, here().settings.tenant)
    wanted = _asked()
    for name, why in wanted.wrong.items():
        raise HookRequestError(name, why)
    shown = _numbers(wanted)
    response = _private(Response(as_csv.text(shown["rows"], shown["periods"], shown["site"].smallest_count)))
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="dashboard-{wanted.start}-{wanted.end}.csv"'
    return response


@dashboard_pages.post("/dashboard/decisions")
def decide() -> Response:
    """Keeps what the approver says to a proposal; the rule stays as it is until somebody changes the tenant file."""
    reader = readers.check(request, here().settings.tenant)
    try:
        _keep(reader)
    except (HookRequestError, BodyTooLarge, WrongMediaType) as error:
        return _refused(error, reader)
    response = redirect(url_for("dashboard.show"), 303)
    return _private(Response(response.get_data(), 303, response.headers))


def _refused(error: ServiceError, reader: str) -> Response:
    """The page with what was wrong, for a person; the OperationOutcome for a program that asks for JSON."""
    if request.accept_mimetypes.best_match(OFFERED) == "application/json":
        outcome = operation_outcome(error.code, error.diagnostics, error.expression)
        return _private(json_response(outcome, error.status, mimetype=FHIR_JSON))
    page = render_template("dashboard.html", reader=reader, refused=error, **_view(_asked()))
    return _private(Response(page, error.status, mimetype="text/html"))


def _keep(reader: str) -> None:
    service, tenant = here(), here().settings.tenant
    if not is_from_us(request, service.settings.public_base_url):
        raise HookRequestError("", "This form was not sent from the dashboard.")
    site = choices.at(tenant.dashboard)
    if not site.approver or reader != site.approver:
        raise HookRequestError("", "Only the approver that the tenant file names can decide.")
    given = body.form(request)
    now = milliseconds_now()
    with service.memory.store.reading() as connection:
        known = decisions.last(connection, tenant.tenant.name)
        made = proposals.proposals(connection, tenant, site, service.rules, known, now)
    open_now = {one.rule: one for one in made if one.is_open}
    proposal = open_now.get(given.get("rule", ""))
    if proposal is None:
        raise HookRequestError("rule", "This rule is not proposed now.")
    decisions.write(service.memory.store, _decision(proposal, given, reader, now, site))


def _decision(proposal: Proposal, given: Mapping[str, str], approver: str, now: int, site: Choices) -> Decision:
    decided = given.get("decided", "")
    if decided not in (AGREED, DECLINED):
        raise HookRequestError("decided", f"Must be {AGREED} or {DECLINED}.")
    ground = {
        "budget": proposal.budget,
        "rates": [
            {
                "service": one.service,
                "period": one.period.name,
                "against": one.rate.count,
                "at_least": one.rate.at_least,
                "of": one.rate.of,
                "patients": one.patients,
                "reasons": {reason: cell.text(site.smallest_count) for reason, cell in one.reasons.items()},
                "low": round(one.rate.low, 4),
                "high": round(one.rate.high, 4),
            }
            for one in proposal.evidence
        ],
    }
    return Decision(
        id=secrets.token_hex(16),
        tenant=here().settings.tenant.tenant.name,
        rule=proposal.rule,
        version=proposal.version,
        decided=decided,
        approver=approver,
        decided_at=now,
        until=_until(given.get("until", "")).isoformat(),
        ground=msgspec.json.encode(ground).decode(),
    )


def _until(text: str) -> date:
    """A day after today and within a year: every decision ends, and the numbers are looked at again."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise HookRequestError("until", "A day as YYYY-MM-DD, please.") from error
    if not _today() < day <= _today() + timedelta(days=LONGEST_DAYS):
        raise HookRequestError("until", f"A day from tomorrow on, at most {LONGEST_DAYS} days away.")
    return day


def _asked() -> Asked:
    return asked.read(request.args, _today(), here().settings.tenant.dashboard.finest_period)


def _today() -> date:
    """In UTC, as the periods are."""
    return datetime.now(UTC).date()


def _numbers(wanted: Asked) -> dict[str, Any]:
    """The rows that were asked for. Periods of which calls have been deleted are left out: they would be too low."""
    service, tenant = here(), here().settings.tenant
    site, now = choices.at(tenant.dashboard), milliseconds_now()
    kept_since = now - service.settings.retention_days * lines.DAY
    spans = [one for one in wanted.periods if one.start >= kept_since and one.start <= now]
    with service.memory.store.reading() as connection:
        counted = lines.read(connection, tenant.tenant.name, site, spans, now)
        known = decisions.last(connection, tenant.tenant.name)
        proposed = proposals.proposals(connection, tenant, site, service.rules, known, now)
        empty = statistics.is_empty(connection, tenant.tenant.name)
    rows = board.rows(counted, wanted, tenant, site, service.rules)
    return {
        "rows": rows,
        "periods": spans,
        "dropped": len(wanted.periods) - len(spans),
        "site": site,
        "proposed": proposed,
        "decisions": known,
        "empty": empty,
        "silent": board.silent(rows, wanted, tenant, service.rules),
    }


def _view(wanted: Asked) -> dict[str, Any]:
    """All that the template needs; every number in it may be shown."""
    tenant, numbers = here().settings.tenant, _numbers(wanted)
    site: Choices = numbers["site"]
    return {
        **numbers,
        "asked": wanted,
        "tenant": tenant.tenant.name,
        "kinds": asked.offered(site.finest_period),
        "rules": here().rules,
        "hooks": list(services.BY_HOOK),
        "hook_of": {one.id: one.hook for one in services.SERVICES},
        "modes": MODES,
        "reasons": {reason: REASON_WORDS[reason] for reason in REASONS},
        "complete": proposals.complete(site, milliseconds_now()),
        "exempt": proposals.exempt(here().rules.values(), site),
        "current": periods.of(_today(), wanted.kind),
        "defaults": choices.defaults(),
        "moment": _day,
        "until": _today() + timedelta(days=USUAL_DAYS),
        "tomorrow": _today() + timedelta(days=1),
        "today": _today().isoformat(),
        "latest": _today() + timedelta(days=LONGEST_DAYS),
    }


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()


def _private(response: Response) -> Response:
    """Not kept by any browser or proxy, not framed; the forms may only ask us."""
    response.headers["Content-Security-Policy"] = POLICY.replace("form-action 'none'", "form-action 'self'")
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response
