"""Raw prefetch becomes a chart: resource by resource, the patient's own only, with a note of everything refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

import msgspec

from fhir_mappings import answers, lenient, local_codes, local_units, relevance
from fhir_mappings.answers import NOT_JSON, Answer, Given, Unavailable
from fhir_mappings.local_codes import LocalCodes
from fhir_mappings.ours import Ours
from fhir_mappings.relevance import Kept, R, updated, version
from fhir_mappings.resources import CLINICAL_TYPES, BodyStructure, Medication, Patient, decode

FOUND, EMPTY, PARTIAL, UNAVAILABLE = "found", "empty", "partial", "unavailable"
NEEDED = ("patient", "conditions")
DRAFTS = "context.draftOrders"
ANOTHER_SERVER = "stands on another server"
TYPE_NAME = re.compile(r"[A-Z][A-Za-z]{1,63}")
WRAPPERS = frozenset({"Bundle", "Parameters"})  # an entry that holds further resources, which nobody has read
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
    lost: tuple[str, ...] = ()  # the prefetch keys whose data this is, by its type, else by where it came


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
    medicines: Mapping[str, tuple[Medication, ...]] = field(default_factory=dict)  # every version that came
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

    def versions(self, references: Iterable[str]) -> dict[str, str]:
        """The versionId of those of these resources that have one."""
        found = ((name, self.kept.get(name) or self.drafts.get(name)) for name in references)
        metas = ((name, one.resource.meta) for name, one in found if one is not None)
        return {name: meta.versionId for name, meta in metas if meta is not None and meta.versionId}

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
        drafts=_standing(_union(first.drafts, second.drafts), overruled, DRAFTS),
        medicines=_versions(first.medicines, second.medicines),
        volumes=_union(first.volumes, second.volumes),
        names=_newest(first.names, second.names),
        overruled=overruled,
        sources=_worse(first.sources, second.sources),
        refused=_sorted({*first.refused, *second.refused}),
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


def _versions(
    first: Mapping[str, tuple[Medication, ...]], second: Mapping[str, tuple[Medication, ...]]
) -> dict[str, tuple[Medication, ...]]:
    """Both by name; under one name each different version once."""
    both = {**first}
    for name, there in second.items():
        by_content = {version(one): one for one in (*both.get(name, ()), *there)}
        both[name] = tuple(one for _, one in sorted(by_content.items(), key=lambda item: item[0]))
    return both


def _sorted(refused: Iterable[Refused]) -> tuple[Refused, ...]:
    return tuple(sorted(refused, key=lambda r: (r.reference, r.reason, r.lost)))


def _standing(kept: Mapping[str, Kept[Any]], overruled: Mapping[str, str], place: str = "") -> dict[str, Kept[Any]]:
    """Without what a newer version withdrew (entered in error, cancelled) or coded anew.

    A version without an update time stands: which of the two is newer is then not known, and what counts is kept.
    """
    return {
        name: one
        for name, one in kept.items()
        if not relevance.surely_older(updated(one.resource), overruled.get(place + name, ""))
    }


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
    for _, reference, full_url, resource in decoded:
        if not isinstance(resource, Patient | Medication | BodyStructure) and not reader.ours.elsewhere(full_url):
            yield reference, resource, relevance.judge(resource, reference, reader.ours, draft=False)


def _state(answer: Given) -> Source:
    misfit = answer.misfit()
    if misfit:
        return Source(UNAVAILABLE, misfit)
    shortfall = answer.shortfall()
    if shortfall:
        return Source(PARTIAL, shortfall)
    return Source(FOUND if answer.entries and answer.total != 0 else EMPTY)


def _bundle_names(decoded: list[tuple[str, str, str | None, Any]]) -> dict[str, str]:
    """What a Bundle calls its resources, where that is no address that ends in "Type/id"."""
    named = ((full_url, reference) for _, reference, full_url, _ in decoded if full_url and full_url != reference)
    return {full_url: reference for full_url, reference in named if full_url.startswith("urn:")}


def _lost(key: str, kind: str | None) -> tuple[str, ...]:
    """The keys that a resource of this type is data of; for observations, and where the type is unknown, as it came."""
    of_kind = tuple(asked for asked, wanted in answers.ASKED.items() if wanted == kind)
    return of_kind if of_kind and key not in of_kind and key != DRAFTS else (key,)


def _place(key: str) -> str:
    """Where an entry came, in our own words: a key that we did not ask for is the caller's text."""
    return key if key in answers.ASKED or key == DRAFTS else "other data"


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
            if answer.damaged:
                self._refuse_entry(key)
            self.sources[key] = _state(replace(answer, asked=answers.ASKED.get(key, "")))

    def _refuse_entry(self, key: str, name: str = "") -> None:
        """An entry that is no resource which we can tell: it may have been anything that the key asked for."""
        if key == DRAFTS:
            self.refused.append(Refused("a draft order", "could not be read", (key,)))
        else:
            self.refused.append(Refused(name or f"an entry of {_place(key)}", "the entry cannot be read", (key,)))

    def chart(self, selections: frozenset[str] | None) -> Chart:
        decoded = list(self._decoded())
        patient = self._patient(decoded)
        kept: dict[str, Kept[Any]] = {}
        drafts: dict[str, Kept[Any]] = {}
        medicines: dict[str, tuple[Medication, ...]] = {}
        volumes: dict[str, BodyStructure] = {}
        overruled: dict[str, str] = {}
        ignored: dict[str, int] = {}
        twins = _twins(decoded)
        for key, reference, full_url, resource in decoded:
            if isinstance(resource, Medication):
                names = relevance.medicine_names(reference, full_url, resource)
                medicines = _versions(medicines, {name: (medicine,) for name, medicine in names})
            elif isinstance(resource, Patient):
                continue
            elif self.ours.elsewhere(full_url):
                lost = _lost(key, type(resource).__name__)
                self.refused.append(Refused(reference, ANOTHER_SERVER, lost))
            elif isinstance(resource, BodyStructure):
                if (relevance.reference_of(resource.patient) or "") in self.ours:
                    volumes[reference] = max(volumes.get(reference, resource), resource, key=version)
            else:
                draft = key == DRAFTS
                name = twins.get((reference, full_url or ""), reference)
                verdict = relevance.judge(resource, reference, self.ours, draft=draft)
                if isinstance(verdict, Kept):
                    into = drafts if draft else kept
                    there = into.get(name)
                    into[name] = max(there, verdict, key=version) if there else verdict
                elif verdict.problem:
                    self.refused.append(Refused(reference, verdict.reason, _lost(key, type(resource).__name__)))
                else:
                    ignored[verdict.reason] = ignored.get(verdict.reason, 0) + 1
                    over = DRAFTS + name if draft else name
                    overruled[over] = max(overruled.get(over, ""), updated(resource))
        return Chart(
            patient_id=self.patient_id,
            patient=patient,
            kept=_standing(kept, overruled),
            drafts=_standing(drafts, overruled, DRAFTS),
            medicines=medicines,
            volumes=volumes,
            names=_bundle_names(decoded),
            overruled=overruled,
            sources=self.sources,
            refused=_sorted(set(self.refused)),
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
                    self._refuse_undecodable(key, raw, number)
                    continue
                resource, odd = read_in_part
            relevance.take_in_contained(resource)
            if self.local.ours:
                local_codes.add_ours(resource, self.local)
            if self.local.units:
                local_units.add_codes(resource, self.local.units)
            if resource.id and FHIR_ID.fullmatch(resource.id):
                reference = f"{type(resource).__name__}/{resource.id}"
            else:
                reference = f"{type(resource).__name__} without id ({_place(key)} {number + 1})"
            lost = _lost(key, type(resource).__name__)
            self.refused += [Refused(reference, f"{element} not understood", lost) for element in odd]
            yield key, reference, full_url, resource

    def _refuse_undecodable(self, key: str, raw: msgspec.Raw, number: int) -> None:
        """Types that we do not read are passed over; a type that we read, but not in this shape, is reported.

        What is no resource at all, or holds others within, could be anything: then the key was not answered in full.
        """
        kind = answers.resource_type(raw)
        if kind is None or kind in WRAPPERS or not TYPE_NAME.fullmatch(kind):
            self._refuse_entry(key, f"entry {number + 1} of {_place(key)}")
            self._incomplete(key, "some entries cannot be read")
        elif kind == "OperationOutcome":
            if answers.failed(raw):
                self._incomplete(key, "the EHR reported an error")
        elif kind in CLINICAL_TYPES:
            known = relevance.identity(raw)
            name = f"{kind}/{known}" if known and FHIR_ID.fullmatch(known) else f"{kind}, entry {number + 1}"
            if key == DRAFTS:
                self.refused.append(Refused(f"draft order {name}", "could not be read", (key,)))
            else:
                self.refused.append(Refused(name, "the resource cannot be read", _lost(key, kind)))

    def _incomplete(self, key: str, reason: str) -> None:
        if self.sources[key].state != UNAVAILABLE:
            self.sources[key] = Source(PARTIAL, reason)

    def _patient(self, decoded: list[tuple[str, str, str | None, Any]]) -> Patient | None:
        """This patient, as last written; the entry under the key that asked for the patient tells the server first."""
        found: Patient | None = None
        people = [one for one in decoded if isinstance(one[3], Patient)]
        own = [one for one in people if one[3].id == self.patient_id]
        for _, _, full_url, _ in sorted(own, key=lambda one: (one[0] != "patient", one[2] or "")):
            self.ours.add_name(full_url)
        self.ours.learn_alias(
            full_url.removesuffix(f"/{reference}")
            for _, reference, full_url, resource in decoded
            if _is_address(full_url) and not isinstance(resource, Patient) and full_url.endswith(f"/{reference}")
        )
        for _, reference, full_url, resource in people:
            if resource.id != self.patient_id:
                self.refused.append(Refused(reference, "another patient"))
            elif self.ours.elsewhere(full_url, alias=False):
                self.refused.append(Refused(reference, ANOTHER_SERVER))
            else:
                found = _newer_patient(found, resource)
        return found


def _is_address(full_url: str | None) -> TypeGuard[str]:
    return bool(full_url) and str(full_url).lower().startswith(("http://", "https://"))


def _twins(decoded: list[tuple[str, str, str | None, Any]]) -> dict[tuple[str, str], str]:
    """Names for resources that share type and id, but stand on different servers: two resources, not two versions.

    The first server by its name keeps the plain one; a name is never shown, the reference is.
    """
    places: dict[str, set[str]] = {}
    for _, reference, full_url, _ in decoded:
        if _is_address(full_url):
            places.setdefault(reference, set()).add(full_url)
    return {
        (reference, place): f"{reference} ({place})"
        for reference, found in places.items()
        for place in sorted(found)[1:]
    }
