"""FHIR dates as they come: year, month, day or instant, with a zone or without."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime

from hooks.facts import When

DAY = len("2026-11-24")
MICROSECONDS = len("2026-11-24T08:00:00.000000")
UTC_SECONDS = len("2026-11-24T08:00:00Z")  # how most servers write an instant
_PATTERN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T.*)?)?)?", re.ASCII)


def when(text: str | None) -> When | None:
    """The day or days that a FHIR date, dateTime or instant means, as its writer saw the calendar; None if unreadable.

    The zone is not applied: a finding of 23:30 belongs to the day that the ward called it.
    """
    match = _PATTERN.fullmatch(text) if text else None
    if match is None or text is None:
        return None
    year, month, day = match.groups()
    try:
        if day:
            written = text[:DAY]
            exact = date.fromisoformat(written)
            return When(exact, exact, written, _moment(text) if len(text) > DAY else "")
        if month:
            last = calendar.monthrange(int(year), int(month))[1]
            return When(date(int(year), int(month), 1), date(int(year), int(month), last), text)
        return When(date(int(year), 1, 1), date(int(year), 12, 31), text)
    except ValueError:
        return None


def _moment(text: str) -> str:
    """The instant in UTC by a string that sorts; empty without a zone."""
    if len(text) == UTC_SECONDS and text.endswith("Z"):
        return f"{text[:-1]}.000000"
    try:
        instant = datetime.fromisoformat(text)
        return _in_utc(instant) if instant.tzinfo else ""
    except (ValueError, OverflowError):
        return ""


def _in_utc(instant: datetime) -> str:
    """To the microsecond, so that two of them compare as strings; without a zone as it stands."""
    moved = instant.astimezone(UTC) if instant.tzinfo else instant
    return moved.isoformat(timespec="microseconds")[:MICROSECONDS]


def order(text: str | None) -> str:
    """A string by which dates of one kind sort, whatever their precision and zone; unreadable and missing sort first.

    A missing zone is read as UTC: for telling two results apart it does not matter which zone is meant.
    """
    return order_of(text, when(text))


def order_of(text: str | None, known: When | None) -> str:
    """The same of a date that has been read already."""
    if known is None or text is None:
        return ""
    if known.at or len(text) <= DAY:
        return known.at or text
    try:
        return _in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):  # the year 1 has no day before it in another zone
        return text[:DAY]


def clock(text: str | None) -> datetime | None:
    """The moment, with its zone if it has one; None for a mere day. With and without a zone cannot be compared."""
    if not text or len(text) <= DAY or when(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
