"""Counts what the mapping made of some charts: kept, left out on purpose, not understood. Holds no patient's data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import msgspec

from fhir_mappings import chart, coded, codes, facts, lifetime, map_review, medications, results, text_mentions, units
from fhir_mappings.answers import NOT_JSON, Answer, Given
from fhir_mappings.chart import Chart
from fhir_mappings.local_codes import NONE, LocalCodes
from fhir_mappings.relevance import Kept, LeftOut
from fhir_mappings.resources import (
    CodeableConcept,
    Coding,
    Condition,
    ImagingStudy,
    MedicationAdministration,
    MedicationRequest,
    Observation,
    Procedure,
    Quantity,
    ServiceRequest,
)
from hooks.facts import Assessment, Facts, Measurement
from hooks.questions import cancer

UNIT = re.compile(r"[^\s\x00-\x1f]{1,16}")  # what is longer or has spaces is a remark, and may name somebody
UNREADABLE = "the resource cannot be read"
OUTSIDE = "codes outside our value sets"
SYSTEM, CODE = 120, 64  # characters of each that are shown
READ, CONCLUDED = "read", "with a conclusion"  # of imaging reports


@dataclass(frozen=True, slots=True)
class UnmappedCode:
    """A code that no value set of ours holds, where it stood, and how its system words it."""

    element: str  # "Condition.code", "Condition.bodySite", ...
    system: str
    code: str
    display: str


@dataclass(slots=True)
class Census:
    """The counts, added to chart by chart."""

    charts: int = 0
    resources: Counter[str] = field(default_factory=Counter)  # by type
    kept: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)  # left out on purpose, by reason
    refused: Counter[str] = field(default_factory=Counter)  # unreadable, foreign, without a subject; by reason
    unmapped: Counter[UnmappedCode] = field(default_factory=Counter)
    text_only: Counter[str] = field(default_factory=Counter)  # by type: worded, but without any code
    units: Counter[tuple[str, str]] = field(default_factory=Counter)  # (measurement, unit) not understood
    values: Counter[str] = field(default_factory=Counter)  # other reasons why a value was not taken
    misplaced: Counter[tuple[str, str]] = field(default_factory=Counter)  # mapped to what is never read from there
    reports: Counter[str] = field(default_factory=Counter)  # imaging reports, where a site has texts read
    with_cancer: int = 0  # patients of whom a cancer was understood
    drugs_elsewhere: int = 0  # uses of a drug whose Medication resource did not come along
    seen: set[str] = field(default_factory=set)  # kinds of facts, and names of results

    def add(
        self, answers: Mapping[str, Answer], patient_id: str, server: str, as_of: date, local: LocalCodes = NONE
    ) -> Chart:
        """Counts one patient's answers; returns the chart that the service would have read from them."""
        record = chart.read(answers, patient_id, server, local=local)
        self.charts += 1
        self.refused.update(one.reason for one in record.refused)
        counted: set[str] = set()  # two searches may bring the same resource
        for reference, resource, verdict in chart.judged(answers, patient_id, server, local):
            if reference not in counted:
                counted.add(reference)
                self._count(resource, verdict, record)
                self.misplaced.update(map_review.misplaced(resource, local))
        refused = [one.refused() for one in results.read(record, lifetime.of(record, as_of))[2]]
        self.values.update(one.reason for one in refused if not one.reason.endswith("unit not understood"))
        self.reports.update(_reports(answers.get(text_mentions.REPORTS)))
        known = facts.facts(record, as_of)
        self.with_cancer += bool(cancer.any_cancer(known))
        self.seen |= set(_met(known))
        return record

    def _count(self, resource: Any, verdict: Kept[Any] | LeftOut, record: Chart) -> None:
        kind = type(resource).__name__
        self.resources[kind] += 1
        if _kept_to_be_named(resource, verdict):
            verdict = LeftOut(OUTSIDE)
        if isinstance(verdict, LeftOut):
            if verdict.problem:
                return  # somebody else's, or nobody's: only the reason is counted, with the chart
            if verdict.reason != OUTSIDE:
                self.ignored[verdict.reason] += 1
                return
        else:
            self.kept[kind] += 1
        main = list(_main(resource))
        worded = [concept for concept in main if concept.coding or concept.text]
        if worded and not any(coding.code for concept in worded for coding in concept.coding or ()):
            self.text_only[kind] += 1
        if isinstance(verdict, LeftOut):
            self._note(kind, _element(resource), main)
            return
        for element, concepts in _further(resource):
            self._note(kind, element, [one for one in concepts if one is not None and not _known(one)])
        if isinstance(resource, Observation):
            self.units.update(_units(resource))
        elif isinstance(resource, MedicationRequest | MedicationAdministration):
            self.drugs_elsewhere += medications.is_unknown(record, resource)

    def _note(self, kind: str, element: str, concepts: list[CodeableConcept]) -> None:
        for concept in concepts:
            for coding in concept.coding or ():
                if coding.code:
                    system, code = _line(coding.system or "", SYSTEM), _line(coding.code, CODE)
                    self.unmapped[UnmappedCode(f"{kind}.{element}", system, code, _line(coding.display or "", 80))] += 1


