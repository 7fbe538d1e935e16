"""What came back for one prefetch key: data, nothing found, or not to be had. The three are never mixed up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from fhir_mappings.resources import Bundle, Entry, Link, OperationOutcome, RawBundle

NULL = msgspec.Raw(b"null")
BEGINNING = re.compile(rb'\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,64})"')  # most resources
# Of one Bundle. A call with too many is refused before this; it is the bound for what a FHIR server sends.
MOST_ENTRIES = 100_000
CUT = f"only the first {MOST_ENTRIES} entries were read"
# The type of resource that each prefetch key asks for; a test compares it with the templates.
ASKED = {
    "patient": "Patient",
    "conditions": "Condition",
    "laboratory": "Observation",
    "assessments": "Observation",
    "imaging": "ImagingStudy",
    "medicationRequests": "MedicationRequest",
    "medicationAdministrations": "MedicationAdministration",
    "serviceRequests": "ServiceRequest",
    "procedures": "Procedure",
    "imagingReports": "DiagnosticReport",
}
BESIDE = frozenset({"OperationOutcome", "Patient", "Medication"})  # what comes with a search that found nothing
WITH = {"Procedure": ("BodyStructure",)}  # nothing of ours asks for these: among the entries, they are counted
# Types of Bundle that, empty, mean "none found"; total is optional in FHIR, and so is the type to careless senders. An
# empty history, message, batch or whatever is no answer to a search.
FOUND_NONE = (None, "searchset", "collection")
REMARKS = frozenset({"warning", "information"})  # severities of an outcome that is no failure
# Issue types by which a server says that it did not look, or that it holds something back, however mild it calls it.
WITHHELD = frozenset(
    {
        "suppressed",
        "forbidden",
        "incomplete",
        "security",
        "login",
        "expired",
        "unknown",
        "timeout",
        "throttled",
        "exception",
        "transient",
        "lock-error",
        "no-store",
        "too-costly",
    }
)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The data could not be had; `reason` is said to the reader as it stands and holds no patient data."""

    reason: str


@dataclass(frozen=True, slots=True)
class Given:
    """Undecoded resources, each with its fullUrl. `partial`: there is a further page; `damaged`: entries lost.

    `reason` says why the rest could not be had, without patient data; `next_page` is the link to it, as it was sent.
    `total` is how many resources there are by the sender's own count, `asked` the type of resource asked for.
    """

    entries: tuple[tuple[str | None, msgspec.Raw], ...]
    partial: bool = False
    damaged: int = 0
    reason: str = ""
    next_page: str | None = None
    total: int | None = None
    asked: str = field(default="", compare=False)
    # Empty until somebody asks for the types: a list, since what is frozen may still fill one. A copy looks again.
    _kinds: list[tuple[str | None, ...]] = field(default_factory=list, init=False, repr=False, compare=False)

    def kinds(self) -> tuple[str | None, ...]:
        """The types of the entries, looked for once."""
        if not self._kinds:
            self._kinds.append(tuple([resource_type(raw) for _, raw in self.entries]))
        return self._kinds[0]

    def misfit(self) -> str:
        """Why this is no answer to the question; the empty string when it is one, or nothing definite was asked."""
        if not self.asked:
            return ""
        if self.asked in self.kinds():
            return ""
        if self.next_page is not None:
            return ""  # the rest may hold it, and is known to be missing
        if self.entries:
            beside = self.total == 0 and BESIDE.issuperset(self.kinds())
            return "" if beside else "what was sent is something else than was asked for"
        if self.damaged:
            return "none of the entries can be read"
        return "the EHR counted some, and none came" if self.total else ""

    def shortfall(self) -> str:
        """Why this is known not to be all of it; the empty string when nothing says so."""
        found = ["some entries cannot be read"] if self.damaged else []
        if self.partial:
            found += [self.reason] if self.reason or self.damaged else ["a further page was not read"]
        elif self.total is not None and (came := self._matches()) + self.damaged < self.total:
            found.append(f"only {came} of {self.total} came, and no link to the rest")
        return "; ".join(filter(None, found))

    def _matches(self) -> int:
        """How many entries are of the type asked for; resources that were only included are in no total."""
        counted = (self.asked, *WITH.get(self.asked, ()))
        return sum(map(self.kinds().count, counted)) if self.asked else len(self.entries)


Answer = Given | None | Unavailable
"""None: the EHR asked and found none (a null)."""


class _Kind(msgspec.Struct, gc=False):
    resourceType: str | None = None


class _Identity(msgspec.Struct, gc=False):
    id: str | None = None


_IDENTITY = msgspec.json.Decoder(_Identity)
_KIND = msgspec.json.Decoder(_Kind)
_BUNDLE = msgspec.json.Decoder(Bundle, strict=False)
_RAW_BUNDLE = msgspec.json.Decoder(RawBundle)
_LINKS = msgspec.json.Decoder(list[Link] | None)
_ENTRY = msgspec.json.Decoder(Entry, strict=False)
_OUTCOME = msgspec.json.Decoder(OperationOutcome, strict=False)
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)  # ValidationError is a DecodeError


