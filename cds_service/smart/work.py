"""Unfinished work: what one user has filled in for one patient, kept for a week or until it is written."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

import msgspec

from cds_service.memory import Memory, milliseconds_now
from cds_service.smart.login import as_dict
from cds_service.smart.sealing import NotOurs, seal, unseal
from cds_service.smart.sessions import Session
from cds_service.store import companion

KEPT_MILLISECONDS = 7 * 86_400_000


class Work(msgspec.Struct, frozen=True):
    """Answers by field. `submission` names this piece of work to the FHIR server, so that nothing is written twice."""

    submission: str
    answers: dict[str, str] = {}


def fresh(answers: Mapping[str, str]) -> Work:
    return Work(str(uuid.uuid4()), dict(answers))


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
    work = Work(before.submission, dict(answers)) if before else fresh(answers)
    if not answers:
        companion.drop(memory.store, "work", _owner(memory, session))
        return work
    sealed = seal(_key(memory, session), as_dict(work))
    companion.keep(memory.store, "work", _owner(memory, session), sealed, milliseconds_now() + KEPT_MILLISECONDS)
    return work


def finish(memory: Memory, session: Session, work: Work, written: Iterable[str]) -> None:
    """Ends the part that was written; what is left goes on under the same name. Raises StoreUnavailable."""
    sections = set(written)
    keep(memory, session, {field: one for field, one in work.answers.items() if field.split(".")[0] not in sections})


def _names(memory: Memory, session: Session) -> tuple[str, ...]:
    patient = memory.identity.of(memory.tenant, "companion", session.base, session.patient)
    return patient, session.user


def _owner(memory: Memory, session: Session) -> str:
    """A keyed hash: the store does not say whose work it is, nor of whom."""
    return memory.identity.key_for("owner of unfinished work", *_names(memory, session)).hex()


def _key(memory: Memory, session: Session) -> bytes:
    return memory.identity.key_for("unfinished work", *_names(memory, session))
