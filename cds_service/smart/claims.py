"""Which result is being sent: one request alone sends it, and others that want the same read what became of it."""

from __future__ import annotations

import time

import msgspec

from cds_service.memory import Memory, milliseconds_now
from cds_service.smart.login import as_dict
from cds_service.smart.sealing import NotOurs, digest, seal, unseal
from cds_service.smart.verdicts import Verdict
from cds_service.smart.work import KEPT_MILLISECONDS
from cds_service.store import companion

MARGIN_SECONDS = 5  # by which a claim outlives its request; a worker that was killed blocks a result no longer
PAUSE_SECONDS = 0.2
UNDER_WAY = ""


def begin(memory: Memory, name: str, seconds: float) -> bool:
    """May this request send the result of this name? For so long nobody else may. Raises StoreUnavailable."""
    now = milliseconds_now()
    ends = now + round((seconds + MARGIN_SECONDS) * 1000)
    return companion.claim(memory.store, "write", digest(name), UNDER_WAY, ends, now)


def settle(memory: Memory, name: str, verdict: Verdict) -> None:
    """For those who wait. What was not written, or may not have been, can be claimed again. Raises StoreUnavailable."""
    ends = milliseconds_now() + (KEPT_MILLISECONDS if verdict.state == "written" else 0)
    companion.keep(memory.store, "write", digest(name), seal(_key(memory, name), as_dict(verdict)), ends)


def of_another(memory: Memory, name: str, seconds: float) -> Verdict | None:
    """What became of it at the request that sends it; None when that does not end in time. Raises StoreUnavailable."""
    ends = time.monotonic() + seconds
    while True:
        sealed = companion.find(memory.store, "write", digest(name), 0)  # one that has ended says so too
        if sealed is None:
            return None
        if sealed != UNDER_WAY:
            return _verdict(memory, name, sealed)
        if time.monotonic() + PAUSE_SECONDS > ends:
            return None
        time.sleep(PAUSE_SECONDS)


def _verdict(memory: Memory, name: str, sealed: str) -> Verdict | None:
    try:
        return msgspec.convert(unseal(_key(memory, name), sealed), Verdict)
    except (NotOurs, msgspec.ValidationError):
        return None


def _key(memory: Memory, name: str) -> bytes:
    return memory.identity.key_for("what became of a result", name)
