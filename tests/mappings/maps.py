"""ConceptMaps and ValueSets of a made-up site."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fhir_mappings import code_maps
from fhir_mappings.local_codes import LocalCodes

LAB, ORDERS, PROBLEMS = "urn:st-elsewhere:lab", "urn:st-elsewhere:orders", "urn:st-elsewhere:problems"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def concept_map(source: str, target: str, *pairs: tuple[str, str], equivalence: str = "equivalent") -> dict[str, Any]:
    elements = [
        {"code": local, "display": f"local {local}", "target": [{"code": ours, "equivalence": equivalence}]}
        for local, ours in pairs
    ]
    return {
        "resourceType": "ConceptMap",
        "status": "active",
        "group": [{"source": source, "target": target, "element": elements}],
    }


def value_set(name: str, *codes: str, system: str = PROBLEMS) -> dict[str, Any]:
    return {
        "resourceType": "ValueSet",
        "status": "active",
        "url": f"urn:spine-cds:value-set:{name}",
        "compose": {"include": [{"system": system, "concept": [{"code": code} for code in codes]}]},
    }


def changed(
    resource: dict[str, Any], group: dict[str, Any] | None = None, element: dict[str, Any] | None = None, **target: Any
) -> dict[str, Any]:
    """The same map with more in its first group, its first element, or in the targets there."""
    first = resource["group"][0]["element"][0]
    for one in first["target"]:
        one |= target
    first |= element or {}
    resource["group"][0] |= group or {}
    return resource


def local(*resources: dict[str, Any], first: Sequence[str] = (), name: str = "{}.json") -> LocalCodes:
    return code_maps.read({name.format(n): json.dumps(one).encode() for n, one in enumerate(resources)}, first)
