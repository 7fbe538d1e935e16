"""Findings of a clinical review: the cards as a set, the team, imaging and supportive rules, on whole patients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hooks import knowledge, order_select, patient_view, run
from hooks.facts import Finding
from hooks.outcomes import Recommend
from tests.mappings.charts import coded, observation
from tests.patients.test_riskiest_points import BREAST, KIDNEY, PAIN, PROSTATE, SPINE, WEAK
from tests.patients.whole_patients import (
    ICD,
    LNC,
    OURS,
    SCT,
    Answer,
    done,
    drug,
    given,
    lab,
    opened,
    problem,
    score,
    service,
    signing,
)
from tests.read_vignettes import Vignette, all_vignettes

RULES = {rule.KNOWLEDGE.rule: rule for rule in (*patient_view.RULES, *order_select.RULES)}

COMPRESSION = problem("scc", SCT, "71286001", "2026-11-22")
NO_MRI = problem("nomri", OURS, "mri-contraindicated", "2026-01-01")
LUMBAR = service("l", LNC, "24968-0", status="draft")
HOSPICE = problem("hospice", SCT, "385763009", "2026-10-01")


def ecog(value: int, when: str = "2026-11-20", name: str = "ecog") -> dict[str, Any]:
    return observation(coded(LNC, "89247-1"), id=name, valueInteger=value, effectiveDateTime=when)


def pain(value: int, when: str = "2026-11-20") -> dict[str, Any]:
    return observation(coded(LNC, "72514-3"), id="pain", valueInteger=value, effectiveDateTime=when)


def sins(value: int) -> dict[str, Any]:
    return score("sins", "sins", "2026-11-20", valueInteger=value, bodySite=coded(SCT, "23215003"))


def cut(answer: Answer) -> list[str]:
    """The rules that the closing card names without showing their cards."""
    entries = [e for card in answer.cards for e in card.get("extension", {}).get("org.spine-cds.rules", ())]
    return [entry["rule"] for entry in entries if entry.get("cut")]


def deletes(answer: Answer) -> list[list[str]]:
    """The drafts that each suggestion of each card would remove."""
    suggestions = [s for card in answer.cards for s in card.get("suggestions", ())]
    return [[a["resourceId"] for a in s["actions"] if a["type"] == "delete"] for s in suggestions]


def test_kidney_cancer_with_many_problems_is_shown_its_warnings_first() -> None:
    answer = opened(
        KIDNEY,
        SPINE,
        problem("w", SCT, "249945007", "2025-06-01"),
        pain(9),
        drug("dex", "197582", 4, authoredOn="2026-02-01"),
        done("rt", "1156506007", "2026-10-20"),
        given("dg", "993449", 120, "2026-08-01"),
        sins(9),
        ecog(2),
        ecog(1, "2026-10-01", "before"),
        lab("ca", "17861-6", 12.4, "mg/dL", low=8.5, high=10.5),
    )
    indicators = [card["indicator"] for card in answer.cards[:-1]]
    assert indicators == sorted(indicators, key=("critical", "warning", "info").index)
    for rule in ("symptom_screening", "pain_team", "spinal_instability", "hypercalcaemia"):
        assert answer.card(rule) is not None, rule
    assert "bone_modifying_agent" in cut(answer)


def test_new_wheelchair_comes_before_bone_agent() -> None:
    answer = opened(BREAST, SPINE, problem("wc", ICD, "Z99.3", "2026-11-20"))
    card = answer.card("symptom_screening")
    assert card is not None
    assert card["summary"].startswith("Function fell")
    assert answer.cards.index(card) < answer.cards.index(answer.card("bone_modifying_agent"))


def test_lumbar_mri_with_weakness_is_replaced_not_doubled() -> None:
    answer = signing(LUMBAR, record=(BREAST, WEAK))
    first = answer.cards[0]["suggestions"][0]
    assert answer.cards[0]["indicator"] == "critical"
    assert [(a["type"], a.get("resourceId")) for a in first["actions"]] == [
        ("delete", "ServiceRequest/l"),
        ("create", None),
    ]
    assert first["actions"][1]["resource"]["priority"] == "stat"
    assert "in place of the draft" in first["label"]
    assert sum(bool(one) for one in deletes(answer)) == 1


def test_lumbar_mri_with_weakness_and_mri_contraindicated_is_replaced_too() -> None:
    answer = signing(LUMBAR, record=(BREAST, WEAK, NO_MRI))
    assert deletes(answer)[0] == ["ServiceRequest/l"]


HELD_BACK = {
    "bone_modifying_agent",
    "psychosocial_assessment",
    "follow_up_imaging",
    "symptom_screening",
    "denosumab_interruption",
    "steroid_review",
    "bone_scan_indicated",
}


@pytest.mark.parametrize("emergency", [(WEAK, PAIN, sins(15), pain(8)), (COMPRESSION, WEAK, sins(15))])
def test_what_can_wait_waits_in_an_emergency(emergency: tuple[dict[str, Any], ...]) -> None:
    answer = opened(BREAST, SPINE, *emergency)
    assert answer.cards[0]["indicator"] == "critical"
    shown = {rule for rule in answer.rules if answer.card(rule)}
    assert not HELD_BACK & shown
    assert {"bone_modifying_agent", "psychosocial_assessment"} <= set(cut(answer))
    assert "After the emergency" in answer.cards[-1]["detail"]


def test_without_an_emergency_nothing_is_held_back() -> None:
    answer = opened(BREAST, SPINE)
    assert answer.card("bone_modifying_agent") is not None
    assert "After the emergency" not in answer.text


def test_only_what_the_knowledge_files_say_is_held_back() -> None:
    assert {name for name, rule in knowledge.catalogue().items() if rule.after_emergency} == HELD_BACK


def test_team_and_oncologist_share_a_card_and_name_only_who_is_not_called_already() -> None:
    answer = opened(BREAST, SPINE, COMPRESSION, WEAK, sins(15))
    card = answer.card("multidisciplinary_review")
    assert card is not None
    assert card is answer.card("systemic_therapy")
    assert [s["label"] for s in card["suggestions"]] == ["Refer to medical oncologist"]
    assert card["summary"].endswith("medical oncology not asked; call now")
    assert "cord compression on record since 2026-11-22" in card["detail"]
    assert "no deficit" not in answer.text
    assert "within 7 days" not in answer.text


def test_hospice_patient_in_pain_is_offered_palliative_care_and_no_round_of_specialties() -> None:
    answer = opened(BREAST, SPINE, COMPRESSION, WEAK, pain(9), sins(15), HOSPICE)
    card = answer.card("multidisciplinary_review")
    assert card is not None
    assert card["indicator"] == "info"
    assert "310515004" not in answer.offered()


def test_hospice_patient_without_symptoms_is_left_alone_by_the_team_card() -> None:
    assert opened(BREAST, SPINE, HOSPICE).card("multidisciplinary_review") is None


def test_lumbar_mri_for_known_metastases_without_symptoms_is_replaced_as_routine() -> None:
    answer = signing(LUMBAR, record=(PROSTATE, SPINE))
    card = answer.card("whole_spine_mri")
    assert card is not None
    assert card["indicator"] == "warning"
    assert [a["resource"]["priority"] for a in card["suggestions"][0]["actions"] if a["type"] == "create"] == [
        "routine"
    ]
    assert "neither pain nor deficit" in card["detail"]


OURS_TO_WORD = {
    "baseline_imaging",
    "bone_scan_indicated",
    "bone_scan_low_yield",
    "follow_up_imaging",
    "pain_team",
    "plain_film_insufficient",
    "spine_mri_for_pain",
    "symptom_screening",
    "whole_spine_mri",
}


@pytest.mark.parametrize("vignette", [v for v in all_vignettes() if v.rule in OURS_TO_WORD], ids=str)
def test_nobody_is_told_to_order_mri_where_it_is_contraindicated(vignette: Vignette) -> None:
    forbidden = Finding("Condition/no-mri", frozenset({"mri_contraindicated"}))
    facts = replace(vignette.facts, findings=(*vignette.facts.findings, forbidden))
    outcome = run.decide([RULES[vignette.rule]], facts)[0].outcome
    if isinstance(outcome, Recommend):
        lines = [line for line in outcome.says.do if not line.startswith("MRI is recorded as contraindicated")]
        assert not [line for line in (outcome.says.summary, *lines) if "MRI" in line]


def test_old_back_pain_recorded_again_is_asked_about() -> None:
    answer = opened(BREAST, problem("bp", ICD, "M54.6", "2024-01-01", recordedDate="2026-11-20"))
    (card,) = answer.cards
    assert "since 2024-01-01 and recorded again 2026-11-20, is new or worse" in card["detail"]


def test_paraplegic_since_2010_is_not_sent_to_rehabilitation_now() -> None:
    answer = opened(BREAST, SPINE, problem("p", ICD, "G82.20", "2010-01-01"))
    assert answer.card("rehabilitation") is None
    assert answer.rules["rehabilitation"]["outcome"] == "cannot_tell"


def test_beside_an_emergency_nobody_speaks_of_a_week() -> None:
    answer = opened(BREAST, SPINE, WEAK, PAIN, sins(15), pain(8))
    assert "week" not in "\n".join(f"{card['summary']}\n{card['detail']}" for card in answer.cards[:-1])


def test_old_pain_score_is_asked_again_before_it_is_treated() -> None:
    card = opened(BREAST, SPINE, pain(9, "2026-10-28")).card("pain_team")
    assert card is not None
    assert card["summary"].startswith("Pain 9 of 10 on 2026-10-28, spinal metastases: ask again today")


def test_what_was_found_is_said_once_and_without_dates_that_mean_nothing() -> None:
    answer = signing(LUMBAR, record=(BREAST, WEAK))
    assert "- draft order: MRI lumbar (“MR Lumbar spine”)\n" in answer.text
    found = opened(BREAST, SPINE, pain(9), sins(9)).text
    assert "- pain score 9 of 10, 2026-11-20\n" in found
    assert "- SINS 9 at T12, 2026-11-20\n" in found


def test_what_waits_is_named_by_its_title_and_does_not_say_today() -> None:
    closing = opened(BREAST, SPINE, COMPRESSION, WEAK).cards[-1]
    assert closing["summary"] == "Not shown (spine metastasis): 3 for after the emergency"
    assert "- Screening of symptoms and function\n" in closing["detail"]
    assert "today" not in closing["detail"]


def test_closing_card_says_which_check_needs_what() -> None:
    closing = opened(BREAST, problem("bone", ICD, "C79.51", "2026-09-01")).cards[-1]
    assert "- Multidisciplinary review: body site of the bone metastases: spine or elsewhere\n" in closing["detail"]


def test_life_expectancy_estimated_in_2024_silences_nothing() -> None:
    life = {"value": 2, "unit": "mo", "system": "http://unitsofmeasure.org", "code": "mo"}
    estimate = score("life", "life-expectancy", "2024-01-01", valueQuantity=life)
    bone = problem("bone", ICD, "C79.51", "2026-09-01")
    assert opened(BREAST, bone, estimate).card("bone_modifying_agent") is not None


def test_the_emergency_card_says_once_how_to_lie_and_whom_to_call_about_the_score() -> None:
    detail = opened(BREAST, SPINE, COMPRESSION, WEAK, sins(15)).cards[0]["detail"]
    (do,) = [part for part in detail.split("\n\n") if part.startswith("**Do**")]
    assert do.count("log-roll") == 1
    assert "- Tell the spine surgeon on the same call: SINS 15 at T12." in do
