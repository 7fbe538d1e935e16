"""A site's own codes: FHIR ConceptMaps and ValueSets that say which of our codes they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhir_mappings import codes
from fhir_mappings.resources import (
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

# FHIR R4 ConceptMap equivalences that let a local code count as ours: ours means the same, or something wider.
COUNTS = frozenset({"equal", "equivalent", "wider", "subsumes"})
SAME = frozenset({"equal", "equivalent"})  # and these let ours be written as the local code in an order
# What needs no escaping in a token search and no encoding in a URL; other local codes are read but not searched for.
SEARCHABLE = re.compile(r"[A-Za-z0-9._:/~-]+")
VALUE_SET = "urn:spine-cds:value-set:"

Code = tuple[str, str]  # system, code


class LocalCodesError(ValueError):
    """A map that cannot be relied on; the message names the file and the element."""


@dataclass(frozen=True, slots=True)
class LocalCodes:
    """`ours`: local code -> our codes that it stands for. `theirs`: our code -> the site's codes for an order."""

    ours: Mapping[Code, tuple[Code, ...]] = field(default_factory=dict)
    theirs: Mapping[Code, tuple[tuple[str, str, str], ...]] = field(default_factory=dict)

    def meaning(self, wanted: Iterable[Code]) -> tuple[Code, ...]:
        """The local codes that stand for one of the codes wanted and can be written in a search, sorted."""
        target = frozenset(wanted)
        found = (local for local, ours in self.ours.items() if target & frozenset(ours))
        return tuple(sorted(code for code in found if all(SEARCHABLE.fullmatch(part) for part in code)))


NONE = LocalCodes()


def read(files: Mapping[str, bytes]) -> LocalCodes:
    """The maps of a site, by file name. Raises LocalCodesError for the first entry that cannot be used."""
    ours: dict[Code, tuple[Code, ...]] = {}
    theirs: dict[Code, tuple[tuple[str, str, str], ...]] = {}
    for name, content in files.items():
        for local, display, target, same in _entries(name, content):
            _agree(name, local, ours.get(local, ()), target)
            if target not in ours.get(local, ()):
                ours[local] = (*ours.get(local, ()), target)
            if same:
                theirs[target] = (*theirs.get(target, ()), (*local, display))
    return LocalCodes(ours, theirs)


def _agree(name: str, local: Code, known: tuple[Code, ...], target: Code) -> None:
    """A local code may stand for several of ours only if these share a meaning: else one would be read for another."""
    meant = codes.concepts(*target)
    for other in known:
        if other != target and not meant & codes.concepts(*other):
            raise LocalCodesError(f"{name}: {local[0]}|{local[1]} is mapped to two things: {other[1]} and {target[1]}")


def _entries(name: str, content: bytes) -> Iterator[tuple[Code, str, Code, bool]]:
    try:
        resource = json.loads(content)
        kind = resource["resourceType"]
    except (ValueError, TypeError, KeyError) as error:
        raise LocalCodesError(f"{name}: not a FHIR resource in JSON") from error
    reader = {"ConceptMap": _concept_map, "ValueSet": _value_set}.get(kind)
    if reader is None:
        raise LocalCodesError(f"{name}: resourceType: must be ConceptMap or ValueSet")
    try:
        yield from reader(name, resource)
    except (KeyError, TypeError, AttributeError) as error:
        raise LocalCodesError(f"{name}: an element is missing or of a wrong type: {error}") from error


def _concept_map(name: str, resource: dict[str, Any]) -> Iterator[tuple[Code, str, Code, bool]]:
    _in_force(name, resource)
    for number, group in enumerate(resource["group"]):
        if "unmapped" in group:
            raise LocalCodesError(f"{name}: group[{number}].unmapped: codes must be mapped one by one")
        for position, element in enumerate(group["element"]):
            place = f"{name}: group[{number}].element[{position}]"
            _foreign(place, group["source"], element["code"])
            _one_meaning(place, element)
            for target in element.get("target", ()):
                equivalence = target["equivalence"]
                if equivalence in ("unmatched", "disjoint"):
                    continue
                if equivalence not in COUNTS:
                    raise LocalCodesError(f"{place}: equivalence {equivalence!r} is not safe to count as ours")
                ours = _known(place, group["target"], target["code"])
                yield (group["source"], element["code"]), element.get("display", ""), ours, equivalence in SAME


def _in_force(name: str, resource: dict[str, Any]) -> None:
    if resource.get("status") == "retired":
        raise LocalCodesError(f"{name}: status: the map is retired")


def _foreign(place: str, system: object, code: object) -> None:
    """A local code is a text of its own; a code that we know already must not be given another meaning."""
    if not all(isinstance(part, str) and part and part == part.strip() for part in (system, code)):
        raise LocalCodesError(f"{place}: system and code must be texts without spaces around them")
    if codes.concepts(str(system), str(code)):
        raise LocalCodesError(f"{place}: {system}|{code} is one of our own codes and keeps its meaning")


def _one_meaning(place: str, element: dict[str, Any]) -> None:
    """Conditions that we cannot check, and "means nothing" beside a meaning, are refused rather than passed over."""
    targets = element.get("target", ())
    if any(target.get("dependsOn") or target.get("product") for target in targets):
        raise LocalCodesError(f"{place}: a target that depends on something else cannot be used")
    if len(targets) > 1 and any(target["equivalence"] in ("unmatched", "disjoint") for target in targets):
        raise LocalCodesError(f"{place}: unmatched or disjoint beside another target")


def _known(place: str, system: str, code: str) -> Code:
    """Our code, or the error that names it: a map to a code that means nothing to us would be silent for ever."""
    if not codes.concepts(system, code) and codes.label(system, code) is None:
        raise LocalCodesError(f"{place}: target {system}|{code} is in none of our value sets")
    return system, code


def _value_set(name: str, resource: dict[str, Any]) -> Iterator[tuple[Code, str, Code, bool]]:
    """Local codes that belong to one of our value sets, which the resource names as its url."""
    _in_force(name, resource)
    if "exclude" in resource.get("compose", {}):
        raise LocalCodesError(f"{name}: compose.exclude: list what belongs, one by one")
    url = str(resource["url"])
    concept = url.removeprefix(VALUE_SET).replace("-", "_")
    if not url.startswith(VALUE_SET) or concept not in codes.value_sets():
        raise LocalCodesError(f"{name}: url: must be the url of one of our value sets")
    if not codes.codings(concept):
        raise LocalCodesError(f"{name}: url: {concept} holds whole categories only; map to one of its codes")
    system, code, _ = codes.codings(concept)[0]
    for include in resource["compose"]["include"]:
        if "filter" in include or "valueSet" in include or "concept" not in include:
            raise LocalCodesError(f"{name}: compose.include: local codes must be listed one by one")
        for entry in include["concept"]:
            _foreign(name, include["system"], entry["code"])
            yield (include["system"], entry["code"]), entry.get("display", ""), (system, code), False


def add_ours(resource: object, local: LocalCodes) -> None:
    """Puts our codings beside the local ones, in every element of a decoded resource from which we read codes."""
    for concept in _concepts(resource):
        if concept is not None and concept.coding:
            meant = [ours for c in concept.coding for ours in local.ours.get((c.system or "", c.code or ""), ())]
            concept.coding += [Coding(system, code) for system, code in meant]


def _concepts(resource: object) -> Iterator[CodeableConcept | None]:
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
