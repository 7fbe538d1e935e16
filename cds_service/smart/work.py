"""Unfinished work: what one user has filled in for one patient, kept for a week or until it is written."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

import msgspec

from cds_service.memory import Memory, milliseconds_now
from cds_service.smart.login import LONGEST_LIFE, as_dict
from cds_service.smart.sealing import NotOurs, seal, unseal
from cds_service.smart.sessions import Session
from cds_service.store import companion

KEPT_MILLISECONDS = 7 * 86_400_000


class Work(msgspec.Struct, frozen=True):
    """Answers by field. `submission` names this piece of work to the FHIR server, so that nothing is written twice.

    `born` is the patient's date of birth as the chart said at the last review: no result can be older.
    """

    submission: str
    answers: dict[str, str] = {}
    born: str = ""


def fresh(answers: Mapping[str, str]) -> Work:
    return Work(str(uuid.uuid4()), dict(answers))


def of_one_born(memory: Memory, session: Session, work: Work, born: str) -> Work:
    """Remembers it with the work: what is written later is checked by the same. Raises StoreUnavailable."""
    if not work.answers or work.born == born:
        return work
    work = msgspec.structs.replace(work, born=born)
    _put(memory, session, work)
    return work


def find(memory: Memory, session: Session) -> Work | None:
    """Raises StoreUnavailable."""
    sealed = companion.find(memory.store, "work", _owner(memory, session), milliseconds_now())
    if sealed is None:
        return None
    try:
        return msgspec.convert(unseal(_key(memory, session), sealed), Work)
    except NotOurs:  # another identity key: nobody can read it any more
        return None


def keep(memory: Memory, session: Session, answers: Mapping[str, str]) -> Work:
    """Keeps all answers, in the place of those before; none of them ends the work. Raises StoreUnavailable."""
    before = find(memory, session)
    work = msgspec.structs.replace(before, answers=dict(answers)) if before else fresh(answers)
    if not answers:
        companion.drop(memory.store, "work", _owner(memory, session))
        return work
    _put(memory, session, work)
    return work


def _put(memory: Memory, session: Session, work: Work) -> None:
    sealed = seal(_key(memory, session), as_dict(work))
    kept = KEPT_MILLISECONDS if session.user else LONGEST_LIFE * 1000
    companion.keep(memory.store, "work", _owner(memory, session), sealed, milliseconds_now() + kept)


def kept_for(session: Session) -> str:
    """In words. Who is not known cannot come back to it, and must not find that of somebody else."""
    return "for a week" if session.user else "for this session only, because the record system has not said who you are"


def leave(memory: Memory, session: Session) -> None:
    """At the end of a session: what nobody can come back to is not kept. Raises StoreUnavailable."""
    if not session.user:
        companion.drop(memory.store, "work", _owner(memory, session))


def finish(memory: Memory, session: Session, work: Work, written: Iterable[str]) -> None:
    """Ends the part that was written; what is left goes on under the same name. Raises StoreUnavailable."""
    sections = set(written)
    keep(memory, session, {field: one for field, one in work.answers.items() if field.split(".")[0] not in sections})


def _names(memory: Memory, session: Session) -> tuple[str, ...]:
    patient = memory.identity.of(memory.tenant, "companion", session.base, session.patient)
    return patient, session.owner


def _owner(memory: Memory, session: Session) -> str:
    """A keyed hash: the store does not say whose work it is, nor of whom."""
    return memory.identity.key_for("owner of unfinished work", *_names(memory, session)).hex()


def _key(memory: Memory, session: Session) -> bytes:
    return memory.identity.key_for("unfinished work", *_names(memory, session))
