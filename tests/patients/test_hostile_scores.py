"""Scores and results that contradict themselves or each other: the worse one asks, and none of them reassures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from hooks.facts import Assessment, Facts, Finding, When
from hooks.outcomes import CannotTell, Recommend
from hooks.questions import labs, noms, stability
from hooks.rules import bone_agent_hypocalcaemia, hypercalcaemia, multidisciplinary_review, spinal_instability
from tests.mappings.charts import LNC, coded, observation, quantity
from tests.mappings.charts import facts as chart

TODAY = date(2026, 11, 24)
NOW = When.on(TODAY)
SPINE = Finding("Condition/1", frozenset({"spinal_metastasis"}), recorded=NOW)
CANCER = Finding("Condition/2", frozenset({"primary_breast"}), recorded=NOW)


def scored(value: str | None, *, level: str | None = None, when: When = NOW, id: str = "1", **items: int) -> Assessment:
    return Assessment(f"Observation/{id}", "sins", value, when, level, tuple(items.items()))


def patient(*scores: Assessment, **more: Any) -> Facts:
    return Facts(TODAY, findings=(SPINE, CANCER), assessments=scores, **more)


@pytest.mark.parametrize("items", [{"height": 3}, {"pain": 2}, {"location": 1, "pain": 0, "lesion": 0, "alignment": 0}])
def test_a_total_of_14_is_not_dropped_because_of_an_odd_part(items: dict[str, int]) -> None:
    if len(items) > 1:
        items |= {"collapse": 0, "posterolateral": 0}
    facts = patient(scored("14", level="T10", **items))
    outcome = spinal_instability.decide(facts)
    assert isinstance(outcome, Recommend)
    assert "SINS 14" in outcome.says.summary
    assert stability.DISAGREES in outcome.missing
    review = multidisciplinary_review.decide(facts)
    assert isinstance(review, Recommend)
    assert "SINS not recorded" not in "\n".join((*review.says.do, *review.says.why, *review.missing))


def test_parts_that_are_worse_than_their_total_count() -> None:
    facts = patient(scored("3", level="T10", pain=3, alignment=4, collapse=3, lesion=2, posterolateral=3))
    assert isinstance(spinal_instability.decide(facts), Recommend)


def test_a_contradictory_low_score_is_not_stable() -> None:
    facts = patient(scored("3", level="T10", pain=3, lesion=2, alignment=0, collapse=0, posterolateral=0))
    assert noms.stable(facts)[0] is None
    outcome = spinal_instability.decide(facts)
    assert isinstance(outcome, CannotTell)
    assert outcome.missing == (stability.DISAGREES,)


@pytest.mark.parametrize(("days", "found"), [(30, 2), (31, 1)])
def test_two_scores_without_a_level_are_not_one_lesion(days: int, found: int) -> None:
    older = When.on(date.fromordinal(TODAY.toordinal() - days))
    facts = patient(scored("4"), scored("14", when=older, id="2"))
    assert len(stability.by_level(facts)) == found
    assert isinstance(spinal_instability.decide(facts), Recommend) == (found == 2)


def test_scores_of_one_level_are_one_lesion() -> None:
    older = When.on(date(2026, 11, 1))
    facts = patient(scored("4", level="T10"), scored("14", level="T10", when=older, id="2"))
    assert [i.score.lowest for i in stability.by_level(facts)] == [4]


def test_a_stable_score_does_not_reassure_beside_one_that_cannot_be_read() -> None:
    assert noms.stable(patient(scored("4", level="T10")))[0] is False
    assert noms.stable(patient(scored("4", level="T10"), doubtful=frozenset({"sins"})))[0] is None


def calcium(value: float, id: str) -> dict[str, Any]:
    return {**observation(coded(LNC, "17861-6"), valueQuantity=quantity(value, "mg/dL")), "id": id}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_calcium_values_of_one_minute_each_question_fears_its_own(order: tuple[int, int]) -> None:
    both = (calcium(14.5, "a"), calcium(7.0, "b"))
    found = chart({**coded_cancer()}, *(both[i] for i in order))
    raised = labs.calcium(found, highest=True)
    lowered = labs.calcium(found)
    assert raised is not None
    assert lowered is not None
    assert (raised.value, lowered.value) == (Decimal("14.5"), Decimal("7.0"))
    assert hypercalcaemia.raised(found)
    assert bone_agent_hypocalcaemia.is_low(lowered)


def coded_cancer() -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/p1"},
        "code": coded("http://hl7.org/fhir/sid/icd-10-cm", "C50.9"),
    }
