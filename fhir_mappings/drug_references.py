"""Uses of a drug that name it only by a Medication resource that did not come along: which, and what that leaves open.

Some EHRs name every drug that way, and no query of ours brings the Medications. Until they are there, nobody knows
which drug is meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from msgspec import Raw

from fhir_mappings import coded, medicines, relevance
from fhir_mappings.answers import NOT_JSON, Answer, Given
from fhir_mappings.chart import DRAFTS
from fhir_mappings.resources import Medication, MedicationAdministration, MedicationRequest, decode

REFERRING = b'"medicationReference"'
OF_DRUGS = frozenset({"Medication", "MedicationRequest", "MedicationAdministration"})
CONTAINED = "#"


@dataclass(frozen=True, slots=True)
class Nameless:
    """One such use: the prefetch key that brought it, the Medication's name as written, the date by which it sorts."""

    key: str
    medication: str
    dated: str


def nameless(answers: Mapping[str, Answer], drafts: Answer = None) -> tuple[Nameless, ...]:
    """The uses that count and whose drug nothing tells; drafts first, then the newest first."""
    parts = {**answers, DRAFTS: drafts}
    entries = [
        (key, full_url, raw)
        for key, one in parts.items()
        if isinstance(one, Given)
        for kind, (full_url, raw) in zip(one.kinds(), one.entries, strict=True)
        if kind in OF_DRUGS
    ]
    if not any(REFERRING in bytes(raw) for _, _, raw in entries):
        return ()
    uses: list[Nameless] = []
    known: set[str] = set()
    for key, full_url, raw in entries:
        resource = _of_a_drug(raw)
        if isinstance(resource, Medication):
            known |= {name for name, _ in medicines.names(f"Medication/{resource.id}", full_url, resource)}
        elif resource is not None and _counts(resource, key == DRAFTS):
            uses += _use(key, resource)
    left = [use for use in uses if known_as(known, use.medication) is None]
    return tuple(sorted(left, key=lambda use: (use.key == DRAFTS, use.dated), reverse=True))


def _of_a_drug(raw: Raw) -> Medication | MedicationRequest | MedicationAdministration | None:
    """A Medication or a use of one; what cannot be read is the chart's to say."""
    try:
        resource = decode(raw)
    except NOT_JSON:
        return None
    return resource if isinstance(resource, Medication | MedicationRequest | MedicationAdministration) else None


def _counts(use: MedicationRequest | MedicationAdministration, draft: bool) -> bool:
    """Would it be evidence, by its status? What was stopped, entered in error or forbidden need not be named."""
    if getattr(use, "doNotPerform", None):
        return False
    if draft:
        return use.status not in relevance.WITHDRAWN
    if getattr(use, "intent", None) in relevance.NOT_AN_ORDER:
        return False
    return use.status in relevance.EVIDENCE_STATUS[type(use)]


def _use(key: str, use: MedicationRequest | MedicationAdministration) -> Iterator[Nameless]:
    medicines.take_in_contained(use)
    name = coded.reference_of(use.medicationReference)
    if name and not name.startswith(CONTAINED) and not coded.has_code(use.medicationCodeableConcept):
        yield Nameless(key, unversioned(name), _dated(use))


def _dated(use: MedicationRequest | MedicationAdministration) -> str:
    if isinstance(use, MedicationRequest):
        return use.authoredOn or ""
    return use.effectiveDateTime or (use.effectivePeriod.start if use.effectivePeriod else None) or ""


def unversioned(name: str) -> str:
    return name.partition("/_history/")[0]


def known_as(names: Collection[str], name: str) -> str | None:
    """Which of the names is that of a Medication. An address elsewhere is not met by another server's of that id."""
    short = "/".join(name.split("/")[-2:])
    if name in names:
        return name
    if name != short and any(one.endswith(f"/{short}") for one in names):
        return None
    return short if short in names else None


def in_doubt(answers: Mapping[str, Answer], left: tuple[Nameless, ...], why: str) -> dict[str, Answer]:
    """The answers, of which those that hold a use of an unknown drug say that they are not known in full."""
    told: dict[str, Answer] = dict(answers)
    if not left:
        return told
    for key, number in Counter(use.key for use in left).items():
        answer = told.get(key)
        if isinstance(answer, Given):
            reason = f"{number} of unknown drug, since the Medication did not come" + (f": {why}" if why else "")
            before = replace(answer, damaged=0).shortfall()  # lost entries are counted in any case
            told[key] = replace(answer, partial=True, reason="; ".join(filter(None, (before, reason))))
    return told
