"""A ConceptMap to begin with: the codes that are not understood, each with what it may mean, for a person to decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhir_mappings import spellings

NOTE = (
    "Begun by cds-service doctor, and not to be used as it is: start-up refuses it. Decide of each target: equivalent, "
    "or wider (ours means more), where it is right; another code where it is not; unmatched where the local code means "
    "nothing here. The last groups, without a target, hold what was worded like none of ours: map it or delete it."
)
SUGGESTION = "SUGGESTION by wording alone (likeness {likeness:.2f} to {label!r}); decide, and replace the equivalence"
# FHIR's word for a relation that is not known. Start-up refuses to count it as ours, so that nothing is mapped by it.
UNDECIDED = "relatedto"

Report = Mapping[str, Any]  # one of the report's codes that are not mapped


def skeleton(unmapped: Iterable[Report]) -> dict[str, Any]:
    """A FHIR R4 ConceptMap of the codes of systems that are the site's own, and of others where there is a suggestion.

    Left out are codes without a system, which no map can name, and codes that were cut for the report.
    """
    groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for one in unmapped:
        target = (one["hint"] or {}).get("target")
        if one["whole"] and one["system"] and (target or spellings.known(one["system"]) is None):
            group = groups.setdefault((one["system"], target["system"] if target else ""), {})
            group.setdefault(one["code"], _element(one, target))
    return {
        "resourceType": "ConceptMap",
        "status": "draft",
        "title": "Local codes",
        "description": NOTE,
        "group": [
            _group(source, target, list(groups[source, target].values()))
            for source, target in sorted(groups, key=lambda systems: (not systems[1], systems))
        ],
    }


def _group(source: str, target: str, elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"source": source, **({"target": target} if target else {}), "element": elements}


def _element(one: Report, target: Report | None) -> dict[str, Any]:
    element = {"code": one["code"], **({"display": one["display"]} if one["display"] else {})}
    if target is None:
        return element
    suggested = {
        "code": target["code"],
        "display": target["display"],
        "equivalence": UNDECIDED,
        "comment": SUGGESTION.format(likeness=one["hint"]["likeness"], label=one["hint"]["label"]),
    }
    return {**element, "target": [suggested]}
