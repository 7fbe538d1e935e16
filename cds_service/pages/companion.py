"""The SMART companion's pages: launch, the form beside what is known, confirmation, and what came of writing."""

from __future__ import annotations

import hashlib
import secrets
from datetime import date
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request

from cds_service.errors import NeededDataMissing, StoreUnavailable
from cds_service.front import ARRIVED
from cds_service.pages import companion_requests as requests
from cds_service.pages.companion_requests import Arrived
from cds_service.pages.companion_words import card_words, grid_words
from cds_service.routes import Service, here
from cds_service.smart import banner, chart, discovery, form, login, sessions, settings, user, work, writing
from cds_service.smart.form import Section
from cds_service.smart.login import Client
from cds_service.smart.refusals import NOT_SENT, OPEN_AGAIN, Refusal
from cds_service.smart.sessions import Session
from cds_service.smart.settings import Smart
from cds_service.smart.user import WrongUser
from cds_service.smart.work import Work
from cds_service.smart.writing import Outcome
from fhir_mappings import assessments
from hooks.questions import prognosis
from hooks.scores import sins
from hooks.scores.answers import FORMS, SINS_MEANING

companion_pages = Blueprint("companion", __name__)
CALLBACK = "/smart/callback"
LAYPEOPLE = ("Patient/", "RelatedPerson/")  # who opens their own chart in a portal
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors {}"
)


@companion_pages.after_request
def private(response: Response) -> Response:
    """Our own style, script and pictures; in a frame only where the site says so; kept by nobody."""
    tenant = here().settings.tenant
    response.headers["Content-Security-Policy"] = POLICY.format(settings.frames(_smart(here()), tenant.is_sandbox))
    response.headers["Referrer-Policy"] = "same-origin"  # not none: browsers would hide the origin of our own forms
    response.headers["Cache-Control"] = "no-store"
    return response


@companion_pages.get("/smart/launch")
def launch() -> Response:
    """The EHR opens the companion: off to its login server, with what binds the way back to this browser."""
    iss, context = request.args.get("iss", ""), request.args.get("launch", "")
    if not iss or not context:
        raise Refusal(
            "Open this from a patient's chart",
            "The companion works for the patient whose chart is open in the record system, which starts it with "
            "`iss` and `launch`. It cannot be opened by its address alone.",
        )
    service = here()
    if requests.other_name(request, service):
        return _to(f"{service.settings.public_base_url}/smart/launch?{urlencode(request.args)}", 302)
    seconds = service.settings.tenant.fhir.timeout_seconds
    server = discovery.discover(service.settings.tenant, service.connections, iss, seconds)
    opened = sessions.new()
    state = f"{opened.id}{secrets.token_urlsafe(24)}"
    address, begun = login.begin(_client(service), server, context, state)
    sessions.keep_login(service.memory, opened, state, begun)
    response = _to(address, 302)
    requests.set_cookie(response, service, opened, sessions.LOGIN_SECONDS)
    return response


@companion_pages.get(CALLBACK)
def callback() -> Response:
    """Back from the login server: the code becomes a session, once, in the browser that began it."""
    service, state = here(), request.args.get("state", "")
    launched = state[:16]
    cookie = requests.cookie_name(service, launched)
    begun = sessions.take_login(service.memory, request.cookies.get(cookie, ""), state)
    if begun is None:
        raise Refusal(
            "This login cannot be used",
            f"It was used before, took longer than ten minutes, or began in another browser. {NOT_SENT} {OPEN_AGAIN}",
            403,
        )
    if not request.args.get("code"):
        raise Refusal("The login was refused", f"The record system let nobody in. {NOT_SENT} {OPEN_AGAIN}", 403)
    seconds, client = service.settings.tenant.fhir.timeout_seconds, _client(service)
    token = login.exchange(client, begun, request.args["code"], service.connections, seconds)
    try:
        who = user.read(token.id_token, begun, client.smart.client_id, service.connections, seconds)
    except WrongUser:
        raise Refusal(
            "This login cannot be used", f"Its proof of who you are is not valid. {NOT_SENT} {OPEN_AGAIN}", 403
        ) from None
    if who.startswith(LAYPEOPLE):
        raise Refusal("This page is for clinicians", f"{NOT_SENT} Ask your care team what your results mean.", 403)
    opened = sessions.new()
    lasts = sessions.keep(service.memory, opened, begun, token, who)
    response = _to(f"{service.settings.public_base_url}/smart/app?{requests.FIELD}={opened.id}", 303)
    requests.drop_cookie(response, service, launched)
    requests.set_cookie(response, service, opened, lasts)
    return response


@companion_pages.get("/smart/app")
def app() -> Response:
    """What is known of the open patient, and the form with the unfinished work."""
    service = here()
    arrived = requests.session(request, service)
    kept = work.find(service.memory, arrived.session)
    return _app(service, arrived, kept)


@companion_pages.post("/smart/save")
def save() -> Response:
    """Keeps the form as it is. For the script: the totals so far; for a browser without one: the page again."""
    service = here()
    requests.check_own_page(request, service)
    arrived = requests.session(request, service)
    kept = work.keep(service.memory, arrived.session, form.answers(request.form))
    if request.headers.get("X-Requested-With") == "fetch":
        return Response(render_template("companion_totals.html", sections=_sections(kept)), mimetype="text/html")
    return _app(service, arrived, kept, said="Saved. It is kept for a week, or until it is written.")


