"""Tells which clinical ideas a coded value stands for, from the FHIR value sets published beside this module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from fhir_mappings.resources import Coding
from fhir_mappings.terminology import AJCC_STAGE as AJCC_STAGE
from fhir_mappings.terminology import ASSESSMENT as ASSESSMENT
from fhir_mappings.terminology import ATC as ATC
from fhir_mappings.terminology import CPT as CPT
from fhir_mappings.terminology import DICOM as DICOM
from fhir_mappings.terminology import DICOM_BODY_PART as DICOM_BODY_PART
from fhir_mappings.terminology import HCPCS as HCPCS
from fhir_mappings.terminology import ICD_10_CM as ICD_10_CM
from fhir_mappings.terminology import ICD_O_3 as ICD_O_3
from fhir_mappings.terminology import LOINC as LOINC
from fhir_mappings.terminology import NO_CONCEPTS, SHORTEST_CATEGORY, CodeTable, key_of, read
from fhir_mappings.terminology import RXNORM as RXNORM
from fhir_mappings.terminology import SNOMED as SNOMED


def concepts(system: str | None, code: str | None) -> frozenset[str]:
    """Names of all value sets that the code belongs to; empty for an unknown system or code, and for None.

    ICD-10-CM is matched with and without the dot, and by category where a value set declares one.
    """
    table = _TABLES.get(system)
    return NO_CONCEPTS if table is None or not code else _in(table, code)


def concepts_of(codings: Iterable[Coding]) -> frozenset[str]:
    """The same of any of several codings. Written out, since most codes of a chart come by here and lead nowhere."""
    found = NO_CONCEPTS
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
        return table.concepts.get(code.strip().upper(), NO_CONCEPTS)
    key = key_of(table, code)
    return _of_category(table, key) if key[:SHORTEST_CATEGORY] in table.roots else NO_CONCEPTS


def _of_category(table: CodeTable, key: str) -> frozenset[str]:
    found = table.concepts.get(key, NO_CONCEPTS)
    for end in range(SHORTEST_CATEGORY, len(key) + 1):
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
    key = key_of(table, code)
    above = [table.labels_below[category] for category in _categories(key) if category in table.labels_below]
    return table.labels.get(key) or next(iter(above), None)


def level(system: str | None, code: str | None) -> str | None:
    """Where in the spine a site code lies: a vertebra "C1" to "S5", a region such as "thoracic", or "spine"."""
    table = _TABLES.get(system) if system else None
    return None if table is None or not code else table.levels.get(key_of(table, code))


def score(system: str | None, code: str | None) -> int | None:
    """The ECOG grade or Karnofsky value of an answer code."""
    table = _TABLES.get(system) if system else None
    return None if table is None or not code else table.scores.get(key_of(table, code))


def dose_mg(system: str | None, code: str | None) -> int | None:
    """The milligrams of one unit of a drug product; None for an ingredient and for a product that we do not list."""
    table = _TABLES.get(system) if system else None
    return None if table is None or not code else table.doses_mg.get(key_of(table, code))


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


def _categories(key: str) -> list[str]:
    """The code itself and all categories above it, from narrow to wide."""
    return [key[:end] for end in range(len(key), SHORTEST_CATEGORY - 1, -1)]


_OURS = read(files(__package__))
# A plain mapping is asked faster. It may be asked for no system at all, which dict() of the other would not admit.
_TABLES: dict[str | None, CodeTable] = {spelling: table for spelling, table in _OURS.tables.items()}  # noqa: C416 - or None is no key
