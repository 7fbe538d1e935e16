"""Answers of the form that contradict the chart, or one another, are named with what they contradict."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from hooks.facts import Assessment, Facts, Finding, Measurement, When
from hooks.questions import entered
from hooks.questions.recorded import Recorded
from hooks.scores import answers

TODAY = date(2026, 11, 24)
NOW = When.on(TODAY)


def chart(*concepts: str) -> Facts:
    return Facts(TODAY, findings=tuple(Finding(f"Condition/{one}", frozenset({one}), recorded=NOW) for one in concepts))


def scored(name: str, **items: int) -> Assessment:
    total = answers.result(name, items).total
    return Assessment("", name, None if total is None else str(total), NOW, items=tuple(items.items()))


def graded(name: str, letter: str) -> Assessment:
    return Assessment("", name, f"{name}-{letter}", NOW)


def measured(name: str, value: str) -> Measurement:
    return Measurement("", name, Decimal(value), NOW)


@pytest.mark.parametrize(("facts", "entry", "words"), [
    (chart("primary_breast"), scored("tokuhashi", primary=0), ("breast cancer", "Lung", "Thyroid, breast")),
    (chart("primary_myeloma"), scored("tokuhashi", primary=0), ("myeloma", "Lung", "Others")),
    (chart("primary_myeloma"), scored("bauer", not_lung=0), ("myeloma", "It is lung cancer", "True")),
    (chart("primary_myeloma"), scored("bauer", favourable_primary=0), ("myeloma", "No", "Yes")),
    (chart("primary_breast"), scored("tomita", primary=4), ("breast cancer", "Rapid", "Slow")),
    (chart("primary_myeloma"), scored("katagiri", primary=3), ("myeloma", "Rapid", "Slow")),
    (chart("visceral_or_brain_metastasis"), scored("tomita", visceral=0), ("None", "Treatable or Not treatable")),
])  # fmt: skip
def test_a_contradiction_with_the_chart_is_named(facts: Facts, entry: Assessment, words: tuple[str, ...]) -> None:
    ((said,),) = entered.contradictions([entry], facts).values()
    assert all(word in said for word in words), said


@pytest.mark.parametrize(("facts", "entry"), [
    (chart("primary_breast"), scored("tokuhashi", primary=5)),
    (chart("primary_breast", "primary_lung"), scored("tokuhashi", primary=0)),  # either may be the source
    (chart(), scored("tokuhashi", primary=0)),
    (chart("primary_breast"), scored("sins", pain=3)),
])  # fmt: skip
def test_what_the_chart_leaves_possible_is_no_contradiction(facts: Facts, entry: Assessment) -> None:
    assert entered.contradictions([entry], facts) == {}


@pytest.mark.parametrize(("entries", "name", "words"), [
    ([graded("frankel", "e"), graded("ais", "a")], "ais", "Frankel grade E does not go with ASIA impairment scale A."),
    ([graded("frankel", "d"), graded("ais", "e")], "ais", "Frankel grade D does not go with"),
    ([graded("frankel", "a"), graded("ais", "c")], "ais", "Frankel grade A does not go with"),
    ([measured("life_expectancy", "0")], "life_expectancy", "Life expectancy: 0 months."),
    ([measured("ecog", "0"), measured("kps", "40")], "kps", "Karnofsky 40 does not go with ECOG 0."),
    ([graded("frankel", "a"), scored("tokuhashi", palsy=2)], "tokuhashi", "Palsy (Frankel): None (E)."),
    ([measured("kps", "90"), scored("tokuhashi", condition=0)], "tokuhashi", "General condition"),
    ([measured("ecog", "1"), scored("katagiri", performance=1)], "katagiri", "Performance status (ECOG): 3 or 4."),
    ([scored("bauer", no_visceral=0, not_lung=0), scored("nesms", bauer=2)], "nesms", "another modified Bauer"),
])  # fmt: skip
def test_entries_that_contradict_one_another_are_named(entries: list[Recorded], name: str, words: str) -> None:
    found = entered.contradictions(entries, chart())
    assert list(found) == [name]
    assert words in found[name][0]


@pytest.mark.parametrize("entries", [
    [graded("frankel", "c"), graded("ais", "d")], [graded("frankel", "e"), graded("ais", "e")], [graded("ais", "a")],
    [measured("ecog", "1"), measured("kps", "90")], [measured("life_expectancy", "0.5")],
    [scored("bauer", no_visceral=1), scored("nesms", bauer=2)],
])  # fmt: skip
def test_entries_that_can_be_true_together_are_not(entries: list[Recorded]) -> None:
    assert entered.contradictions(entries, chart()) == {}
