"""Rows of a ledger for tests that count: as many showings and answers as they like, without calling the service."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import insert

from cds_service.feedback import ACCEPTED, OVERRIDDEN
from cds_service.store import schema
from cds_service.store.database import Store

_numbers = count(1)
PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN = "spine-patient-view", "spine-order-select", "spine-order-sign"


@dataclass(frozen=True)
class Shown:
    """`times` calls in which `rule` had this fate; with `answer` each card got it."""

    rule: str
    at: datetime
    times: int = 1
    answer: str = ""
    reason: str = ""
    system: str = ""
    fate: str = "shown"
    indicator: str = "info"
    service: str = PATIENT_VIEW
    tenant: str = "here"
    patient: str = ""  # empty: another one each time


def accepted(rule: str, at: datetime, times: int, service: str = PATIENT_VIEW, tenant: str = "here") -> Shown:
    return Shown(rule, at, times, ACCEPTED, service=service, tenant=tenant)


def overridden(
    rule: str, at: datetime, times: int, reason: str = "", service: str = PATIENT_VIEW, tenant: str = "here"
) -> Shown:
    return Shown(rule, at, times, OVERRIDDEN, reason, service=service, tenant=tenant)


def milliseconds(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp() * 1000)


def write(store: Store, *all_shown: Shown) -> None:
    """Writes all of them, each call with one card."""
    rows: dict[str, list[dict[str, object]]] = {"call": [], "speech": [], "feedback": []}
    for shown in all_shown:
        for call, speech, feedback in _rows(shown):
            rows["call"].append(call)
            rows["speech"].append(speech)
            rows["feedback"] += [feedback] if feedback else []
    with store.writing() as connection:
        for name, table in (("call", schema.call), ("speech", schema.speech), ("feedback", schema.feedback)):
            if rows[name]:
                connection.execute(insert(table), rows[name])


def _rows(shown: Shown) -> Iterator[tuple[dict[str, object], dict[str, object], dict[str, object] | None]]:
    at = milliseconds(shown.at)
    for _ in range(shown.times):
        number = next(_numbers)
        call_id, card = str(uuid.UUID(int=number)), str(uuid.UUID(int=number + (1 << 100)))
        yield (
            {
                "id": call_id,
                "tenant": shown.tenant,
                "caller": "",
                "service": shown.service,
                "hook_instance": call_id,
                "patient": shown.patient or f"{number:064x}",
                "answered_at": at,
                "as_of": shown.at.date().isoformat(),
                "milliseconds": 1.0,
                "knowledge": "",
                "document": "{}",
            },
            {
                "call": call_id,
                "rule": shown.rule,
                "version": "1.0.0",
                "indicator": shown.indicator,
                "fate": shown.fate,
                "card": card if shown.fate in ("shown", "asked", "cut") else "",
                "state": "",
                "longest_rest": 0,
            },
            answer(shown, call_id, card, at + 1000) if shown.answer else None,
        )


def answer(shown: Shown, call_id: str, card: str, at: int) -> dict[str, object]:
    """A row of feedback."""
    return {
        "id": f"{next(_numbers):032x}",
        "tenant": shown.tenant,
        "caller": "",
        "service": shown.service,
        "card": card,
        "call": call_id,
        "outcome": shown.answer,
        "outcome_at": at,
        "received_at": at,
        "reason_system": shown.system,
        "reason_code": shown.reason,
        "accepted": "[]",
        "commented": 0,
    }
