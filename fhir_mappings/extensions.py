"""FHIR extensions, categories and links, read leniently: one that is odd says nothing and voids no resource.

Real EHRs hang much on their resources that is none of our business, and send objects where lists are due. These
elements stay undecoded (`Raw`) until somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder, encode

from fhir_mappings.answers import NOT_JSON
from fhir_mappings.resources import ABSENT, BodyStructure, CodeableConcept, Quantity, Reference

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
CORE = "http://hl7.org/fhir/StructureDefinition/"

T = TypeVar("T")


class Extension(Struct, gc=False):
    """One extension; `extension` holds its parts."""

    url: str | None = None
    valueCodeableConcept: CodeableConcept | None = None
    valueReference: Reference | None = None
    valueQuantity: Quantity | None = None
    valueUnsignedInt: int | None = None
    valueDateTime: str | None = None
    extension: Raw = ABSENT


_ANYTHING = Decoder()
_RAWS = Decoder(list[Raw])
_EXTENSION = Decoder(Extension, strict=False)
_REFERENCE = Decoder(Reference, strict=False)
_CONCEPT = Decoder(CodeableConcept, strict=False)
_VOLUME = Decoder(BodyStructure, strict=False)


def named(raw: Raw, *urls: str) -> Iterator[Extension]:
    """The readable extensions with one of these urls, in their order."""
    return (one for one in _each(raw, _EXTENSION) if one.url in urls)


def references(raw: Raw) -> tuple[str, ...]:
    """What a list of references, or a single one, points to."""
    return tuple(one.reference for one in _each(raw, _REFERENCE) if one.reference)


def concepts(raw: Raw) -> tuple[CodeableConcept, ...]:
    """A list of concepts, or a single one where a list is due."""
    return tuple(_each(raw, _CONCEPT))


def volumes(raw: Raw) -> tuple[BodyStructure, ...]:
    """The BodyStructures among some contained resources."""
    return tuple(_each(raw, _VOLUME))


def _each(raw: Raw, decoder: Decoder[T]) -> Iterator[T]:
    for part in _parts(raw):
        try:
            yield decoder.decode(part)
        except NOT_JSON:
            continue


def _parts(raw: Raw) -> list[Raw]:
    """The members of a list; something else is taken for the only member, null for none."""
    if raw == ABSENT:
        return []
    try:
        return _RAWS.decode(raw)
    except NOT_JSON:
        return [raw]


def coded(raw: Raw, means: Callable[[object, object], Iterable[tuple[str, str]]]) -> Raw:
    """The same with the codings that `means` finds for a system and code put beside every coding, however deep."""
    if raw == ABSENT:
        return raw
    try:
        whole = _ANYTHING.decode(raw)
        found = [(codings, ours) for codings in _codings(whole) if (ours := _meant(codings, means))]
        for codings, ours in found:
            codings += ours
        return Raw(encode(whole)) if found else raw
    except NOT_JSON:
        return raw


def _codings(whole: Any) -> Iterator[list[Any]]:
    """Every list called "coding"; walked without recursion, since how deep it goes is the sender's choice."""
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("coding"), list):
                yield part["coding"]
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _meant(codings: list[Any], means: Callable[[object, object], Iterable[tuple[str, str]]]) -> list[dict[str, str]]:
    return [
        {"system": system, "code": code}
        for one in codings
        if isinstance(one, dict)
        for system, code in means(one.get("system"), one.get("code"))
    ]
