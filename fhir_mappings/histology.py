"""The type of a lung cancer whose code does not say it: from mCODE's morphology extension or a pathology result."""

from __future__ import annotations

from fhir_mappings import coded, extensions, versions
from fhir_mappings.chart import Chart
from fhir_mappings.extensions import MCODE
from fhir_mappings.resources import Condition, Observation

LUNG = "primary_lung"
TYPES = {"morphology_small_cell": "small_cell_lung", "morphology_not_small_cell": "non_small_cell_lung"}
MORPHOLOGY = f"{MCODE}histology-morphology-behavior"
OF_CONDITION = f"{MCODE}related-condition"
RESULT = "histology_code"


def results(chart: Chart) -> dict[str, frozenset[str]]:
    """Condition -> lung types that pathology results state of it. A result that names no condition tells of none."""
    found: dict[str, frozenset[str]] = {}
    for kept in chart.of(Observation):
        if RESULT in kept.concepts:
            types = _types(coded.concepts(kept.resource.valueCodeableConcept))
            for condition in conditions_of(chart, kept.resource):
                found[condition] = found.get(condition, frozenset()) | types
    return found


def conditions_of(chart: Chart, observation: Observation) -> frozenset[str]:
    """The conditions that an observation says it is about: mCODE's related condition, else its focus."""
    named = extensions.referred(observation.extension, OF_CONDITION)
    return frozenset(versions.resolved(chart.names, one) for one in named or extensions.references(observation.focus))


def types_of(condition: Condition, concepts: frozenset[str], stated: frozenset[str]) -> frozenset[str]:
    """Lung types to add to the concepts of a diagnosis; none for another organ, where the words mean other tumours.

    Both types may come of it: a small-cell code with an adenocarcinoma result. They are kept side by side, and the
    question how radiosensitive the tumour is then stays open.
    """
    if LUNG not in concepts:
        return frozenset()
    written = extensions.named(condition.extension, MORPHOLOGY)
    return stated | _types(coded.concepts_of(one.valueCodeableConcept for one in written))


def _types(concepts: frozenset[str]) -> frozenset[str]:
    return frozenset(TYPES[concept] for concept in concepts if concept in TYPES)
