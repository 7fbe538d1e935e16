"""Weeks, and months made of whole weeks, so that no two periods that can be asked for overlap in part.

Were months those of the calendar, the days in which a month and its weeks differ could be worked out, and with them
numbers that are hidden. As in ISO 8601 a week belongs to the year of its Thursday, here it belongs to its month too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from cds_service.dashboard.settings import PeriodKind

WEEK = timedelta(days=7)
TO_THURSDAY = timedelta(days=3)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From a Monday to the day before another Monday, both in UTC."""

    first: date
    after: date  # the first day that does not belong to it
    kind: PeriodKind

    @property
    def last(self) -> date:
        return self.after - timedelta(days=1)

    @property
    def name(self) -> str:
        """2026-W48, or 2026-11."""
        thursday = self.first + TO_THURSDAY
        year, week, _ = self.first.isocalendar()
        return f"{year}-W{week:02}" if self.kind == "week" else f"{thursday:%Y-%m}"

    @property
    def start(self) -> int:
        """Milliseconds since 1970."""
        return _milliseconds(self.first)

    @property
    def end(self) -> int:
        """Milliseconds since 1970 of the first moment after it."""
        return _milliseconds(self.after)


def _milliseconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


def of(day: date, kind: PeriodKind) -> Period:
    """The week or month that a day belongs to."""
    monday = day - timedelta(days=day.weekday())
    if kind == "week":
        return Period(monday, monday + WEEK, "week")
    thursday = monday + TO_THURSDAY
    next_month = (thursday.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Period(_first_week(thursday.replace(day=1)), _first_week(next_month), "month")


def _first_week(first_of_month: date) -> date:
    """The Monday before the first Thursday of a month."""
    thursday = first_of_month + timedelta(days=(3 - first_of_month.weekday()) % 7)
    return thursday - TO_THURSDAY


def between(start: date, end: date, kind: PeriodKind) -> list[Period]:
    """Every whole period that a day from `start` to `end` belongs to, oldest first."""
    periods = []
    period = of(start, kind)
    while period.first <= end:
        periods.append(period)
        period = of(period.after, kind)
    return periods


def finer(period: Period, kind: PeriodKind) -> Sequence[Period]:
    """The periods of a finer kind that it is made of; itself where it is of that kind."""
    return (period,) if period.kind == kind else between(period.first, period.last, kind)
