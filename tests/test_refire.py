"""An override is keyed on the state behind a card: what changes the key, what does not, and what has none."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from importlib import resources
from typing import Any

import pytest

from hooks import knowledge, order_select, patient_view, refire, run
from hooks.facts import Fact, Finding, Measurement, Order, When
from hooks.knowledge import LONGEST_REST, KnowledgeError
from hooks.outcomes import CannotTell, Decision, Failed, NotApplicable, Recommend
from hooks.override_reasons import OVERRIDE_WORDS
from tests.read_vignettes import AS_OF, all_vignettes

RULES = {rule.KNOWLEDGE.rule: rule for rule in (*patient_view.RULES, *order_select.RULES)}
VIGNETTES = {str(vignette): vignette for vignette in all_vignettes()}
DECISIONS = [
    (name, run.decide([RULES[vignette.rule]], vignette.facts)[0])  # type: ignore[list-item] # a module is a Rule
    for name, vignette in VIGNETTES.items()
]
SPOKEN = [(name, one) for name, one in DECISIONS if isinstance(one.outcome, Recommend)]
RESTING = [(name, one) for name, one in SPOKEN if refire.state(one)]
NEVER = {
    "suspected_cord_compression",
    "confirmed_cord_compression",
    "hypercalcaemia",
    "bone_agent_hypocalcaemia",
    "bone_agent_pregnancy",
    "bone_agent_renal_dose",
    "bone_agent_jaw",
    "bone_agent_duplicate",
    "augmentation_order_check",
    "radiotherapy_order_check",
}
OF_ORDERS = {rule.KNOWLEDGE.rule for rule in order_select.RULES} - {rule.KNOWLEDGE.rule for rule in patient_view.RULES}


def changed(decision: Decision, **parts: Any) -> Decision:
    return replace(decision, outcome=replace(decision.outcome, **parts))


def test_the_rules_of_emergencies_and_contraindications_are_never_silenced() -> None:
    assert {name for name, rule in knowledge.catalogue().items() if rule.longest_rest == 0} == NEVER


@pytest.mark.parametrize(("name", "decision"), SPOKEN, ids=[name for name, _ in SPOKEN])
def test_what_is_critical_or_asks_for_something_at_once_has_no_state(name: str, decision: Decision) -> None:
    assert isinstance(decision.outcome, Recommend)
    at_once = any(order.priority == "stat" for one in decision.outcome.suggestions for order in one.create)
    own = decision.outcome.longest_rest == 0
    never = decision.outcome.says.indicator == "critical" or at_once or own or decision.rule in NEVER
    assert (refire.state(decision) is None) == never


def test_a_check_of_an_order_rests_for_a_day_at_most() -> None:
    """The next prescriber writes an order of his own."""
    longest = {name: rule.longest_rest for name, rule in knowledge.catalogue().items() if name in OF_ORDERS}
    assert set(longest.values()) == {0, 1}


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ("spine_mri_for_pain", "infection"),
        ("bone_agent_preflight", "calcium"),
        ("whole_spine_mri", "contraindicated"),
        ("bone_modifying_agent", "no bone agent"),
    ],
)
def test_variants_that_never_rest(rule: str, word: str) -> None:
    never = [one for name, one in SPOKEN if one.rule == rule and one.outcome.longest_rest == 0]  # type: ignore[union-attr] # SPOKEN are recommendations
    assert never
    assert all(word in one.outcome.says.summary for one in never)  # type: ignore[union-attr] # as above
    assert any(refire.state(one) for _, one in SPOKEN if one.rule == rule)


def test_a_reason_counts_for_the_rules_that_offer_it() -> None:
    """Several rules may share a card, and the user gives one reason."""
    rests, rule = refire.rests(), knowledge.load("pain_team")
    assert rests.meant_for(rule, "patient-refuses") == "patient-refuses"
    assert rests.meant_for(rule, "does-not-align-latest-evidence") == refire.NO_REASON
    assert rests.meant_for(rule, "a code of the site") == "a code of the site"
    assert rests.meant_for(rule, "") == refire.NO_REASON


def test_most_other_cards_may_rest() -> None:
    assert len(RESTING) > 150
    assert {one.rule for _, one in RESTING} | NEVER == set(RULES)


def test_only_what_speaks_or_asks_has_a_state() -> None:
    fact = Finding("Condition/1", frozenset({"spinal_metastasis"}))
    silent = (NotApplicable("why", (fact,)), CannotTell(("x",)), Failed("ValueError"))
    assert all(refire.state(Decision("pain_team", "1.0.0", one)) is None for one in silent)
    assert refire.state(Decision("pain_team", "1.0.0", CannotTell(("x",), ask=True))) is not None
    assert refire.state(Decision("suspected_cord_compression", "1.0.0", CannotTell(("x",), ask=True))) is None


@pytest.mark.parametrize(("name", "decision"), RESTING, ids=[name for name, _ in RESTING])
def test_any_changed_fact_brings_the_card_back(name: str, decision: Decision) -> None:
    assert isinstance(decision.outcome, Recommend)
    before, because = refire.state(decision), decision.outcome.because
    assert refire.state(decision) == before
    for number, fact in enumerate(because):
        rest = because[:number] + because[number + 1 :]
        if alike(fact) not in map(alike, rest):
            assert refire.state(changed(decision, because=rest)) != before
        for other in variants(fact):
            with_other = (*because[:number], other, *because[number + 1 :])
            assert refire.state(changed(decision, because=with_other)) != before, other
    more = Finding("Condition/new", frozenset({"limb_weakness"}))
    assert refire.state(changed(decision, because=(*because, more))) != before
    assert refire.state(changed(decision, missing=(*decision.outcome.missing, "another thing"))) != before
    assert refire.state(changed(decision, says=replace(decision.outcome.says, indicator="x"))) != before
    assert refire.state(replace(decision, version="99.0.0")) != before


def alike(fact: Fact) -> Fact:
    """Without the names that the record gives it."""
    names = {field.name for field in fields(fact)} & refire.NAMES_ONLY
    return replace(fact, **dict.fromkeys(names, ""))


def variants(fact: Fact) -> list[Fact]:
    """The fact with one of its parts changed, each part in turn."""
    draft = getattr(fact, "draft", False)
    other_day = When.on(AS_OF.replace(year=2020))
    found: list[Fact] = []
    for field in fields(fact):
        value = getattr(fact, field.name)
        if field.name in refire.NAMES_ONLY or (draft and field.name in refire.OF_THE_SESSION):
            continue
        if isinstance(value, When):
            found.append(replace(fact, **{field.name: other_day}))
        elif isinstance(value, bool):
            found.append(replace(fact, **{field.name: not value}))
        elif isinstance(value, str):
            found.append(replace(fact, **{field.name: value + "-x"}))
        elif isinstance(value, frozenset):
            found.append(replace(fact, **{field.name: value | {"another"}}))
        elif value is None:
            found.append(replace(fact, **{field.name: "now recorded"}))
    if isinstance(fact, Measurement):
        found.append(replace(fact, value=fact.value + 1))
    return found


@pytest.mark.parametrize(("name", "decision"), RESTING, ids=[name for name, _ in RESTING])
def test_another_id_another_order_or_the_same_draft_anew_do_not(name: str, decision: Decision) -> None:
    assert isinstance(decision.outcome, Recommend)
    outcome, before = decision.outcome, refire.state(decision)
    same = tuple(replace(fact, label="in other words", source=f"{fact.source}-again") for fact in outcome.because)
    assert refire.state(changed(decision, because=same[::-1])) == before
    anew = tuple(
        replace(fact, source=f"{fact.source}-2", when=When.on(AS_OF), selected=False)  # type: ignore[call-arg] # an order
        if getattr(fact, "draft", False)
        else fact
        for fact in outcome.because
    )
    assert refire.state(changed(decision, because=anew)) == before


@pytest.mark.parametrize("part", ["summary", "do", "why", "why_not"])
def test_other_advice_brings_the_card_back(part: str) -> None:
    """Rules read more facts than they name as their grounds; what they say of them is part of the state."""
    for _, decision in RESTING:
        says = decision.outcome.says  # type: ignore[union-attr] # RESTING are recommendations
        other = "another" if part == "summary" else (*getattr(says, part), "another")
        assert refire.state(changed(decision, says=replace(says, **{part: other}))) != refire.state(decision)


@pytest.mark.parametrize("rule", ["surgery_readiness", "unknown_primary"])
def test_what_must_not_wait_while_the_cord_is_in_danger_never_rests(rule: str) -> None:
    grave = [one for _, one in SPOKEN if one.rule == rule and "cord in danger" in one.outcome.says.summary]  # type: ignore[union-attr] # SPOKEN are recommendations
    assert grave
    assert all(refire.state(one) is None for one in grave)


def test_a_draft_of_another_kind_is_another_state() -> None:
    card = knowledge.load("bone_scan_low_yield").cards["kidney"]
    draft = Order("ServiceRequest/1", frozenset({"bone_scan"}), "draft", draft=True)
    outcome = Recommend((draft,), card)
    decision = Decision("bone_scan_low_yield", "1.0.0", outcome)
    other = changed(decision, because=(replace(draft, concepts=frozenset({"mri_spine"})),))
    assert refire.state(decision) != refire.state(other)


@pytest.mark.parametrize(("name", "decision"), RESTING, ids=[name for name, _ in RESTING])
def test_the_next_day_is_the_same_state_while_the_rule_says_the_same(name: str, decision: Decision) -> None:
    vignette = VIGNETTES[name]
    tomorrow = vignette.facts.as_of.fromordinal(vignette.facts.as_of.toordinal() + 1)
    later = run.decide([RULES[vignette.rule]], replace(vignette.facts, as_of=tomorrow))[0]  # type: ignore[list-item] # a module is a Rule
    if isinstance(later.outcome, Recommend) and asked(later.outcome) == asked(decision.outcome):
        assert refire.state(later) == refire.state(decision)


def asked(outcome: Any) -> tuple[object, ...]:
    """All that the state is made of."""
    return outcome.because, outcome.missing, outcome.suggestions, outcome.says


# -- the knowledge file


def test_every_reason_on_our_cards_has_a_rest_that_ends_and_a_ground() -> None:
    rests = refire.rests()
    assert set(rests.reasons) == {*OVERRIDE_WORDS, refire.NO_REASON, refire.OTHER_REASON}
    assert all(0 < one.days <= LONGEST_REST and len(one.ground) > 20 for one in rests.reasons.values())
    assert rests.rest("") == rests.reasons[refire.NO_REASON]
    assert rests.rest("never heard of") == rests.reasons[refire.OTHER_REASON]


def data() -> dict[str, Any]:
    text = (resources.files("hooks") / "refire.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@pytest.mark.parametrize("days", [-1, 366, 1.5, "7", True])
def test_a_rest_that_does_not_end_is_refused(days: object) -> None:
    wrong = data()
    wrong["reasons"]["patient-refuses"]["days"] = days
    with pytest.raises(KnowledgeError, match=r"patient-refuses.days"):
        refire.read(wrong)


@pytest.mark.parametrize("key", ["version", "reasons", "review"])
def test_a_file_that_lacks_a_part_is_refused(key: str) -> None:
    wrong = data()
    del wrong[key]
    with pytest.raises(KnowledgeError):
        refire.read(wrong)


@pytest.mark.parametrize("code", [refire.NO_REASON, refire.OTHER_REASON])
def test_a_file_without_a_rest_for_what_it_does_not_know_is_refused(code: str) -> None:
    wrong = data()
    del wrong["reasons"][code]
    with pytest.raises(KnowledgeError, match=code):
        refire.read(wrong)


def test_a_rest_without_a_ground_is_refused() -> None:
    wrong = data()
    wrong["reasons"]["other"]["ground"] = ""
    with pytest.raises(KnowledgeError, match="other"):
        refire.read(wrong)
