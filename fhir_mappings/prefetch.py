"""The FHIR queries behind the facts, built from the very value sets that the mapping reads."""

from __future__ import annotations

from fhir_mappings import codes
from fhir_mappings.local_codes import NONE, LocalCodes
from fhir_mappings.results import MEASUREMENTS, PREGNANCY_TEST, PSYCHOSOCIAL

LABORATORY = (*(concept for concept in MEASUREMENTS if concept.startswith("lab_")), PREGNANCY_TEST)
ASSESSMENTS = tuple(concept for concept in MEASUREMENTS if not concept.startswith("lab_"))
# Staging, histology and history of metastases: findings that come as observations.
SPREAD = ("distant_metastasis_category", "stage_group", "histology_code", "history_of_metastatic_cancer")
OWN = ("sins", "escc", "frankel", "ais", "life-expectancy", "tokuhashi", "tomita", "bauer", "nesms", "katagiri")
PATIENT = "patient={{context.patientId}}"


def _observations(concepts: tuple[str, ...], local: LocalCodes, own: tuple[str, ...] = ()) -> str:
    """A search for our codes, and for the site's own that stand for them."""
    wanted = sorted({(system, code) for concept in concepts for system, code, _ in codes.codings(concept)})
    wanted += [(codes.ASSESSMENT, code) for code in own]
    wanted += local.meaning(wanted)
    tokens = ",".join(f"{system}|{code}" for system, code in wanted)
    return f"Observation?{PATIENT}&code={tokens}&_sort=-date&_count=200"


def templates(local: LocalCodes = NONE) -> dict[str, str]:
    """Prefetch key -> query template, for a site with these local codes.

    One bound per parameter and no modifiers: the subset of searches that every client supports (CDS Hooks, "Prefetch
    query restrictions"). All conditions are asked for, since metastases are often recorded without a clinical status.
    """
    return {
        "patient": "Patient/{{context.patientId}}",
        "conditions": f"Condition?{PATIENT}&_count=500",
        "laboratory": _observations(LABORATORY, local),
        "assessments": _observations((*ASSESSMENTS, "disease_status_code", PSYCHOSOCIAL, *SPREAD), local, OWN),
        "imaging": f"ImagingStudy?{PATIENT}&_sort=-started&_count=100",
        "medicationRequests": f"MedicationRequest?{PATIENT}&_count=200",
        "medicationAdministrations": f"MedicationAdministration?{PATIENT}&_sort=-effective-time&_count=100",
        "serviceRequests": f"ServiceRequest?{PATIENT}&_sort=-authored&_count=200",
        "procedures": f"Procedure?{PATIENT}&_sort=-date&_count=200",
    }
