"""Orders for services on the record and in this session, and procedures done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fhir_mappings import coded, findings, imaging, in_session, radiotherapy
from fhir_mappings.chart import Chart
from fhir_mappings.imaging import CODED
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import CodeableConcept, ServiceRequest
from fhir_mappings.resources import Procedure as FhirProcedure
from hooks.facts import Imaging, Order, Procedure

OUTSIDE = "site_outside_spine"


def read(chart: Chart, performed: Iterable[Imaging]) -> tuple[Order, ...]:
    """Orders of the record, newest first, then those of this session; the session's own version of an order wins.

    `performed` is the imaging of the chart: what it answers is done.
    """
    done = imaging.fulfilled(chart, performed)
    recorded = [
        replace(_order(kept), status="completed") if kept.reference in done else _order(kept)
        for kept in in_session.untouched(chart, ServiceRequest, lambda kept: coded.concepts(kept.resource.code))
    ]
    drafts = [
        _order(kept, draft=True, selected=chart.selections is None or kept.reference in chart.selections)
        for kept in chart.proposed()
        if isinstance(kept.resource, ServiceRequest)
    ]
    return tuple(order for order in (*drafts, *recorded) if order.concepts)


def _order(kept: Kept[ServiceRequest], *, draft: bool = False, selected: bool = False) -> Order:
    request = kept.resource
    prohibited = bool(request.doNotPerform)
    return Order(
        source=kept.reference,
        concepts=frozenset() if prohibited else coded.concepts(request.code),
        status="draft" if draft else request.status or "",
        when=kept.when,
        label=coded.label(request.code),
        draft=draft,
        selected=selected,
        levels=findings.levels(request.bodySite),
        elsewhere=_elsewhere(request.bodySite),
    )


def _elsewhere(sites: list[CodeableConcept] | None) -> bool:
    """Is a site stated, and is every stated one known to lie outside the spine? An unknown code may mean a vertebra."""
    return bool(sites) and all(OUTSIDE in coded.concepts(site) for site in sites or ())


def procedures(chart: Chart) -> tuple[Procedure, ...]:
    """Procedures done or going on, newest first; imaging and billed drugs among them are facts of their own kind."""
    found = []
    for kept in chart.of(FhirProcedure):
        done = kept.resource
        if kept.concepts - CODED.keys():
            doses = radiotherapy.doses(chart, done)
            levels = findings.levels(done.bodySite).union(*(one.levels for one in doses))
            found.append(
                Procedure(
                    kept.reference,
                    kept.concepts,
                    done.status or "",
                    kept.when,
                    coded.label(done.code),
                    levels,
                    doses,
                    not levels and _elsewhere(done.bodySite),
                )
            )
    return tuple(found)
