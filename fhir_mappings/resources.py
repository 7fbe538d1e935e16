"""The few elements of each FHIR R4 resource that we read, decoded one resource at a time and leniently.

Unknown elements are skipped without cost; a wrong type in an element that we read refuses that resource alone. Numbers
may come as strings. What we send is checked by fhir.resources instead (see proposed_orders).
"""

from __future__ import annotations

from typing import Union, get_args

from msgspec import Raw, Struct
from msgspec.json import Decoder

ABSENT = Raw(b"null")  # Raw takes no union with None


class Coding(Struct, gc=False):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Struct, gc=False):
    coding: list[Coding] | None = None
    text: str | None = None
    extension: Raw = ABSENT  # mCODE says side and part of a body site here


class Reference(Struct, gc=False):
    reference: str | None = None


class Period(Struct, gc=False):
    start: str | None = None
    end: str | None = None


class Quantity(Struct, gc=False):
    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class ReferenceRange(Struct, gc=False):
    low: Quantity | None = None
    high: Quantity | None = None
    type: CodeableConcept | None = None


class Meta(Struct, gc=False):
    lastUpdated: str | None = None
    versionId: str | None = None


class Resource(Struct, gc=False, tag_field="resourceType", kw_only=True):
    id: str | None = None
    meta: Meta | None = None


class Patient(Resource, tag="Patient"):
    gender: str | None = None
    birthDate: str | None = None
    deceasedBoolean: bool | None = None
    deceasedDateTime: str | None = None


class Condition(Resource, tag="Condition"):
    clinicalStatus: CodeableConcept | None = None
    verificationStatus: CodeableConcept | None = None
    code: CodeableConcept | None = None
    bodySite: list[CodeableConcept] | None = None
    subject: Reference | None = None
    onsetDateTime: str | None = None
    onsetPeriod: Period | None = None
    abatementDateTime: str | None = None
    abatementPeriod: Period | None = None
    recordedDate: str | None = None
    category: Raw = ABSENT
    extension: Raw = ABSENT


class Component(Struct, gc=False):
    code: CodeableConcept | None = None
    valueQuantity: Quantity | None = None
    valueInteger: int | None = None
    valueString: str | None = None
    valueCodeableConcept: CodeableConcept | None = None
    referenceRange: list[ReferenceRange] | None = None


class Observation(Resource, tag="Observation"):
    status: str | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    effectiveInstant: str | None = None
    issued: str | None = None
    valueQuantity: Quantity | None = None
    valueInteger: int | None = None
    valueString: str | None = None
    valueBoolean: bool | None = None
    valueCodeableConcept: CodeableConcept | None = None
    interpretation: list[CodeableConcept] | None = None
    referenceRange: list[ReferenceRange] | None = None
    component: list[Component] | None = None
    bodySite: CodeableConcept | None = None
    focus: Raw = ABSENT
    extension: Raw = ABSENT


class Series(Struct, gc=False):
    modality: Coding | None = None
    bodySite: Coding | None = None


class ImagingStudy(Resource, tag="ImagingStudy"):
    status: str | None = None
    subject: Reference | None = None
    modality: list[Coding] | None = None
    started: str | None = None
    description: str | None = None
    procedureCode: list[CodeableConcept] | None = None
    series: list[Series] | None = None
    basedOn: Raw = ABSENT
    procedureReference: Raw = ABSENT


class DoseAndRate(Struct, gc=False):
    doseQuantity: Quantity | None = None


class Dosage(Struct, gc=False):
    doseAndRate: list[DoseAndRate] | None = None
    timing: Raw = ABSENT
    text: Raw = ABSENT


class MedicationRequest(Resource, tag="MedicationRequest"):
    status: str | None = None
    intent: str | None = None
    doNotPerform: bool | None = None
    medicationCodeableConcept: CodeableConcept | None = None
    medicationReference: Reference | None = None
    subject: Reference | None = None
    authoredOn: str | None = None
    dosageInstruction: list[Dosage] | None = None
    contained: list[Raw] | None = None


class AdministeredDose(Struct, gc=False):
    dose: Quantity | None = None


class MedicationAdministration(Resource, tag="MedicationAdministration"):
    status: str | None = None
    medicationCodeableConcept: CodeableConcept | None = None
    medicationReference: Reference | None = None
    subject: Reference | None = None
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    dosage: AdministeredDose | None = None
    contained: list[Raw] | None = None


class Medication(Resource, tag="Medication"):
    code: CodeableConcept | None = None


class ServiceRequest(Resource, tag="ServiceRequest"):
    status: str | None = None
    intent: str | None = None
    doNotPerform: bool | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    authoredOn: str | None = None
    reasonCode: list[CodeableConcept] | None = None
    bodySite: list[CodeableConcept] | None = None


class Procedure(Resource, tag="Procedure"):
    status: str | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    performedDateTime: str | None = None
    performedPeriod: Period | None = None
    bodySite: list[CodeableConcept] | None = None
    basedOn: Raw = ABSENT
    extension: Raw = ABSENT
    contained: Raw = ABSENT


class BodyStructure(Resource, tag="BodyStructure"):
    """The volume that a course of radiotherapy met (mCODE radiotherapy volume)."""

    patient: Reference | None = None
    location: CodeableConcept | None = None
    locationQualifier: list[CodeableConcept] | None = None
    description: str | None = None


class Entry(Struct, gc=False):
    fullUrl: str | None = None
    resource: Raw = ABSENT


class Link(Struct, gc=False):
    relation: str | None = None
    url: str | None = None


class Bundle(Struct, gc=False):
    """A searchset or collection; its resources stay undecoded, so that a bad one cannot void the others."""

    type: str | None = None
    total: int | None = None
    link: list[Link] | None = None
    entry: list[Entry] | None = None


class RawBundle(Struct, gc=False):
    """The same, for a Bundle with a damaged entry."""

    entry: list[Raw] | None = None
    link: Raw = ABSENT


class Issue(Struct, gc=False):
    severity: str | None = None
    code: str | None = None


class OperationOutcome(Struct, gc=False):
    issue: list[Issue] | None = None


Clinical = Union[  # noqa: UP007 - msgspec reads the union at run time
    Patient,
    Condition,
    Observation,
    ImagingStudy,
    MedicationRequest,
    MedicationAdministration,
    Medication,
    ServiceRequest,
    Procedure,
    BodyStructure,
]
CLINICAL_TYPES = frozenset(kind.__name__ for kind in get_args(Clinical))
decode = Decoder(Clinical, strict=False).decode
