"""Which of two versions of a resource is the newer one, and how a reference names a resource whatever its form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fhir_mappings import dates
from fhir_mappings.resources import Meta

COUNTING = 12  # digits of a version number; what is longer is a checksum or a time


def version(of: Any) -> tuple[str, bytes]:
    """Orders two versions of the same resource, bare or kept; the content decides where no update time does."""
    resource = getattr(of, "resource", of)
    return updated(resource), msgspec.json.encode(resource)


def updated(resource: Any) -> str:
    """When a resource was last written, by a string that sorts; empty where the server does not say.

    A version number that counts tells apart what was written at one time.
    """
    return written(resource.meta)


def written(meta: Meta | None) -> str:
    """The same of a resource's meta."""
    if not meta:
        return ""
    number = meta.versionId or ""
    counts = number.isascii() and number.isdigit() and len(number) <= COUNTING
    return dates.order(meta.lastUpdated) + (f" v{number:0>{COUNTING}}" if counts else "")


def surely_older(one: str, other: str) -> bool:
    """Is a version, by `updated`, older than another? Not where one has a date or a number that the other lacks."""
    (day, _, number), (other_day, _, other_number) = one.partition(" v"), other.partition(" v")
    if day != other_day:
        return "" < day < other_day
    return bool(number) and number < other_number


def resolved(names: Mapping[str, str], reference: str) -> str:
    """A reference as the chart calls its target: "Type/id", whether it was relative, absolute, versioned or a urn."""
    plain = reference.partition("/_history/")[0]
    return names.get(plain) or "/".join(plain.split("/")[-2:])
