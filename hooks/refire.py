"""How long a card that a user overrode stays away: while what fired it is unchanged, for a time its reason allows.

Keyed on state and not on time alone: a change in the facts behind a rule gives another fingerprint, and it is back.
What is an emergency or tells of a contraindication is never silenced. The times stand in `refire.toml`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from operator import attrgetter
from types import MappingProxyType
from typing import Any, get_args

from hooks import knowledge
from hooks.facts import Fact, Irradiated, When
from hooks.knowledge import LONGEST_REST, Knowledge, KnowledgeError
from hooks.outcomes import CannotTell, Decision, ProposedOrder, Recommend, Suggestion
from hooks.sealed import sealed

NO_REASON = "none-given"  # dismissed without a reason
OTHER_REASON = "other"  # a reason that is not one of ours, such as a site's own
ENTRY_KEYS = {"days", "ground", "source"}
# What a new draft of the same order brings anew, though nothing about the patient has changed.
OF_THE_SESSION = frozenset({"when", "selected"})
# How the record calls a thing, and not what it says: an encounter diagnosis has another id at each visit.
NAMES_ONLY = frozenset({"label", "source", "primary", "disputed_by"})
AT_ONCE = "stat"  # the priority of orders in an emergency
SPEAKING = (Recommend, CannotTell)
Written = dict[int, str]  # by a fact's identity: the fact as it goes into fingerprints


@sealed()
class State:
    """A rule that spoke, the fingerprint of all that made it speak, and the longest rest in days."""

    rule: str
    fingerprint: str
    longest: int = field(default=LONGEST_REST, compare=False)


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

    def meant_for(self, rule: Knowledge, reason: str) -> str:
        """The reason as it counts for one rule of a card: one that this rule does not offer was not meant for it.

        Several rules may share a card, and the user gives one reason.
        """
        ours = reason in self.reasons and reason not in (NO_REASON, OTHER_REASON)
        return NO_REASON if ours and reason not in rule.override_reasons else reason or NO_REASON


def state(decision: Decision, written: Written | None = None) -> State | None:
    """What an override would be keyed on; None for a rule that says nothing, or that must never be silenced.

    A question on the closing card is silenced like a card. What failed is not: failure never looks calm.
    `written` is filled, for the other decisions about the same facts.
    """
    outcome = decision.outcome
    if not isinstance(outcome, SPEAKING) or (isinstance(outcome, CannotTell) and not outcome.ask):
        return None
    rest = longest_rest(decision.rule, outcome)
    if not rest:
        return None
    return State(
        decision.rule, fingerprint(decision.rule, decision.version, outcome, {} if written is None else written), rest
    )


def longest_rest(rule: str, outcome: Recommend | CannotTell) -> int:
    """For how many days at most an override may keep it away, whatever its reason: 0 never.

    A card that asks for something within hours or days must not rest for weeks; a draft order is judged anew.
    """
    if _is_emergency(outcome):
        return 0
    own = outcome.longest_rest if isinstance(outcome, Recommend) else None
    limits = (own, knowledge.load(rule).longest_rest, LONGEST_REST)
    return min(limit for limit in limits if limit is not None)


def _is_emergency(outcome: Recommend | CannotTell) -> bool:
    if not isinstance(outcome, Recommend):
        return False
    if outcome.says.indicator == "critical":
        return True
    return any(order.priority == AT_ONCE for suggestion in outcome.suggestions for order in suggestion.create)


def fingerprint(rule: str, version: str, outcome: Recommend | CannotTell, written: Written) -> str:
    """32 hexadecimal digits that change with any fact behind the outcome, with what it says, and with what it asks for.

    What a card says is part of it: rules read more facts than they name as their grounds (an implant, hospice care, the
    primary tumour), and whoever overrode the card has not seen what it would say now. Not part of it: ids, under which
    the same entry may come again, and the times of draft orders, which are new in each session.
    """
    for fact in outcome.because:
        if id(fact) not in written:
            written[id(fact)] = _of_fact(fact)
    said = (
        rule,
        version,
        sorted({written[id(fact)] for fact in outcome.because}),
        sorted(outcome.missing),
        _of_card(outcome) if isinstance(outcome, Recommend) else (),
    )
    return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()


def _of_card(outcome: Recommend) -> tuple[object, ...]:
    says = outcome.says
    words = (says.indicator, says.summary, says.do, says.why, says.why_not)
    return (*words, [_of_suggestion(one) for one in outcome.suggestions])


def _of_fact(fact: Fact) -> str:
    kind = type(fact)
    values = _PARTS[kind, getattr(fact, "draft", False)](fact)
    # Most are of the kinds that need no call of ours.
    parts = [value if type(value) in _WRITTEN_ALIKE else _plain(value) for value in values]
    return f"{kind.__name__}{parts}"


def _parts(kind: type, draft: bool) -> attrgetter[tuple[object, ...]]:
    left_out = NAMES_ONLY | OF_THE_SESSION if draft else NAMES_ONLY
    return attrgetter(*(field.name for field in fields(kind) if field.name not in left_out))


_PARTS: Mapping[tuple[type, bool], attrgetter[tuple[object, ...]]] = {
    (kind, draft): _parts(kind, draft) for kind in get_args(Fact) for draft in (False, True)
}
_WRITTEN_ALIKE = frozenset({type(None), str, bool, int, Decimal})  # in every process


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
    return suggestion.label, tuple(map(_of_order, suggestion.create)), len(suggestion.delete)


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
    if type(days) is not int or not 0 <= days <= LONGEST_REST:
        raise KnowledgeError(f"refire.toml: reasons.{code}.days must be a whole number from 0 to {LONGEST_REST}")
    return Rest(days, entry["ground"], entry["source"])


def _review(entry: Mapping[str, Any]) -> Mapping[str, str]:
    return MappingProxyType(
        {key: value.isoformat() if isinstance(value, date) else str(value) for key, value in entry.items()}
    )


def states(live: Iterable[Decision]) -> dict[str, State]:
    """By rule: what may be silenced among some decisions."""
    written: Written = {}  # several rules rest on the same facts
    found = {one.rule: state(one, written) for one in live}
    return {rule: one for rule, one in found.items() if one is not None}
