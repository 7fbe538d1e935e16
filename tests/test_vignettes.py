"""The clinical specification, run: every vignette, that none is missing, and what forgetting a fact may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import pytest

from fhir_mappings.proposed_orders import to_fhir
from hooks import cards, order_select, patient_view, run
from hooks.card_text import SUMMARY_LIMIT
from hooks.facts import Facts
from hooks.outcomes import CannotTell, Decision, NotApplicable, Outcome, Recommend
from tests.read_vignettes import Vignette, all_vignettes, files

VIGNETTES = all_vignettes()
RULES: dict[str, ModuleType] = {rule.KNOWLEDGE.rule: rule for rule in (*patient_view.RULES, *order_select.RULES)}
KINDS = {"recommend": Recommend, "cannot tell": CannotTell, "not applicable": NotApplicable}


def outcome_of(vignette: Vignette, facts: Facts | None = None) -> Outcome:
    assert vignette.rule in RULES, "nobody asks this rule: add it to RULES in hooks/patient_view.py or order_select.py"
    return run.decide([RULES[vignette.rule]], facts or vignette.facts)[0].outcome


@pytest.mark.parametrize("vignette", VIGNETTES, ids=str)
def test_the_rule_says_what_the_vignette_expects(vignette: Vignette) -> None:
    outcome, expect = outcome_of(vignette), vignette.expect
    assert isinstance(outcome, KINDS[expect["expect"]]), outcome
    if isinstance(outcome, Recommend):
        _check_recommendation(outcome, expect)
    elif isinstance(outcome, CannotTell):
        text = " ".join(outcome.missing)
        assert all(word in text for word in expect.get("missing", ())), text
    elif isinstance(outcome, NotApplicable):
        assert all(word in outcome.why for word in expect.get("why", ())), outcome.why
        assert outcome.because or vignette.facts.patient.deceased or (vignette.facts.patient.age_years or 99) < 18, (
            "not applicable must rest on recorded facts"
        )


def _check_recommendation(outcome: Recommend, expect: dict) -> None:
    says = outcome.says
    if "indicator" in expect:
        assert says.indicator == expect["indicator"]
    created = [order.concept for s in outcome.suggestions for order in s.create]
    removed = [reference for s in outcome.suggestions for reference in s.delete]
    if "suggests" in expect:
        assert created == expect["suggests"]
    if "removes" in expect:
        assert removed == expect["removes"]
    text = "\n".join((says.summary, *says.do, *says.why, *says.why_not, *outcome.missing))
    for word in expect.get("says", ()):
        assert word in text, f"{word!r} not in:\n{text}"
    for word in expect.get("never_says", ()):
        assert word not in text
    for word in expect.get("missing", ()):
        assert any(word in line for line in outcome.missing), outcome.missing


@pytest.mark.parametrize("vignette", VIGNETTES, ids=str)
def test_every_card_obeys_the_standard(vignette: Vignette) -> None:
    decisions = run.decide([RULES[vignette.rule]], vignette.facts)
    built = cards.build(decisions, vignette.facts, lambda order: to_fhir(order, "1"), cards.Client(), b"vignette")
    for card in built:
        assert 0 < len(card["summary"]) <= SUMMARY_LIMIT
        assert "…" not in card["summary"], card["summary"]
        assert "{" not in card["summary"] + card["detail"], "a placeholder was not filled"
        assert ("suggestions" in card) == ("selectionBehavior" in card)
    if isinstance(decisions[0].outcome, Recommend):
        offered = [a for card in built for s in card.get("suggestions", ()) for a in s["actions"]]
        wanted = [order for s in decisions[0].outcome.suggestions for order in (*s.create, *s.delete)]
        assert len(offered) == len(wanted), "a proposed order could not be made valid"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_vignettes_for_each_kind_of_answer(rule: str) -> None:
    kinds = {v.expect["expect"] for v in VIGNETTES if v.rule == rule}
    assert kinds == set(KINDS)


@pytest.mark.parametrize("rule", RULES)
def test_every_threshold_is_tested_at_it_and_beside_it(rule: str) -> None:
    """The two sides must have different answers, or the threshold decides nothing."""
    for name, threshold in RULES[rule].KNOWLEDGE.thresholds.items():
        sides = {v.expect["side"]: v for v in VIGNETTES if v.rule == rule and v.expect.get("threshold") == name}
        if threshold.decides:
            assert {"at", "beside"} <= set(sides), f"{rule}: threshold {name} has vignettes for {sorted(sides)}"
            assert outcome_of(sides["at"]) != outcome_of(sides["beside"]), f"{rule}: {name}"


def test_no_vignette_belongs_to_an_unknown_rule() -> None:
    assert {path.stem for path in files()} == set(RULES)


def forgotten(facts: Facts) -> Iterator[tuple[object, Facts]]:
    """The facts with one thing forgotten: each fact in turn, its date, the age, the sex, each kind of data."""
    for field in ("findings", "measurements", "assessments", "imaging", "orders", "medications", "procedures"):
        known = getattr(facts, field)
        for fact in known:
            yield fact, replace(facts, **{field: tuple(f for f in known if f is not fact)})
    if facts.patient.age_years is not None:
        yield "age", replace(facts, patient=replace(facts.patient, age_years=None))
    if facts.patient.sex is not None:
        yield "sex", replace(facts, patient=replace(facts.patient, sex=None))


@pytest.mark.parametrize("vignette", VIGNETTES, ids=str)
def test_forgetting_a_fact_never_reassures(vignette: Vignette) -> None:
    """It leaves the outcome or turns it into "cannot tell".

    One further step is allowed: where recorded facts had answered a question (the MRI was done, the drug is running),
    forgetting one of exactly these facts, named in `because`, opens it again.
    """
    before = outcome_of(vignette)
    for what, facts in forgotten(vignette.facts):
        after = outcome_of(vignette, facts)
        reopened = isinstance(after, Recommend) and (what in getattr(before, "because", ()) or what == "age")
        assert type(after) is type(before) or isinstance(after, CannotTell) or reopened, (what, before, after)


@pytest.mark.parametrize("vignette", VIGNETTES, ids=str)
def test_data_that_did_not_arrive_never_reassures(vignette: Vignette) -> None:
    """The same for whole kinds of data: nothing of a kind, and the kind named as not available."""
    fields = {
        "imaging studies": "imaging",
        "laboratory results": "measurements",
        "orders and referrals": "orders",
        "procedures": "procedures",
        "medication requests": "medications",
    }
    before = outcome_of(vignette)
    for kind, field in fields.items():
        known = getattr(vignette.facts, field)
        drafts = tuple(f for f in known if getattr(f, "draft", False))
        facts = replace(vignette.facts, unavailable=(*vignette.facts.unavailable, kind), **{field: drafts})
        after = outcome_of(vignette, facts)
        reopened = isinstance(after, Recommend) and any(fact in getattr(before, "because", ()) for fact in known)
        assert type(after) is type(before) or isinstance(after, CannotTell) or reopened, (kind, before, after)


@pytest.mark.parametrize("vignette", VIGNETTES, ids=str)
def test_a_decision_can_be_told_as_data(vignette: Vignette) -> None:
    told = Decision(vignette.rule, "1.0.0", outcome_of(vignette)).as_dict()
    assert told["outcome"] == vignette.expect["expect"].replace(" ", "_")
    assert bool(told["why_not"]) == (told["outcome"] == "not_applicable")
