"""Is a resource evidence about this patient? Whose it is, what its status says, and whether we know its codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from fhir_mappings import clinical_dates, coded, codes, dates, drug_names, extensions
from fhir_mappings.extensions import MCODE
from fhir_mappings.ours import Ours
from fhir_mappings.resources import (
    ABSENT,
    Condition,
    ImagingStudy,
    MedicationAdministration,
    MedicationRequest,
    Observation,
    Procedure,
    ServiceRequest,
)
from hooks.facts import When

Judged = (
    Condition | Observation | ImagingStudy | MedicationRequest | MedicationAdministration | ServiceRequest | Procedure
)

# Which statuses make a resource evidence. All others are left out: preliminary results, cancelled or stopped orders,
# things not done, entries made in error. (FHIR R4 value sets of each status element.)
EVIDENCE_STATUS: Mapping[type, frozenset[str]] = {
    Observation: frozenset({"final", "amended", "corrected"}),
    ImagingStudy: frozenset({"available"}),
    MedicationRequest: frozenset({"active", "completed", "on-hold", "draft"}),
    MedicationAdministration: frozenset({"completed", "in-progress"}),
    ServiceRequest: frozenset({"active", "completed", "on-hold", "draft"}),
    Procedure: frozenset({"completed", "in-progress"}),
}
COURSE = f"{MCODE}radiotherapy-modality-and-technique"
IN_COURSE = b"radiotherapy-modality-and-technique"
MODALITY, TECHNIQUE = f"{MCODE}radiotherapy-modality", f"{MCODE}radiotherapy-technique"
WITHDRAWN = frozenset({"entered-in-error", "revoked", "cancelled", "stopped"})  # an order that the session takes back
NOT_AN_ORDER = frozenset({"proposal", "option"})  # request intents that nobody has authorised
DROPPED_VERIFICATION = frozenset({"refuted", "entered-in-error"})
WITHDRAWN_DRAFT = "withdrawn or do not perform"


R = TypeVar("R", bound=Judged)


class Kept(msgspec.Struct, Generic[R], frozen=True, gc=False):
    """A resource that counts: the value sets its codes belong to, its clinical date, the string by which it sorts.

    The date is when a result was taken, a procedure done, an order written; of a condition the onset, else the record.
    """

    reference: str
    resource: R
    concepts: frozenset[str]
    dated: str
    when: When | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A resource that does not count; `problem` when the reader should know of it."""

    reason: str
    problem: bool = False


OUTSIDE = LeftOut("codes outside our value sets")


def judge(resource: Judged, reference: str, ours: Ours, *, draft: bool) -> Kept[Any] | LeftOut:
    """Keeps a resource that is evidence; else says why not. A draft order of the session belongs to its patient."""
    subject = resource.subject.reference if resource.subject else None
    if subject is None:
        if not draft:
            return LeftOut("no subject", problem=True)
    elif not ours[subject]:
        return LeftOut("another patient or an unknown subject", problem=True)
    of = BY_TYPE[type(resource)]
    if draft:
        reason = of.withdrawn(resource)
    # A Condition alone has no status, and no `evidence`: the type checker cannot know that the two go together.
    elif of.evidence and resource.status not in of.evidence:  # type: ignore[union-attr, operator] # see the line above
        reason = _unfit(resource)
    else:
        reason = of.excluded(resource) if of.excluded else None
    if reason:
        return LeftOut(reason)
    concepts = of.concepts(resource)
    if not concepts:
        left_out = of.unknown(resource) if of.unknown else OUTSIDE
        if left_out:
            return left_out
    date = of.date(resource)
    when = dates.when(date)
    return Kept(reference, resource, concepts, dates.order_of(date, when), when)


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


def _diagnosis_as_value(observation: Observation) -> LeftOut:
    """An observation of something that we do not know, whose value is a metastasis or a compressed cord.

    What was observed decides whether this is a finding of today, a history, a relative's or a denied one (no profile of
    mCODE says "current diagnosis" this way). So it never counts as a diagnosis; the reader is told that it is there.
    """
    value = observation.valueCodeableConcept
    if value is not None and coded.concepts(value) & GRAVE:
        return LeftOut("a diagnosis as the value of an observation, not understood", problem=True)
    return OUTSIDE


def _denied(condition: Condition) -> str | None:
    verification = coded.first_code(condition.verificationStatus)
    return f"verification status {verification}" if verification in DROPPED_VERIFICATION else None


