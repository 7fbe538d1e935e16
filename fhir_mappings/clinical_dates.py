"""Which of its dates tells when a resource's content was so: taken, done, given, written or begun."""

from __future__ import annotations

from fhir_mappings.resources import (
    Condition,
    ImagingStudy,
    MedicationAdministration,
    MedicationRequest,
    Observation,
    Procedure,
    ServiceRequest,
)


def recorded(condition: Condition) -> str | None:
    """The onset of a condition, else its recording."""
    return onset(condition) or condition.recordedDate


def given(administration: MedicationAdministration) -> str | None:
    """When a drug was given: the moment, or the start of an infusion."""
    period = administration.effectivePeriod
    return administration.effectiveDateTime or (period.start if period else None)


def started(study: ImagingStudy) -> str | None:
    """When a study was made."""
    return study.started


def authored(order: ServiceRequest | MedicationRequest) -> str | None:
    """When an order was written."""
    return order.authoredOn


def onset(condition: Condition) -> str | None:
    """When a condition began, as far as that is stated."""
    return condition.onsetDateTime or (condition.onsetPeriod.start if condition.onsetPeriod else None)


def effective(observation: Observation) -> str | None:
    """When a result was taken; the end of a period, else when it was issued."""
    period = observation.effectivePeriod
    return (
        observation.effectiveDateTime
        or observation.effectiveInstant
        or (period.end or period.start if period else None)
        or observation.issued
    )


def performed(procedure: Procedure) -> str | None:
    """When something was done; the end of a period."""
    period = procedure.performedPeriod
    return procedure.performedDateTime or (period.end or period.start if period else None)
