"""Which results another result replaces (FHIR R4 core extension observation-replaces), and which it cannot replace."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter

from fhir_mappings import dates, extensions, versions
from fhir_mappings.chart import Chart
from fhir_mappings.extensions import CORE
from fhir_mappings.lifetime import Lifetime
from fhir_mappings.relevance import Kept
from fhir_mappings.resources import ABSENT, Observation
from hooks.facts import When

REPLACES = f"{CORE}observation-replaces"
NONE: frozenset[str] = frozenset()


def read(chart: Chart, life: Lifetime) -> tuple[frozenset[str], frozenset[str]]:
    """References of the results that are replaced, and of those of which another says so and cannot be right.

    A wrong claim must take no result away: a critical calcium would vanish without a word.
    """
    extended = [kept for kept in chart.of(Observation) if kept.resource.extension is not ABSENT]
    # Asked of all at once: in most charts none refers.
    if not extensions.may_hold(extensions.REFERRING, [kept.resource.extension for kept in extended]):
        return NONE, NONE
    believed: dict[str, set[str]] = defaultdict(set)
    claimed: set[str] = set()
    for kept in extended:
        for reference in extensions.referred(kept.resource.extension, REPLACES):
            name = versions.resolved(chart.names, reference)
            other = chart.kept.get(name)
            if other is None or name == kept.reference:  # of itself: an older version of the same result is meant
                continue
            claimed.add(name)
            if all(_can_replace(kept, one, life) for one in (other, *chart.rivals.get(name, ()))):  # in every version
                believed[name].add(kept.reference)
    replaced = _without_rings(believed)
    return replaced, frozenset(claimed) - replaced


def _can_replace(new: Kept[Observation], old: Kept[Observation], life: Lifetime) -> bool:
    """It measures the same, and was not surely taken before, unless it was issued since: it may correct the day.

    What has no date that can be replaces nothing that has one: the rules could not use it.
    """
    if new.concepts.isdisjoint(old.concepts):
        return False
    if old.when is None or not life.holds(old.when):
        return True
    if new.when is None or not life.holds(new.when):
        return False
    issued = dates.when(new.resource.issued)
    return not _before(new.when, old.when) or bool(issued and not _before(issued, old.when))


def _before(one: When, other: When) -> bool:
    """Surely, by the day or by the clock."""
    return one.latest < other.earliest or bool(one.at and other.at and one.at < other.at)


def _without_rings(replaced_by: dict[str, set[str]]) -> frozenset[str]:
    """Of results that replace each other in a ring all count, and what hangs on a ring."""
    order, settled = TopologicalSorter(replaced_by), set[str]()
    with suppress(CycleError):
        order.prepare()
    while ready := order.get_ready():
        settled.update(ready)
        order.done(*ready)
    return frozenset(name for name in settled if replaced_by.get(name))
