"""Finds the calls behind a card or a hookInstance, and what users answered to cards. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, select

from cds_service.store.calls import Call
from cds_service.store.schema import call, feedback, speech

MOST_TIMES = 10
MOST_FEEDBACK = 50


@dataclass(frozen=True, slots=True)
class Found:
    """The newest call that was asked for; how many there are, and when the newest of them were answered."""

    newest: Call
    calls: int
    times: tuple[int, ...]  # milliseconds since 1970, newest first, at most MOST_TIMES
    card: str  # empty when a hookInstance was asked for


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user did with a card, without words: those are not kept. Time in milliseconds since 1970."""

    id: str
    card: str
    outcome: str
    outcome_at: int
    reason_system: str
    reason_code: str
    accepted: str  # JSON list
    commented: int


def by_card(connection: Connection, tenant: str, names: Collection[str]) -> Found | None:
    """The calls that answered with this card: the same body, sent again, gives the same uuid."""
    on_card = select(speech.c.call).where(speech.c.card.in_(names))
    named = select(speech.c.card).join(call).where(speech.c.card.in_(names), call.c.tenant == tenant).limit(1)
    card = connection.execute(named).scalar()
    return _found(connection, tenant, call.c.id.in_(on_card), str(card)) if card else None


def by_hook_instance(connection: Connection, tenant: str, names: Collection[str]) -> Found | None:
    """The calls with this hookInstance; one, unless a client repeats it."""
    return _found(connection, tenant, call.c.hook_instance.in_(names), "")


def _found(connection: Connection, tenant: str, asked: ColumnElement[bool], card: str) -> Found | None:
    where = (call.c.tenant == tenant, asked)
    newest_first = (call.c.answered_at.desc(), call.c.id)
    row = connection.execute(select(call).where(*where).order_by(*newest_first).limit(1)).mappings().first()
    if row is None:
        return None
    times = connection.execute(select(call.c.answered_at).where(*where).order_by(*newest_first).limit(MOST_TIMES))
    number = connection.execute(select(func.count()).select_from(call).where(*where)).scalar_one()
    return Found(Call(**row), number, tuple(times.scalars()), card)


def feedback_on(connection: Connection, tenant: str, cards: Collection[str]) -> list[Feedback]:
    """What users answered to these cards, newest first, at most MOST_FEEDBACK.

    Without what another caller reports of them: that is kept without a call.
    """
    return _feedback(connection, tenant, and_(feedback.c.card.in_(cards), feedback.c.call.is_not(None)))


def feedback_named(connection: Connection, tenant: str, ids: Collection[str]) -> list[Feedback]:
    """The answers with these ids; those that are no longer kept are left out."""
    return _feedback(connection, tenant, feedback.c.id.in_(ids))


def _feedback(connection: Connection, tenant: str, asked: ColumnElement[bool]) -> list[Feedback]:
    columns = [feedback.c[name] for name in Feedback.__slots__]
    newest_first = (feedback.c.outcome_at.desc(), feedback.c.id)
    query = select(*columns).where(feedback.c.tenant == tenant, asked).order_by(*newest_first).limit(MOST_FEEDBACK)
    return [Feedback(**row) for row in connection.execute(query).mappings()]
