"""A question is worked out once for one patient's facts, and its answer goes nowhere else."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from hooks import order_select, patient_view, run
from hooks.asked_once import asked_once
from hooks.facts import Facts, Finding
from hooks.questions import cancer
from tests.read_vignettes import all_vignettes

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


def test_no_answer_that_rules_share_can_be_changed_by_one_of_them() -> None:
    for vignette in all_vignettes():
        run.decide((*patient_view.RULES, *order_select.RULES), vignette.facts)
        for answer in vignette.facts._found.values():
            hash(answer)  # of a list or a dict there is none: what the first rule does to it the next would see
