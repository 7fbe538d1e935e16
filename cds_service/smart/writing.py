"""Writes what was confirmed into the chart, one Observation after another, and tells of each what became of it."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cds_service.memory import milliseconds_now
from cds_service.routes import Service
from cds_service.smart import outgoing
from cds_service.smart.form import Section
from cds_service.smart.outgoing import NoReply, Reply
from cds_service.smart.sealing import digest
from cds_service.smart.sessions import Session
from cds_service.smart.work import KEPT_MILLISECONDS, Work
from cds_service.store import companion
from fhir_mappings import assessments
from fhir_mappings.assessments import SUBMISSION, NotValid

SPACE = uuid.UUID("7d6f2c1e-8f0a-5f1b-9a55-2f3c6a9d4b10")  # of the names of our submissions
PLACE = re.compile(r"(?:^|/)(Observation/[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]*)?$")
KEPT = "What you have filled in is kept."
BY_HAND = "Record it in the chart by hand, and tell the help desk."
WHAT_TO_DO = {
    401: "the record system does not accept the login any more. Open this page again from the chart; " + KEPT,
    403: f"the record system does not allow you, or this app, to write it. {KEPT} {BY_HAND}",
    404: f"the record system does not take such results. {KEPT} {BY_HAND}",
    405: f"the record system does not take such results. {KEPT} {BY_HAND}",
    429: f"the record system is busy. {KEPT} Try again in a moment.",
    503: f"the record system is busy. {KEPT} Try again in a moment.",
}
REFUSED = f"the record system does not accept the content. {KEPT} {BY_HAND}"
BROKEN = f"the record system had an error. {KEPT} Try again in a moment."
UNKNOWN = (
    "the record system did not answer, so it is not known whether it was written. Look in the chart before you try "
    f"again. {KEPT}"
)
NO_TIME = f"there was no time left to send it. {KEPT} Try again."
HELD = f"it is being sent, or was sent before, and is not sent twice. Look in the chart. {KEPT}"
INVALID = f"it could not be put into a valid form. {KEPT} {BY_HAND}"


log = logging.getLogger("cds_service.companion")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one section. `reference` is the new Observation, where the server names it."""

    section: Section
    written: bool
    reference: str = ""
    why_not: str = ""
    status: int = 0


def write(service: Service, session: Session, work: Work, ready: Iterable[Section], seconds: float) -> list[Outcome]:
    """Each in turn, within the time for all of them. Raises StoreUnavailable before anything is sent for a section."""
    ends = time.monotonic() + seconds
    return [_one(service, session, work, section, ends - time.monotonic()) for section in ready]


def identifier(work: Work, section: Section) -> str:
    """The same for the same content of the same piece of work, however often it is sent."""
    filled = section.filled
    if filled is None:
        raise ValueError("nothing to name")
    said = f"{work.submission} {filled.name} {filled.value} {filled.level} {filled.items} {section.day}"
    return str(uuid.uuid5(SPACE, said))


def _one(service: Service, session: Session, work: Work, section: Section, seconds: float) -> Outcome:
    if section.filled is None or seconds <= 0:
        return Outcome(section, False, why_not=NO_TIME)
    name = identifier(work, section)
    try:
        resource = assessments.observation(
            section.filled, session.patient, session.user, effective(section, datetime.now().astimezone()), name
        )
    except NotValid:
        return Outcome(section, False, why_not=INVALID)
    store, claim = service.memory.store, digest(name)
    if not companion.keep_once(store, "write", claim, "", milliseconds_now() + KEPT_MILLISECONDS):
        return Outcome(section, False, why_not=HELD)
    outcome = _send(service, session, section, resource, name, seconds)
    if not outcome.written:
        companion.drop(store, "write", claim)  # it may be tried again
    return outcome


def effective(section: Section, now: datetime) -> str:
    """Of today: this very moment, so that it comes after what was recorded before; else the day."""
    today = section.day == now.date()
    return now.isoformat(timespec="seconds") if today else section.day.isoformat()


def _send(
    service: Service, session: Session, section: Section, resource: assessments.Resource, name: str, seconds: float
) -> Outcome:
    headers = {
        "Authorization": f"Bearer {session.access_token}",
        "Content-Type": "application/fhir+json",
        "Accept": "application/fhir+json",
        "If-None-Exist": f"identifier={SUBMISSION}|{name}",  # for a server that did not answer the first time
    }
    body = msgspec.json.encode(resource)
    try:
        reply = outgoing.send(service.connections, "POST", f"{session.base}/Observation", headers, body, seconds)
    except NoReply:
        log.warning("a result may not be written: no answer from the FHIR server")
        return Outcome(section, False, why_not=UNKNOWN)
    if reply.status in (200, 201):
        return Outcome(section, True, _reference(reply), status=reply.status)
    log.warning("a result was not written: HTTP %d from the FHIR server", reply.status)
    why = WHAT_TO_DO.get(reply.status, BROKEN if reply.status >= 500 else REFUSED)
    return Outcome(section, False, why_not=why, status=reply.status)


class _Created(msgspec.Struct):
    id: str = ""
    resourceType: str = ""


def _reference(reply: Reply) -> str:
    found = PLACE.search(reply.location)
    if found:
        return found[1]
    try:
        created = msgspec.json.decode(reply.content, type=_Created)
    except (msgspec.DecodeError, RecursionError):
        return ""
    named = PLACE.search(f"Observation/{created.id}")
    return named[1] if named and created.resourceType == "Observation" else ""
