"""A file of local codes as JSON: what an editor or an export does to it is either harmless here or named."""

from __future__ import annotations

import json
from typing import Any

# What ConceptMap has in FHIR R5 and not in R4, by the part of it that has it.
R5_OF_MAPS = ("sourceScopeUri", "sourceScopeCanonical", "targetScopeUri", "targetScopeCanonical", "additionalAttribute")
R5_OF_ELEMENTS = ("noMap", "valueSet")
R5_OF_TARGETS = ("relationship", "valueSet")


class LocalCodesError(ValueError):
    """A map that cannot be relied on; the message names the file and the element."""


def load(name: str, content: bytes) -> dict[str, Any]:
    """The ConceptMap or ValueSet in a file. Raises LocalCodesError for anything else, and for a name that stands twice.

    A byte order mark and Windows line ends do no harm.
    """
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise LocalCodesError(f"{name}: not a FHIR resource in JSON: it looks like XML")
    try:
        resource = json.loads(content, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:  # a wrong encoding is a ValueError too
        raise LocalCodesError(f"{name}: not a FHIR resource in JSON: {error}") from error
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if kind == "Bundle":
        raise LocalCodesError(f"{name}: resourceType: is a Bundle; give each map in a file of its own")
    if not isinstance(resource, dict) or kind is None:
        raise LocalCodesError(f"{name}: not a FHIR resource in JSON: it has no resourceType")
    if kind not in ("ConceptMap", "ValueSet"):
        raise LocalCodesError(f"{name}: resourceType: must be ConceptMap or ValueSet")
    if resource.get("status") == "retired":
        raise LocalCodesError(f"{name}: status: the map is retired")
    return resource


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two members of one name JSON would keep the last, and lose the codes of the first without a word."""
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} stands twice in one object")
    return dict(pairs)


def members(place: str, part: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    """(place, member) of a list of objects that must be there and hold at least one. Raises LocalCodesError."""
    found = part.get(name)
    if not isinstance(found, list) or not found:
        raise LocalCodesError(f"{place}{name}: is needed, a list of at least one")
    for number, one in enumerate(found):
        if not isinstance(one, dict):
            raise LocalCodesError(f"{place}{name}[{number}]: an object is needed")
    return [(f"{place}{name}[{number}]", one) for number, one in enumerate(found)]


def text(place: str, part: dict[str, Any], name: str) -> str:
    """A text that must be there, without spaces around it. Raises LocalCodesError."""
    found = part.get(name)
    if not isinstance(found, str) or not found:
        raise LocalCodesError(f"{place}.{name}: is needed, as a text")
    if found != found.strip():
        raise LocalCodesError(f"{place}.{name}: has spaces around it: {found!r}")
    return found


def no_r5(place: str, part: dict[str, Any], names: tuple[str, ...]) -> None:
    """Refuses the form that ConceptMap has in FHIR R5, where other words say how close a match is."""
    for name in names:
        if name in part:
            raise LocalCodesError(f"{place}{name}: this is a map of FHIR R5; FHIR R4 is needed, with `equivalence`")