def _not_ordered(order: ServiceRequest | MedicationRequest) -> str | None:
    if order.doNotPerform:
        # An active "do not perform MRI" is a recorded contraindication; any other prohibition is not evidence.
        counts = isinstance(order, ServiceRequest) and order.status == "active" and _mri(coded.concepts(order.code))
        return None if counts else "do not perform"
    return f"intent {order.intent}" if order.intent in NOT_AN_ORDER else None


def _withdrawn(draft: Any) -> str | None:
    return WITHDRAWN_DRAFT if draft.status in WITHDRAWN else None


def _withdrawn_order(draft: ServiceRequest | MedicationRequest) -> str | None:
    return WITHDRAWN_DRAFT if draft.doNotPerform else _withdrawn(draft)


def _unfit(resource: Any) -> str:
    return f"status {resource.status if resource.status in _KNOWN_STATUS else 'missing or unknown'}"


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


def _drug_concepts(resource: MedicationRequest | MedicationAdministration) -> frozenset[str]:
    return coded.concepts(resource.medicationCodeableConcept)


def _study_concepts(study: ImagingStudy) -> frozenset[str]:
    return coded.concepts_of(study.procedureCode or ()) | {"imaging_study"}


def _result_concepts(observation: Observation) -> frozenset[str]:
    """Written out: the codes of most results of a chart lead nowhere, and then all of them are looked at twice."""
    codings = observation.code.coding or () if observation.code else ()
    found = codes.concepts_of(codings)
    if found:
        return found
    for coding in codings:
        if coding.system == codes.ASSESSMENT and coding.code:
            return frozenset({f"assessment_{coding.code}"})
    return coded.concepts_of(part.code for part in observation.component) if observation.component else found


def _order_concepts(order: ServiceRequest) -> frozenset[str]:
    return coded.concepts(order.code) | (coded.concepts_of(order.reasonCode) if order.reasonCode else coded.NO_CONCEPTS)


def _problem_concepts(condition: Condition) -> frozenset[str]:
    return coded.concepts(condition.code)


def _procedure_concepts(procedure: Procedure) -> frozenset[str]:
    return coded.concepts(procedure.code) | techniques(procedure)


def techniques(procedure: Procedure) -> frozenset[str]:
    """What kind of radiotherapy a course was, where mCODE says it: in an extension beside the general code."""
    if procedure.extension is ABSENT or not extensions.may_hold(IN_COURSE, (procedure.extension,)):
        return coded.NO_CONCEPTS
    both, parts = extensions.named(procedure.extension, COURSE), (MODALITY, TECHNIQUE)
    return coded.concepts_of(
        part.valueCodeableConcept for one in both for part in extensions.named(one.extension, *parts)
    )


def _other_drug(use: MedicationRequest | MedicationAdministration) -> LeftOut | None:
    """A use whose drug stands in another resource, or of which no code tells which it is, is kept: it will be named."""
    if use.medicationReference is not None or drug_names.untold(use.medicationCodeableConcept):
        return None
    return OUTSIDE


@dataclass(frozen=True, slots=True)
class OfType:
    """How resources of one type are judged: the concepts of their codes, their clinical date, and what excludes them.

    `withdrawn` is asked of a draft. Of anything else, where there is an `evidence`, the status must be among it; then
    `excluded` is asked. `unknown` is asked where there are no concepts: None from it, and it counts all the same.
    """

    concepts: Callable[[Any], frozenset[str]]
    date: Callable[[Any], str | None]
    evidence: frozenset[str] | None
    withdrawn: Callable[[Any], str | None] = _withdrawn
    excluded: Callable[[Any], str | None] | None = None
    unknown: Callable[[Any], LeftOut | None] | None = None


BY_TYPE: Mapping[type, OfType] = {
    Condition: OfType(_problem_concepts, clinical_dates.recorded, None, _denied, _denied),
    Observation: OfType(
        _result_concepts, clinical_dates.effective, EVIDENCE_STATUS[Observation], unknown=_diagnosis_as_value
    ),
    ImagingStudy: OfType(_study_concepts, clinical_dates.started, EVIDENCE_STATUS[ImagingStudy]),
    MedicationRequest: OfType(
        _drug_concepts,
        clinical_dates.authored,
        EVIDENCE_STATUS[MedicationRequest],
        _withdrawn_order,
        _not_ordered,
        _other_drug,
    ),
    MedicationAdministration: OfType(
        _drug_concepts, clinical_dates.given, EVIDENCE_STATUS[MedicationAdministration], unknown=_other_drug
    ),
    ServiceRequest: OfType(
        _order_concepts, clinical_dates.authored, EVIDENCE_STATUS[ServiceRequest], _withdrawn_order, _not_ordered
    ),
    Procedure: OfType(_procedure_concepts, clinical_dates.performed, EVIDENCE_STATUS[Procedure]),
}
