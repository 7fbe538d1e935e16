"""Counts what the ledger holds: how often rules spoke, what became of it, and what users answered. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Subquery,
    and_,
    case,
    distinct,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from cds_service.store.schema import call, feedback, speech
from hooks.outcomes import INDICATORS
from hooks.override_reasons import OVERRIDE_SYSTEM, OVERRIDE_WORDS
from hooks.refire import NO_REASON, OTHER_REASON

WAITING, IGNORED = "waiting", "ignored"  # beside the outcomes of feedback.py: no answer yet, and none any more
SHOWN, SILENCED, SHADOW = "shown", "silenced", "shadow"  # fates of ledger.py
REASONS = (*OVERRIDE_WORDS, OTHER_REASON, NO_REASON)


@dataclass(frozen=True, slots=True)
class Span:
    """Of whom and when: calls of a tenant from `start` until before `end`.

    A card without an answer counts as ignored when it was shown before `unanswered_before`, else as waiting. Times in
    milliseconds since 1970.
    """

    tenant: str
    start: int
    end: int
    unanswered_before: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How often a rule of a service had this fate; when it was shown, with this answer, when overridden for this."""

    rule: str
    service: str
    fate: str
    answer: str
    reason: str
    number: int


def counts(connection: Connection, span: Span) -> list[Counted]:
    """One showing of a rule in one call counts once, with the last answer to its card in that call."""
    one = _showings(span)
    named = select(
        one.c.rule, one.c.service, one.c.fate, _answer(one, span).label("answer"), _reason(one).label("reason")
    )
    kinds = named.subquery("named")
    query = select(*kinds.c, func.count().label("number")).group_by(*kinds.c)
    return [Counted(**row) for row in connection.execute(query).mappings()]


def patients(connection: Connection, span: Span) -> Mapping[tuple[str, str], int]:
    """By rule and service: to how many patients it was shown."""
    query = (
        select(speech.c.rule, call.c.service, func.count(distinct(call.c.patient)))
        .join(speech, speech.c.call == call.c.id)
        .where(_within(span), speech.c.fate == SHOWN)
        .group_by(speech.c.rule, call.c.service)
    )
    return {(rule, service): number for rule, service, number in connection.execute(query)}


def each_patient_once(
    connection: Connection, span: Span, rule: str, service: str, before: Collection[str], against: Collection[str]
) -> tuple[int, int]:
    """To how many patients this rule led a settled card; of how many of these most were overridden for `against`.

    A card is led by its most urgent rule; within one urgency the rules of `before` go before this one.
    """
    one = _showings(span, speech.c.rule == rule, call.c.service == service, speech.c.fate == SHOWN)
    counts_against = and_(func.coalesce(one.c.outcome, "") == "overridden", _reason(one).in_(tuple(against)))
    by_patient = (
        select(func.count().label("settled"), func.sum(case((counts_against, 1), else_=0)).label("against"))
        .where(_answer(one, span) != WAITING, ~_is_led_by_another(one, before))
        .group_by(one.c.patient)
        .subquery("by_patient")
    )
    mostly = case((2 * by_patient.c.against > by_patient.c.settled, 1), else_=0)
    numbers = select(func.count(), func.coalesce(func.sum(mostly), 0)).select_from(by_patient)
    patients, speaking = connection.execute(numbers).one()
    return int(patients), int(speaking)


def is_empty(connection: Connection, tenant: str) -> bool:
    """Whether no call of this tenant is in the ledger."""
    return not connection.execute(select(exists().where(call.c.tenant == tenant))).scalar_one()


def _within(span: Span) -> ColumnElement[bool]:
    return and_(call.c.tenant == span.tenant, call.c.answered_at >= span.start, call.c.answered_at < span.end)


def _is_led_by_another(one: Subquery, before: Collection[str]) -> ColumnElement[bool]:
    other = speech.alias("other")
    leads = or_(
        _urgency(other) > _urgency(one), and_(_urgency(other) == _urgency(one), other.c.rule.in_(tuple(before)))
    )
    return exists().where(other.c.call == one.c.call, other.c.card == one.c.card, other.c.fate == SHOWN, leads)


def _urgency(said: FromClause) -> ColumnElement[int]:
    return case({name: place for place, name in enumerate(INDICATORS)}, value=said.c.indicator, else_=-1)


def _showings(span: Span, *only: ColumnElement[bool]) -> Subquery:
    """Each rule that recommended something in each call, with the last answer to its card in that call."""
    answered = and_(
        speech.c.fate == SHOWN, feedback.c.card == speech.c.card, feedback.c.call == speech.c.call, _is_last()
    )
    return (
        select(
            speech.c.call,
            speech.c.card,
            speech.c.rule,
            speech.c.indicator,
            speech.c.fate,
            call.c.service,
            call.c.patient,
            call.c.answered_at,
            feedback.c.outcome,
            feedback.c.reason_system,
            feedback.c.reason_code,
        )
        .select_from(call)
        .join(speech, speech.c.call == call.c.id)
        .outerjoin(feedback, answered)
        .where(_within(span), speech.c.indicator != "", speech.c.fate.in_((SHOWN, SILENCED, SHADOW)), *only)
        .subquery("showing")
    )


def _is_last() -> ColumnElement[bool]:
    """No other answer to the same card in the same call came after it."""
    later = feedback.alias("later")
    own, other = (tuple_(table.c.outcome_at, table.c.received_at, table.c.id) for table in (feedback, later))
    return ~exists().where(later.c.card == feedback.c.card, later.c.call == feedback.c.call, other > own)


def _answer(one: Subquery, span: Span) -> ColumnElement[str]:
    return case(
        (one.c.fate != SHOWN, ""),
        (one.c.outcome.is_not(None), one.c.outcome),
        (one.c.answered_at < span.unanswered_before, IGNORED),
        else_=WAITING,
    )


def _reason(one: Subquery) -> ColumnElement[str]:
    """One of REASONS for an override: another system's code may be any text, and there could be very many."""
    ours = and_(one.c.reason_system.in_(("", OVERRIDE_SYSTEM)), one.c.reason_code.in_(tuple(OVERRIDE_WORDS)))
    return case(
        (func.coalesce(one.c.outcome, "") != "overridden", ""),
        (one.c.reason_code == "", NO_REASON),
        (ours, one.c.reason_code),
        else_=OTHER_REASON,
    )
