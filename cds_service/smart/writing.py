"""Writes what was confirmed into the chart, one Observation after another, and tells of each what became of it."""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cds_service.errors import StoreUnavailable
from cds_service.fhir_client import Connections
from cds_service.memory import Memory
from cds_service.routes import Service
from cds_service.smart import claims, outgoing, trail, verdicts
from cds_service.smart.form import Section
from cds_service.smart.outgoing import NoReply, Reply
from cds_service.smart.sessions import Session
from cds_service.smart.verdicts import Outcome, Verdict, not_sent
from cds_service.smart.work import Work
from fhir_mappings import assessments
from fhir_mappings.assessments import SUBMISSION, NotValid

SPACE = uuid.UUID("7d6f2c1e-8f0a-5f1b-9a55-2f3c6a9d4b10")  # of the names of our submissions
FHIR_JSON = "application/fhir+json"
log = logging.getLogger("cds_service.companion")


@dataclass(frozen=True, slots=True)
class _Sending:
    """One Observation under its name, on its way; `ends` in time.monotonic()."""

    connections: Connections
    session: Session
    name: str
    body: bytes
    ends: float

    @property
    def seconds(self) -> float:
        return self.ends - time.monotonic()


def write(service: Service, session: Session, work: Work, ready: Iterable[Section], seconds: float) -> list[Outcome]:
    """Each in turn, within the time for all of them. Whatever happens, of each it is told what became of it."""
    ends = time.monotonic() + seconds
    outcomes = []
    for section in ready:
        verdict = _one(service, session, work, section, ends)
        trail.written(service.memory, session, section.key, identifier(work, section), verdict.state, verdict.status)
        outcomes.append(Outcome(section, verdict))
    return outcomes


def identifier(work: Work, section: Section) -> str:
    """The same for the same content of the same piece of work, however often it is sent."""
    filled = section.filled
    if filled is None:
        raise ValueError("nothing to name")
    said = f"{work.submission} {filled.name} {filled.value} {filled.level} {filled.items} {section.day}"
    return str(uuid.uuid5(SPACE, said))


def _one(service: Service, session: Session, work: Work, section: Section, ends: float) -> Verdict:
    if section.filled is None or ends <= time.monotonic():
        return not_sent(verdicts.NO_TIME)
    name = identifier(work, section)
    try:
        resource = assessments.observation(
            section.filled, session.patient, session.user, effective(section, datetime.now().astimezone()), name
        )
    except NotValid:
        return not_sent(verdicts.INVALID)
    return _once(service.memory, _Sending(service.connections, session, name, msgspec.json.encode(resource), ends))


def effective(section: Section, now: datetime) -> str:
    """Of today: this very moment, so that it comes after what was recorded before; else the day."""
    today = section.day == now.date()
    return now.isoformat(timespec="seconds") if today else section.day.isoformat()


def _once(memory: Memory, sending: _Sending) -> Verdict:
    """Sends it, or waits for the request that is sending it already."""
    try:
        if not claims.begin(memory, sending.name, sending.seconds):
            under_way = Verdict("not known", verdicts.UNDER_WAY)
            return claims.of_another(memory, sending.name, sending.seconds) or under_way
    except StoreUnavailable:
        return not_sent(verdicts.NO_STORE)
    verdict = _send(sending)
    if verdict.state != "written":
        log.warning("a result was %s: HTTP %d from the FHIR server (0: no answer)", verdict.state, verdict.status)
    with contextlib.suppress(StoreUnavailable):  # it is told all the same, and the claim ends by itself
        claims.settle(memory, sending.name, verdict)
    return verdict


def _send(sending: _Sending) -> Verdict:
    headers = {
        "Content-Type": FHIR_JSON,
        "If-None-Exist": f"identifier={SUBMISSION}|{sending.name}",  # for a server that did not answer the first time
    }
    try:
        reply = _ask(sending, "POST", "Observation", headers, sending.body)
        if reply.status == 200:
            return _found(sending, reply)
    except NoReply:
        return Verdict("not known", verdicts.SILENT)
    return verdicts.of(reply)


def _found(sending: _Sending, reply: Reply) -> Verdict:
    """A 200 means that it was there before. Any page of any server says 200: only our own result counts."""
    reference, content = verdicts.reference(reply), reply.content
    if not _is_ours(sending, content) and reference:
        content = _ask(sending, "GET", reference, {}, None).content
    if _is_ours(sending, content):
        return Verdict("written", reference=reference, status=reply.status)
    return verdicts.of(reply)


def _is_ours(sending: _Sending, content: bytes) -> bool:
    session = sending.session
    return verdicts.is_ours(content, sending.name, session.patient, (session.base, session.iss))


def _ask(sending: _Sending, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Reply:
    """Raises NoReply."""
    said = {"Authorization": f"Bearer {sending.session.access_token}", "Accept": FHIR_JSON, **headers}
    url = f"{sending.session.base}/{path}"
    return outgoing.send(sending.connections, method, url, said, body, max(sending.seconds, 0))
