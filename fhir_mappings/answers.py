"""What came back for one prefetch key: data, nothing found, or not to be had. The three are never mixed up."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from fhir_mappings.resources import Bundle, OperationOutcome

FAILURES = ("error", "fatal")


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The data could not be had; `reason` is said to the reader as it stands and holds no patient data."""

    reason: str


Answer = bytes | None | Unavailable
"""bytes: JSON of a resource or Bundle; None: the EHR asked and found none (a null); Unavailable: not known."""


class _Kind(msgspec.Struct, gc=False):
    resourceType: str | None = None


_KIND = msgspec.json.Decoder(_Kind)
_BUNDLE = msgspec.json.Decoder(Bundle, strict=False)
_OUTCOME = msgspec.json.Decoder(OperationOutcome, strict=False)
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)  # ValidationError is a DecodeError


def resource_type(raw: bytes | msgspec.Raw) -> str | None:
    """The resourceType of a JSON object; None when it is no object or has none."""
    try:
        return _KIND.decode(raw).resourceType
    except NOT_JSON:
        return None


def why_unusable(raw: bytes | msgspec.Raw) -> str | None:
    """Why a prefetch value is a failure and not an answer; None when it can be read as data.

    An OperationOutcome means that the EHR failed (CDS Hooks 2.0). A Bundle that holds only an outcome means the same,
    unless it says total 0 and the outcome is no error: that is how Epic writes "nothing found".
    """
    kind = resource_type(raw)
    if kind is None:
        return "the EHR sent something that is not a FHIR resource"
    if kind == "OperationOutcome":
        return "the EHR reported an error"
    if kind != "Bundle":
        return None
    try:
        bundle = _BUNDLE.decode(raw)
    except NOT_JSON:
        return None  # a Bundle with a damaged part is read entry by entry
    entries = [entry for entry in bundle.entry or () if bytes(entry.resource) != b"null"]
    outcomes = [entry for entry in entries if resource_type(entry.resource) == "OperationOutcome"]
    if not outcomes or len(outcomes) < len(entries):
        return None
    empty = bundle.total == 0 and not any(failed(entry.resource) for entry in outcomes)
    return None if empty else "the EHR reported an error"


def failed(outcome: bytes | msgspec.Raw) -> bool:
    """Does an OperationOutcome report an error, or something that cannot be read?"""
    try:
        issues = _OUTCOME.decode(outcome).issue or ()
    except NOT_JSON:
        return True
    return any(issue.severity in FAILURES for issue in issues)
