"""Which prefetch keys each kind of fact comes from: what is not to be known when a search cannot be had."""

from __future__ import annotations

from fhir_mappings.prefetch import LABORATORY
from fhir_mappings.results import GRADED, MEASUREMENTS, NUMBERED

# A field of Facts -> the keys that feed it. An active "do not perform MRI" among the orders is a finding too, and so is
# an M category among the assessments; both are left out here, since a site without them still has findings.
FIELDS: dict[str, tuple[str, ...]] = {
    "patient": ("patient",),
    "findings": ("conditions",),
    "imaging": ("imaging", "procedures", "serviceRequests"),
    "orders": ("serviceRequests",),
    "medications": ("medicationRequests", "medicationAdministrations", "procedures"),
    "procedures": ("procedures",),
}
RESULTS = ("measurements", "assessments")  # the two fields that are told apart by the names of their facts
NAMED: dict[str, str] = {
    **{name: "laboratory" if concept in LABORATORY else "assessments" for concept, name in MEASUREMENTS.items()},
    "pregnancy": "laboratory",
    "life_expectancy": "assessments",
    "disease_status": "assessments",
    "psychosocial_screening": "assessments",
    **dict.fromkeys((*NUMBERED, *GRADED), "assessments"),
}
