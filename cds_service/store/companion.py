"""What the companion keeps between two requests: sealed texts by kind and name, each until a moment."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import delete, select

from cds_service.store.database import Store
from cds_service.store.schema import companion

Kind = Literal["login", "session", "work", "write"]


def keep(store: Store, kind: Kind, name: str, sealed: str, expires: int) -> None:
    """Puts a text in the place of the one before. `expires` in milliseconds. Raises StoreUnavailable."""
    statement = store.insert(companion)
    fresh = {"sealed": statement.excluded.sealed, "expires": statement.excluded.expires}
    statement = statement.on_conflict_do_update(index_elements=["kind", "name"], set_=fresh)
    with store.writing() as connection:
        connection.execute(statement, {"kind": kind, "name": name, "sealed": sealed, "expires": expires})


def claim(store: Store, kind: Kind, name: str, sealed: str, expires: int, now: int) -> bool:
    """Puts a text where there is none, or one that has ended. False when there is one.

    The database decides which of two was first. Raises StoreUnavailable.
    """
    statement = store.insert(companion)
    fresh = {"sealed": statement.excluded.sealed, "expires": statement.excluded.expires}
    ended = companion.c.expires <= now
    statement = statement.on_conflict_do_update(index_elements=["kind", "name"], set_=fresh, where=ended)
    with store.writing() as connection:
        row = {"kind": kind, "name": name, "sealed": sealed, "expires": expires}
        return connection.execute(statement.returning(companion.c.name), row).first() is not None


def find(store: Store, kind: Kind, name: str, now: int) -> str | None:
    """The text, if it has not ended. Raises StoreUnavailable."""
    wanted = select(companion.c.sealed).where(
        companion.c.kind == kind, companion.c.name == name, companion.c.expires > now
    )
    with store.reading() as connection:
        found: str | None = connection.execute(wanted).scalar()
    return found


def take(store: Store, kind: Kind, name: str, now: int) -> str | None:
    """The text, for one taker alone: it is gone afterwards. Raises StoreUnavailable."""
    same = (companion.c.kind == kind, companion.c.name == name)
    with store.writing() as connection:
        row = connection.execute(
            delete(companion).where(*same).returning(companion.c.sealed, companion.c.expires)
        ).first()
    return row.sealed if row is not None and row.expires > now else None


def drop(store: Store, kind: Kind, name: str) -> None:
    """Raises StoreUnavailable."""
    with store.writing() as connection:
        connection.execute(delete(companion).where(companion.c.kind == kind, companion.c.name == name))


def drop_ended(store: Store, kind: Kind, now: int) -> None:
    """Raises StoreUnavailable."""
    with store.writing() as connection:
        connection.execute(delete(companion).where(companion.c.kind == kind, companion.c.expires <= now))
