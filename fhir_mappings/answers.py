"""What came back for one prefetch key: data, nothing found, or not to be had. The three are never mixed up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from fhir_mappings.resources import Bundle, Entry, Link, OperationOutcome, RawBundle

FAILURES = ("error", "fatal")
NULL = b"null"


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The data could not be had; `reason` is said to the reader as it stands and holds no patient data."""

    reason: str


@dataclass(frozen=True, slots=True)
class Given:
    """Undecoded resources, each with its fullUrl. `partial`: there is a further page; `damaged`: entries lost.

    `reason` says why the rest could not be had, without patient data; `next_page` is the link to it, as it was sent.
    `total` is how many resources there are by the sender's own count.
    """

    entries: tuple[tuple[str | None, msgspec.Raw], ...]
    partial: bool = False
    damaged: int = 0
    reason: str = ""
    next_page: str | None = None
    total: int | None = None

    def shortfall(self) -> str:
        """Why this is known not to be all of it; the empty string when nothing says so."""
        found = ["some entries cannot be read"] if self.damaged else []
        if self.partial:
            found += [self.reason] if self.reason or self.damaged else ["a further page was not read"]
        elif self.total is not None and len(self.entries) + self.damaged < self.total:
            found.append(f"only {len(self.entries)} of {self.total} came, and no link to the rest")
        return "; ".join(filter(None, found))


Answer = Given | None | Unavailable
"""None: the EHR asked and found none (a null)."""


class _Kind(msgspec.Struct, gc=False):
    resourceType: str | None = None


_KIND = msgspec.json.Decoder(_Kind)
_BUNDLE = msgspec.json.Decoder(Bundle, strict=False)
_RAW_BUNDLE = msgspec.json.Decoder(RawBundle)
_LINKS = msgspec.json.Decoder(list[Link] | None)
_ENTRY = msgspec.json.Decoder(Entry, strict=False)
_OUTCOME = msgspec.json.Decoder(OperationOutcome, strict=False)
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)  # ValidationError is a DecodeError


def understand(raw: bytes) -> Given | Unavailable:
    """The resources in a prefetch value or a FHIR server's answer, or why it is a failure and not an answer.

    An OperationOutcome means that the EHR failed (CDS Hooks 2.0). A Bundle that holds only an outcome means the same,
    unless it says total 0 and the outcome is no error: that is how Epic writes "nothing found".
    """
    kind = resource_type(raw)
    if kind is None:
        return Unavailable("the EHR sent something that is not a FHIR resource")
    if kind == "OperationOutcome":
        return Unavailable("the EHR reported an error")
    if kind != "Bundle":
        return Given(((None, msgspec.Raw(raw)),))
    try:
        return _bundle(_BUNDLE.decode(raw))
    except NOT_JSON:
        return _damaged_bundle(raw)


def _bundle(bundle: Bundle) -> Given | Unavailable:
    entries = tuple(
        (entry.fullUrl, entry.resource) for entry in bundle.entry or () if memoryview(entry.resource) != NULL
    )
    if entries and all(resource_type(resource) == "OperationOutcome" for _, resource in entries):
        refused = bundle.total != 0 or any(failed(resource) for _, resource in entries)
        return Unavailable("the EHR reported an error") if refused else Given(())
    further, next_page = _further(bundle.link or ())
    return Given(entries, partial=further, next_page=next_page, total=bundle.total)


def together(pages: Sequence[Given], reason: str = "") -> Given:
    """The pages of one search as one answer; with a reason why the rest could not be had it is partial."""
    return Given(
        entries=tuple(entry for page in pages for entry in page.entries),
        partial=bool(reason) or pages[-1].partial,
        damaged=sum(page.damaged for page in pages),
        reason=reason,
        next_page=pages[-1].next_page,
        total=pages[0].total,
    )


def _further(links: Iterable[Link]) -> tuple[bool, str | None]:
    """Is there a further page, and where?"""
    found = [link for link in links if link.relation == "next"]
    return bool(found), next((link.url for link in found if link.url), None)


def _damaged_bundle(raw: bytes) -> Given | Unavailable:
    """A Bundle with a wrong type somewhere: what can be read of it, entry by entry."""
    try:
        bundle = _RAW_BUNDLE.decode(raw)
    except NOT_JSON:
        return Unavailable("the Bundle cannot be read")
    parts = bundle.entry or []
    entries = tuple(_readable(parts))
    try:
        _, next_page = _further(_LINKS.decode(bundle.link) or ())
    except NOT_JSON:
        next_page = None
    return Given(entries, partial=True, damaged=len(parts) - len(entries), next_page=next_page)


def _readable(parts: list[msgspec.Raw]) -> Iterator[tuple[str | None, msgspec.Raw]]:
    for part in parts:
        try:
            entry = _ENTRY.decode(part)
        except NOT_JSON:
            continue
        yield entry.fullUrl, entry.resource


def resource_type(raw: bytes | msgspec.Raw) -> str | None:
    """The resourceType of a JSON object; None when it is no object or has none."""
    try:
        return _KIND.decode(raw).resourceType
    except NOT_JSON:
        return None


def failed(outcome: bytes | msgspec.Raw) -> bool:
    """Does an OperationOutcome report an error, or something that cannot be read?"""
    try:
        issues = _OUTCOME.decode(outcome).issue or ()
    except NOT_JSON:
        return True
    return any(issue.severity in FAILURES for issue in issues)
