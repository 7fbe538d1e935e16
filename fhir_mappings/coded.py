"""What a CodeableConcept says: its clinical ideas, whether it has a code, how the record words it."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_mappings import codes
from fhir_mappings.resources import CodeableConcept, Reference

NO_CONCEPTS: frozenset[str] = frozenset()


def concepts(one: CodeableConcept | None) -> frozenset[str]:
    """The value sets that any coding of a concept belongs to."""
    return codes.concepts_of(one.coding) if one is not None and one.coding else NO_CONCEPTS


def concepts_of(coded: Iterable[CodeableConcept | None]) -> frozenset[str]:
    """The same of any of several concepts."""
    return NO_CONCEPTS.union(*map(concepts, coded))


def has_code(concept: CodeableConcept | None) -> bool:
    """Is there any code at all, ours or not?"""
    return any(coding.code for coding in (concept.coding or ()) if coding) if concept else False


def first_code(concept: CodeableConcept | None) -> str | None:
    """The code of the first coding that has one: enough for elements bound to a required value set."""
    for coding in (concept.coding or ()) if concept else ():
        if coding.code:
            return coding.code
    return None


def first_assessment(concept: CodeableConcept | None) -> str | None:
    """The code in our own assessment system."""
    for coding in (concept.coding or ()) if concept else ():
        if coding.system == codes.ASSESSMENT and coding.code:
            return coding.code
    return None


def label(concept: CodeableConcept | None) -> str:
    """How the record words it: the text, else a display, else our own label of the code."""
    if concept is None:
        return ""
    if concept.text:
        return concept.text
    displays = (coding.display or codes.label(coding.system, coding.code) for coding in concept.coding or ())
    return next((display for display in displays if display), "")


def reference_of(reference: Reference | None) -> str | None:
    return reference.reference if reference else None
