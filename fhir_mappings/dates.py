"""FHIR dates as they come: year, month, day or instant, with a zone or without."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time

import msgspec

from hooks.facts import When

DAY = len("2026-11-24")
SECONDS = len("2026-11-24T08:00:00")
UTC_SECONDS = len("2026-11-24T08:00:00Z")  # how most servers write an instant
_YEAR_OR_MONTH = re.compile(r"(\d{4})(?:-(\d{2}))?", re.ASCII)


def when(text: str | None) -> When | None:
    """The day or days that a FHIR date, dateTime or instant means, as its writer saw the calendar; None if unreadable.

    The zone is not applied: a finding of 23:30 belongs to the day that the ward called it.
    """
    if not text:
        return None
    if len(text) < DAY:
        return _within(text)
    timed = len(text) > DAY
    if text[4] != "-" or text[7] != "-" or (timed and (text[DAY] != "T" or "\n" in text)):
        return None  # Python knows further ways to write a day, such as by its week
    written = text[:DAY]
    try:
        exact = date.fromisoformat(written)
    except ValueError:
        return None
    return When(exact, exact, written, _moment(text) if timed else "")


def _within(text: str) -> When | None:
    """Any day of a year or of a month."""
    match = _YEAR_OR_MONTH.fullmatch(text)
    if match is None:
        return None
    year, month = int(match[1]), int(match[2] or 0)
    try:
        if match[2]:
            return When(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]), text)
        return When(date(year, 1, 1), date(year, 12, 31), text)
    except ValueError:
        return None


def _moment(text: str) -> str:
    """The instant in UTC by a string that sorts; empty without a zone, and for a time that no clock shows."""
    try:
        if len(text) == UTC_SECONDS and text[SECONDS] == "Z":  # as most servers write it: nothing has to be moved
            time.fromisoformat(text[DAY + 1 : SECONDS])
            return f"{text[:SECONDS]}.000000"
        instant = datetime.fromisoformat(text)
        return _in_utc(instant) if instant.tzinfo else ""
    except (ValueError, OverflowError):
        return ""


def _in_utc(instant: datetime) -> str:
    """To the microsecond, so that two of them compare as strings; without a zone as it stands."""
    moved = instant.astimezone(UTC) if instant.tzinfo else instant
    written: str = msgspec.to_builtins(moved)  # ten times as fast as isoformat
    return written.removesuffix("Z") if len(written) > UTC_SECONDS else f"{written[:SECONDS]}.000000"


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