@companion_pages.post("/smart/review")
def review() -> Response:
    """Exactly what would be written, for the clinician to confirm."""
    service = here()
    requests.check_own_page(request, service)
    arrived = requests.session(request, service)
    return _review(service, arrived, work.keep(service.memory, arrived.session, form.answers(request.form)))


@companion_pages.post("/smart/write")
def write() -> Response:
    """Writes what was confirmed, and nothing else; then reads the chart again and shows the advice."""
    service = here()
    requests.check_own_page(request, service)
    arrived = requests.session(request, service)
    kept = work.find(service.memory, arrived.session)
    ready = _ready(kept)
    if kept is None or not ready:
        return _app(service, arrived, kept, said="There is nothing left to write: it was written before.")
    if request.form.get("shown") != _shown(kept, ready):
        return _review(service, arrived, kept, changed=True)
    outcomes = writing.write(service, arrived.session, kept, ready, _write_seconds(service))
    written = [one.section.key for one in outcomes if one.written]
    work.finish(service.memory, arrived.session, kept, written)
    return _app(service, arrived, work.find(service.memory, arrived.session), outcomes=outcomes)


def _to(address: str, status: int) -> Response:
    return Response(status=status, headers={"Location": address})


def _write_seconds(service: Service) -> float:
    """The chart is read again afterwards, and the whole has to fit into the time of one request."""
    reading = service.settings.tenant.fhir.timeout_seconds
    return max(reading, service.settings.call_seconds - reading - 1)


def _sections(kept: Work | None) -> list[Section]:
    return form.sections(kept.answers if kept else {}, date.today())


def _ready(kept: Work | None) -> list[Section]:
    return [one for one in _sections(kept) if one.filled is not None]


def _shown(kept: Work, ready: list[Section]) -> str:
    """Tells whether what is about to be written is what was confirmed."""
    said = [writing.identifier(kept, one) for one in ready]
    return hashlib.sha256(" ".join(said).encode()).hexdigest()


def _review(service: Service, arrived: Arrived, kept: Work, changed: bool = False) -> Response:
    ready = _ready(kept)
    found = _sections(kept)
    return _page(
        "companion_review.html",
        arrived.session,
        launch=arrived.opened.id,
        ready=ready,
        unfinished=[one for one in found if one.missing],
        item_words=form.item_words,
        patient=banner.read(chart.patient(service, arrived.session), arrived.session.patient),
        shown=_shown(kept, ready),
        changed=changed,
        user=arrived.session.user,
        may_write=login.may_write(arrived.session.scope),
    )


def _app(
    service: Service, arrived: Arrived, kept: Work | None, said: str = "", outcomes: list[Outcome] | None = None
) -> Response:
    today = date.today()
    read = chart.read(service, arrived.session, None if outcomes else request.environ.get(ARRIVED), today)
    facts = read.answered.facts
    return _page(
        "companion.html",
        arrived.session,
        launch=arrived.opened.id,
        patient=banner.read(read.answers.get(chart.PATIENT), arrived.session.patient),
        grid=grid_words(facts),
        prognosis=prognosis.lines(facts),
        of_chart=prognosis.settled(facts),
        cards=[card_words(card) for card in read.answered.cards],
        given=kept.answers if kept else {},
        sections={one.key: one for one in _sections(kept)},
        forms=FORMS,
        grades={name: assessments.grades(name) for name in assessments.GRADES},
        levels=[(level, sins.location_points(level)) for level in assessments.levels()],
        bands=[SINS_MEANING[sins.band(total)] for total in range(sins.HIGHEST + 1)],
        begun={answer.split(".")[0] for answer in (kept.answers if kept else {})},
        today=today.isoformat(),
        said=said,
        outcomes=outcomes or [],
        may_write=login.may_write(arrived.session.scope),
    )


def _page(template: str, session: Session, **values: object) -> Response:
    return Response(render_template(template, field=requests.FIELD, session=session, **values), mimetype="text/html")


@companion_pages.errorhandler(Refusal)
def refused(refusal: Refusal) -> Response:
    page = render_template("companion_refused.html", title=refusal.title, what_to_do=refusal.what_to_do)
    return Response(page, refusal.status, mimetype="text/html")


@companion_pages.errorhandler(NeededDataMissing)
def chart_missing(error: NeededDataMissing) -> Response:
    """Without patient or conditions nothing true can be said; the reasons hold no patient data."""
    lacking = "; ".join(f"{key}: {reason}" for key, reason in error.lacking)
    return refused(
        Refusal("The chart cannot be read", f"The record system did not give it ({lacking}). {OPEN_AGAIN}", 502)
    )


@companion_pages.errorhandler(StoreUnavailable)
def not_kept(_error: StoreUnavailable) -> Response:
    return refused(
        Refusal("This cannot be kept now", "The service's own store does not answer. Try again in a moment.", 503)
    )


def _smart(service: Service) -> Smart:
    smart = service.settings.tenant.smart
    if smart is None:
        raise ValueError("the companion is registered only where [smart] is there")
    return smart


def _client(service: Service) -> Client:
    smart, tenant = _smart(service), service.settings.tenant
    return Client(smart, service.settings.public_base_url + CALLBACK, settings.read_secret(smart, tenant.folder))
