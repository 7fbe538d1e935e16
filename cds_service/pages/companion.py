"""The SMART companion's pages: the form beside what is known, confirmation, and what came of writing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from datetime import date

from flask import Blueprint, Response, render_template, request

from cds_service.errors import NeededDataMissing, StoreUnavailable
from cds_service.front import ARRIVED
from cds_service.pages import companion_requests as requests
from cds_service.pages.companion_frame import prepare
from cds_service.pages.companion_requests import Arrived
from cds_service.pages.companion_words import card_words, form_words, grid_words
from cds_service.routes import Service, here
from cds_service.smart import banner, chart, doubts, form, login, work, writing
from cds_service.smart.form import Section
from cds_service.smart.sessions import Session
from cds_service.smart.verdicts import Outcome
from cds_service.smart.work import Work

companion_pages = Blueprint("companion", __name__)
WRITING = 0.7  # of the time that is left; then the chart is read again
ROOM_TO_ANSWER = 1.0  # seconds
prepare(companion_pages)


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
    arrived, sent = requests.posted(request, service)
    kept = work.keep(service.memory, arrived.session, requests.answers(sent))
    if request.headers.get("X-Requested-With") == "fetch":
        return Response(render_template("companion_totals.html", sections=_sections(kept)), mimetype="text/html")
    return _app(service, arrived, kept, said=f"Saved. It is kept {work.kept_for(arrived.session)}.")


@companion_pages.post("/smart/review")
def review() -> Response:
    """Exactly what would be written, for the clinician to confirm."""
    service = here()
    arrived, sent = requests.posted(request, service)
    return _review(service, arrived, work.keep(service.memory, arrived.session, requests.answers(sent)))


@companion_pages.post("/smart/write")
def write() -> Response:
    """Writes what was confirmed, and nothing else; then reads the chart again and shows the advice."""
    service = here()
    arrived, sent = requests.posted(request, service)
    requests.check_may_write(arrived.session)
    kept = work.find(service.memory, arrived.session)
    ready = _ready(kept)
    if kept is None or not ready:
        return _app(service, arrived, kept, said="There is nothing left to write: it was written before, or taken out.")
    asked = sent.getlist("asked")
    if sent.get("shown") != _shown(kept, ready, asked):
        return _review(service, arrived, kept, changed=True)
    if set(asked) - set(sent.getlist("sure")):
        return _review(service, arrived, kept, unsure=True)
    outcomes = writing.write(service, arrived.session, kept, ready, _left(service) * WRITING)
    written = [one.section.key for one in outcomes if one.written]
    try:
        work.finish(service.memory, arrived.session, kept, written)
        return _app(service, arrived, work.find(service.memory, arrived.session), outcomes=outcomes)
    except (NeededDataMissing, StoreUnavailable):  # whatever happens now, what was written has to be told
        return _page("companion_unread.html", arrived.session, launch=arrived.opened.id, outcomes=outcomes)


def _left(service: Service) -> float:
    """Seconds of this request's time: what comes later than that nobody reads."""
    arrived = request.environ.get(ARRIVED, time.monotonic())
    return float(arrived + service.settings.call_seconds - ROOM_TO_ANSWER - time.monotonic())


def _arrived(service: Service) -> float:
    """For reading again after writing: as if the request had come so late that its time just suffices."""
    now, reading = time.monotonic(), service.settings.tenant.fhir.timeout_seconds
    return min(now, now + _left(service) - reading)


def _sections(kept: Work | None) -> list[Section]:
    return form.sections(kept.answers, date.today(), kept.born) if kept else form.sections({}, date.today())


def _ready(kept: Work | None) -> list[Section]:
    return [one for one in _sections(kept) if one.filled is not None]


def _shown(kept: Work, ready: list[Section], asked: Iterable[str]) -> str:
    """Tells whether what is about to be written is what was confirmed, with all that was asked of it."""
    said = [*(writing.identifier(kept, one) for one in ready), *asked]
    return hashlib.sha256(" ".join(said).encode()).hexdigest()


def _review(service: Service, arrived: Arrived, kept: Work, changed: bool = False, unsure: bool = False) -> Response:
    """Each entry beside what the chart holds of it now: a graver one must not vanish unseen."""
    read = chart.read(service, arrived.session, request.environ.get(ARRIVED), date.today())
    patient = banner.read(read.answers.get(chart.PATIENT), arrived.session.patient)
    kept = work.of_one_born(service.memory, arrived.session, kept, patient.born)
    ready, found = _ready(kept), _sections(kept)
    checked = doubts.check(ready, read.answered.facts)
    asked = [doubt.id for one in checked for doubt in one.doubts]
    return _page(
        "companion_review.html",
        arrived.session,
        launch=arrived.opened.id,
        checked=checked,
        unstable=doubts.UNSTABLE if any(one.unstable for one in found) else "",
        unfinished=[one for one in found if one.missing],
        item_words=form.item_words,
        patient=patient,
        shown=_shown(kept, ready, asked),
        changed=changed,
        unsure=unsure,
        user=arrived.session.user,
        may_write=login.may_write(arrived.session.scope),
    )


def _app(
    service: Service, arrived: Arrived, kept: Work | None, said: str = "", outcomes: list[Outcome] | None = None
) -> Response:
    today = date.today()
    read = chart.read(service, arrived.session, _arrived(service) if outcomes else request.environ.get(ARRIVED), today)
    facts = read.answered.facts
    patient = banner.read(read.answers.get(chart.PATIENT), arrived.session.patient)
    kept = work.of_one_born(service.memory, arrived.session, kept, patient.born) if kept else None
    return _page(
        "companion.html",
        arrived.session,
        launch=arrived.opened.id,
        patient=patient,
        grid=grid_words(facts),
        cards=[card_words(card) for card in read.answered.cards],
        given=kept.answers if kept else {},
        sections={one.key: one for one in _sections(kept)},
        **form_words(facts),
        begun={answer.split(".")[0] for answer in (kept.answers if kept else {})},
        today=today.isoformat(),
        said=said,
        outcomes=outcomes or [],
        may_write=login.may_write(arrived.session.scope),
    )


def _page(template: str, session: Session, **values: object) -> Response:
    own = {"field": requests.FIELD, "session": session, "kept_for": work.kept_for(session)}
    return Response(render_template(template, **own, **values), mimetype="text/html")
