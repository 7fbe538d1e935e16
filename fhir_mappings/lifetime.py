"""The days on which something of one patient can have happened: from birth to the day of evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fhir_mappings import dates
from fhir_mappings.chart import Chart
from hooks.facts import When

# Software without a word for "no date" writes its smallest one: 0001-01-01 (.NET, Go), 1753-01-01, 1899-12-30 and
# 1900-01-01 (databases, spreadsheets). Nobody whom a rule concerns was ill before.
AFTER_THE_SMALLEST = date(1900, 1, 2)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """`first` is the day of birth, where one is known that can be, and in any case after the smallest dates."""

    first: date
    as_of: date

    def before(self, when: When) -> bool:
        """Does it surely lie before anything can have happened?"""
        return when.latest < self.first

    def holds(self, when: When) -> bool:
        """Can it have been, up to the day of evaluation?"""
        return when.latest >= self.first and when.earliest <= self.as_of


def of(chart: Chart, as_of: date) -> Lifetime:
    """Of the patient of a chart; a birth after the day of evaluation is not believed."""
    born = dates.when(chart.patient.birthDate) if chart.patient else None
    known = born is not None and born.earliest <= as_of
    return Lifetime(max(born.earliest, AFTER_THE_SMALLEST) if born and known else AFTER_THE_SMALLEST, as_of)
