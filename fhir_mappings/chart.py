"""Raw prefetch becomes a chart: resource by resource, the patient's own only, with a note of everything refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from itertools import count, repeat
from typing import Any

import msgspec

from fhir_mappings import answers, coded, lenient, local_codes, local_units, medicines, relevance
from fhir_mappings.answers import NOT_JSON, Answer, Given, Unavailable
from fhir_mappings.collected import Collected
from fhir_mappings.local_codes import LocalCodes
from fhir_mappings.ours import Ours, is_web
from fhir_mappings.record import DRAFTS as DRAFTS
from fhir_mappings.record import EMPTY as EMPTY
from fhir_mappings.record import FOUND as FOUND
from fhir_mappings.record import NEEDED as NEEDED
from fhir_mappings.record import PARTIAL as PARTIAL
from fhir_mappings.record import UNAVAILABLE as UNAVAILABLE
from fhir_mappings.record import Chart as Chart
from fhir_mappings.record import Refused as Refused
from fhir_mappings.record import Source as Source
from fhir_mappings.record import merge as merge
from fhir_mappings.record import newer_patient
from fhir_mappings.relevance import Kept, LeftOut
from fhir_mappings.resources import CLINICAL_TYPES, BodyStructure, Medication, Patient, decode

BESIDE = frozenset({Patient, Medication, BodyStructure})  # no evidence by themselves
ANOTHER_SERVER = "stands on another server"
TYPE_NAME = re.compile(r"[A-Z][A-Za-z]{1,63}")
WRAPPERS = frozenset({"Bundle", "Parameters"})  # an entry that holds further resources, which nobody has read
FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,256}")  # FHIR allows 64 characters; longer ones are seen, others are no ids


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
) -> Iterator[tuple[str, Any, Kept[Any] | LeftOut]]:
    """(reference, resource, verdict) of what `read` keeps or leaves out: for counting what is not understood."""
    reader = _Reader(patient_id, fhir_server, local)
    for key, answer in answers_by_key.items():
        reader.take(key, answer)
    reader._patient(_shelves(reader.places()))
    for _, reference, full_url, resource in reader._decoded():
        if type(resource) not in BESIDE and not reader.ours.elsewhere(full_url):
            yield reference, resource, relevance.judge(resource, reference, reader.ours, draft=False)


def _state(answer: Given) -> Source:
    misfit = answer.misfit()
    if misfit:
        return Source(UNAVAILABLE, misfit)
    shortfall = answer.shortfall()
    if shortfall:
        return Source(PARTIAL, shortfall)
    return Source(FOUND if answer.entries and answer.total != 0 else EMPTY)


def _lost(key: str, kind: str | None) -> tuple[str, ...]:
    """The keys that a resource of this type is data of; for observations, and where the type is unknown, as it came."""
    of_kind = tuple(asked for asked, wanted in answers.ASKED.items() if wanted == kind)
    return of_kind if of_kind and key not in of_kind and key != DRAFTS else (key,)


def _place(key: str) -> str:
    """Where an entry came, in our own words: a key that we did not ask for is the caller's text."""
    return key if key in answers.ASKED or key == DRAFTS else "other data"


def _shelves(places: Iterable[str]) -> set[tuple[str, str]]:
    """Server and type of those addresses that end in a type: of "base/Type/id", without the id."""
    shelves = [place.rpartition("/") for place in places if is_web(place)]
    return {(base, kind) for base, _, kind in shelves if TYPE_NAME.fullmatch(kind)}


def _without_last_step(addresses: Iterable[str]) -> set[str]:
    """Few, however many entries came from them."""
    return {above for above, _, _ in map(str.rpartition, addresses, repeat("/"))}


