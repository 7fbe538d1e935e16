"""Raw prefetch becomes a chart: resource by resource, the patient's own only, with a note of everything refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from fhir_mappings import answers, lenient, local_codes, relevance
from fhir_mappings.answers import NOT_JSON, Answer, Given, Unavailable
from fhir_mappings.local_codes import LocalCodes
from fhir_mappings.ours import Ours
from fhir_mappings.relevance import Kept, R, updated, version
from fhir_mappings.resources import CLINICAL_TYPES, BodyStructure, Medication, Patient, decode

FOUND, EMPTY, PARTIAL, UNAVAILABLE = "found", "empty", "partial", "unavailable"
NEEDED = ("patient", "conditions")
DRAFTS = "context.draftOrders"
FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,256}")  # FHIR allows 64 characters; longer ones are seen, others are no ids


@dataclass(frozen=True, slots=True)
class Source:
    """How the answer to one prefetch key came: found, empty, partial (a further page was not had) or unavailable."""

    state: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A resource that could not be read or must not be used, and why; holds no content of it."""

    reference: str
    reason: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What is kept of one patient's record. `merge` of parts gives the same chart in any order.

    `names` are the resources that have another name within a Bundle (urn:uuid). `overruled` says of resources that were
    left out when they were last written: an older version that would have counted was withdrawn or recoded since.
    """

    patient_id: str
    patient: Patient | None = None
    kept: Mapping[str, Kept[Any]] = field(default_factory=dict)
    drafts: Mapping[str, Kept[Any]] = field(default_factory=dict)
    medicines: Mapping[str, Medication] = field(default_factory=dict)
    volumes: Mapping[str, BodyStructure] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    overruled: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)  # reason -> how many were left out on purpose
    selections: frozenset[str] | None = None  # None: every draft order is meant, as when signing

    def needed_but_missing(self) -> tuple[tuple[str, str], ...]:
        """Prefetch keys without which nothing can be said, each with the reason."""
        missing = [
            (key, source.reason)
            for key in NEEDED
            if (source := self.sources.get(key, Source(UNAVAILABLE, "not sent"))).state == UNAVAILABLE
        ]
        if self.patient is None and not any(key == "patient" for key, _ in missing):
            missing.insert(0, ("patient", "the resource sent is not this patient's"))
        return tuple(missing)

    def of(self, kind: type[R]) -> tuple[Kept[R], ...]:
        """Everything kept of one resource type, newest first, undated last; equal dates by reference."""
        found = [kept for kept in self.kept.values() if isinstance(kept.resource, kind)]
        return tuple(sorted(found, key=lambda kept: (kept.dated, kept.reference), reverse=True))


def merge(first: Chart, second: Chart) -> Chart:
    """The chart of both parts of one patient's record; of two versions of a resource the newer is kept."""
    overruled = _newest(first.overruled, second.overruled)
    return Chart(
        patient_id=first.patient_id,
        patient=_newer_patient(first.patient, second.patient),
        kept=_standing(_union(first.kept, second.kept), overruled),
        drafts=_union(first.drafts, second.drafts),
        medicines=_union(first.medicines, second.medicines),
        volumes=_union(first.volumes, second.volumes),
        names=_newest(first.names, second.names),
        overruled=overruled,
        sources=_worse(first.sources, second.sources),
        refused=tuple(sorted({*first.refused, *second.refused}, key=lambda r: (r.reference, r.reason))),
        ignored={
            reason: first.ignored.get(reason, 0) + second.ignored.get(reason, 0)
            for reason in sorted({*first.ignored, *second.ignored})
        },
        selections=first.selections if second.selections is None else second.selections,
    )


def _newer_patient(first: Patient | None, second: Patient | None) -> Patient | None:
    return max((patient for patient in (first, second) if patient), key=version, default=None)


