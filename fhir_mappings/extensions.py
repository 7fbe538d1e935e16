"""FHIR extensions, categories and links, read leniently: one that is odd says nothing and voids no resource.

Real EHRs hang much on their resources that is none of our business, and send objects where lists are due. These
elements stay undecoded (`Raw`) until somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder, encode

from fhir_mappings.answers import NOT_JSON
from fhir_mappings.resources import ABSENT, BodyStructure, CodeableConcept, Quantity, Reference

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
CORE = "http://hl7.org/fhir/StructureDefinition/"
REFERRING = b'"valueReference"'

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


class _Readers(Generic[T]):
    """Decodes a whole list at once, and where one member is odd, or it is no list, each member by itself."""

    def __init__(self, kind: type[T]) -> None:
        self._all = Decoder(list[kind], strict=False)  # type: ignore[valid-type] # msgspec reads it at run time
        self._one = Decoder(kind, strict=False)

    def of(self, raw: Raw) -> list[T]:
        """The readable members of a list; something else is taken for the only member, null for none."""
        if raw is ABSENT or raw == ABSENT:
            return []
        try:
            return self._all.decode(raw)
        except NOT_JSON:
            return list(self._readable(raw))

    def _readable(self, raw: Raw) -> Iterator[T]:
        for part in _parts(raw):
            try:
                yield self._one.decode(part)
            except NOT_JSON:
                continue


_ANYTHING = Decoder()
_RAWS = Decoder(list[Raw])
_EXTENSIONS = _Readers(Extension)
_REFERENCES = _Readers(Reference)
_CONCEPTS = _Readers(CodeableConcept)
_VOLUMES = _Readers(BodyStructure)


def named(raw: Raw, *urls: str) -> list[Extension]:
    """The readable extensions with one of these urls, in their order."""
    return [one for one in _EXTENSIONS.of(raw) if one.url in urls]


def may_hold(word: bytes, raws: Iterable[Raw]) -> bool:
    """Can the word stand in any of these? Most need not be decoded to tell: only an escape could spell it otherwise."""
    text = b"".join(raws)
    return word in text or b"\\" in text


def referred(raw: Raw, *urls: str) -> list[str]:
    """What the extensions with one of these urls refer to."""
    if raw is ABSENT or not may_hold(REFERRING, (raw,)):
        return []
    stated = [one.valueReference for one in named(raw, *urls)]
    return [one.reference for one in stated if one and one.reference]


def references(raw: Raw) -> list[str]:
    """What a list of references, or a single one, points to."""
    return [one.reference for one in _REFERENCES.of(raw) if one.reference]


def concepts(raw: Raw) -> list[CodeableConcept]:
    """A list of concepts, or a single one where a list is due."""
    return _CONCEPTS.of(raw)


def volumes(raw: Raw) -> list[BodyStructure]:
    """The BodyStructures among some contained resources."""
    return _VOLUMES.of(raw)


def _parts(raw: Raw) -> list[Raw]:
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
