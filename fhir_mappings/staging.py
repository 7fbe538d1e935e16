"""Observations that tell of spread: M category, stage group, history of metastatic cancer (mCODE)."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_mappings import coded
from fhir_mappings.chart import Chart
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import Observation
from hooks.facts import Finding

BY_STAGE = "metastatic_by_stage"
HISTORY = "history_of_metastatic_cancer"
CODES = frozenset({"distant_metastasis_category", "stage_group"})
METASTASIS, STAGE_FOUR = "distant_metastasis_present", "stage_four"


def read(chart: Chart) -> tuple[Finding, ...]:
    """Findings from staging, newest first.

    M1 is a metastasis at a site not stated: never one of bone or spine. Stage IV alone is only a suspicion of it, since
    it is also given for large local tumours (kidney, head and neck) and for nodes (prostate IVA). M0 and lower stages
    are no findings: they describe the day of staging and must not reassure later. Stage in Condition.stage is a copy
    of these observations (mCODE) and is not read.
    """
    telling = [one for one in chart.of(Observation) if HISTORY in one.concepts or one.concepts & CODES]
    return tuple(found for kept in telling for found in _of(kept))


def _of(kept: Kept[Observation]) -> Iterator[Finding]:
    if HISTORY in kept.concepts:
        yield from _history(kept)
    else:
        values = coded.concepts(kept.resource.valueCodeableConcept)
        if values & {METASTASIS, STAGE_FOUR}:
            yield Finding(
                kept.reference,
                frozenset({BY_STAGE}),
                coded.label(kept.resource.valueCodeableConcept),
                recorded=kept.when,
                certain=METASTASIS in values,
            )


def _history(kept: Kept[Observation]) -> Iterator[Finding]:
    """Past, never current. A value of "false" says that there was none; other values are not understood."""
    observation = kept.resource
    if observation.valueBoolean is not False and observation.valueCodeableConcept is None:
        yield Finding(
            kept.reference,
            kept.concepts,
            coded.label(observation.code),
            recorded=kept.when,
            status="past",
        )
