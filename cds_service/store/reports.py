"""Keeps feedback, joined to the call that showed the card, and lets the rules rest that a user overrode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, Row, select

from cds_service.feedback import OVERRIDDEN, UUID, Feedback
from cds_service.store import calls, overrides
from cds_service.store.calls import Speech
from cds_service.store.database import Store
from cds_service.store.overrides import Override
from cds_service.store.schema import call, feedback, speech
from hooks import knowledge, refire
from hooks.override_reasons import OVERRIDE_SYSTEM

DAY = 86_400_000  # milliseconds
UNKNOWN_CARD = "unknown:"  # and a digest: what is not the uuid of a card of ours may be any text
RESTS = ("shown", "asked")  # fates of rules whose card the user has seen


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose feedback it is: only cards that this tenant's service showed to this caller can be meant."""

    tenant: str
    caller: str
    service: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How many reports were new, were sent before, and named a card that is not in the ledger."""

    recorded: int = 0
    repeated: int = 0
    unknown_card: int = 0


def keep(store: Store, scope: Scope, items: Iterable[Feedback], now: int) -> Kept:
    """Writes all of `items`, or nothing. Raises StoreUnavailable."""
    recorded = repeated = unknown = 0
    with store.writing() as connection:
        for item in items:
            shown = _call_of(connection, scope, item.card)
            identifier = item.digest(scope.tenant, scope.caller, scope.service)
            if not _insert(store, connection, scope, item, identifier, shown, now):
                repeated += 1
                continue
            recorded += 1
            unknown += shown is None
            if shown is not None and item.outcome == OVERRIDDEN:
                overrides.write(store, connection, _overrides(connection, item, identifier, shown, now))
            elif shown is not None:  # who accepts what was overridden before has thought better of it
                for said in _on_card(connection, item, shown):
                    overrides.end(connection, shown.tenant, shown.patient, said.rule, said.state)
    return Kept(recorded, repeated, unknown)


def _call_of(connection: Connection, scope: Scope, card: str) -> Row[str, str, str, int] | None:
    query = (
        select(call.c.id, call.c.tenant, call.c.patient, call.c.answered_at)
        .join(speech, speech.c.call == call.c.id)
        .where(
            speech.c.card == card,
            call.c.tenant == scope.tenant,
            call.c.caller == scope.caller,
            call.c.service == scope.service,
        )
        .order_by(call.c.answered_at.desc())
        .limit(1)
    )
    return connection.execute(query).first()


def _insert(
    store: Store,
    connection: Connection,
    scope: Scope,
    item: Feedback,
    identifier: str,
    shown: Row[str, str, str, int] | None,
    now: int,
) -> bool:
    """False for a report that was sent before."""
    row = {
        "id": identifier,
        "tenant": scope.tenant,
        "caller": scope.caller,
        "service": scope.service,
        "card": item.card if shown is not None or UUID.fullmatch(item.card) else UNKNOWN_CARD + item.digest()[:16],
        "call": None if shown is None else shown.id,
        "outcome": item.outcome,
        "outcome_at": item.outcome_at,
        "received_at": now,
        "reason_system": item.reason_system,
        "reason_code": item.reason_code,
        "accepted": msgspec.json.encode(item.accepted).decode(),
        "commented": int(item.commented),
    }
    statement = store.insert(feedback).on_conflict_do_nothing().returning(feedback.c.id)
    return connection.execute(statement, row).first() is not None


def _overrides(
    connection: Connection, item: Feedback, identifier: str, shown: Row[str, str, str, int], now: int
) -> Iterator[Override]:
    """One for each rule on the card that may rest; none when a rule stands on it that must not: what did the user mean?

    The rest counts from the user's click, but from no earlier than the answer and no later than a day after it: clocks
    of callers may be wrong, a report may come again with another time, and every rest must end.
    """
    since = min(max(item.outcome_at, shown.answered_at), shown.answered_at + DAY, now)
    on_card = _on_card(connection, item, shown)
    if not all(said.state for said in on_card):
        return
    rules = knowledge.catalogue()
    for said in on_card:
        if said.rule not in rules:  # of an earlier version of this software
            continue
        reason = refire.rests().meant_for(rules[said.rule], _reason(item))
        until = since + min(refire.rests().rest(reason).days, said.longest_rest) * DAY
        if until > now:
            yield Override(shown.tenant, shown.patient, said.rule, said.state, reason, since, until, identifier)


def _on_card(connection: Connection, item: Feedback, shown: Row[str, str, str, int]) -> list[Speech]:
    """The rules whose words or questions the user has seen on this card; what was only named is not among them."""
    return [said for said in calls.speeches(connection, shown.id) if said.card == item.card and said.fate in RESTS]


def _reason(item: Feedback) -> str:
    """The code, if it is one of those on our cards; a site's own system may use the same letters for something else."""
    ours = item.reason_system in ("", OVERRIDE_SYSTEM)
    return item.reason_code if ours or not item.reason_code else refire.OTHER_REASON
