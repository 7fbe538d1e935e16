"""What order-select and order-sign ask the EHR for; draft orders come in the context and are in the chart."""

from fhir_mappings.facts import facts
from fhir_mappings.prefetch import templates

PREFETCH = templates()

__all__ = ["PREFETCH", "facts"]
