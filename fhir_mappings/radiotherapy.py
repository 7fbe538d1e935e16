"""What a course of radiotherapy gave to which part of the spine (mCODE course summary, dose delivered to volume)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_mappings import extensions, findings, units
from fhir_mappings.chart import Chart
from fhir_mappings.extensions import MCODE, Extension
from fhir_mappings.resources import BodyStructure, CodeableConcept, Procedure
from fhir_mappings.versions import resolved
from hooks.facts import Irradiated

DOSE = f"{MCODE}radiotherapy-dose-delivered-to-volume"
DELIVERED, FRACTIONS, VOLUME = "totalDoseDelivered", "fractionsDelivered", "volume"


def doses(chart: Chart, procedure: Procedure) -> tuple[Irradiated, ...]:
    """The dose of each volume, highest first. A dose whose unit is not understood, or that is a bound, is left out.

    A volume that is not described elsewhere in the record keeps its dose: for a second course the dose without its
    place is worth knowing, the place without a dose is not enough.
    """
    found = (_dose(chart, procedure, one) for one in extensions.named(procedure.extension, DOSE))
    return tuple(sorted((dose for dose in found if dose), key=lambda d: (-d.dose_cgy, d.label, sorted(d.levels))))


def _dose(chart: Chart, procedure: Procedure, stated: Extension) -> Irradiated | None:
    parts = {one.url: one for one in extensions.named(stated.extension, DELIVERED, FRACTIONS, VOLUME)}
    if DELIVERED not in parts:
        return None
    dose = units.convert("radiation_dose", parts[DELIVERED].valueQuantity)
    if dose is None or dose <= 0:
        return None
    volume = _volume(chart, procedure, parts.get(VOLUME))
    return Irradiated(
        dose,
        parts[FRACTIONS].valueUnsignedInt if FRACTIONS in parts else None,
        findings.levels(_places(volume)),
        volume.description or "" if volume else "",
    )


def _volume(chart: Chart, procedure: Procedure, stated: Extension | None) -> BodyStructure | None:
    """The volume, contained in the procedure or sent beside it."""
    reference = stated.valueReference.reference if stated and stated.valueReference else None
    if reference is None:
        return None
    if reference.startswith("#"):
        return next((one for one in extensions.volumes(procedure.contained) if f"#{one.id}" == reference), None)
    return chart.volumes.get(resolved(chart.names, reference))


def _places(volume: BodyStructure | None) -> Iterator[CodeableConcept]:
    """Location and its qualifiers: either may be a vertebra ("bone structure", qualified "T12")."""
    if volume is not None:
        yield from (one for one in (volume.location, *(volume.locationQualifier or ())) if one is not None)