def _kept_to_be_named(resource: Any, verdict: Kept[Any] | LeftOut) -> bool:
    """Is it a drug that no code of ours tells, kept for the reader to know of it? To a site it is a code to map."""
    drug = isinstance(resource, MedicationRequest | MedicationAdministration)
    return drug and isinstance(verdict, Kept) and not verdict.concepts and resource.medicationReference is None


def _line(text: str, longest: int) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:longest]


def _main(resource: Any) -> Iterator[CodeableConcept]:
    """The concepts that say what a resource is about."""
    if isinstance(resource, MedicationRequest | MedicationAdministration):
        found = [resource.medicationCodeableConcept]
    elif isinstance(resource, ImagingStudy):
        found = list(resource.procedureCode or ())
    elif isinstance(resource, Observation):
        found = [resource.code, *(part.code for part in resource.component or ())]
    else:
        found = [resource.code]
    yield from (concept for concept in found if concept is not None)


def _element(resource: Any) -> str:
    if isinstance(resource, MedicationRequest | MedicationAdministration):
        return "medication"
    return "procedureCode" if isinstance(resource, ImagingStudy) else "code"


def _further(resource: Any) -> Iterator[tuple[str, list[CodeableConcept | None]]]:
    """What else of a resource that counts is read by its codes, each with the name of the element."""
    if isinstance(resource, Condition | Procedure | ServiceRequest):
        yield "bodySite", list(resource.bodySite or ())
    elif isinstance(resource, Observation):
        yield "bodySite", [resource.bodySite]
        yield from _answers(resource)
    elif isinstance(resource, ImagingStudy):
        series = resource.series or ()
        modalities = [*(resource.modality or ()), *(one.modality for one in series if one.modality)]
        yield "procedureCode", list(resource.procedureCode or ())
        yield "modality", _foreign(modalities, codes.DICOM)
        yield "bodySite", _foreign((one.bodySite for one in series if one.bodySite), codes.DICOM_BODY_PART)


def _foreign(codings: Iterable[Coding], usual: str) -> list[CodeableConcept | None]:
    """Those of other systems than DICOM's own, which is meant where none is named: of that one all are known."""
    return [CodeableConcept([one]) for one in codings if one.system not in (None, usual)]


def _answers(observation: Observation) -> Iterator[tuple[str, list[CodeableConcept | None]]]:
    """Coded answers to what we ask for; interpretations only where they are the answer, as mCODE writes ECOG grades."""
    asked = [part for part in observation.component or () if coded.concepts(part.code)]
    yield "valueCodeableConcept", [observation.valueCodeableConcept, *(part.valueCodeableConcept for part in asked)]
    graded = any(name in results.ANSWERS for name, _ in results.measured(observation))
    if graded and observation.valueQuantity is None and observation.valueInteger is None:
        yield "interpretation", list(observation.interpretation or ())


def _known(concept: CodeableConcept) -> bool:
    """Does any coding say where in the spine, or mean anything else to us?"""
    return any(
        codes.level(c.system, c.code) or codes.concepts(c.system, c.code) or c.system == codes.ASSESSMENT
        for c in concept.coding or ()
    )


class _Report(msgspec.Struct):
    """The two elements of a DiagnosticReport that texts are read from."""

    resourceType: Literal["DiagnosticReport"]
    conclusion: str | None = None
    conclusionCode: list[msgspec.Raw] | None = None


def _reports(answer: Answer) -> Iterator[str]:
    """Of each report that it was read, and whether it says anything where it can be searched for mentions."""
    for _, raw in answer.entries if isinstance(answer, Given) else ():
        try:
            report = msgspec.json.decode(raw, type=_Report)
        except NOT_JSON:
            continue
        yield READ
        if report.conclusion or report.conclusionCode:
            yield CONCLUDED


def _units(observation: Observation) -> Iterator[tuple[str, str]]:
    """(measurement, unit) for each value whose unit the mapping refuses."""
    for name, valued in results.measured(observation):
        quantity = valued.valueQuantity
        if quantity is not None and quantity.value is not None and not isinstance(units.unit(name, quantity), str):
            yield name, _unit(quantity)


def _unit(quantity: Quantity) -> str:
    written = quantity.code or quantity.unit
    if not written:
        return "(no unit)"
    return written if UNIT.fullmatch(written) else "(a unit in words)"


def _met(known: Facts) -> Iterator[str]:
    """The kinds of facts in a chart, by the names of the fields of Facts, and the names of its results."""
    for fact in known.all():
        if isinstance(fact, Measurement | Assessment):
            yield fact.name
    for kind in ("findings", "imaging", "orders", "medications", "procedures"):
        if getattr(known, kind):
            yield kind
    if known.patient.age_years is not None and known.patient.sex is not None:
        yield "patient"
