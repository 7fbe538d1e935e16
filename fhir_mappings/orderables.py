"""What can be ordered from a card: the codes that each order carries, and the doses of drugs that are proposed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from types import MappingProxyType

from fhir_mappings import codes
from hooks.questions.zoledronic_dose import TABLE

NAMES = {
    "mri_whole_spine": "MRI of the whole spine (cervical, thoracic, lumbar)",
    "ct_spine": "CT of the spine",
}
# The doses that are proposed: an order for a drug is a MedicationRequest, for anything else a ServiceRequest.
DOSES: Mapping[str, frozenset[Decimal]] = MappingProxyType(
    {
        "denosumab": frozenset({TABLE.value("denosumab_dose")}),
        "zoledronic_acid": frozenset(TABLE.value(f"dose_{step}") for step in ("full", "50", "40", "30")),
    }
)


def _load() -> Mapping[str, tuple[dict[str, str], ...]]:
    """The codings of each orderable; ValueError for a code that is not in the value set of that name."""
    table = tomllib.loads((resources.files("fhir_mappings") / "order_codes.toml").read_text(encoding="utf-8"))
    found = {}
    for concept, wanted in table.items():
        listed = {f"{system}|{code}": (system, code, display) for system, code, display in codes.codings(concept)}
        missing = [code for code in wanted if code not in listed]
        if missing:
            raise ValueError(f"order_codes.toml: {concept}: {missing} not in its value set")
        found[concept] = tuple(dict(zip(("system", "code", "display"), listed[code], strict=True)) for code in wanted)
    return MappingProxyType(found)


CODINGS = _load()


def name(concept: str) -> str:
    """What an order says in words that it is for."""
    return NAMES.get(concept, CODINGS[concept][0]["display"])
