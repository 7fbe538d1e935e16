"""A chart and a day become the facts that the rules are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar

from fhir_mappings import dates, demographics, findings, imaging, lifetime, medications, orders, results
from fhir_mappings.chart import DRAFTS, PARTIAL, UNAVAILABLE, Chart, Refused
from fhir_mappings.lifetime import Lifetime
from fhir_mappings.scored import NotRead
from hooks.facts import Assessment, Facts, Finding, Imaging, Measurement, Medication, Order, Procedure

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
    DRAFTS: "draft orders",
}
CLOCK_SLACK = timedelta(days=1)  # clocks and zones differ; what adds urgency is believed that far into the future
FUTURE, EARLY = "dated in the future", "dated too early to be true"
NOT_USED = "the date is not used"
WAITING = (Order, Medication)  # what may lie ahead
UNDATED = (Measurement, Assessment, Procedure)  # of these what has no date may warn, and does not reassure

Dated = TypeVar("Dated", Measurement, Assessment, Imaging, Medication, Order, Procedure)


def facts(chart: Chart, as_of: date) -> Facts:
    """Everything known of the patient on `as_of`. What is dated later is named; only findings and orders outlast it.

    What is dated before birth is named too: it counts as if it had no date, or not at all where that would reassure.
    """
    life = lifetime.of(chart, as_of)
    measured, assessed, not_read = results.read(chart, life)
    refused = [*(one.refused() for one in not_read), *medications.unreadable(chart), *chart.undecided()]
    early: list[NotRead] = []

    def past(found: Iterable[Dated]) -> tuple[Dated, ...]:
        kept = []
        for fact in found:
            if fact.when is None or life.first <= fact.when.earliest <= as_of:  # as nearly all are
                kept.append(fact)
            elif life.before(fact.when) and not _is_draft(fact):
                if isinstance(fact, UNDATED):
                    kept.append(replace(fact, when=None))
                if isinstance(fact, Measurement | Assessment):
                    early.append(NotRead(fact.source, fact.name, f"{EARLY}, {NOT_USED}"))
                else:
                    refused.append(_too_early(fact))
            elif _in_future(chart, fact, as_of):
                refused.append(Refused(fact.source, FUTURE, _KEYS.get(type(fact), ())))
            else:
                kept.append(fact)
        return tuple(kept)

    patient = demographics.read(chart, life)
    if chart.patient and chart.patient.birthDate and patient.age_years is None:
        refused.append(Refused(f"Patient/{chart.patient_id}", "birth date not plausible"))
    measurements, assessments = past(measured), past(assessed)
    refused += [one.refused() for one in early]
    last_day = as_of + CLOCK_SLACK
    found = [_possible(finding, life, last_day) for finding in findings.read(chart, life)]
    refused += [Refused(one.source, f"{why}, {NOT_USED}") for one, why in found if why]
    in_words = [KINDS[key] for key in medications.in_words(chart)]
    performed = imaging.read(chart)
    images, ordered = past(performed), past(orders.read(chart, performed))
    drugs, done = past(medications.read(chart)), past(orders.procedures(chart))
    left_out = tuple(dict.fromkeys((*_first_of_all(chart, life), *chart.refused, *refused)))
    return Facts(
        as_of=as_of,
        patient=patient,
        findings=tuple([one for one, _ in found]),
        measurements=measurements,
        assessments=assessments,
        imaging=images,
        orders=ordered,
        medications=drugs,
        procedures=done,
        unavailable=_kinds(chart, UNAVAILABLE),
        incomplete=tuple(dict.fromkeys((*_kinds(chart, PARTIAL), *in_words))),
        why_incomplete=dict.fromkeys(in_words, "some drugs stand in words only") | _reasons(chart),
        doubtful=results.doubtful((*measurements, *assessments), [*not_read, *early]),
        unreadable=tuple(dict.fromkeys(f"{one.reference}: {one.reason}" for one in left_out)),
        lost=tuple(sorted({KINDS.get(key, "other data") for one in left_out for key in one.lost})),
    )


def _first_of_all(chart: Chart, life: Lifetime) -> Iterator[Refused]:
    """What the reader must know before all else that was refused: it is named first, and the card has room for few."""
    for reference in medications.unknown_drafts(chart):
        yield Refused(f"draft order {reference}", "drug not known, not checked", (DRAFTS,))
    death = demographics.doubt(chart, life)
    if death:
        yield Refused(f"Patient/{chart.patient_id}", death, ("patient",))


_KEYS: Mapping[type, tuple[str, ...]] = {
    Imaging: ("imaging",),
    Order: ("serviceRequests",),
    Medication: ("medicationRequests", "medicationAdministrations"),
    Procedure: ("procedures",),
    Measurement: ("laboratory", "assessments"),
    Assessment: ("assessments",),
}


def _in_future(chart: Chart, fact: Dated, as_of: date) -> bool:
    """Is it surely dated after the day of evaluation? A moment whose day in UTC has begun is not.

    What was done, given or measured reassures, and may not reassure before its time. An order that still waits has the
    slack of one day: without it an MRI would be asked for twice. The date of a draft says nothing.
    """
    if fact.when is None or _is_draft(fact):
        return False
    waits = isinstance(fact, WAITING) and fact.status not in ("completed", "in-progress")
    if fact.when.earliest <= as_of + (CLOCK_SLACK if waits else timedelta()):
        return False
    kept = chart.kept.get(fact.source)
    of_it = kept is not None and (fact.source not in chart.rivals or kept.when == fact.when)  # its own version
    written = kept.dated if kept is not None and of_it else ""
    return not (len(written) > dates.DAY and written[: dates.DAY] <= as_of.isoformat())


def _is_draft(fact: Dated) -> bool:
    return isinstance(fact, WAITING) and fact.draft


def _too_early(fact: Dated) -> Refused:
    """What reassures without a date as well is left out, as if it lay in the future; the rest loses its date alone."""
    if isinstance(fact, UNDATED):
        return Refused(fact.source, f"{EARLY}, {NOT_USED}")
    return Refused(fact.source, EARLY, _KEYS.get(type(fact), ()))


def _possible(finding: Finding, life: Lifetime, last_day: date) -> tuple[Finding, str]:
    """The finding, and what is wrong with its dates. One with an impossible date is there, nobody knows since when.

    It then counts as new, and no examination is known to have followed it. A date before birth is often how software
    writes that it has none: then the other date counts.
    """
    onset, recorded = finding.onset, finding.recorded
    if (onset and onset.earliest > last_day) or (recorded and recorded.earliest > last_day):
        return replace(finding, onset=None, recorded=None), FUTURE
    begun = None if onset and life.before(onset) else onset
    noted = None if recorded and life.before(recorded) else recorded
    if begun is onset and noted is recorded:
        return finding, ""
    return replace(finding, onset=begun, recorded=noted), EARLY


def _kinds(chart: Chart, state: str) -> tuple[str, ...]:
    """Kinds in that state. A key that we did not ask for is the caller's text, and is not repeated."""
    found = (KINDS.get(key, "other data") for key, source in chart.sources.items() if source.state == state)
    return tuple(dict.fromkeys(found))


def _reasons(chart: Chart) -> dict[str, str]:
    """Why only a part of a kind came, in our own words."""
    return {KINDS.get(key, "other data"): one.reason for key, one in chart.sources.items() if one.state == PARTIAL}