def asked_for(key: str, answer: Answer) -> Answer:
    """The same answer, which now knows what the prefetch key asked for."""
    return replace(answer, asked=ASKED.get(key, "")) if isinstance(answer, Given) else answer


def understand(raw: bytes, asked: str = "") -> Given | Unavailable:
    """The resources in a prefetch value or a FHIR server's answer, or why it is a failure and not an answer.

    `asked` is the type of resource that was asked for, where that is known.

    An OperationOutcome means that the EHR failed (CDS Hooks 2.0). A Bundle that holds only an outcome means the same,
    unless it says total 0 and the outcome is a mere remark: that is how Epic writes "nothing found".
    """
    kind = resource_type(raw)
    if kind is None:
        return Unavailable("the EHR sent something that is not a FHIR resource")
    if kind == "OperationOutcome":
        return Unavailable("the EHR reported an error")
    if kind != "Bundle":
        return Given(((None, msgspec.Raw(raw)),), asked=asked)
    try:
        return _bundle(_BUNDLE.decode(raw), asked)
    except NOT_JSON:
        return _damaged_bundle(raw, asked)


def _bundle(bundle: Bundle, asked: str) -> Given | Unavailable:
    parts = bundle.entry or []
    cut = len(parts) > MOST_ENTRIES
    if cut:
        del parts[MOST_ENTRIES:]
    # A list: a generator is called for each entry.
    entries = tuple([(entry.fullUrl, entry.resource) for entry in parts if entry.resource != NULL])
    lost = len(parts) - len(entries)  # a refused part of a batch, a hidden resource: something was there
    further, next_page = _further(bundle.link) if bundle.link else (False, None)
    if not parts and bundle.type not in FOUND_NONE:
        return Unavailable("the EHR sent a Bundle that is no answer to a search")
    if entries and all(resource_type(resource) == "OperationOutcome" for _, resource in entries):
        nothing = bundle.total == 0 and not lost and not further
        if not nothing or any(failed(resource) for _, resource in entries):
            return Unavailable("the EHR reported an error")
        return Given((), asked=asked)
    return Given(entries, further or cut, lost, CUT if cut else "", next_page, bundle.total, asked)


def together(pages: Sequence[Given], reason: str = "") -> Given:
    """The pages of one search as one answer; with a reason why the rest could not be had it is partial."""
    reason = reason or _strange_page(pages) or next((page.reason for page in pages if page.reason), "")
    return Given(
        entries=tuple(entry for page in pages for entry in page.entries),
        partial=bool(reason) or pages[-1].partial,
        damaged=sum(page.damaged for page in pages),
        reason=reason,
        next_page=pages[-1].next_page,
        total=pages[0].total,
    )


def _strange_page(pages: Sequence[Given]) -> str:
    """Does a further page hold nothing of what the first one holds?"""
    sought = {resource_type(raw) for _, raw in pages[0].entries} - BESIDE
    for page in pages[1:] if sought else ():
        if page.entries and not any(resource_type(raw) in sought for _, raw in page.entries):
            return "a further page holds something else"
    return ""


def _further(links: Iterable[Link]) -> tuple[bool, str | None]:
    """Is there a further page, and where?"""
    found = [link.url for link in links if link.relation and link.relation.strip().lower() == "next"]
    return bool(found), next(filter(None, found), None) if found else None


def _damaged_bundle(raw: bytes, asked: str) -> Given | Unavailable:
    """A Bundle with a wrong type somewhere: what can be read of it, entry by entry."""
    try:
        bundle = _RAW_BUNDLE.decode(raw)
    except NOT_JSON:
        return Unavailable("the Bundle cannot be read")
    parts = (bundle.entry or [])[:MOST_ENTRIES]
    entries = tuple(_readable(parts))
    try:
        _, next_page = _further(_LINKS.decode(bundle.link) or ())
    except NOT_JSON:
        next_page = None
    return Given(entries, partial=True, damaged=len(parts) - len(entries), next_page=next_page, asked=asked)


def _readable(parts: list[msgspec.Raw]) -> Iterator[tuple[str | None, msgspec.Raw]]:
    for part in parts:
        try:
            entry = _ENTRY.decode(part)
        except NOT_JSON:
            continue
        yield entry.fullUrl, entry.resource


def resource_type(raw: bytes | msgspec.Raw) -> str | None:
    """The resourceType of a JSON object; None when it is no object or has none. What begins with it is not read on."""
    begins = BEGINNING.match(raw)
    if begins:
        return begins[1].decode()
    try:
        return _KIND.decode(raw).resourceType
    except NOT_JSON:
        return None


def identity(raw: msgspec.Raw) -> str | None:
    """The id of a resource that could not be decoded as a whole."""
    try:
        return _IDENTITY.decode(raw).id
    except NOT_JSON:
        return None


def failed(outcome: bytes | msgspec.Raw) -> bool:
    """Does an OperationOutcome say anything but a remark: an error, something withheld, or what cannot be read?"""
    try:
        issues = _OUTCOME.decode(outcome).issue or ()
    except NOT_JSON:
        return True
    return not issues or any(issue.severity not in REMARKS or issue.code in (None, *WITHHELD) for issue in issues)
