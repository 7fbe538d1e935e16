"""The playground of a sandbox: made-up patients, either hook, cards as an EHR shows them, and every rule's reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import msgspec
from flask import Blueprint, Response, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import NotFound

from cds_service import body, explain_text, printout, services, situations
from cds_service.errors import HookRequestError, ServiceError
from cds_service.explain import reason_words
from cds_service.json_bounds import Bounds
from cds_service.pages import playground_cards, playground_request
from cds_service.pages.own_page import is_from_us
from cds_service.pages.playground_call import Asked, Outcome, accept, earlier, outcome, override, post, service_path
from cds_service.pages.playground_request import NotJson
from cds_service.pages.reading import POLICY
from cds_service.routes import here, json_response

playground_pages = Blueprint("playground", __name__)
FIRST = situations.NAMES[0]
NOT_OURS = (
    "This form did not come from this page at the address that this server knows itself by, which "
    "SPINE_CDS_PUBLIC_BASE_URL sets."
)


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form holds: the patient and the order picked, and the text of the chart of the patient `loaded`."""

    patient: str
    loaded: str
    order: str
    chart: str


@playground_pages.app_context_processor
def in_navigation() -> dict[str, bool]:
    """Other pages link here only where there is a playground."""
    return {"has_playground": True}


@playground_pages.after_request
def private(response: Response) -> Response:
    """Our style sheet and our script, and nothing from elsewhere. Forms and scripts may ask this server only."""
    policy = POLICY.replace("form-action 'none'", "form-action 'self'")
    response.headers["Content-Security-Policy"] = f"{policy}; script-src 'self'; connect-src 'self'"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


@playground_pages.get("/playground")
def fresh() -> str:
    """A patient that nobody has asked about: `patient` in the address picks which."""
    name = request.args.get("patient", FIRST)
    return _page(_picked(name if name in situations.NAMES else FIRST))


@playground_pages.get("/playground/charts/<name>")
def chart(name: str) -> Response:
    """The text of one patient's chart, for the page's script."""
    if name not in situations.NAMES:
        raise NotFound
    return json_response({"chart": _picked(name).chart, "about": situations.every()[name].about, "order": _fits(name)})


@playground_pages.post("/playground")
def act() -> str:
    """Opens the chart, picks the order, accepts or overrides: which button was pressed says what."""
    form = body.form(request, here().settings.max_body_bytes)
    typed = _typed(form)
    if not is_from_us(request, here().settings.public_base_url):
        return _page(typed, wrong=NOT_OURS)
    try:
        if "accept" in form or "override" in form:
            return _report(typed, form)
        return _page(typed, _ask(typed, form.get("hook", "")))
    except NotJson as error:
        return _page(typed, wrong=error.said, shown=error.shown)
    except ServiceError as error:
        return _page(typed, wrong=error.diagnostics)


@playground_pages.errorhandler(ServiceError)
def refused(error: ServiceError) -> tuple[str, int]:
    """What the front door has not let in, such as a chart that is too large."""
    return _page(_picked(FIRST), wrong=error.diagnostics), error.status


def _typed(form: MultiDict[str, str]) -> Typed:
    """A chart that belongs to another patient than the one picked is not meant: the picked one's is taken."""
    patient = form.get("patient", "")
    picked = _picked(patient if patient in situations.NAMES else FIRST)
    order = form.get("order", "")
    picked = replace(picked, order=order if order in situations.orders() else "")
    if form.get("loaded") != picked.patient:
        return picked
    return replace(picked, chart=form.get("chart", "").replace("\r\n", "\n"))


def _picked(name: str) -> Typed:
    """A patient as found, under an id that nobody else has."""
    found = situations.chart(name, playground_request.new_patient_id(), date.today())
    return Typed(name, name, "", printout.json_text(found))


def _ask(typed: Typed, hook: str) -> Outcome:
    settings = here().settings
    service = services.BY_HOOK.get(hook)
    if service is None:
        raise HookRequestError("hook", "No service answers this hook.")
    order = typed.order or situations.every()[typed.patient].order
    draft = partial(situations.draft_orders, order, today=date.today())
    asking = playground_request.call(service, typed.chart, Bounds(settings.max_depth, settings.max_entries), draft)
    return outcome(post(service_path(hook), asking))


def _report(typed: Typed, form: MultiDict[str, str]) -> str:
    """Sends real feedback, and shows the same cards with what the service answered."""
    try:
        asked = earlier(form.get("asked", "").replace("\r\n", "\n"), form.get("said", ""))
        told = _tell(outcome(asked), form)
        return _page(typed, outcome(asked), told=told)
    except (msgspec.DecodeError, RecursionError, KeyError, StopIteration):
        return _page(typed, wrong="The cards that this was about cannot be read any more. Open the chart again.")


def _tell(before: Outcome, form: MultiDict[str, str]) -> Asked:
    if "accept" in form:
        card, _, suggestion = form["accept"].partition(" ")
        return accept(before.hook, card, suggestion)
    name = form["override"]
    shown = next(one for one in (before.answer.cards if before.answer else ()) if one.uuid == name)
    chosen = form.get(f"reason-{name}", "")
    reasons = {one.code: one for one in shown.overrideReasons}
    return override(before.hook, name, msgspec.to_builtins(reasons[chosen]) if chosen else {})


def _fits(name: str) -> str:
    """The order that a situation is about, in words."""
    return f"{situations.orders()[situations.every()[name].order]['title']} (the order of this situation)"


def _page(
    typed: Typed, result: Outcome | None = None, told: Asked | None = None, wrong: str = "", shown: str = ""
) -> str:
    return render_template(
        "playground.html",
        typed=typed,
        situation=situations.every()[typed.patient],
        situations=situations.every().values(),
        orders=situations.orders(),
        fits=_fits(typed.patient),
        result=result,
        told=told,
        told_issues=playground_cards.issues(told.said.encode()) if told else [],
        wrong=wrong,
        shown=shown,
        known=here().rules,
        words=explain_text,
        reason_words=reason_words,
        is_web=playground_cards.is_web,
        curl=partial(_curl, here().settings.public_base_url),
        pretty=_pretty,
    )


def _curl(base: str, asked: Asked) -> str:
    return playground_request.curl(base + asked.path, asked.body)


def _pretty(text: str) -> str:
    return printout.json_text(msgspec.Raw(text.encode()))
