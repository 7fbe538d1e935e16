"""How long a card that a user overrode stays away: while what fired it is unchanged, for a time its reason allows.

Keyed on state and not on time alone: a change in the facts behind a rule gives another fingerprint, and it is back.
What is an emergency or tells of a contraindication is never silenced. The times stand in `refire.toml`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, get_args

from hooks import knowledge
from hooks.facts import Fact, Irradiated, When
from hooks.knowledge import KnowledgeError
from hooks.outcomes import CannotTell, Decision, ProposedOrder, Recommend, Suggestion

NO_REASON = "none-given"  # dismissed without a reason
OTHER_REASON = "other"  # a reason that is not one of ours, such as a site's own
ENTRY_KEYS = {"days", "ground", "source"}
LONGEST_DAYS = 365
# What a new draft of the same order brings anew, though nothing about the patient has changed.
OF_THE_SESSION = frozenset({"source", "when", "selected"})
WORDS_ONLY = frozenset({"label"})
AT_ONCE = "stat"  # the priority of orders in an emergency


@dataclass(frozen=True, slots=True)
class State:
    """A rule that spoke, and the fingerprint of all that made it speak."""

    rule: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Rest:
    """For how many days an override with this reason silences, and on what ground."""

    days: int
    ground: str
    source: str


@dataclass(frozen=True, slots=True)
class RefireKnowledge:
    """The file `refire.toml`: a rest for each reason, and who has reviewed it."""

    version: str
    reasons: Mapping[str, Rest]
    review: Mapping[str, str]

    def rest(self, reason: str) -> Rest:
        """The rest for a reason code of the card; codes that are not ours count as "other", "" as none given."""
        return self.reasons.get(reason or NO_REASON, self.reasons[OTHER_REASON])


def state(decision: Decision) -> State | None:
    """What an override would be keyed on; None for a rule that says nothing, or that must never be silenced.

    A question on the closing card is silenced like a card. What failed is not: failure never looks calm.
    """
    outcome = decision.outcome
    if not isinstance(outcome, Recommend | CannotTell) or (isinstance(outcome, CannotTell) and not outcome.ask):
        return None
    if _is_emergency(outcome) or knowledge.load(decision.rule).never_silenced:
        return None
    return State(decision.rule, fingerprint(decision.rule, decision.version, outcome))


def _is_emergency(outcome: Recommend | CannotTell) -> bool:
    if not isinstance(outcome, Recommend):
        return False
    orders = (order for suggestion in outcome.suggestions for order in suggestion.create)
    return outcome.says.indicator == "critical" or any(order.priority == AT_ONCE for order in orders)


def fingerprint(rule: str, version: str, outcome: Recommend | CannotTell) -> str:
    """32 hexadecimal digits that change with any fact behind the outcome, and with what it asks for.

    Not part of it: wording, which may count days, and the ids and times of draft orders, which are new in each session.
    """
    said = (
        rule,
        version,
        outcome.says.indicator if isinstance(outcome, Recommend) else "",
        sorted(map(_of_fact, outcome.because)),
        sorted(outcome.missing),
        [_of_suggestion(one) for one in outcome.suggestions] if isinstance(outcome, Recommend) else [],
    )
    return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()


def _of_fact(fact: Fact) -> str:
    parts = [_plain(getattr(fact, name)) for name in _PARTS[type(fact), getattr(fact, "draft", False)]]
    return f"{type(fact).__name__}{parts}"


def _parts(kind: type, draft: bool) -> tuple[str, ...]:
    left_out = WORDS_ONLY | OF_THE_SESSION if draft else WORDS_ONLY
    return tuple(field.name for field in fields(kind) if field.name not in left_out)


_PARTS: Mapping[tuple[type, bool], tuple[str, ...]] = {
    (kind, draft): _parts(kind, draft) for kind in get_args(Fact) for draft in (False, True)
}


def _plain(value: object) -> object:
    """What is written alike in every process: sets have no order of their own."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, When):  # written like this in half the time that its own repr takes
        return value.text, value.at, value.earliest.toordinal(), value.latest.toordinal()
    if isinstance(value, Irradiated):
        return value.dose_cgy, value.fractions, sorted(value.levels)
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _of_suggestion(suggestion: Suggestion) -> tuple[object, ...]:
    return tuple(map(_of_order, suggestion.create)), len(suggestion.delete)


def _of_order(order: ProposedOrder) -> tuple[object, ...]:
    return order.concept, order.priority, repr(order.dose)


@cache
def rests() -> RefireKnowledge:
    """The knowledge file, read once. Raises KnowledgeError naming the key."""
    path = resources.files("hooks") / "refire.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise KnowledgeError(f"refire.toml: {error}") from error
    return read(data)


def read(data: Mapping[str, Any]) -> RefireKnowledge:
    """Checks the parsed file: every rest ends, and says on what ground it stands. Raises KnowledgeError."""
    if set(data) != {"version", "reasons", "review"}:
        raise KnowledgeError("refire.toml: must hold version, reasons and review")
    reasons = {code: _rest(code, entry) for code, entry in data["reasons"].items()}
    for code in (NO_REASON, OTHER_REASON):
        if code not in reasons:
            raise KnowledgeError(f"refire.toml: reasons.{code} is missing")
    return RefireKnowledge(data["version"], MappingProxyType(reasons), _review(data["review"]))


def _rest(code: str, entry: Mapping[str, Any]) -> Rest:
    if set(entry) != ENTRY_KEYS or not entry["ground"]:
        raise KnowledgeError(f"refire.toml: reasons.{code} must hold days, ground and source")
    days = entry["days"]
    if type(days) is not int or not 0 <= days <= LONGEST_DAYS:
        raise KnowledgeError(f"refire.toml: reasons.{code}.days must be a whole number from 0 to {LONGEST_DAYS}")
    return Rest(days, entry["ground"], entry["source"])


def _review(entry: Mapping[str, Any]) -> Mapping[str, str]:
    return MappingProxyType(
        {key: value.isoformat() if isinstance(value, date) else str(value) for key, value in entry.items()}
    )


def states(decisions: Iterable[Decision]) -> dict[str, State]:
    """By rule: what may be silenced among some decisions."""
    found = {one.rule: state(one) for one in decisions}
    return {rule: one for rule, one in found.items() if one is not None}
