"""A chart and a day become the facts that the rules are asked about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TypeVar

from fhir_mappings import demographics, findings, imaging, medications, orders, results
from fhir_mappings.chart import PARTIAL, UNAVAILABLE, Chart, Refused
from hooks.facts import Assessment, Facts, Finding, Imaging, Measurement, Medication, Order, Procedure, When

KINDS = {  # prefetch key -> how cards and rules call that kind of data
    "patient": "patient",
    "conditions": "conditions",
    "laboratory": "laboratory results",
    "assessments": "assessments and vital signs",
    "imaging": "imaging studies",
    "medicationRequests": "medication requests",
    "medicationAdministrations": "medication administrations",
    "serviceRequests": "orders and referrals",
    "procedures": "procedures",
}
CLOCK_SLACK = timedelta(days=1)  # clocks and zones differ; beyond that a date in the future is an error

Dated = TypeVar("Dated", Finding, Measurement, Assessment, Imaging, Medication, Order, Procedure)


def facts(chart: Chart, as_of: date) -> Facts:
    """Everything known of the patient on `as_of`. What is dated later is left out and named."""
    measured, assessed, refused = results.read(chart)
    future: list[Refused] = []

    def past(found: Iterable[Dated]) -> tuple[Dated, ...]:
        kept = []
        for fact in found:
            if any(when.earliest > as_of + CLOCK_SLACK for when in _dates(fact)):
                future.append(Refused(fact.source, "dated in the future"))
            else:
                kept.append(fact)
        return tuple(kept)

    return Facts(
        as_of=as_of,
        patient=demographics.read(chart, as_of),
        findings=past(findings.read(chart)),
        measurements=past(measured),
        assessments=past(assessed),
        imaging=past(imaging.read(chart)),
        orders=past(orders.read(chart)),
        medications=past(medications.read(chart)),
        procedures=past(orders.procedures(chart)),
        unavailable=_kinds(chart, UNAVAILABLE),
        incomplete=_kinds(chart, PARTIAL),
        why_incomplete=_reasons(chart),
        unreadable=tuple(f"{r.reference}: {r.reason}" for r in dict.fromkeys((*chart.refused, *refused, *future))),
    )


def _dates(fact: Dated) -> tuple[When, ...]:
    dates = (fact.onset, fact.recorded) if isinstance(fact, Finding) else (fact.when,)
    return tuple(when for when in dates if when)


def _kinds(chart: Chart, state: str) -> tuple[str, ...]:
    """Kinds in that state. A key that we did not ask for is the caller's text, and is not repeated."""
    found = (KINDS.get(key, "other data") for key, source in chart.sources.items() if source.state == state)
    return tuple(dict.fromkeys(found))


def _reasons(chart: Chart) -> dict[str, str]:
    """Why only a part of a kind came, in our own words."""
    return {KINDS.get(key, "other data"): one.reason for key, one in chart.sources.items() if one.state == PARTIAL}
