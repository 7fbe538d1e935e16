"""Keeps what a site's approver said to the dashboard's proposals, and finds what was said last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select

from cds_service.store.database import Store
from cds_service.store.schema import decision

AGREED, DECLINED = "agreed", "declined"
_insert = insert(decision)


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of `decision`: `until` is a date, `ground` JSON, the time in milliseconds since 1970."""

    id: str
    tenant: str
    rule: str
    version: str
    decided: str
    approver: str
    decided_at: int
    until: str
    ground: str


def write(store: Store, one: Decision) -> None:
    """Raises StoreUnavailable."""
    with store.writing() as connection:
        connection.execute(_insert, asdict(one))


def last(connection: Connection, tenant: str) -> Mapping[str, Decision]:
    """By rule: the newest decision."""
    query = select(decision).where(decision.c.tenant == tenant).order_by(decision.c.decided_at, decision.c.id)
    return {row["rule"]: Decision(**row) for row in connection.execute(query).mappings()}
