"""Tells which clinical ideas a coded value stands for, from the FHIR value sets published beside this module."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

from fhir_mappings.resources import Coding

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
_NO_CONCEPTS: frozenset[str] = frozenset()
_SHORTEST_CATEGORY = 3  # an ICD-10-CM category has three characters


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


def concepts(system: str | None, code: str | None) -> frozenset[str]:
    """Names of all value sets that the code belongs to; empty for an unknown system or code, and for None.

    ICD-10-CM is matched with and without the dot, and by category where a value set declares one.
    """
    table = _TABLES.get(system)
    return _NO_CONCEPTS if table is None or not code else _in(table, code)


def concepts_of(codings: Iterable[Coding]) -> frozenset[str]:
    """The same of any of several codings. Written out, since most codes of a chart come by here and lead nowhere."""
    found = _NO_CONCEPTS
    for coding in codings:
        table, code = _TABLES.get(coding.system), coding.code
        if table is not None and code:
            of_coding = table.concepts.get(code)  # most are written as we write them
            if of_coding is None or table.has_categories:
                of_coding = _in(table, code)
            if of_coding:
                found = found | of_coding if found else of_coding
    return found


def _in(table: CodeTable, code: str) -> frozenset[str]:
    if not table.has_categories:
        return table.concepts.get(code.strip().upper(), _NO_CONCEPTS)
    key = _key(table, code)
    return _of_category(table, key) if key[:_SHORTEST_CATEGORY] in table.roots else _NO_CONCEPTS


def _of_category(table: CodeTable, key: str) -> frozenset[str]:
    found = table.concepts.get(key, _NO_CONCEPTS)
    for end in range(_SHORTEST_CATEGORY, len(key) + 1):
        below = table.concepts_below.get(key[:end])
        found = found | below if below else found
    return found - table.excluded[key] if key in table.excluded else found


def is_known(system: str | None) -> bool:
    """Is it one of the code systems that our value sets are written in, in any spelling?"""
    return system in _TABLES


def label(system: str | None, code: str | None) -> str | None:
    """The display of the code, or of the narrowest declared ICD-10-CM category above it."""
    table = _TABLES.get(system) if system else None
    if table is None or not code:
        return None
    key = _key(table, code)
    above = [table.labels_below[category] for category in _categories(key) if category in table.labels_below]
    return table.labels.get(key) or next(iter(above), None)


def level(system: str | None, code: str | None) -> str | None:
    """Where in the spine a site code lies: a vertebra "C1" to "S5", a region such as "thoracic", or "spine"."""
    table = _TABLES.get(system) if system else None
    return None if table is None or not code else table.levels.get(_key(table, code))


def score(system: str | None, code: str | None) -> int | None:
    """The ECOG grade or Karnofsky value of an answer code."""
    table = _TABLES.get(system) if system else None
    return None if table is None or not code else table.scores.get(_key(table, code))


def dose_mg(system: str | None, code: str | None) -> int | None:
    """The milligrams of one unit of a drug product; None for an ingredient and for a product that we do not list."""
    table = _TABLES.get(system) if system else None
    return None if table is None or not code else table.doses_mg.get(_key(table, code))


def codings(concept: str) -> tuple[tuple[str, str, str], ...]:
    """(system, code, display) of every code the value set lists one by one; categories are never emitted.

    Raises KeyError for a value set that does not exist: a misspelt name must not look like an empty one.
    """
    return _OURS.codings[concept]


def value_sets() -> Mapping[str, dict[str, Any]]:
    """The FHIR ValueSet resources by name, for publication; do not change them."""
    return _OURS.value_sets


def code_systems() -> Mapping[str, dict[str, Any]]:
    """The FHIR CodeSystem resources of this project by name, for publication; do not change them."""
    return _OURS.code_systems


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


def _key(table: CodeTable, code: str) -> str:
    key = code.strip().upper()
    return key.replace(".", "") if table.has_categories else key


def _categories(key: str) -> list[str]:
    """The code itself and all categories above it, from narrow to wide."""
    return [key[:end] for end in range(len(key), _SHORTEST_CATEGORY - 1, -1)]


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
        key, about = _key(table, entry["code"]), _extensions(entry)
        _put(table.concepts, key, name)
        table.roots.add(key[:_SHORTEST_CATEGORY])
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
        key = _key(table, entry["value"])
        _put(table.concepts_below, key, name)
        table.roots.add(key[:_SHORTEST_CATEGORY])
        _say(table.labels_below, key, _extensions(entry)[DISPLAY_EXTENSION])


def _exclude(table: CodeTable, name: str, part: dict[str, Any]) -> None:
    if not table.has_categories or "filter" in part:
        raise ValueError("only single codes can be taken out, and only of ICD-10-CM categories")
    for entry in part["concept"]:
        _put(table.excluded, _key(table, entry["code"]), name)


def _extensions(entry: dict[str, Any]) -> dict[str, Any]:
    about = {item["url"]: next((item[key] for key in item if key != "url"), None) for item in entry["extension"]}
    if not str(about[EVIDENCE_EXTENSION]).startswith(("A: ", "B: ")):
        raise ValueError("evidence must be of level A or B")
    return about


def _put(table: dict[str, frozenset[str]], key: str, name: str) -> None:
    table[key] = table.get(key, _NO_CONCEPTS) | {name}


def _say(labels: dict[str, str], key: str, display: str) -> None:
    if labels.setdefault(key, display) != display:
        raise ValueError(f"display: {key} is called {labels[key]!r} elsewhere")


def _enter_code_system(tables: dict[str, CodeTable], name: str, resource: dict[str, Any]) -> None:
    try:
        table, waiting = tables[resource["url"]], list(resource["concept"])
        for entry in waiting:
            _say(table.labels, _key(table, entry["code"]), entry["display"])
            waiting += entry.get("concept", ())
    except KeyError as error:
        raise ValueError(f"code_systems/{name}.json: concept: missing or unknown: {error}") from error


_OURS = read(files(__package__))
# A plain mapping is asked faster, and may be asked for no system at all.
_TABLES: dict[str | None, CodeTable] = {spelling: table for spelling, table in _OURS.tables.items()}  # noqa: C416
