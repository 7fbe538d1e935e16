"""The reasons for an override that cards offer, in the words of HL7's code system."""

from __future__ import annotations

OVERRIDE_SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
OVERRIDE_WORDS = {  # display texts of the HL7 code system (THO)
    "patient-refuses": "Patient refuses",
    "patient-contraindication": "Patient contraindication",
    "action-completed": "Action completed",
    "cds-not-applicable": "CDS not applicable",
    "service-not-available": "Service not available",
    "does-not-align-latest-evidence": "Does not align with latest evidence",
}


def coding(code: str) -> dict[str, str]:
    """One reason as a card sends it. KeyError for a code that is not of our list."""
    return {"code": code, "system": OVERRIDE_SYSTEM, "display": OVERRIDE_WORDS[code]}
