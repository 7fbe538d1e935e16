"""What became of a result that was sent: written, not written, or not known; and what to do, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import msgspec

from cds_service.smart.form import Section
from cds_service.smart.outgoing import Reply
from fhir_mappings.assessments import SUBMISSION

State = Literal["written", "not written", "not known"]
PLACE = re.compile(r"(?:^|/)(Observation/[A-Za-z0-9\-.]{1,64})(?:/_history/[^/]*)?$")
KEPT = "What you have filled in is kept."
BY_HAND = "Record it in the chart by hand, and tell the help desk."
LOOK = f"Look in the chart before you try again. {KEPT}"
WHAT_TO_DO = {
    401: "the record system does not accept the login any more. Open this page again from the chart; " + KEPT,
    403: f"the record system does not allow you, or this app, to write it. {KEPT} {BY_HAND}",
    404: f"the record system does not take such results. {KEPT} {BY_HAND}",
    405: f"the record system does not take such results. {KEPT} {BY_HAND}",
    429: f"the record system is busy. {KEPT} Try again in a moment.",
    501: f"the record system does not take such results. {KEPT} {BY_HAND}",
    503: f"the record system is busy. {KEPT} Try again in a moment.",
}
UNSURE = (408, 412)  # 412: it found several that are the same, or something else than what we asked
REFUSED = f"the record system does not accept the content. {KEPT} {BY_HAND}"
BROKEN = f"the record system had an error. {LOOK}"
STRANGE = f"the record system's answer does not say so. {LOOK}"
SILENT = f"the record system did not answer. {LOOK}"
NO_TIME = f"there was no time left to send it. {KEPT} Try again."
NO_STORE = f"the service's own store does not answer, so it was not sent. {KEPT} Try again in a moment."
INVALID = f"it could not be put into a valid form. {KEPT} {BY_HAND}"
UNDER_WAY = (
    "it is being sent at this moment, and the record system has not answered yet. Wait a minute, then write it again "
    f"from here: it is not sent a second time while that goes on. {KEPT}"
)


class Verdict(msgspec.Struct, frozen=True):
    """`reference` is the Observation, where the server names it; `why` is empty where it was written."""

    state: State
    why: str = ""
    reference: str = ""
    status: int = 0  # HTTP, of the FHIR server; 0 where it did not answer, or was not asked


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one section."""

    section: Section
    verdict: Verdict

    @property
    def written(self) -> bool:
        return self.verdict.state == "written"


def not_sent(why: str) -> Verdict:
    return Verdict("not written", why)


def of(reply: Reply) -> Verdict:
    """By the status alone; a 200 has to be looked into, and until then says nothing."""
    status = reply.status
    if status == 201:
        return Verdict("written", reference=reference(reply), status=status)
    if status in WHAT_TO_DO or (400 <= status < 500 and status not in UNSURE):
        return Verdict("not written", WHAT_TO_DO.get(status, REFUSED), status=status)
    return Verdict("not known", BROKEN if status >= 500 else STRANGE, status=status)


class _Identifier(msgspec.Struct):
    system: str = ""
    value: str = ""


class _Subject(msgspec.Struct):
    reference: str = ""


class _Observation(msgspec.Struct):
    resourceType: str
    id: str = ""
    identifier: list[_Identifier] = []
    subject: _Subject = msgspec.field(default_factory=_Subject)


def reference(reply: Reply) -> str:
    """The Observation that a reply names by its Location or holds; empty where it does not say."""
    found = PLACE.search(reply.location)
    if found:
        return found[1]
    held = _observation(reply.content)
    named = PLACE.search(f"Observation/{held.id}") if held else None
    return named[1] if named else ""


def is_ours(content: bytes, name: str, patient: str, bases: tuple[str, ...]) -> bool:
    """Is this the Observation that was sent under this name, of this patient? `bases`: the server, as it is written."""
    held = _observation(content)
    subjects = [f"{base.rstrip('/')}/Patient/{patient}" for base in bases]
    return (
        held is not None
        and any((one.system, one.value) == (SUBMISSION, name) for one in held.identifier)
        and held.subject.reference in (f"Patient/{patient}", *subjects)
    )


def _observation(content: bytes) -> _Observation | None:
    try:
        held = msgspec.json.decode(content, type=_Observation)
    except (msgspec.DecodeError, RecursionError):
        return None
    return held if held.resourceType == "Observation" else None
