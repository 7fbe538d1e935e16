"""A drug that stands in a resource of its own, contained in its use or beside it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from fhir_mappings.answers import NOT_JSON
from fhir_mappings.resources import Medication, MedicationAdministration, MedicationRequest

USES = frozenset({MedicationRequest, MedicationAdministration})
_CONTAINED = msgspec.json.Decoder(Medication, strict=False)


def take_in_contained(use: MedicationRequest | MedicationAdministration) -> None:
    """States the drug of a request whose medicationReference points to a Medication that it contains."""
    name = use.medicationReference.reference if use.medicationReference else None
    for raw in use.contained or () if name and name.startswith("#") else ():
        try:
            medication = _CONTAINED.decode(raw)
        except NOT_JSON:
            continue
        if f"#{medication.id}" == name:
            use.medicationCodeableConcept = medication.code


def names(reference: str, full_url: str | None, medicine: Medication) -> Iterator[tuple[str, Medication]]:
    """The names under which requests refer to a Medication resource."""
    yield reference, medicine
    if full_url:
        yield full_url, medicine
