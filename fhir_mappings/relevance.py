"""Is a resource evidence about this patient? Whose it is, what its status says, and whether we know its codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from fhir_mappings import codes, dates, extensions
from fhir_mappings.answers import NOT_JSON
from fhir_mappings.extensions import MCODE
from fhir_mappings.ours import Ours as Ours
from fhir_mappings.resources import (
    BodyStructure,
    CodeableConcept,
    Condition,
    ImagingStudy,
    Medication,
    MedicationAdministration,
    MedicationRequest,
    Meta,
    Observation,
    Patient,
    Procedure,
    Reference,
    ServiceRequest,
)

Judged = (
    Condition | Observation | ImagingStudy | MedicationRequest | MedicationAdministration | ServiceRequest | Procedure
)

# Which statuses make a resource evidence. All others are left out: preliminary results, cancelled or stopped orders,
# things not done, entries made in error. (FHIR R4 value sets of each status element.)
EVIDENCE_STATUS = {
    Observation: frozenset({"final", "amended", "corrected"}),
    ImagingStudy: frozenset({"available"}),
    MedicationRequest: frozenset({"active", "completed", "on-hold", "draft"}),
    MedicationAdministration: frozenset({"completed", "in-progress"}),
    ServiceRequest: frozenset({"active", "completed", "on-hold", "draft"}),
    Procedure: frozenset({"completed", "in-progress"}),
}
MODALITY, TECHNIQUE = f"{MCODE}radiotherapy-modality", f"{MCODE}radiotherapy-technique"
COUNTING = 12  # digits of a version number; what is longer is a checksum or a time
WITHDRAWN = frozenset({"entered-in-error", "revoked", "cancelled", "stopped"})  # an order that the session takes back
NOT_AN_ORDER = frozenset({"proposal", "option"})  # request intents that nobody has authorised
DROPPED_VERIFICATION = frozenset({"refuted", "entered-in-error"})
NO_CONCEPTS: frozenset[str] = frozenset()


R = TypeVar("R", bound=Judged)


@dataclass(frozen=True, slots=True)
class Kept(Generic[R]):
    """A resource that counts, with the value sets its codes belong to and the string by which it sorts in time."""

    reference: str
    resource: R
    concepts: frozenset[str]
    dated: str


def version(of: Kept[Any] | Patient | Medication | BodyStructure) -> tuple[str, bytes]:
    """Orders two versions of the same resource; the content decides where no update time does."""
    resource = of.resource if isinstance(of, Kept) else of
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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A resource that does not count; `problem` when the reader should know of it."""

    reason: str
    problem: bool = False


def judge(resource: Judged, reference: str, ours: Ours, *, draft: bool) -> Kept[Any] | LeftOut:
    """Keeps a resource that is evidence; else says why not. A draft order of the session belongs to its patient."""
    subject = resource.subject.reference if resource.subject else None
    if subject is None and not draft:
        return LeftOut("no subject", problem=True)
    if subject is not None and subject not in ours:
        return LeftOut("another patient or an unknown subject", problem=True)
    reason = _status_excludes(resource, draft)
    if reason:
        return LeftOut(reason)
    concepts = _concepts(resource)
    if not concepts and not _medicine_elsewhere(resource) and not (draft and _uncoded_medicine(resource)):
        return _diagnosis_as_value(resource) or LeftOut("codes outside our value sets")
    return Kept(reference, resource, concepts, dates.order(_date(resource)))


GRAVE = frozenset(
    {
        "bone_metastasis",
        "spinal_metastasis",
        "bone_marrow_metastasis",
        "intradural_metastasis",
        "secondary_cancer",
        "spinal_cord_compression",
        "cauda_equina",
    }
)


def _diagnosis_as_value(resource: Judged) -> LeftOut | None:
    """An observation of something that we do not know, whose value is a metastasis or a compressed cord.

    What was observed decides whether this is a finding of today, a history, a relative's or a denied one (no profile of
    mCODE says "current diagnosis" this way). So it never counts as a diagnosis; the reader is told that it is there.
    """
    if isinstance(resource, Observation) and concepts_of([resource.valueCodeableConcept]) & GRAVE:
        return LeftOut("a diagnosis as the value of an observation, not understood", problem=True)
    return None


def _status_excludes(resource: Judged, draft: bool) -> str | None:
    if isinstance(resource, Condition):
        verification = first_code(resource.verificationStatus)
        return f"verification status {verification}" if verification in DROPPED_VERIFICATION else None
    if draft:
        withdrawn = resource.status in WITHDRAWN or getattr(resource, "doNotPerform", None)
        return "withdrawn or do not perform" if withdrawn else None
    status = resource.status if resource.status in _KNOWN_STATUS else "missing or unknown"
    if status not in EVIDENCE_STATUS[type(resource)]:
        return f"status {status}"
    if isinstance(resource, ServiceRequest) and resource.doNotPerform:
        # An active "do not perform MRI" is a recorded contraindication; any other prohibition is not evidence.
        return None if resource.status == "active" and _mri(concepts_of([resource.code])) else "do not perform"
    if isinstance(resource, MedicationRequest) and resource.doNotPerform:
        return "do not perform"
    if isinstance(resource, MedicationRequest | ServiceRequest) and resource.intent in NOT_AN_ORDER:
        return f"intent {resource.intent}"
    return None


_KNOWN_STATUS = frozenset().union(*EVIDENCE_STATUS.values()) | {
    "registered",
    "preliminary",
    "cancelled",
    "entered-in-error",
    "unknown",
    "revoked",
    "stopped",
    "not-done",
    "preparation",
    "inactive",
}


