"""Writes answered calls, and reads what one of them holds; finding.py finds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import Connection, insert, select

from cds_service.store import driver
from cds_service.store.database import Store
from cds_service.store.schema import call, knowledge, speech
from hooks.sealed import sealed

IDENTITY = "identity key"  # in place of a digest
_insert_call, _insert_speech = insert(call), insert(speech)


@sealed()
class Call:
    """A row of `call`."""

    id: str
    tenant: str
    caller: str
    service: str
    hook_instance: str
    patient: str
    answered_at: int
    as_of: str
    milliseconds: float
    knowledge: str
    document: str


@sealed()
class Speech:
    """A row of `speech`, without the call that it belongs to."""

    rule: str
    version: str
    indicator: str
    fate: str
    card: str
    state: str
    longest_rest: int = 0  # days


def write(store: Store, one: Call, speeches: Sequence[Speech]) -> None:
    """The call and what its rules said, together or not at all. Raises StoreUnavailable."""
    said = [{"call": one.id, **_columns(speech)} for speech in speeches]
    driver.write(store, (_insert_call, [_columns(one)]), (_insert_speech, said))


_NAMES = {kind: tuple(field.name for field in fields(kind)) for kind in (Call, Speech)}


def _columns(row: Call | Speech) -> dict[str, object]:
    return {name: getattr(row, name) for name in _NAMES[type(row)]}


def write_knowledge(store: Store, digest: str, document: str) -> None:
    """The versions behind a digest, once. Raises StoreUnavailable."""
    statement = store.insert(knowledge).on_conflict_do_nothing()
    with store.writing() as connection:
        connection.execute(statement, {"digest": digest, "document": document})


def key_was_another(store: Store, fingerprint: str) -> bool:
    """Keeps the fingerprint of the key to identities, and tells whether another one stood there. StoreUnavailable."""
    with store.writing() as connection:
        before = connection.execute(select(knowledge.c.document).where(knowledge.c.digest == IDENTITY)).scalar()
        if before == fingerprint:
            return False
        statement = store.insert(knowledge)
        statement = statement.on_conflict_do_update(
            index_elements=["digest"], set_={"document": statement.excluded.document}
        )
        connection.execute(statement, {"digest": IDENTITY, "document": fingerprint})
    return before is not None


def speeches(connection: Connection, call_id: str) -> list[Speech]:
    """What the rules said in one call, in the order of their names."""
    query = select(speech).where(speech.c.call == call_id).order_by(speech.c.rule)
    rows = connection.execute(query).mappings().all()
    return [Speech(**{key: value for key, value in row.items() if key != "call"}) for row in rows]


def knowledge_of(connection: Connection, digest: str) -> str:
    """The versions that a call rested on, as JSON; an empty object when they are not there."""
    return str(connection.execute(select(knowledge.c.document).where(knowledge.c.digest == digest)).scalar() or "{}")
