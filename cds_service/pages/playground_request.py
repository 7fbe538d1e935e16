"""From what is typed in the playground to a call as an EHR makes it, and to a command that makes the same call."""

from __future__ import annotations

import re
import secrets
import shlex
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from cds_service import json_bounds, printout
from cds_service.json_bounds import Bounds
from cds_service.services import CdsService

USER = "Practitioner/playground"
NOBODY = "nobody"  # for a chart that names no patient: the service says what it lacks
POSITION = re.compile(r"(?:JSON is malformed: )?(.*?)(?: \(byte (\d+)\))?", re.DOTALL)
TRAILING = "trailing characters"
AROUND = 30  # characters before and behind the place of an error that are shown
DELIMITER = "JSON"  # no line of indented JSON is this word alone


class NotJson(Exception):
    """What was typed is no JSON object. Says where, in the reader's words, and shows the place."""

    def __init__(self, said: str, shown: str = "") -> None:
        super().__init__(said)
        self.said, self.shown = said, shown


class _Patient(msgspec.Struct):
    id: str


class _Chart(msgspec.Struct):
    patient: _Patient


_object, _chart = msgspec.json.Decoder(dict[str, msgspec.Raw]), msgspec.json.Decoder(_Chart)
_any = msgspec.json.Decoder(msgspec.Raw)


def new_patient_id() -> str:
    """Known to one browser alone, so that nobody sets aside another's cards."""
    return f"playground-{secrets.token_hex(8)}"


def patient_id(chart: str) -> str:
    """The id of the patient in the chart."""
    try:
        return _chart.decode(chart).patient.id
    except (msgspec.DecodeError, RecursionError):
        return NOBODY


def call(service: CdsService, chart: str, bounds: Bounds, draft: Callable[[str], dict[str, Any]]) -> str:
    """The body of a call, with what was typed as its prefetch and nothing else of it: no server is named.

    `draft` makes the Bundle of the order for a patient's id. Raises NotJson, TooMuch.
    """
    prefetch = _checked(chart, bounds)
    patient = patient_id(chart)
    context: dict[str, Any] = {"userId": USER, "patientId": patient}
    if service.takes_orders:
        orders = draft(patient)
        picked = [f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in orders["entry"]]
        context |= {"selections": picked, "draftOrders": orders}
    body = {"hook": service.hook, "hookInstance": str(uuid.uuid4()), "context": context, "prefetch": prefetch}
    return printout.json_text(body) + "\n"


def _checked(chart: str, bounds: Bounds) -> msgspec.Raw:
    """The text itself, after it was seen to be one JSON object within the bounds of a call."""
    raw = chart.encode("utf-8", errors="replace")
    json_bounds.check(raw, bounds)
    try:
        _any.decode(raw)
    except RecursionError as error:
        raise NotJson("The chart is nested too deeply.") from error
    except msgspec.DecodeError as error:
        raise _placed(raw, str(error)) from error
    try:
        _object.decode(raw)
    except msgspec.DecodeError as error:
        raise NotJson("The chart must be a JSON object: { ... }, with patient, conditions and so on.") from error
    return msgspec.Raw(raw.strip())


def _placed(raw: bytes, message: str) -> NotJson:
    """The decoder's error with its line and column; where it ran out of text, the end."""
    if not raw.strip():
        return NotJson("The chart is empty: it must be a JSON object.")
    found = POSITION.fullmatch(message)
    why, at = (found[1], found[2]) if found else (message, None)
    place = int(at) - (why == TRAILING) if at else len(raw)  # it tells of this one when it is past it
    before = raw[:place].decode(errors="replace")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    behind = raw.decode(errors="replace")[len(before) :].partition("\n")[0]
    shown = f"{before[-(column - 1) :][-AROUND:] if column > 1 else ''}▸{behind[:AROUND]}"
    said = why if at else "it ends too early: something that was opened is not closed"
    return NotJson(f"The chart is not JSON. Line {line}, column {column}: {said}.", shown)


def curl(url: str, body: str) -> str:
    """A command for a shell that posts the very same bytes."""
    command = f"curl -sS -H 'Content-Type: application/json' --data-binary @- {shlex.quote(url)} <<'{DELIMITER}'"
    return f"{command}\n{body}{DELIMITER}"