class _Reader:
    """Collects one chart; the entries are listed first, since any of them may tell how the patient is called."""

    def __init__(self, patient_id: str, fhir_server: str | None, local: LocalCodes) -> None:
        self.patient_id = patient_id
        self.local = local
        self.given: list[tuple[str, int, Given]] = []  # by key, each with the number of its first entry among all
        self.entries = 0
        self.sources: dict[str, Source] = {}
        self.refused: list[Refused] = []
        self.ours = Ours(patient_id, fhir_server)

    def take(self, key: str, answer: Answer) -> None:
        if answer is None:
            self.sources[key] = Source(EMPTY)
        elif isinstance(answer, Unavailable):
            self.sources[key] = Source(UNAVAILABLE, answer.reason)
        else:
            self.given.append((key, self.entries + 1, answer))
            self.entries += len(answer.entries)
            if answer.damaged:
                self._refuse_entry(key)
            asked = answers.ASKED.get(key, "")
            self.sources[key] = _state(answer if answer.asked == asked else replace(answer, asked=asked))

    def _refuse_entry(self, key: str, name: str = "") -> None:
        """An entry that is no resource which we can tell: it may have been anything that the key asked for."""
        if key == DRAFTS:
            self.refused.append(Refused("a draft order", "could not be read", (key,)))
        else:
            self.refused.append(Refused(name or f"an entry of {_place(key)}", "the entry cannot be read", (key,)))

    def chart(self, selections: frozenset[str] | None) -> Chart:
        """Goes through the record; no resource is held longer than it is looked at, unless it counts."""
        places = self.places()
        shelves = _shelves(places)
        patient = self._patient(shelves)
        # As in most charts: then no single entry has to be asked. What is above all of them is one address, or two.
        all_here = self.ours.all_here(_without_last_step(places))
        found = Collected(self._twins(shelves))
        for key, reference, full_url, resource in self._decoded():
            if not all_here and full_url and full_url.startswith("urn:"):  # what a Bundle calls it
                found.names[full_url] = reference
            if type(resource) in BESIDE:
                self._beside(found, key, reference, full_url, resource)
            elif not all_here and self.ours.elsewhere(full_url):
                self._refuse(key, reference, resource, ANOTHER_SERVER)
            else:
                verdict = relevance.judge(resource, reference, self.ours, draft=key == DRAFTS)
                if not isinstance(verdict, LeftOut):  # told in a third of the time that it takes to ask for Kept
                    found.keep(key, full_url, verdict)
                elif verdict.problem:
                    self._refuse(key, reference, resource, verdict.reason)
                else:
                    found.leave_out(key, reference, full_url, resource.meta, verdict.reason)
        return found.chart(self.patient_id, patient, self.sources, set(self.refused), selections)

    def _beside(self, found: Collected, key: str, reference: str, full_url: str | None, resource: Any) -> None:
        """What is no evidence by itself: a drug by name, a volume of radiotherapy. Patients were looked at before."""
        if isinstance(resource, Medication):
            for name, medicine in medicines.names(reference, full_url, resource):
                found.medicines.setdefault(name, []).append(medicine)
        elif isinstance(resource, BodyStructure):
            if self.ours.elsewhere(full_url):
                self._refuse(key, reference, resource, ANOTHER_SERVER)
            elif self.ours[coded.reference_of(resource.patient) or ""]:
                found.volume(reference, resource)

    def _refuse(self, key: str, reference: str, resource: object, *reasons: str) -> None:
        """Names a resource as refused, with the kind of data that it is of."""
        lost = _lost(key, type(resource).__name__)
        self.refused += [Refused(reference, reason, lost) for reason in reasons]

    def _entries(self, patients: bool) -> Iterator[tuple[int, str, str | None, msgspec.Raw]]:
        """Of all that came the Patients or the others, undecoded: the number among all, the key, the fullUrl."""
        for key, first, answer in self.given:
            kinds = answer.kinds()
            if "Patient" in kinds or not patients:
                for number, kind, (full_url, raw) in zip(count(first), kinds, answer.entries):
                    if (kind == "Patient") is patients:
                        yield number, key, full_url, raw

    def _decoded(self, *, patients: bool = False) -> Iterator[tuple[str, str, str | None, Any]]:
        is_id, add_ours, own_units = FHIR_ID.fullmatch, bool(self.local.ours), self.local.units
        for number, key, full_url, raw in self._entries(patients):
            odd: tuple[str, ...] = ()
            try:
                resource = decode(raw)
            except NOT_JSON:
                read_in_part = lenient.read(raw)
                if read_in_part is None:
                    self._refuse_undecodable(key, raw, number)
                    continue
                resource, odd = read_in_part
            kind = type(resource)
            if kind in medicines.USES:
                medicines.take_in_contained(resource)
            if add_ours:
                local_codes.add_ours(resource, self.local)
            if own_units:
                local_units.add_codes(resource, own_units)
            if resource.id and is_id(resource.id):
                reference = f"{kind.__name__}/{resource.id}"
            else:
                reference = f"{kind.__name__} without id ({_place(key)} {number})"
            if odd:
                self._refuse(key, reference, resource, *(f"{element} not understood" for element in odd))
            yield key, reference, full_url, resource

    def _refuse_undecodable(self, key: str, raw: msgspec.Raw, number: int) -> None:
        """Types that we do not read are passed over; a type that we read, but not in this shape, is reported.

        What is no resource at all, or holds others within, could be anything: then the key was not answered in full.
        """
        kind = answers.resource_type(raw)
        if kind is None or kind in WRAPPERS or not TYPE_NAME.fullmatch(kind):
            self._refuse_entry(key, f"entry {number} of {_place(key)}")
            self._incomplete(key, "some entries cannot be read")
        elif kind == "OperationOutcome":
            if answers.failed(raw):
                self._incomplete(key, "the EHR reported an error")
        elif kind in CLINICAL_TYPES:
            known = answers.identity(raw)
            name = f"{kind}/{known}" if known and FHIR_ID.fullmatch(known) else f"{kind}, entry {number}"
            if key == DRAFTS:
                self.refused.append(Refused(f"draft order {name}", "could not be read", (key,)))
            else:
                self.refused.append(Refused(name, "the resource cannot be read", _lost(key, kind)))

    def _incomplete(self, key: str, reason: str) -> None:
        if self.sources[key].state != UNAVAILABLE:
            self.sources[key] = Source(PARTIAL, reason)

    def _full_urls(self) -> list[str]:
        return [full_url for _, _, answer in self.given for full_url, _ in answer.entries if full_url]

    def places(self) -> set[str]:
        """The addresses under which entries came."""
        return _without_last_step(self._full_urls())

    def _twins(self, shelves: Set[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Names for resources that share type and id, but stand on different servers: two resources, not two versions.

        The first server by its name keeps the plain one; a name is never shown, the reference is.
        """
        if len({base for base, _ in shelves}) < 2:
            return {}
        by_name: dict[str, list[str]] = {}
        for full_url in sorted({full_url for full_url in self._full_urls() if is_web(full_url)}):
            by_name.setdefault("/".join(full_url.split("/")[-2:]), []).append(full_url)
        return {(name, place): f"{name} ({place})" for name, found in by_name.items() for place in found[1:]}

    def _patient(self, shelves: Set[tuple[str, str]]) -> Patient | None:
        """This patient, as last written; learns by what names the record may call it, before anything is judged.

        The entry under the key that asked for the patient tells the server first.
        """
        people = list(self._decoded(patients=True))
        own = [one for one in people if one[3].id == self.patient_id]
        for _, _, full_url, _ in sorted(own, key=lambda one: (one[0] != "patient", one[2] or "")):
            self.ours.add_name(full_url)
        self.ours.learn_alias({base for base, kind in shelves if kind != "Patient"})
        found: Patient | None = None
        for _, reference, full_url, resource in people:
            if resource.id != self.patient_id:
                self.refused.append(Refused(reference, "another patient"))
            elif self.ours.elsewhere(full_url, alias=False):
                self.refused.append(Refused(reference, ANOTHER_SERVER))
            else:
                found = newer_patient(found, resource)
        return found
