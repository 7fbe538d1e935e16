"""Calls the service from within as an EHR calls it from without: the same URL, checks, audit line, ledger and clock."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec
from flask import Response, current_app, request

from cds_service import services
from cds_service.errors import NotInLedger, StoreUnavailable
from cds_service.explain import PATIENT_DIGITS, Entry, explain
from cds_service.feedback import ACCEPTED, OVERRIDDEN
from cds_service.front import ARRIVED, TURN
from cds_service.ledger import SHOWN, SILENCED
from cds_service.pages import playground_cards
from cds_service.pages.playground_cards import Answer, Issue
from cds_service.routes import here

KEPT = {"SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "REMOTE_ADDR", ARRIVED, TURN}
GROUPS = ("Said", "Set aside", "Failed", "Cannot tell", "Not applicable")


class _Code(msgspec.Struct, frozen=True):
    text: str = ""


class _Order(msgspec.Struct, frozen=True):
    code: _Code = _Code()
    medicationCodeableConcept: _Code = _Code()


class _Draft(msgspec.Struct, frozen=True):
    resource: _Order


class _Drafts(msgspec.Struct, frozen=True):
    entry: list[_Draft] = []


class _Context(msgspec.Struct, frozen=True):
    patientId: str
    draftOrders: _Drafts = _Drafts()


class _Called(msgspec.Struct):
    """What the page reads of a call, which came back with the form and is not believed."""

    hook: str
    hookInstance: str
    context: _Context
    prefetch: dict[str, msgspec.Raw]


class _Name(msgspec.Struct):
    given: list[str] = []
    family: str = ""


class _Patient(msgspec.Struct):
    name: list[_Name] = []


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that was made: to which URL of ours, with which body, and what came back."""

    path: str
    body: str
    status: int
    said: str


def post(path: str, body: str) -> Asked:
    """Posts JSON to a URL of this service, in this thread and within the time of the request that is being answered."""
    content = body.encode()
    environ = {name: value for name, value in request.environ.items() if name in KEPT or name.startswith("wsgi.")}
    environ |= {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
    }
    with current_app.app_context():  # of its own, or both requests would write the audit line of the call
        response = Response.from_app(current_app.wsgi_app, environ, buffered=True)
    return Asked(path, body, response.status_code, response.get_data(as_text=True))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: cards, or issues where it was refused; and every rule's outcome, or why there is none."""

    hook: str
    hook_instance: str
    who: str
    orders: list[str]  # that were picked, in words
    asked: Asked
    answer: Answer | None
    issues: list[Issue]
    rules: list[tuple[str, list[Entry]]]
    not_asked: list[str]
    feedback: Mapping[str, list[Entry]]  # by card
    no_rules: str


def earlier(body: str, said: str) -> Asked:
    """A call that was answered with cards before. Raises msgspec.DecodeError, KeyError for what is no call of ours."""
    return Asked(service_path(msgspec.json.decode(body, type=_Called).hook), body, 200, said)


def outcome(asked: Asked) -> Outcome:
    """Reads an answer, and from the ledger what each rule said. Raises msgspec.DecodeError for what is no answer."""
    called = msgspec.json.decode(asked.body, type=_Called)
    answer = playground_cards.answer(asked.said.encode()) if asked.status == 200 else None
    issues = [] if answer else playground_cards.issues(asked.said.encode())
    explained, no_rules = _explained(called) if answer else ({}, "No rule was asked: the call was refused.")
    return Outcome(
        called.hook,
        called.hookInstance,
        _who(called),
        _orders(called),
        asked,
        answer,
        issues,
        _grouped(explained.get("rules", [])),
        explained.get("not_asked", []),
        _by_card(explained.get("feedback", [])),
        no_rules,
    )


def _who(called: _Called) -> str:
    """The name in the chart, or the id of a patient without one."""
    try:
        named = msgspec.json.decode(called.prefetch.get("patient", b"{}"), type=_Patient).name
    except msgspec.DecodeError:
        named = []
    return " ".join([*named[0].given, named[0].family]).strip() if named else called.context.patientId


def _orders(called: _Called) -> list[str]:
    """The picked orders' own words; ours alone get into a call."""
    orders = (draft.resource for draft in called.context.draftOrders.entry)
    return [order.code.text or order.medicationCodeableConcept.text for order in orders]


def _explained(called: _Called) -> tuple[Entry, str]:
    """What the ledger holds of the call, for whoever knows its patient too; or why it holds nothing."""
    memory = here().memory
    try:
        found = explain(memory.store, memory.tenant, called.hookInstance)
    except (NotInLedger, StoreUnavailable) as error:
        return {}, f"What each rule said is read from the ledger. {error.diagnostics}"
    patient = memory.identity.of(memory.tenant, "", None, called.context.patientId)
    if found["call"]["patient"] != patient[:PATIENT_DIGITS]:
        return {}, f"What each rule said is read from the ledger. {NotInLedger().diagnostics}"
    return found, ""


def _grouped(rules: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """The most interesting first; on cards in the order of the cards."""
    ordered = sorted(rules, key=lambda one: (_group(one), one.get("card_number", 0)))
    return [(GROUPS[number], list(found)) for number, found in groupby(ordered, _group)]


def _group(rule: Entry) -> int:
    if rule["fate"] == SILENCED:
        return 1
    if rule["fate"] == SHOWN or rule["outcome"] == "recommend":
        return 0
    return {"failed": 2, "cannot_tell": 3}.get(rule["outcome"], 4)


def _by_card(feedback: list[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for one in feedback:
        found.setdefault(one["card"], []).append(one)
    return found


def service_path(hook: str) -> str:
    """The URL of the service that answers a hook. KeyError for a hook that none answers."""
    return f"/cds-services/{services.BY_HOOK[hook].id}"


def accept(hook: str, card: str, suggestion: str) -> Asked:
    """Reports that a suggestion was accepted."""
    return _report(hook, {"card": card, "outcome": ACCEPTED, "acceptedSuggestions": [{"id": suggestion}]})


def override(hook: str, card: str, reason: Mapping[str, str]) -> Asked:
    """Reports that a card was overridden; `reason` is a Coding, or empty where none was given."""
    given = {"overrideReason": {"reason": dict(reason)}} if reason else {}
    return _report(hook, {"card": card, "outcome": OVERRIDDEN, **given})


def _report(hook: str, said: dict[str, Any]) -> Asked:
    said["outcomeTimestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    body = msgspec.json.format(msgspec.json.encode({"feedback": [said]}), indent=2).decode() + "\n"
    return post(f"{service_path(hook)}/feedback", body)
