"""Which cards lead to the companion: those on which an assessment that it takes is missing, or decides what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hooks.outcomes import CannotTell, Decision

if TYPE_CHECKING:
    from hooks.cards import Spoken

LABEL = "Record SINS, ESCC, function and prognosis"
# What the companion can take, as rules word it among what is missing.
TAKEN = re.compile(
    r"\b(SINS|ESCC|Frankel|ASIA|neurological examination|mechanical|life expectancy|prognosis|performance status)\b"
)
DECIDED_BY = frozenset({"spinal_instability", "confirmed_cord_compression"})  # a new score or grade changes what to do


def completes(lines: Iterable[str]) -> bool:
    """Does one of the lines name something that the companion can take?"""
    return any(TAKEN.search(line) for line in lines)


def offered(group: Sequence[Spoken]) -> bool:
    """On a card of these rules?"""
    return any(one.knowledge.rule in DECIDED_BY or completes(one.outcome.missing) for one in group)


def asked(decisions: Iterable[Decision]) -> bool:
    """On the closing card of these decisions?"""
    outcomes = (one.outcome for one in decisions)
    return any(isinstance(one, CannotTell) and one.ask and completes(one.missing) for one in outcomes)


def link(url: str, rule: str = "") -> dict[str, Any]:
    """A CDS Hooks link that the EHR launches in the context of the open patient. `rule` goes along as its context."""
    return {"label": LABEL, "url": url, "type": "smart", **({"appContext": rule} if rule else {})}
