"""The numbers of one rule on one service in one period, as they may be shown; sums and rates are made of these only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from cds_service.dashboard.choices import Choices
from cds_service.dashboard.hiding import NONE, WITHHELD, Cell, added, single, split
from cds_service.dashboard.periods import Period, finer
from cds_service.dashboard.rates import Rate, rate
from cds_service.feedback import ACCEPTED, OVERRIDDEN
from cds_service.store import statistics
from cds_service.store.statistics import IGNORED, REASONS, SHADOW, SHOWN, SILENCED, WAITING, Counted, Span

DAY = 86_400_000  # milliseconds
ANSWERS = (ACCEPTED, OVERRIDDEN, IGNORED, WAITING)  # what a showing may come to: they add up to it
# What is hidden first beside a small number. Overrides last: they are what a committee has to see.
GIVEN_UP_FIRST = (IGNORED, ACCEPTED, WAITING, OVERRIDDEN)

Key = tuple[str, str]  # rule, service


@dataclass(frozen=True, slots=True)
class Line:
    """How often a rule was shown and what came of it, was kept off by an override, or would have been shown.

    `patients` counts each patient once in each period.
    """

    shown: Cell
    patients: Cell
    answers: Mapping[str, Cell]
    reasons: Mapping[str, Cell]
    silenced: Cell
    shadow: Cell

    @property
    def is_silent(self) -> bool:
        """Nothing was shown, kept off or recorded in shadow."""
        return self.shown == self.silenced == self.shadow == NONE

    @property
    def settled(self) -> Cell:
        """Showings that were answered, or are not expected to be any more: what rates are taken of."""
        waiting = self.answers[WAITING]
        exact = self.shown.is_exact and waiting.is_exact
        return Cell(self.shown.number - waiting.number) if exact else WITHHELD


SILENT = Line(NONE, NONE, dict.fromkeys(ANSWERS, NONE), dict.fromkeys(REASONS, NONE), NONE, NONE)


def read(
    connection: Connection, tenant: str, choices: Choices, periods: Sequence[Period], now: int
) -> dict[Key, list[Line]]:
    """By rule and service: a line for each period, in their order. Keys that are silent in all of them are left out.

    A period of several of the site's finest periods is the sum of what these show. `now` in milliseconds since 1970.
    """
    found: dict[Key, list[Line]] = defaultdict(lambda: [SILENT] * len(periods))
    for place, period in enumerate(periods):
        parts: dict[Key, list[Line]] = defaultdict(list)
        for finest in finer(period, choices.finest_period):
            for key, line in _of_finest(connection, tenant, choices, finest, now).items():
                parts[key].append(line)
        for key, lines in parts.items():
            found[key][place] = total(lines)
    return dict(found)


def _of_finest(connection: Connection, tenant: str, choices: Choices, period: Period, now: int) -> dict[Key, Line]:
    """Counted by week, so that no statement takes long: a database ends those that do."""
    settled_before = now - choices.answer_days * DAY
    by_key: dict[Key, list[Counted]] = defaultdict(list)
    for week in finer(period, "week"):
        for one in statistics.counts(connection, Span(tenant, week.start, week.end, settled_before)):
            by_key[one.rule, one.service].append(one)
    patients = statistics.patients(connection, Span(tenant, period.start, period.end, settled_before))
    return {key: line(counted, patients.get(key, 0), choices.smallest_count) for key, counted in by_key.items()}


def line(counted: Sequence[Counted], patients: int, smallest: int) -> Line:
    """What may be shown of the counts of one rule, service and period."""
    answers = {answer: _sum(counted, fate=SHOWN, answer=answer) for answer in ANSWERS}
    reasons = {reason: _sum(counted, fate=SHOWN, answer=OVERRIDDEN, reason=reason) for reason in REASONS}
    shown = sum(answers.values())
    shown_answers = split(shown, answers, smallest, GIVEN_UP_FIRST)
    return Line(
        shown=single(shown, smallest),
        patients=single(patients, smallest),
        answers=shown_answers,
        reasons=reasons_shown(shown_answers[OVERRIDDEN], reasons, smallest),
        silenced=single(_sum(counted, fate=SILENCED), smallest),
        shadow=single(_sum(counted, fate=SHADOW), smallest),
    )


def reasons_shown(overrides: Cell, reasons: Mapping[str, int], smallest: int) -> dict[str, Cell]:
    """Together they are the overrides: where these are hidden, so is each reason.

    Which reasons nobody gave is told even then, if every reason could have been given once: then whatever pattern of
    zeros there is fits each number that may be hidden, and tells nothing of it.
    """
    if overrides.is_exact:
        return split(overrides.number, reasons, smallest, tuple(reasons))
    if overrides.state == "bounded" and overrides.number >= len(reasons):
        return {reason: WITHHELD if number else NONE for reason, number in reasons.items()}
    return dict.fromkeys(reasons, WITHHELD)


def _sum(counted: Iterable[Counted], **like: str) -> int:
    return sum(one.number for one in counted if all(getattr(one, name) == value for name, value in like.items()))


def total(lines: Sequence[Line]) -> Line:
    """The sum of what lines show. A single line is itself."""
    if len(lines) == 1:
        return lines[0]
    return Line(
        shown=added(one.shown for one in lines),
        patients=added(one.patients for one in lines),
        answers={answer: added(one.answers[answer] for one in lines) for answer in ANSWERS},
        reasons={reason: added(one.reasons[reason] for one in lines) for reason in REASONS},
        silenced=added(one.silenced for one in lines),
        shadow=added(one.shadow for one in lines),
    )


def share(lines: Iterable[Line], answer: str) -> Rate | None:
    """The share of settled showings with this answer, over the lines that show both; None where none does."""
    both = [one for one in lines if one.settled.is_exact and one.answers[answer].state in ("exact", "bounded")]
    cells = [one.answers[answer] for one in both]
    of = sum(one.settled.number for one in both)
    return rate(sum(one.number for one in cells), of, not all(one.is_exact for one in cells)) if of else None


def share_against(one: Line, reasons: Collection[str]) -> Rate | None:
    """The share of settled showings that were overridden for these reasons, the lowest that fits what a line shows.

    None where it does not show how many are settled.
    """
    if not one.settled.is_exact or not one.settled.number:
        return None
    overrides = one.answers[OVERRIDDEN]
    others = [cell for reason, cell in one.reasons.items() if reason not in reasons]
    if all(cell.is_exact for cell in others) and overrides.state in ("exact", "bounded"):
        return rate(overrides.number - sum(cell.number for cell in others), one.settled.number, not overrides.is_exact)
    return rate(sum(one.reasons[reason].number for reason in reasons), one.settled.number, True)
