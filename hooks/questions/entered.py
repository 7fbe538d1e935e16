"""Answers that are about to be recorded, held against the chart and against one another: where do they contradict?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from hooks.facts import Assessment, Facts, Measurement
from hooks.questions import cancer, prognosis
from hooks.questions.recorded import Recorded
from hooks.scores import bauer, nesms, performance
from hooks.scores.answers import FORMS

ITEMS_OF_PRIMARY = frozenset({"primary", "not_lung", "favourable_primary"})
STEP = 10  # between two values of Karnofsky: so far the tables of ECOG and Karnofsky differ


def contradictions(entries: Iterable[Recorded], facts: Facts) -> dict[str, tuple[str, ...]]:
    """By the name of an entry, in words, what it contradicts."""
    all_of_it = tuple(entries)
    by_name = {one.name: one for one in all_of_it}
    known = prognosis.settled(_with(facts, all_of_it))
    found = {one.name: (*_items(one, known.get(one.name, {}), facts), *_beside(one, by_name)) for one in all_of_it}
    return {name: words for name, words in found.items() if words}


def _with(facts: Facts, entries: tuple[Recorded, ...]) -> Facts:
    """As if they were on record: a score must fit the grade that is entered with it, too."""
    return replace(
        facts,
        assessments=(*(one for one in entries if isinstance(one, Assessment)), *facts.assessments),
        measurements=(*(one for one in entries if isinstance(one, Measurement)), *facts.measurements),
    )


def _items(one: Recorded, settled: Mapping[str, tuple[int, ...]], facts: Facts) -> Iterator[str]:
    given = dict(one.items) if isinstance(one, Assessment) else {}
    for item in FORMS[one.name].items if one.name in FORMS else ():
        possible = settled.get(item.key)
        if possible and item.key in given and given[item.key] not in possible:
            said = " or ".join(item.answers[points] for points in possible)
            yield f"{item.name}: {item.answers[given[item.key]]}. By {_source(item.key, facts)} it is: {said}."


def _source(item: str, facts: Facts) -> str:
    sites = cancer.primary_sites(facts) if item in ITEMS_OF_PRIMARY else frozenset()
    named = ", ".join(sorted(cancer.PRIMARY_WORDS[site] for site in sites))
    return f"the chart ({named})" if named else "the chart, or what is entered beside it,"


def _beside(one: Recorded, others: Mapping[str, Recorded]) -> Iterator[str]:
    """Two entries that no patient can have at once, and an estimate of no life at all."""
    if isinstance(one, Measurement):
        yield from _measured(one, others)
    elif one.name == "ais":
        yield from _scales(others.get("frankel"), one)
    elif one.name == "nesms":
        yield from _bauer_of(one, others.get("bauer"))


def _measured(one: Measurement, others: Mapping[str, Recorded]) -> Iterator[str]:
    if one.name == "life_expectancy" and one.value == 0:
        yield "Life expectancy: 0 months. Is the patient dying now?"
    ecog = others.get("ecog")
    if one.name == "kps" and isinstance(ecog, Measurement):
        lowest, highest = performance.kps_range(int(ecog.value))
        if not lowest - STEP <= one.value <= highest + STEP:
            yield f"Karnofsky {one.value} does not go with ECOG {ecog.value}."


def _scales(frankel: Recorded | None, ais: Assessment) -> Iterator[str]:
    """The letters are not the same, but normal on the one scale is normal on the other, and two apart are too far."""
    if not isinstance(frankel, Assessment) or not frankel.value or not ais.value:
        return
    one, other = frankel.value[-1].upper(), ais.value[-1].upper()
    if one != other and ("E" in (one, other) or abs(ord(one) - ord(other)) > 1):
        yield f"Frankel grade {one} does not go with ASIA impairment scale {other}."


def _bauer_of(score: Assessment, entered: Recorded | None) -> Iterator[str]:
    given = dict(score.items).get("bauer")
    items = dict(entered.items) if isinstance(entered, Assessment) else {}
    if given is not None and items and given not in nesms.bauer_points(bauer.score(items)):
        yield "NESMS counts another modified Bauer score than the one that is entered."
