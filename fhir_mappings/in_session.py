"""Which orders of the record the session has in hand: its own version of an order stands for the record's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from fhir_mappings.chart import Chart
from fhir_mappings.relevance import Kept, R


def untouched(chart: Chart, kind: type[R], concepts: Callable[[Kept[R]], frozenset[str]]) -> list[Kept[R]]:
    """What is on record of one type without that of which a draft is the new version, newest first.

    A draft of the same id is that only where it is for the same drug or service: an id alone must not hide another.
    """
    drafted: dict[str, set[frozenset[str]]] = defaultdict(set)
    for draft in chart.proposed():
        if isinstance(draft.resource, kind):
            drafted[draft.reference].add(concepts(draft))
    return [
        kept
        for kept in chart.of(kind)
        if kept.reference not in drafted or not _among(concepts(kept), drafted[kept.reference])
    ]


def _among(concepts: frozenset[str], drafted: set[frozenset[str]]) -> bool:
    """Does one of these share a concept, or has neither any?"""
    return any(concepts & one or not (concepts or one) for one in drafted)
