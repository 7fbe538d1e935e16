"""Cards: merged, capped, closed, repeatable, and deaf to whatever the record tries to smuggle in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fhir_mappings.proposed_orders import to_fhir
from hooks import cards, outcomes, patient_view, run
from hooks.card_text import LABEL_LIMIT, SUMMARY_LIMIT, describe, escape, shorten
from hooks.cards import Client
from hooks.facts import Facts, Finding, Measurement, Medication, Order, Patient, When
from hooks.outcomes import CannotTell, Decision, Failed, NotApplicable, ProposedOrder, Recommend, Suggestion, Wording

TODAY = date(2026, 11, 24)
BREAST = Finding("Condition/breast", frozenset({"primary_breast"}))
SPINE = Finding("Condition/spine", frozenset({"spinal_metastasis"}))
WEAK = Finding("Condition/weak", frozenset({"motor_weakness"}), onset=When.on(date(2026, 11, 20)))
BASE = Facts(as_of=TODAY, patient=Patient("Patient/1", 60, "female"), findings=(BREAST, SPINE))


def says(indicator: str = "info", summary: str = "Say something") -> Wording:
    return Wording(indicator, summary, (f"Do what {summary} asks.",))


def decided(rule: str, indicator: str = "info", **more: Any) -> Decision:
    return Decision(rule, "1.0.0", Recommend((SPINE,), says(indicator, f"{rule} speaks"), **more))


def build(
    *decisions: Decision, facts: Facts = BASE, client: Client | None = None, seed: bytes = b"x"
) -> list[dict[str, Any]]:
    return cards.build(decisions, facts, lambda order: to_fhir(order, "1"), client or Client(), seed)


def mri(label: str = "Order MRI") -> Suggestion:
    return Suggestion(label, (ProposedOrder("mri_whole_spine", label),), recommended=True)


def rules_of(card: dict[str, Any]) -> list[str]:
    return [entry["rule"] for entry in card["extension"]["org.spine-cds.rules"]]


def test_nothing_to_say_is_no_card() -> None:
    assert build(Decision("spine_mri_for_pain", "1.0.0", CannotTell(("back pain",)))) == []


def test_at_most_one_critical_card_and_nothing_of_the_others_is_lost() -> None:
    first = decided("suspected_cord_compression", "critical", suggestions=(mri(),))
    second = decided("spinal_instability", "critical", missing=("SINS",))
    built = build(decided("spine_mri_for_pain", "warning"), first, second)
    assert [card["indicator"] for card in built] == ["critical", "warning"]
    assert rules_of(built[0]) == ["suspected_cord_compression", "spinal_instability"]
    for text in ("spinal_instability speaks", "Do what spinal_instability speaks asks", "SINS"):
        assert text in built[0]["detail"]
    assert built[0]["source"]["topic"]["code"] == "suspectedCordCompression"


def test_checks_of_one_order_share_a_card_led_by_the_most_urgent() -> None:
    built = build(decided("bone_agent_renal_dose", "warning"), decided("bone_agent_hypocalcaemia", "critical"))
    (card,) = built
    assert rules_of(card) == ["bone_agent_hypocalcaemia", "bone_agent_renal_dose"]
    assert card["source"]["topic"]["code"] == "boneAgentHypocalcaemia"


def test_an_order_is_offered_once_and_only_the_leading_rule_may_preselect() -> None:
    built = build(
        decided("suspected_cord_compression", "critical", suggestions=(mri(),)),
        decided(
            "spinal_instability",
            "critical",
            suggestions=(
                mri("Again"),
                Suggestion("Refer", (ProposedOrder("consult_spine_neurosurgery", "Refer"),), recommended=True),
            ),
        ),
        decided("spine_mri_for_pain", "warning", suggestions=(mri("And again"),)),
    )
    assert [s["label"] for s in built[0]["suggestions"]] == ["Order MRI", "Refer"]
    assert [s.get("isRecommended", False) for s in built[0]["suggestions"]] == [True, False]
    assert "suggestions" not in built[1]
    assert "selectionBehavior" not in built[1]


def test_what_does_not_fit_is_named_and_marked() -> None:
    names = ["spinal_instability", "spine_mri_for_pain", "multidisciplinary_review", "bone_modifying_agent"]
    built = build(*(decided(name) for name in names), client=Client(max_cards=3))
    assert len(built) == 3
    closing = built[-1]
    assert [entry for entry in closing["extension"]["org.spine-cds.rules"] if entry.get("cut")] == [
        {"rule": name, "version": "1.0.0", "cut": True} for name in names[2:]
    ]
    assert "multidisciplinary_review speaks" in closing["detail"]


@pytest.mark.parametrize("room", [1, 2])
def test_an_emergency_is_never_cut(room: int) -> None:
    built = build(
        decided("multidisciplinary_review"),
        decided("suspected_cord_compression", "critical"),
        client=Client(max_cards=room),
    )
    assert built[0]["indicator"] == "critical"


def test_a_failed_rule_is_seen() -> None:
    (card,) = build(Decision("spine_mri_for_pain", "1.0.0", Failed("KeyError")))
    assert "failed" in card["summary"]
    assert "KeyError" not in card["detail"]
    assert rules_of(card) == ["spine_mri_for_pain"]


def test_a_rule_that_raises_is_seen_and_the_others_still_speak() -> None:
    class Broken:
        KNOWLEDGE = patient_view.RULES[0].KNOWLEDGE

        @staticmethod
        def decide(facts: Facts) -> None:
            raise ZeroDivisionError("secret")

    decisions = run.decide([Broken, *patient_view.RULES[1:]], BASE)  # type: ignore[list-item]
    assert isinstance(decisions[0].outcome, Failed)
    built = cards.build(decisions, BASE, lambda order: to_fhir(order, "1"), Client(), b"x")
    assert any("failed" in card["summary"] for card in built)
    assert len(built) > 1


def test_gaps_are_asked_for_once() -> None:
    shown = decided("multidisciplinary_review", missing=("SINS, level by level",))
    asked = Decision("spinal_instability", "1.0.0", CannotTell(("SINS, level by level",), ask=True))
    assert len(build(shown, asked)) == 1
    assert len(build(asked)) == 1


def test_data_that_did_not_arrive_is_named_even_when_no_rule_speaks() -> None:
    (card,) = build(facts=replace(BASE, unavailable=("laboratory results",)))
    assert "laboratory results" in card["detail"]
    assert "no all-clear" in card["detail"]


def test_nobody_outside_the_scope_is_bothered() -> None:
    stranger = Facts(as_of=TODAY, patient=Patient("Patient/1", 60), unavailable=("laboratory results",))
    assert build(facts=stranger) == []


@pytest.mark.parametrize(
    "doubt",
    [
        {"incomplete": ("conditions",)},
        {"unreadable": ("entry 7: the resource cannot be read",), "lost": ("conditions",)},
    ],
)
def test_no_cancer_in_a_list_that_came_in_part_is_no_all_clear(doubt: dict[str, Any]) -> None:
    assert len(build(facts=Facts(as_of=TODAY, patient=Patient("Patient/1", 60), **doubt))) == 1


def test_a_child_with_cancer_draws_one_information() -> None:
    child = replace(BASE, patient=Patient("Patient/1", 12))
    (card,) = cards.build(patient_view.decide(child), child, lambda order: None, Client(), b"x")
    assert (card["indicator"], "under 18" in card["summary"]) == ("info", True)


def test_a_patient_who_died_draws_none() -> None:
    dead = replace(BASE, patient=Patient("Patient/1", 60, deceased=True), unavailable=("laboratory results",))
    assert cards.build(patient_view.decide(dead), dead, lambda order: None, Client(), b"x") == []


def test_the_same_call_gives_the_same_bytes_and_another_call_other_identifiers() -> None:
    once, twice, other = (
        build(decided("spine_mri_for_pain", suggestions=(mri(),)), seed=s) for s in (b"a", b"a", b"b")
    )
    assert once == twice
    assert once[0]["uuid"] != other[0]["uuid"]
    assert once[0]["suggestions"][0]["uuid"] != once[0]["uuid"]


def test_an_ehr_that_takes_one_action_per_suggestion_gets_them_one_by_one() -> None:
    both = Suggestion("Replace", (ProposedOrder("mri_whole_spine", "Order MRI"),), ("ServiceRequest/1",))
    (card,) = build(decided("whole_spine_mri", suggestions=(both,)), client=Client(one_action_per_suggestion=True))
    assert [[a["type"] for a in s["actions"]] for s in card["suggestions"]] == [["delete"], ["create"]]


def test_an_order_that_could_not_be_made_is_left_out_and_the_text_remains() -> None:
    (card,) = cards.build(
        [decided("spine_mri_for_pain", suggestions=(mri(),))], BASE, lambda order: None, Client(), b"x"
    )
    assert "suggestions" not in card
    assert "Do what" in card["detail"]


def test_links_lead_to_the_rule() -> None:
    (card,) = build(decided("spine_mri_for_pain"), client=Client(rule_url="https://cds.example.org/rules/{rule}"))
    assert [link["url"] for link in card["links"]] == ["https://cds.example.org/rules/spine_mri_for_pain"]


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](http://evil/p.png)",
    "http://evil.example/",
    "www.evil.example",
    "`code`",
    "**bold**",
    "# heading",
    "- item\n- item",
    "| a | b |\n|--|--|",
    "line\u2028separator\u0000null\u202eoverride",
    "&lt;b&gt;",
    "~~x~~",
    "a@evil.example",
    "\\",
    "x" * 500,
    "<!-- -->",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_the_record_is_inert(text: str) -> None:
    check_inert(text)


@given(st.text(max_size=200))
def test_any_text_from_the_record_is_inert(text: str) -> None:
    check_inert(text)


def check_inert(text: str) -> None:
    """Rendered as Markdown with HTML allowed, as the reference client does, it must stay one list item of text."""
    line = describe(Finding("Condition/1", frozenset({"motor_weakness"}), label=text))
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": True}).parse(f"- {line}")
    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}
    assert kinds <= {
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "inline",
        "paragraph_close",
        "list_item_close",
        "bullet_list_close",
        "text",
        "text_special",
    }, (line, kinds)
    assert "\n" not in line


def test_a_long_label_is_cut() -> None:
    assert len(escape("x" * 500)) == LABEL_LIMIT


def test_a_long_summary_is_cut_at_a_word() -> None:
    short = shorten("word " * 60)
    assert len(short) <= SUMMARY_LIMIT
    assert short.endswith("word…")


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (WEAK, "weakness, since 2026-11-20"),
        (replace(WEAK, onset=None), "weakness, no date recorded"),
        (replace(WEAK, certain=False), "weakness, suspected, since 2026-11-20"),
        (replace(BREAST, status="past"), "breast cancer, past, no date recorded"),
        (replace(SPINE, levels=frozenset({"T12"})), "spinal metastasis at T12, no date recorded"),
        (Measurement("Observation/1", "ecog", Decimal(2)), "ECOG 2, no date recorded"),
        (
            Medication("MedicationRequest/1", frozenset({"denosumab"}), draft=True),
            "denosumab (draft order)",
        ),
        (Order("ServiceRequest/1", frozenset({"mri_whole_spine"})), "order: MRI whole spine, no date recorded"),
    ],
)
def test_facts_in_words(fact: Any, words: str) -> None:
    assert describe(fact) == words


def test_a_settled_rule_has_its_reason_told() -> None:
    told = Decision("x", "1.0.0", NotApplicable("done", (SPINE,))).as_dict()
    assert (told["outcome"], told["why_not"], told["because"]) == ("not_applicable", "done", ["Condition/spine"])


def test_no_card_changes_an_order_that_other_patients_will_get() -> None:
    before = json.dumps(to_fhir(mri().create[0], "1"))
    for client in (Client(), Client(one_action_per_suggestion=True, plain_detail=True, content_type_key="type")):
        (card,) = build(decided("whole_spine_mri", suggestions=(mri(),)), client=client)
        assert card["suggestions"][0]["actions"][0]["resource"]["subject"] == {"reference": "Patient/1"}
    assert json.dumps(to_fhir(mri().create[0], "1")) == before


class Part:
    """One of many facts of one entry, which counts how often it is laid beside another."""

    source, compared = "Observation/panel", 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        Part.compared += 1
        return isinstance(other, Part) and self.number == other.number


def test_an_entry_of_thousands_of_parts_costs_no_more_for_each() -> None:
    parts = [Part(number) for number in range(2_000)]
    assert list(outcomes.each_once([*parts, *parts])) == parts  # type: ignore[type-var] # stands for a fact
    assert Part.compared < 5 * len(parts)
