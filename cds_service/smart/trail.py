"""Who has logged in to the companion and written what: one line of the audit each, without names or results.

Patient and user are keyed hashes; `submission` is the identifier that the Observation in the chart carries, so that the
record system's own log and ours can be laid side by side.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import msgspec

from cds_service.memory import Memory
from cds_service.smart.sessions import Session

log = logging.getLogger("cds_service.audit")


def login(memory: Memory, session: Session) -> None:
    _note(memory, session, {"companion": "login"})


def written(memory: Memory, session: Session, kind: str, submission: str, state: str, status: int) -> None:
    """`kind` is the name of the assessment, `state` what became of it, `status` the FHIR server's, 0 without answer."""
    _note(
        memory,
        session,
        {"companion": "write", "kind": kind, "submission": submission, "state": state, "status": status},
    )


def _note(memory: Memory, session: Session, said: dict[str, str | int]) -> None:
    """A user whom the login did not name has no hash: the line says that nobody knows."""
    keyed = {"patient": memory.identity.of(memory.tenant, "companion", session.base, session.patient)}
    if session.user:
        keyed["user"] = memory.identity.of(memory.tenant, "companion user", session.base, session.user)
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "tenant": memory.tenant, **said, **keyed}
    log.info(msgspec.json.encode(line).decode())
