"""Which rules rest for a patient, in which state, until when."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, bindparam, delete, select

from cds_service.store import driver
from cds_service.store.database import Store
from cds_service.store.schema import override
from hooks.refire import State

# Built once: it is asked on the way to every card.
_RESTING = select(override).where(
    override.c.tenant == bindparam("tenant"),
    override.c.patient == bindparam("patient"),
    override.c.since <= bindparam("now"),
    override.c.until > bindparam("now"),
)


@dataclass(frozen=True, slots=True)
class Override:
    """A row of `override`, in the order of its columns; times in milliseconds since 1970."""

    tenant: str
    patient: str
    rule: str
    state: str
    reason: str
    since: int
    until: int
    feedback: str


def resting(store: Store, tenant: str, patient: str, states: Collection[State], now: int) -> dict[State, Override]:
    """Those of `states` that a user overrode for this patient and whose rest has not ended. Raises StoreUnavailable."""
    if not states:
        return {}
    rows = driver.rows(store, _RESTING, {"tenant": tenant, "patient": patient, "now": now})
    if not rows:  # as a rule
        return {}
    found = [Override(*row) for row in rows]
    by_state = {State(one.rule, one.state): one for one in found}
    return {state: by_state[state] for state in states if state in by_state}


def write(store: Store, connection: Connection, overrides: Iterable[Override]) -> None:
    """A later override of the same state takes the place of the earlier one, with its own reason and end."""
    statement = store.insert(override)
    keys = [column.name for column in override.primary_key]
    fresh = {name: statement.excluded[name] for name in ("reason", "since", "until", "feedback")}
    statement = statement.on_conflict_do_update(
        index_elements=keys, set_=fresh, where=override.c.since <= statement.excluded.since
    )
    for one in overrides:
        connection.execute(statement, asdict(one))


def end(connection: Connection, tenant: str, patient: str, rule: str, state: str) -> None:
    """Ends the override of one state, if there is one."""
    same = (override.c.tenant == tenant, override.c.patient == patient)
    connection.execute(delete(override).where(*same, override.c.rule == rule, override.c.state == state))
