"""Deletes what has been kept long enough, a batch at a time so that no caller waits for it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table, delete, select

from cds_service.store.database import Store
from cds_service.store.schema import call, companion, feedback, override, token

BATCH = 2000
DAY = 86_400_000  # milliseconds


def purge(store: Store, days: int, now: int) -> int:
    """Calls and feedback older than `days`; overrides, tokens and the companion's rows that have ended.

    Gives the rows deleted. Raises StoreUnavailable. May run in several processes at once: each deletes what it finds.
    """
    oldest = now - days * DAY
    return (
        _delete(store, call, call.c.answered_at < oldest)
        + _delete(store, feedback, feedback.c.received_at < oldest)
        + _delete(store, override, override.c.until <= now)
        + _delete(store, token, token.c.expires <= now)
        + _delete(store, companion, companion.c.expires <= now)
    )


def _delete(store: Store, table: Table, ended: ColumnElement[bool]) -> int:
    keys = list(table.primary_key)
    total = 0
    while True:
        with store.writing() as connection:
            rows = connection.execute(select(*keys).where(ended).limit(BATCH)).all()
            for row in rows:
                same = [key == value for key, value in zip(keys, row, strict=True)]
                connection.execute(delete(table).where(*same))
        total += len(rows)
        if len(rows) < BATCH:
            return total
