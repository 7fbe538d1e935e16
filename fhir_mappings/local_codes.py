"""What a site's own codes mean: beside ours on the way in, in orders on the way out. How maps are read: code_maps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from fhir_mappings import extensions, spellings
from fhir_mappings.resources import (
    BodyStructure,
    CodeableConcept,
    Coding,
    Condition,
    ImagingStudy,
    Medication,
    MedicationAdministration,
    MedicationRequest,
    Observation,
    Procedure,
    ServiceRequest,
)

# What needs no escaping in a token search and no encoding in a URL; other local codes are read but not searched for.
SEARCHABLE = re.compile(r"[A-Za-z0-9._:/~-]+")

Code = tuple[str, str]  # system, code


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a site's maps: a local code, ours that it stands for, and whether an order of ours may carry it."""

    file: str
    system: str
    code: str
    display: str
    ours: Code
    same: bool

    @property
    def local(self) -> Code:
        return self.system, self.code

    def __str__(self) -> str:
        return f"{self.system}|{self.code}"


@dataclass(frozen=True, slots=True)
class OrderCode:
    """A site's code for an order; `dose_mg` where it stands for a product of one strength."""

    system: str
    code: str
    display: str
    dose_mg: Decimal | None = None

    def fits(self, milligrams: Decimal | None) -> bool:
        """May an order of that dose carry it? Some EHRs place what the code stands for, whatever dose we write."""
        return self.dose_mg is None or milligrams is None or self.dose_mg == milligrams


@dataclass(frozen=True, slots=True)
class LocalCodes:
    """All lines of a site's maps, and what follows: `ours` by local code as its map writes it, `orders` by orderable.

    The order of `orders` is the order in which they are written. `known` finds the meaning by code and tidied system.
    `trials` are the files that say of themselves that they are not for real use. `units`: the UCUM code that a unit
    text of the site means, by the text without spaces.
    """

    entries: tuple[Entry, ...] = ()
    ours: Mapping[Code, tuple[Code, ...]] = field(default_factory=dict)
    orders: Mapping[str, tuple[OrderCode, ...]] = field(default_factory=dict)
    known: Mapping[str, Mapping[str, tuple[Code, ...]]] = field(default_factory=dict)
    trials: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)

    def means(self, system: object, code: object) -> tuple[Code, ...]:
        """Our codes that a coding of the record stands for. The system may be spelled otherwise than in the map."""
        if not isinstance(code, str) or not isinstance(system, str):
            return ()
        by_system = self.known.get(code.strip())
        return by_system.get(spellings.key(system), ()) if by_system else ()

    def meaning(self, wanted: Iterable[Code]) -> tuple[Code, ...]:
        """The local codes that stand for one of the codes wanted and can be written in a search, sorted."""
        target = frozenset(wanted)
        found = (local for local, ours in self.ours.items() if target & frozenset(ours))
        return tuple(sorted(code for code in found if searchable(code)))


NONE = LocalCodes()


def searchable(local: Code) -> bool:
    """Can a search name this code?"""
    return all(SEARCHABLE.fullmatch(part) for part in local)


def add_ours(resource: object, local: LocalCodes) -> None:
    """Puts our codings beside the local ones, in every element of a decoded resource from which we read codes."""
    for concept in concepts(resource):
        if concept is None:
            continue
        if concept.coding:
            concept.coding += _meant(concept.coding, local)
        concept.extension = extensions.coded(concept.extension, local.means)
    if isinstance(resource, Condition | Observation | Procedure):
        resource.extension = extensions.coded(resource.extension, local.means)
    if isinstance(resource, Procedure):
        resource.contained = extensions.coded(resource.contained, local.means)
    if isinstance(resource, ImagingStudy):
        _add_to_study(resource, local)


def _meant(codings: Iterable[Coding], local: LocalCodes) -> list[Coding]:
    return [Coding(*ours) for coding in codings for ours in local.means(coding.system, coding.code)]


def _add_to_study(study: ImagingStudy, local: LocalCodes) -> None:
    """A modality and the site of a series have room for one coding only: ours then stands in place of the local one."""
    if study.modality:
        study.modality += _meant(study.modality, local)
    for series in study.series or ():
        if series.modality:
            series.modality = next(iter(_meant([series.modality], local)), series.modality)
        if series.bodySite:
            series.bodySite = next(iter(_meant([series.bodySite], local)), series.bodySite)


def concepts(resource: object) -> Iterator[CodeableConcept | None]:
    if isinstance(resource, Observation):
        yield from (resource.code, resource.valueCodeableConcept, resource.bodySite, *(resource.interpretation or ()))
        for component in resource.component or ():
            yield from (component.code, component.valueCodeableConcept)
    elif isinstance(resource, Condition | Procedure):
        yield from (resource.code, *(resource.bodySite or ()))
    elif isinstance(resource, ServiceRequest):
        yield from (resource.code, *(resource.reasonCode or ()), *(resource.bodySite or ()))
    elif isinstance(resource, MedicationRequest | MedicationAdministration):
        yield resource.medicationCodeableConcept
    elif isinstance(resource, Medication):
        yield resource.code
    elif isinstance(resource, ImagingStudy):
        yield from resource.procedureCode or ()
    elif isinstance(resource, BodyStructure):
        yield from (resource.location, *(resource.locationQualifier or ()))
