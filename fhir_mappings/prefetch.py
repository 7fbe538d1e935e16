"""The FHIR queries behind the facts, built from the very value sets that the mapping reads."""

from __future__ import annotations

from fhir_mappings import codes
from fhir_mappings.results import MEASUREMENTS, PREGNANCY_TEST, PSYCHOSOCIAL

LABORATORY = (*(concept for concept in MEASUREMENTS if concept.startswith("lab_")), PREGNANCY_TEST)
ASSESSMENTS = tuple(concept for concept in MEASUREMENTS if not concept.startswith("lab_"))
OWN = ("sins", "escc", "frankel", "ais", "life-expectancy", "tokuhashi", "tomita", "bauer", "nesms", "katagiri")
PATIENT = "patient={{context.patientId}}"


def _observations(concepts: tuple[str, ...], own: tuple[str, ...] = ()) -> str:
    wanted = sorted({f"{system}|{code}" for concept in concepts for system, code, _ in codes.codings(concept)})
    wanted += [f"{codes.ASSESSMENT}|{code}" for code in own]
    return f"Observation?{PATIENT}&code={','.join(wanted)}&_sort=-date&_count=200"


# One bound per parameter and no modifiers: the subset of searches that every client supports (CDS Hooks, "Prefetch
# query restrictions"). All conditions are asked for, since metastases are often recorded without a clinical status.
TEMPLATES = {
    "patient": "Patient/{{context.patientId}}",
    "conditions": f"Condition?{PATIENT}&_count=500",
    "laboratory": _observations(LABORATORY),
    "assessments": _observations((*ASSESSMENTS, "disease_status_code", PSYCHOSOCIAL), OWN),
    "imaging": f"ImagingStudy?{PATIENT}&_sort=-started&_count=100",
    "medicationRequests": f"MedicationRequest?{PATIENT}&_count=200",
    "medicationAdministrations": f"MedicationAdministration?{PATIENT}&_sort=-effective-time&_count=100",
    "serviceRequests": f"ServiceRequest?{PATIENT}&_sort=-authored&_count=200",
    "procedures": f"Procedure?{PATIENT}&_sort=-date&_count=200",
}
