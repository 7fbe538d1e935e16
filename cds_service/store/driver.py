"""The database driver itself, for the two statements on the way to every card.

SQLAlchemy writes their SQL once. Its transactions and results, made anew for each call, would cost several times what
the database does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Dialect, Insert, Select

from cds_service.store.database import Store, guarded

Given = Mapping[str, object]  # the values of a statement, by name


def rows(store: Store, statement: Select[Any], given: Given) -> list[tuple[Any, ...]]:
    """What a SELECT finds. Raises StoreUnavailable."""
    with _cursor(store) as cursor:
        cursor.execute(_sql(statement, store.engine.dialect), given)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def write(store: Store, *inserts: tuple[Insert, Sequence[Given]]) -> None:
    """Some rows for each INSERT, all of them or none. Raises StoreUnavailable."""
    with _cursor(store) as cursor:
        if store.is_sqlite:
            cursor.execute("BEGIN IMMEDIATE")  # as Store.writing does; other drivers begin by themselves
        for statement, given in inserts:
            cursor.executemany(_sql(statement, store.engine.dialect), given)
        cursor.connection.commit()


@contextmanager
def _cursor(store: Store) -> Iterator[Any]:
    """Of a connection of the pool, which ends what was begun and not committed when it comes back."""
    with guarded(store.engine):
        connection = store.engine.raw_connection()
        try:
            yield connection.cursor()
        finally:
            connection.close()


@cache
def _sql(statement: Select[Any] | Insert, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))
