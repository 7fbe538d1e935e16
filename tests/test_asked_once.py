"""A question is worked out once for one patient's facts, and its answer goes nowhere else."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from hooks.asked_once import asked_once
from hooks.facts import Facts, Finding
from hooks.questions import cancer

DAY = date(2026, 11, 24)
BREAST = Finding("Condition/breast", frozenset({"primary_breast"}))


def test_the_same_question_about_the_same_facts_is_worked_out_once_and_another_by_itself() -> None:
    worked_out: list[Decimal] = []

    @asked_once
    def question(facts: Facts, days: Decimal) -> None:
        worked_out.append(days)  # an answer of None is one too

    facts = Facts(DAY)
    for days in (Decimal(30), Decimal(90), Decimal(30)):
        question(facts, days)
    assert worked_out == [30, 90]
    question(Facts(DAY), Decimal(30))
    assert worked_out == [30, 90, 30]


def test_an_answer_is_not_that_of_another_patient() -> None:
    assert cancer.any_cancer(Facts(DAY)) == ()
    assert cancer.any_cancer(Facts(DAY, findings=(BREAST,))) == (BREAST,)
    assert cancer.any_cancer(Facts(DAY)) == ()


def test_what_a_question_raises_is_raised_for_each_rule_that_asks() -> None:
    @asked_once
    def question(facts: Facts) -> int:
        return len(facts.findings) // 0

    facts = Facts(DAY)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            question(facts)
