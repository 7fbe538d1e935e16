"""What patient-view asks the EHR for, and the facts that come of it."""

from fhir_mappings.facts import facts
from fhir_mappings.prefetch import templates

PREFETCH = templates()

__all__ = ["PREFETCH", "facts"]
