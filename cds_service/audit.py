"""One JSON line on standard output for every call that was answered or refused. Never who the patient is.

Written: when, which tenant and service, the call's own UUID, status, milliseconds, each rule's outcome, how many
cards of which indicator, which prefetch keys were not to be had. Not written: ids of patients and users, names, tokens,
texts. The companion has lines of its own (smart/trail.py): patient and user there are keyed hashes.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from cds_service.answer import Answered

log = logging.getLogger("cds_service.audit")


@dataclass(slots=True)
class AuditLine:
    """What is known of the call so far; filled while it is answered, written once at the end."""

    tenant: str
    service: str = ""  # a service id of ours, never the caller's spelling of one
    hook_instance: str = ""
    outcomes: dict[str, str] = field(default_factory=dict)
    shadow: list[str] = field(default_factory=list)  # rules that spoke to this line only
    indicators: Iterable[str] | None = None  # of the cards; None when there was no answer
    silenced: list[str] = field(default_factory=list)  # rules that a user overrode
    unavailable: dict[str, str] = field(default_factory=dict)
    partial: dict[str, str] = field(default_factory=dict)  # kinds of data of which only a part came, and why
    feedback: dict[str, int] = field(default_factory=dict)  # how many reports were recorded, repeated, not joined
    in_ledger: bool | None = None  # None: nothing was to be written
    fault: str = ""  # type and place of an exception of ours

    def answered(self, answer: Answered) -> None:
        """Takes over what an answer says about itself."""
        self.outcomes = {one.rule: one.kind for one in answer.decisions}
        self.shadow = list(answer.shadow)
        self.indicators = [str(card["indicator"]) for card in answer.cards]
        self.silenced = list(answer.silenced)
        self.unavailable = dict(answer.unavailable)
        self.partial = {kind: answer.facts.why_incomplete.get(kind, "") for kind in answer.facts.incomplete}

    def write(self, status: int, milliseconds: float) -> None:
        """The one line. JSON escapes line breaks, so that nothing in it can begin a second line."""
        log.info(msgspec.json.encode(self._as_dict(status, milliseconds)).decode())

    def _as_dict(self, status: int, milliseconds: float) -> dict[str, Any]:
        said: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "tenant": self.tenant,
            "service": self.service,
            "hookInstance": self.hook_instance,
            "status": status,
            "milliseconds": round(milliseconds, 1),
            "rules": self.outcomes,
            "shadow": self.shadow,
            "silenced": self.silenced,
            "unavailable": self.unavailable,
            "partial": self.partial,
            "feedback": self.feedback,
            "ledger": "failed" if self.in_ledger is False else "",
            "fault": self.fault,
        }
        line = {key: value for key, value in said.items() if value not in ("", {}, [])}
        if self.indicators is not None:
            counted = Counter(self.indicators)
            line |= {"cards": counted.total(), "indicators": dict(counted)}
        return line


def to_standard_output(level: str) -> None:
    """Sends the audit to standard output bare, and other messages of ours to standard error from `level` up."""
    _only_handler(log, logging.StreamHandler(sys.stdout), "%(message)s", logging.INFO)
    ours = logging.getLogger("cds_service")
    _only_handler(ours, logging.StreamHandler(sys.stderr), "%(levelname)s %(name)s: %(message)s", level.upper())


def _only_handler(logger: logging.Logger, handler: logging.Handler, shape: str, level: int | str) -> None:
    handler.setFormatter(logging.Formatter(shape))
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
