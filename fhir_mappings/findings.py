"""Conditions become findings: what, since when, still there or past, sure or only suspected, and where in the spine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fhir_mappings import codes, dates, relevance
from fhir_mappings.chart import Chart
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import CodeableConcept, Condition, ServiceRequest
from hooks.facts import Finding

PAST = frozenset({"inactive", "remission", "resolved"})
SUSPECTED = frozenset({"unconfirmed", "provisional", "differential"})
FAMILY = "family_history_of_cancer"
HISTORY = "personal_history_of_cancer"


def read(chart: Chart) -> tuple[Finding, ...]:
    """All findings of the chart, newest first, those that a draft order names as its reason included."""
    conditions = [_finding(kept) for kept in chart.of(Condition) if FAMILY not in kept.concepts]
    return (*conditions, *_reasons(chart), *_prohibited(chart))


def _finding(kept: Kept[Condition]) -> Finding:
    condition = kept.resource
    return Finding(
        source=kept.reference,
        concepts=kept.concepts,
        label=relevance.label(condition.code),
        onset=dates.when(relevance.onset(condition)),
        recorded=dates.when(condition.recordedDate),
        status=_status(kept),
        certain=relevance.first_code(condition.verificationStatus) not in SUSPECTED,
        levels=levels(condition.bodySite),
    )


def _status(kept: Kept[Condition]) -> str:
    """Past when the status says so, when it ended and no status contradicts, or when the code itself means history."""
    status = relevance.first_code(kept.resource.clinicalStatus)
    if status in PAST or HISTORY in kept.concepts:
        return "past"
    return "past" if status is None and kept.resource.abatementDateTime else "active"


def levels(sites: Iterable[CodeableConcept] | None) -> frozenset[str]:
    """Vertebrae and regions of the spine among some body sites; empty when none lies in the spine."""
    found = (codes.level(coding.system, coding.code) for site in sites or () for coding in site.coding or ())
    return frozenset(level for level in found if level)


def _reasons(chart: Chart) -> Iterator[Finding]:
    """Why a draft order is placed, as the orderer coded it. A reason for a test is a suspicion, not a diagnosis."""
    for kept in chart.drafts.values():
        if isinstance(kept.resource, ServiceRequest):
            for reason in kept.resource.reasonCode or ():
                concepts = relevance.concepts_of([reason])
                if concepts and FAMILY not in concepts:
                    yield Finding(kept.reference, concepts, relevance.label(reason), certain=False)


def _prohibited(chart: Chart) -> Iterator[Finding]:
    """An active order that says "do not perform MRI" is a recorded contraindication."""
    for kept in chart.of(ServiceRequest):
        if kept.resource.doNotPerform:
            yield Finding(
                kept.reference,
                frozenset({"mri_contraindicated"}),
                relevance.label(kept.resource.code),
                recorded=dates.when(kept.resource.authoredOn),
            )