def _mri(concepts: frozenset[str]) -> bool:
    return any(concept.startswith("mri_") for concept in concepts)


def concepts_of(coded: Iterable[CodeableConcept | None]) -> frozenset[str]:
    """The value sets that any coding of any of the concepts belongs to."""
    found = NO_CONCEPTS
    for one in coded:
        for coding in (one.coding or ()) if one else ():
            found |= codes.concepts(coding.system, coding.code)
    return found


def _concepts(resource: Judged) -> frozenset[str]:
    if isinstance(resource, MedicationRequest | MedicationAdministration):
        return concepts_of([resource.medicationCodeableConcept])
    if isinstance(resource, ImagingStudy):
        return concepts_of(resource.procedureCode or ()) | {"imaging_study"}
    found = concepts_of([resource.code])
    if isinstance(resource, Observation):
        return found or _assessment(resource) or concepts_of(part.code for part in resource.component or ())
    if isinstance(resource, ServiceRequest):
        return found | concepts_of(resource.reasonCode or ())
    return found | techniques(resource) if isinstance(resource, Procedure) else found


def techniques(procedure: Procedure) -> frozenset[str]:
    """What kind of radiotherapy a course was, where mCODE says it: in an extension beside the general code."""
    both = extensions.named(procedure.extension, f"{MCODE}radiotherapy-modality-and-technique")
    parts = (MODALITY, TECHNIQUE)
    return concepts_of(part.valueCodeableConcept for one in both for part in extensions.named(one.extension, *parts))


def _assessment(observation: Observation) -> frozenset[str]:
    code = first_assessment(observation.code)
    return frozenset({f"assessment_{code}"}) if code else NO_CONCEPTS


def _medicine_elsewhere(resource: Judged) -> bool:
    """The drug stands in another resource, contained or referenced, and is looked up once all are read."""
    if isinstance(resource, MedicationRequest | MedicationAdministration):
        return resource.medicationReference is not None
    return False


def _uncoded_medicine(resource: Judged) -> bool:
    """An order for a drug of which no code is known: to be named, since it may be any."""
    return isinstance(resource, MedicationRequest) and not has_code(resource.medicationCodeableConcept)


def has_code(concept: CodeableConcept | None) -> bool:
    """Is there any code at all, ours or not?"""
    return any(coding.code for coding in (concept.coding or ()) if coding) if concept else False


def first_code(concept: CodeableConcept | None) -> str | None:
    """The code of the first coding that has one: enough for elements bound to a required value set."""
    return next((coding.code for coding in (concept.coding or ()) if coding.code), None) if concept else None


def first_assessment(concept: CodeableConcept | None) -> str | None:
    """The code in our own assessment system."""
    codings = (concept.coding or ()) if concept else ()
    return next((coding.code for coding in codings if coding.system == codes.ASSESSMENT and coding.code), None)


def label(concept: CodeableConcept | None) -> str:
    """How the record words it: the text, else a display, else our own label of the code."""
    if concept is None:
        return ""
    displays = (coding.display or codes.label(coding.system, coding.code) for coding in concept.coding or ())
    return concept.text or next((display for display in displays if display), "") or ""


def _date(resource: Judged) -> str | None:
    """The date that matters clinically, as written: onset, effective, started, authored, performed."""
    if isinstance(resource, Condition):
        return onset(resource) or resource.recordedDate
    if isinstance(resource, Observation):
        return effective(resource)
    if isinstance(resource, ImagingStudy):
        return resource.started
    if isinstance(resource, MedicationAdministration):
        return resource.effectiveDateTime or (resource.effectivePeriod.start if resource.effectivePeriod else None)
    if isinstance(resource, Procedure):
        return performed(resource)
    return resource.authoredOn


def onset(condition: Condition) -> str | None:
    return condition.onsetDateTime or (condition.onsetPeriod.start if condition.onsetPeriod else None)


def effective(observation: Observation) -> str | None:
    period = observation.effectivePeriod
    return (
        observation.effectiveDateTime
        or observation.effectiveInstant
        or (period.end or period.start if period else None)
        or observation.issued
    )


def performed(procedure: Procedure) -> str | None:
    period = procedure.performedPeriod
    return procedure.performedDateTime or (period.end or period.start if period else None)


class _Identity(msgspec.Struct, gc=False):
    id: str | None = None


_IDENTITY = msgspec.json.Decoder(_Identity)
_CONTAINED = msgspec.json.Decoder(Medication, strict=False)


def identity(raw: msgspec.Raw) -> str | None:
    """The id of a resource that could not be decoded as a whole."""
    try:
        return _IDENTITY.decode(raw).id
    except NOT_JSON:
        return None


def take_in_contained(resource: object) -> None:
    """States the drug of a request whose medicationReference points to a Medication that it contains."""
    if not isinstance(resource, MedicationRequest | MedicationAdministration) or not resource.contained:
        return
    name = resource.medicationReference.reference if resource.medicationReference else None
    for raw in resource.contained if name and name.startswith("#") else ():
        try:
            medication = _CONTAINED.decode(raw)
        except NOT_JSON:
            continue
        if f"#{medication.id}" == name:
            resource.medicationCodeableConcept = medication.code


def medicine_names(reference: str, full_url: str | None, medicine: Medication) -> Iterator[tuple[str, Medication]]:
    """The names under which requests refer to a Medication resource."""
    yield reference, medicine
    if full_url:
        yield full_url, medicine


def reference_of(reference: Reference | None) -> str | None:
    return reference.reference if reference else None