def _union(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both by name; of two versions under one name the newer."""
    return {**first, **{name: max(first.get(name, other), other, key=version) for name, other in second.items()}}


def _newest(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Both by name; of two strings under one name the greater."""
    return {**first, **{name: max(first.get(name, other), other) for name, other in second.items()}}


def _standing(kept: Mapping[str, Kept[Any]], overruled: Mapping[str, str]) -> dict[str, Kept[Any]]:
    """Without what a newer version withdrew (entered in error, cancelled) or coded anew.

    A version without an update time stands: which of the two is newer is then not known, and what counts is kept.
    """
    return {name: one for name, one in kept.items() if not "" < updated(one.resource) < overruled.get(name, "")}


def _worse(first: Mapping[str, Source], second: Mapping[str, Source]) -> dict[str, Source]:
    """Of two answers to one question the less complete one stands."""
    order = (FOUND, EMPTY, PARTIAL, UNAVAILABLE)
    both = dict(first)
    for key, source in second.items():
        there = both.get(key, source)
        both[key] = max(there, source, key=lambda s: (order.index(s.state), s.reason))
    return both


def read(
    answers_by_key: Mapping[str, Answer],
    patient_id: str,
    fhir_server: str | None = None,
    draft_orders: Given | None = None,
    selections: Iterable[str] | None = None,
    local: LocalCodes = local_codes.NONE,
) -> Chart:
    """The chart of `patient_id` from the answers to the prefetch keys and the draft orders of the session.

    Every value is read whatever its key is called; the key tells only what was asked. `fhir_server`, where known, is
    the only server whose absolute references can mean this patient. `local` tells what the site's own codes mean.
    """
    reader = _Reader(patient_id, fhir_server, local)
    for key, answer in answers_by_key.items():
        reader.take(key, answer)
    if draft_orders is not None:
        reader.take(DRAFTS, draft_orders)
    return reader.chart(None if selections is None else frozenset(selections))


def judged(
    answers_by_key: Mapping[str, Answer],
    patient_id: str,
    fhir_server: str | None = None,
    local: LocalCodes = local_codes.NONE,
) -> Iterator[tuple[str, Any, Kept[Any] | relevance.LeftOut]]:
    """(reference, resource, verdict) of what `read` keeps or leaves out: for counting what is not understood."""
    reader = _Reader(patient_id, fhir_server, local)
    for key, answer in answers_by_key.items():
        reader.take(key, answer)
    decoded = list(reader._decoded())
    reader._patient(decoded)
    for _, reference, _, resource in decoded:
        if not isinstance(resource, Patient | Medication | BodyStructure):
            yield reference, resource, relevance.judge(resource, reference, reader.ours, draft=False)


def _state(answer: Given) -> Source:
    shortfall = answer.shortfall()
    if shortfall:
        return Source(PARTIAL, shortfall)
    return Source(FOUND if answer.entries else EMPTY)


def _bundle_names(decoded: list[tuple[str, str, str | None, Any]]) -> dict[str, str]:
    """What a Bundle calls its resources, where that is no address that ends in "Type/id"."""
    named = ((full_url, reference) for _, reference, full_url, _ in decoded if full_url and full_url != reference)
    return {full_url: reference for full_url, reference in named if full_url.startswith("urn:")}


class _Reader:
    """Collects one chart; the entries are listed first, since any of them may tell how the patient is called."""

    def __init__(self, patient_id: str, fhir_server: str | None, local: LocalCodes) -> None:
        self.patient_id = patient_id
        self.local = local
        self.entries: list[tuple[str, str | None, msgspec.Raw]] = []
        self.sources: dict[str, Source] = {}
        self.refused: list[Refused] = []
        self.ours = Ours(patient_id, fhir_server)

    def take(self, key: str, answer: Answer) -> None:
        if answer is None:
            self.sources[key] = Source(EMPTY)
        elif isinstance(answer, Unavailable):
            self.sources[key] = Source(UNAVAILABLE, answer.reason)
        else:
            self.entries += ((key, full_url, raw) for full_url, raw in answer.entries)
            self.refused += [Refused(f"an entry of {key}", "the entry cannot be read")] * bool(answer.damaged)
            self.sources[key] = _state(answer)

    def chart(self, selections: frozenset[str] | None) -> Chart:
        decoded = list(self._decoded())
        patient = self._patient(decoded)
        kept: dict[str, Kept[Any]] = {}
        drafts: dict[str, Kept[Any]] = {}
        medicines: dict[str, Medication] = {}
        volumes: dict[str, BodyStructure] = {}
        overruled: dict[str, str] = {}
        ignored: dict[str, int] = {}
        for key, reference, full_url, resource in decoded:
            if isinstance(resource, Medication):
                for name, medicine in relevance.medicine_names(reference, full_url, resource):
                    medicines[name] = max(medicines.get(name, medicine), medicine, key=version)
            elif isinstance(resource, BodyStructure):
                if (relevance.reference_of(resource.patient) or "") in self.ours:
                    volumes[reference] = max(volumes.get(reference, resource), resource, key=version)
            elif not isinstance(resource, Patient):
                draft = key == DRAFTS
                verdict = relevance.judge(resource, reference, self.ours, draft=draft)
                if isinstance(verdict, Kept):
                    into = drafts if draft else kept
                    there = into.get(verdict.reference)
                    into[verdict.reference] = max(there, verdict, key=version) if there else verdict
                elif verdict.problem:
                    self.refused.append(Refused(reference, verdict.reason))
                else:
                    ignored[verdict.reason] = ignored.get(verdict.reason, 0) + 1
                    if not draft:
                        overruled[reference] = max(overruled.get(reference, ""), updated(resource))
        return Chart(
            patient_id=self.patient_id,
            patient=patient,
            kept=_standing(kept, overruled),
            drafts=drafts,
            medicines=medicines,
            volumes=volumes,
            names=_bundle_names(decoded),
            overruled=overruled,
            sources=self.sources,
            refused=tuple(sorted(set(self.refused), key=lambda r: (r.reference, r.reason))),
            ignored=ignored,
            selections=selections,
        )

    def _decoded(self) -> Iterator[tuple[str, str, str | None, Any]]:
        for number, (key, full_url, raw) in enumerate(self.entries):
            odd: tuple[str, ...] = ()
            try:
                resource = decode(raw)
            except NOT_JSON:
                read_in_part = lenient.read(raw)
                if read_in_part is None:
                    self._refuse_undecodable(key, full_url, raw, number)
                    continue
                resource, odd = read_in_part
            relevance.take_in_contained(resource)
            if self.local.ours:
                local_codes.add_ours(resource, self.local)
            named = resource.id and FHIR_ID.fullmatch(resource.id)
            reference = f"{type(resource).__name__}/{resource.id}" if named else full_url
            reference = reference or f"{type(resource).__name__} without id ({key} {number + 1})"
            self.refused += [Refused(reference, f"{element} not understood") for element in odd]
            yield key, reference, full_url, resource

    def _refuse_undecodable(self, key: str, full_url: str | None, raw: msgspec.Raw, number: int) -> None:
        """Types that we do not read are passed over; a type that we read, but not in this shape, is reported."""
        kind = answers.resource_type(raw)
        if kind == "OperationOutcome" and answers.failed(raw):
            self.sources[key] = replace(self.sources[key], state=PARTIAL, reason="the EHR reported an error")
        if kind is not None and kind not in CLINICAL_TYPES:
            return
        name = relevance.identity(raw) or full_url or f"entry {number + 1} of {key}"
        self.refused.append(
            Refused(f"{kind}/{name}" if kind and "/" not in name else name, "the resource cannot be read")
        )

    def _patient(self, decoded: list[tuple[str, str, str | None, Any]]) -> Patient | None:
        found: Patient | None = None
        for _, reference, full_url, resource in decoded:
            if isinstance(resource, Patient):
                if resource.id == self.patient_id:
                    found = _newer_patient(found, resource)
                    self.ours.add_name(full_url)
                else:
                    self.refused.append(Refused(reference, "another patient"))
        return found
