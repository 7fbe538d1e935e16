"""Reads what an EHR reports of shown cards: accepted, or overridden and why. Epic's spelling is understood too."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from cds_service.errors import FeedbackRefused, HookRequestError

MOST_ITEMS = 1000
LONGEST = 255  # of an id, a system or a code
ACCEPTED, OVERRIDDEN = "accepted", "overridden"
REASONS = ("overrideReason", "overrideReasons")  # the standard's name, and Epic's, which is an object all the same
FIRST_YEAR = 2000
# What is kept word for word has the shape of a code: any other text may name the patient, and becomes "other".
CODE = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]{1,240}")
UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
NO_CODE = "other"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One thing that one user did with one card; the time in milliseconds since 1970.

    What the user wrote is not kept, only that something was written: it may name the patient.
    """

    card: str
    outcome: str
    outcome_at: int
    accepted: tuple[str, ...] = ()
    reason_system: str = ""
    reason_code: str = ""
    commented: bool = False

    def digest(self, *scope: str) -> str:
        """The same for the same report within one tenant, caller and service, however often it is sent."""
        said = (*scope, self.card, self.outcome, self.outcome_at, self.accepted, self.reason_system, self.reason_code)
        return hashlib.blake2b(repr(said).encode(), digest_size=16).hexdigest()


def parse(body: bytes) -> tuple[list[Feedback], FeedbackRefused | None]:
    """The items that can be used, and the refusal that names what is wrong in the others.

    Raises HookRequestError when the body as a whole is no feedback.
    """
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise HookRequestError("", "The body is not JSON.") from error
    items = said.get("feedback") if isinstance(said, dict) else None
    if not isinstance(items, list) or not items:
        raise HookRequestError("feedback", "feedback must be an array with at least one item.")
    if len(items) > MOST_ITEMS:
        raise HookRequestError("feedback", f"feedback holds more than {MOST_ITEMS} items.")
    understood: list[Feedback] = []
    wrong: list[tuple[str, str]] = []
    for number, item in enumerate(items):
        try:
            understood.append(_item(item))
        except _Wrong as error:
            place = f"feedback[{number}]"
            wrong.append((f"{place}.{error.field}" if error.field else place, error.why))
    return understood, FeedbackRefused(wrong, len(understood)) if wrong else None


class _Wrong(Exception):
    def __init__(self, field: str, why: str) -> None:
        super().__init__(field)
        self.field, self.why = field, why


def _item(item: Any) -> Feedback:
    if not isinstance(item, dict):
        raise _Wrong("", "must be an object")
    outcome = item.get("outcome")
    if outcome not in (ACCEPTED, OVERRIDDEN):
        raise _Wrong("outcome", f"must be {ACCEPTED} or {OVERRIDDEN}")
    system, code, commented = _reason(item) if outcome == OVERRIDDEN else ("", "", False)
    return Feedback(
        card=_text(item, "card"),
        outcome=outcome,
        outcome_at=_moment(item.get("outcomeTimestamp")),
        accepted=tuple(_accepted(item)) if outcome == ACCEPTED else (),
        reason_system=system,
        reason_code=code,
        commented=commented,
    )


def _text(within: Mapping[str, Any], name: str, prefix: str = "", needed: bool = True) -> str:
    value = within.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST or not value.isprintable():
        raise _Wrong(prefix + name, f"must be a text of 1 to {LONGEST} printable characters")
    return value


def _moment(text: object) -> int:
    """Without a zone it is UTC, as the standard says that it is."""
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if "T" not in str(text).upper() or moment.year < FIRST_YEAR:
            raise ValueError
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise _Wrong("outcomeTimestamp", "must be a date with a time, as 2026-01-31T12:00:00Z") from None


def _accepted(item: Mapping[str, Any]) -> Iterator[str]:
    suggestions = item.get("acceptedSuggestions")
    if not isinstance(suggestions, list) or not suggestions or len(suggestions) > MOST_ITEMS:
        raise _Wrong("acceptedSuggestions", "must be an array that names what was accepted")
    for number, suggestion in enumerate(suggestions):
        place = f"acceptedSuggestions[{number}]"
        if not isinstance(suggestion, dict):
            raise _Wrong(place, "must be an object")
        identifier = _text(suggestion, "id", f"{place}.")
        yield identifier if UUID.fullmatch(identifier) else NO_CODE


def _reason(item: Mapping[str, Any]) -> tuple[str, str, bool]:
    """(system, code, whether words were written); all empty for a card that was closed without a reason."""
    name = next((name for name in REASONS if item.get(name) is not None), None)
    if name is None:
        return "", "", False
    given = item[name]
    if not isinstance(given, dict):
        raise _Wrong(name, "must be an object")
    comment = given.get("userComment")
    if comment is not None and not isinstance(comment, str):
        raise _Wrong(f"{name}.userComment", "must be a text")
    reason = given.get("reason")
    if reason is None:
        return "", "", bool(comment)
    if not isinstance(reason, dict):
        raise _Wrong(f"{name}.reason", "must be a Coding")
    prefix = f"{name}.reason."
    system, code = _text(reason, "system", prefix, needed=False), _text(reason, "code", prefix)
    return (system if URI.fullmatch(system) else ""), (code if CODE.fullmatch(code) else NO_CODE), bool(comment)
