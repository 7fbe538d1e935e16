"""The same numbers as a file for a spreadsheet, with the same ones hidden."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from cds_service.dashboard.board import Row
from cds_service.dashboard.lines import ANSWERS, Line, share
from cds_service.dashboard.periods import Period
from cds_service.dashboard.rates import Rate
from cds_service.feedback import ACCEPTED, OVERRIDDEN
from cds_service.store.statistics import REASONS

# What a spreadsheet takes for the beginning of a formula or of a command, also behind blanks.
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
RATES = ("rate", "rate_low_95", "rate_high_95")
COLUMNS = (
    "period",
    "first_day",
    "last_day",
    "rule",
    "title",
    "hook",
    "mode_now",
    "shown",
    "patients_once_a_period",
    *ANSWERS,
    "suppressed",
    "shadow",
    *(f"{answer}_{name}" for answer in (ACCEPTED, OVERRIDDEN) for name in RATES),
    *(f"overridden_{reason}" for reason in REASONS),
)


def text(rows: Sequence[Row], periods: Sequence[Period], smallest: int) -> str:
    """A line for each rule, hook and period, with a heading."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for row in rows:
        for line, period in zip(row.lines, periods, strict=True):
            writer.writerow([harmless(one) for one in _values(row, line, period, smallest)])
    return file.getvalue()


def harmless(value: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe in front makes it text."""
    return f"'{value}" if value.lstrip(" ").startswith(STARTS) else value


def _values(row: Row, line: Line, period: Period, smallest: int) -> Iterator[str]:
    yield from (period.name, period.first.isoformat(), period.last.isoformat())
    yield from (row.rule, row.title, row.hook, row.mode)
    cells = (line.shown, line.patients, *(line.answers[one] for one in ANSWERS), line.silenced, line.shadow)
    yield from (cell.text(smallest) for cell in cells)
    for answer in (ACCEPTED, OVERRIDDEN):
        yield from _shares(share([line], answer))
    yield from (line.reasons[reason].text(smallest) for reason in REASONS)


def _shares(rate: Rate | None) -> tuple[str, ...]:
    if rate is None:
        return ("",) * len(RATES)
    if rate.at_least:  # a spreadsheet must not take the lowest that it can be for what it is
        return "not shown", f"{rate.low:.4f}", ""
    return tuple(f"{one:.4f}" for one in (rate.share, rate.low, rate.high))
