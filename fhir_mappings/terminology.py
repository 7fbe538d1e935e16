"""Reads the FHIR value sets and code systems published beside this module into tables by code, and checks them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ATC = "http://www.whocc.no/atc"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
DICOM_BODY_PART = "urn:dicom:body-part-examined"
ICD_O_3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
AJCC_STAGE = "http://cancerstaging.org"
ASSESSMENT = "urn:spine-cds:assessment"

EVIDENCE_EXTENSION = "urn:spine-cds:evidence"
DISPLAY_EXTENSION = "urn:spine-cds:display"
LEVEL_EXTENSION = "urn:spine-cds:level"
SCORE_EXTENSION = "urn:spine-cds:score"
DOSE_EXTENSION = "urn:spine-cds:dose-mg"

# EHRs also name these systems by OID. WHO ICD-10 and ICD-10-GM are other classifications, divided otherwise, whose
# codes look the same: they are left out on purpose, a site maps them with a ConceptMap.
_OIDS = {
    SNOMED: "urn:oid:2.16.840.1.113883.6.96",
    LOINC: "urn:oid:2.16.840.1.113883.6.1",
    RXNORM: "urn:oid:2.16.840.1.113883.6.88",
    ICD_10_CM: "urn:oid:2.16.840.1.113883.6.90",
    ATC: "urn:oid:2.16.840.1.113883.6.73",
    CPT: "urn:oid:2.16.840.1.113883.6.12",
    HCPCS: "urn:oid:2.16.840.1.113883.6.285",
    DICOM: "urn:oid:1.2.840.10008.2.16.4",
    ICD_O_3: "urn:oid:2.16.840.1.113883.6.43.1",
}
_SYSTEMS = (*_OIDS, DICOM_BODY_PART, AJCC_STAGE, ASSESSMENT)
NO_CONCEPTS: frozenset[str] = frozenset()
SHORTEST_CATEGORY = 3  # an ICD-10-CM category has three characters


@dataclass(frozen=True, slots=True)
class CodeTable:
    """What is known of one code system, by normalised code; "below" is by category, for every code within it."""

    has_categories: bool
    roots: set[str] = field(default_factory=set)  # how all the codes and categories begin
    concepts: dict[str, frozenset[str]] = field(default_factory=dict)
    concepts_below: dict[str, frozenset[str]] = field(default_factory=dict)
    excluded: dict[str, frozenset[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    labels_below: dict[str, str] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=dict)
    scores: dict[str, int] = field(default_factory=dict)
    doses_mg: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terminology:
    """A folder of value sets and code systems, checked: tables by every spelling of a system, resources by name."""

    tables: Mapping[str, CodeTable]
    value_sets: Mapping[str, dict[str, Any]]
    code_systems: Mapping[str, dict[str, Any]]
    codings: Mapping[str, tuple[tuple[str, str, str], ...]]


def read(folder: Traversable) -> Terminology:
    """Reads and checks value_sets/*.json and code_systems/*.json; raises ValueError naming the file and the element."""
    by_system = {system: CodeTable(has_categories=system == ICD_10_CM) for system in _SYSTEMS}
    tables = {spelling: by_system[system] for system in _SYSTEMS for spelling in _spellings(system)}
    sets = dict(_resources(folder, "value_sets", "ValueSet"))
    systems = dict(_resources(folder, "code_systems", "CodeSystem"))
    listed = {name: _enter_value_set(by_system, name, resource) for name, resource in sets.items()}
    for name, resource in systems.items():
        _enter_code_system(by_system, name, resource)
    return Terminology(
        tables=MappingProxyType(tables),
        value_sets=MappingProxyType(sets),
        code_systems=MappingProxyType(systems),
        codings=MappingProxyType(listed),
    )


def key_of(table: CodeTable, code: str) -> str:
    """A code as the table lists it, however it was written: capitals, no blanks, and in ICD-10-CM no dot."""
    key = code.strip().upper()
    return key.replace(".", "") if table.has_categories else key


def _spellings(system: str) -> Iterator[str]:
    """A system as EHRs write it: http or https, with or without a closing slash, or as an OID."""
    schemes = ("http", "https") if system.startswith("http") else (system.partition(":")[0],)
    rest = system.partition(":")[2]
    for scheme in schemes:
        yield f"{scheme}:{rest}"
        yield f"{scheme}:{rest}/"
    if system in _OIDS:
        yield _OIDS[system]


def _resources(folder: Traversable, kind: str, resource_type: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, resource) of each file, in the order of their names."""
    for file in sorted(folder.joinpath(kind).iterdir(), key=lambda file: file.name):
        name = file.name.removesuffix(".json")
        try:
            resource = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{kind}/{file.name}: not JSON ({error})") from error
        if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
            raise ValueError(f"{kind}/{file.name}: resourceType: must be {resource_type}")
        if resource.get("id") != name.replace("_", "-"):
            raise ValueError(f"{kind}/{file.name}: id: must be the file's name with hyphens")
        yield name, resource


def _enter_value_set(
    tables: dict[str, CodeTable], name: str, resource: dict[str, Any]
) -> tuple[tuple[str, str, str], ...]:
    """Enters one value set into the tables; returns what it lists one by one."""
    element = "compose"
    listed: list[tuple[str, str, str]] = []
    try:
        for number, part in enumerate(resource["compose"]["include"]):
            element = f"compose.include[{number}]"
            listed += _include(tables[part["system"]], name, part)
        for number, part in enumerate(resource["compose"].get("exclude", ())):
            element = f"compose.exclude[{number}]"
            _exclude(tables[part["system"]], name, part)
    except KeyError as error:
        raise ValueError(f"value_sets/{name}.json: {element}: missing or unknown: {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"value_sets/{name}.json: {element}: {error}") from error
    return tuple(listed)


def _include(table: CodeTable, name: str, part: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for entry in part.get("concept", ()):
        key, about = key_of(table, entry["code"]), _extensions(entry)
        _put(table.concepts, key, name)
        table.roots.add(key[:SHORTEST_CATEGORY])
        _say(table.labels, key, entry["display"])
        if LEVEL_EXTENSION in about:
            table.levels[key] = about[LEVEL_EXTENSION]
        if SCORE_EXTENSION in about:
            table.scores[key] = about[SCORE_EXTENSION]
        if DOSE_EXTENSION in about:
            table.doses_mg[key] = about[DOSE_EXTENSION]
        yield part["system"], entry["code"], entry["display"]
    for entry in part.get("filter", ()):
        if not table.has_categories or (entry["property"], entry["op"]) != ("concept", "is-a"):
            raise ValueError("filter: only concept is-a, and only in ICD-10-CM")
        key = key_of(table, entry["value"])
        _put(table.concepts_below, key, name)
        table.roots.add(key[:SHORTEST_CATEGORY])
        _say(table.labels_below, key, _extensions(entry)[DISPLAY_EXTENSION])


def _exclude(table: CodeTable, name: str, part: dict[str, Any]) -> None:
    if not table.has_categories or "filter" in part:
        raise ValueError("only single codes can be taken out, and only of ICD-10-CM categories")
    for entry in part["concept"]:
        _put(table.excluded, key_of(table, entry["code"]), name)


def _extensions(entry: dict[str, Any]) -> dict[str, Any]:
    about = {item["url"]: next((item[key] for key in item if key != "url"), None) for item in entry["extension"]}
    if not str(about[EVIDENCE_EXTENSION]).startswith(("A: ", "B: ")):
        raise ValueError("evidence must be of level A or B")
    return about


def _put(table: dict[str, frozenset[str]], key: str, name: str) -> None:
    table[key] = table.get(key, NO_CONCEPTS) | {name}


def _say(labels: dict[str, str], key: str, display: str) -> None:
    if labels.setdefault(key, display) != display:
        raise ValueError(f"display: {key} is called {labels[key]!r} elsewhere")


def _enter_code_system(tables: dict[str, CodeTable], name: str, resource: dict[str, Any]) -> None:
    try:
        table, waiting = tables[resource["url"]], list(resource["concept"])
        for entry in waiting:
            _say(table.labels, key_of(table, entry["code"]), entry["display"])
            waiting += entry.get("concept", ())
    except KeyError as error:
        raise ValueError(f"code_systems/{name}.json: concept: missing or unknown: {error}") from error
