"""Bone agents and calcium, as whole patients: what a clinical review of the cards found, each kept from coming back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.patients.test_riskiest_points import BONE, BREAST, PROSTATE, WEAK, critical
from tests.patients.whole_patients import (
    ICD,
    SCT,
    Answer,
    done,
    drug,
    given,
    lab,
    opened,
    problem,
    service,
    signing,
)

ZOL = drug("z", "77655", 4, status="draft")
DENOSUMAB = drug("d", "993449", 120, status="draft")
ALBUMIN = lab("alb", "1751-7", 4.0, "g/dL")
CALCIUM_FINE = (lab("ca", "17861-6", 9.4, "mg/dL", low=8.5, high=10.5), ALBUMIN)
CALCIUM_LOW = (lab("ca", "17861-6", 7.6, "mg/dL", low=8.5, high=10.5), ALBUMIN)
KIDNEYS_FINE = (lab("crea", "2160-0", 0.8, "mg/dL"), lab("kg", "29463-7", 70, "kg"))
KIDNEYS_45 = (lab("crea", "2160-0", 1.2, "mg/dL"), lab("kg", "29463-7", 60, "kg"))
KIDNEYS_18 = (lab("crea", "2160-0", 3.0, "mg/dL"), lab("kg", "29463-7", 60, "kg"))
DENTIST, VITAMIN_D = done("dent", "34043003", "2026-10-01"), lab("vd", "62292-8", 35, "ng/mL")
PREPARED = (*CALCIUM_FINE, DENTIST, VITAMIN_D)
PREGNANT = problem("preg", SCT, "77386006", "2026-10-01")
JAW_NECROSIS = problem("onj", ICD, "M87.180", "2026-09-01")
DIALYSIS = problem("dial", ICD, "Z99.2")


def labels(answer: Answer) -> list[str]:
    return [suggestion["label"] for card in answer.cards for suggestion in card.get("suggestions", ())]


def section(card: dict[str, Any] | None, title: str) -> list[str]:
    assert card is not None
    parts = (part.split("\n") for part in card["detail"].split("\n\n"))
    return next(([line.removeprefix("- ") for line in lines] for head, *lines in parts if head == f"**{title}**"), [])


def timing(answer: Answer) -> list[Any]:
    return [
        dosage.get("timing", {}).get("repeat")
        for card in answer.cards
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
        for dosage in action.get("resource", {}).get("dosageInstruction", ())
    ]


def every_12_weeks(**dosage: Any) -> dict[str, Any]:
    draft = drug("z", "77655", 4, status="draft")
    draft["dosageInstruction"][0] |= dosage
    return draft


class TestWhatZoledronicAcidIsFor:
    def test_5_mg_for_osteoporosis_after_breast_cancer_is_not_made_a_cancer_dose(self) -> None:
        past = problem("h", ICD, "Z85.3", "2015-01-01")
        answer = signing(drug("z", "705824", 5, status="draft"), record=(past, *KIDNEYS_FINE, *PREPARED))
        assert answer.card("bone_agent_renal_dose") is None
        assert labels(answer) == []
        assert "5 mg yearly (osteoporosis) and 4 mg (cancer) are two treatments" in answer.text

    def test_adjuvant_4_mg_is_not_made_monthly(self) -> None:
        answer = signing(ZOL, record=(BREAST, *KIDNEYS_45, *PREPARED))
        assert answer.card("bone_agent_renal_dose") is None
        assert labels(answer) == []
        assert "what zoledronic acid is for" in answer.text

    def test_with_a_bone_metastasis_the_dose_by_the_table_is_offered_and_never_preselected(self) -> None:
        answer = signing(ZOL, record=(BREAST, BONE, *KIDNEYS_45, *PREPARED))
        card = answer.card("bone_agent_renal_dose")
        assert card is not None
        assert (card["indicator"], labels(answer)) == (
            "warning",
            ["Zoledronic acid 3.3 mg intravenously every 4 weeks, in place of the draft"],
        )
        assert not any(suggestion.get("isRecommended") for suggestion in card["suggestions"])
        assert "The draft states no interval" in card["detail"]

    def test_a_draft_every_12_weeks_stays_every_12_weeks(self) -> None:
        draft = every_12_weeks(timing={"repeat": {"frequency": 1, "period": 12, "periodUnit": "wk"}})
        answer = signing(draft, record=(BREAST, BONE, *KIDNEYS_45, *PREPARED))
        assert labels(answer) == ["Zoledronic acid 3.3 mg intravenously every 12 weeks, in place of the draft"]
        assert [repeat["period"] for repeat in timing(answer)] == [12]

    @pytest.mark.parametrize(
        "words", [{"text": "every 12 weeks"}, {"timing": {"repeat": {"period": 3, "periodUnit": "mo"}}}]
    )
    def test_an_interval_that_is_not_read_is_left_open(self, words: dict[str, Any]) -> None:
        answer = signing(every_12_weeks(**words), record=(BREAST, BONE, *KIDNEYS_45, *PREPARED))
        assert labels(answer) == [
            "Zoledronic acid 3.3 mg intravenously, interval as in the draft, in place of the draft"
        ]
        assert timing(answer) == [None]

    def test_below_30_every_zoledronic_order_is_stopped_whatever_it_is_for(self) -> None:
        past = problem("h", ICD, "Z85.3", "2015-01-01")
        answer = signing(drug("z", "705824", 5, status="draft"), record=(past, *KIDNEYS_18))
        assert len(critical(answer)) == 1
        assert labels(answer) == ["Remove the zoledronic acid order"]


class TestCreatinineRises:
    BEFORE, DOSE = lab("c0", "2160-0", 0.8, "mg/dL", "2026-08-20"), given("g", "77655", 4, "2026-08-21")
    NOW, WEIGHT = lab("crea", "2160-0", 1.6, "mg/dL"), lab("kg", "29463-7", 75, "kg")

    def test_doubled_since_the_last_dose_it_is_held_and_not_made_smaller(self) -> None:
        answer = signing(ZOL, record=(BREAST, BONE, self.BEFORE, self.DOSE, self.NOW, self.WEIGHT, *PREPARED))
        (card,) = answer.cards
        assert card["indicator"] == "warning"
        assert card["summary"].startswith("Hold zoledronic acid: creatinine 0.8 to 1.6 mg/dL since the last dose")
        assert labels(answer) == ["Remove the zoledronic acid order"]

    def test_results_in_micromoles_are_shown_as_a_doctor_writes_them(self) -> None:
        before, now = lab("c0", "14682-9", 71, "umol/L", "2026-08-20"), lab("crea", "14682-9", 141, "umol/L")
        answer = signing(ZOL, record=(BREAST, BONE, before, self.DOSE, now, *PREPARED))
        assert "creatinine 0.8 to 1.6 mg/dL since the last dose" in answer.cards[0]["summary"]
        assert "creatinine 0.8 mg/dL, 2026-08-20" in section(answer.cards[0], "Found")

    @pytest.mark.parametrize("lost", ["BEFORE", "DOSE", "NOW", "WEIGHT"])
    def test_losing_one_of_the_facts_never_settles_it(self, lost: str) -> None:
        known = [getattr(self, name) for name in ("BEFORE", "DOSE", "NOW", "WEIGHT") if name != lost]
        answer = signing(ZOL, record=(BREAST, BONE, *known, *PREPARED))
        assert answer.rules["bone_agent_renal_dose"]["outcome"] in ("recommend", "cannot_tell")

    def test_one_older_value_can_stand_in_for_the_lost_baseline_and_that_cannot_be_seen(self) -> None:
        """Here forgetting reassures: of two values before the dose the newer one is the baseline, and if it never came
        the older one is taken, from which creatinine has not risen. No record tells that a result is missing between
        two others."""
        earlier = lab("c1", "2160-0", 1.3, "mg/dL", "2026-08-10")
        record = (BREAST, BONE, earlier, self.DOSE, self.NOW, lab("kg", "29463-7", 75, "kg"), *PREPARED)
        draft = drug("z", "77655", 3.3, status="draft")
        whole = signing(draft, record=(self.BEFORE, *record))
        assert whole.rules["bone_agent_renal_dose"]["outcome"] == "recommend"
        assert signing(draft, record=record).rules["bone_agent_renal_dose"]["outcome"] == "not_applicable"


class TestOneCardSaysOneThing:
    def test_pregnant_with_failing_kidneys_no_denosumab_is_offered_or_named(self) -> None:
        kidneys = (lab("crea", "2160-0", 4.0, "mg/dL"), lab("kg", "29463-7", 60, "kg"))
        answer = signing(ZOL, age=34, record=(BREAST, BONE, *kidneys, PREGNANT))
        (card,) = answer.cards
        assert labels(answer) == ["Remove the zoledronic acid order"]
        assert not any("denosumab" in line.lower() for line in section(card, "Do"))
        assert "no zoledronic acid or pamidronate later either" in section(card, "Also")[0]
        assert section(card, "Do")[0] == "Do not give zoledronic acid now."

    def test_active_jaw_necrosis_no_word_on_another_dose(self) -> None:
        answer = signing(ZOL, record=(BREAST, BONE, *KIDNEYS_45, *CALCIUM_FINE, JAW_NECROSIS))
        (card,) = answer.cards
        assert "3.3 mg" not in answer.text
        assert section(card, "Do")[0] == "Do not give zoledronic acid now."
        assert answer.rules["bone_agent_preflight"]["outcome"] == "cannot_tell"

    def test_low_calcium_and_failing_kidneys_do_not_end_in_the_same_order_again(self) -> None:
        answer = signing(ZOL, record=(BREAST, BONE, *KIDNEYS_18, *CALCIUM_LOW))
        assert "then choose again, not this drug below 30 mL/min" in answer.text
        assert "order again" not in answer.text
        assert section(answer.cards[0], "Do")[0] == "Do not give zoledronic acid now."

    def test_beside_an_emergency_of_the_spine_what_not_to_give_still_comes_first(self) -> None:
        answer = signing(DENOSUMAB, record=(BREAST, BONE, WEAK, *CALCIUM_LOW, *KIDNEYS_FINE))
        (card,) = answer.cards
        lines = section(card, "Do")
        assert lines[0] == "Do not give denosumab 120 mg now."
        assert not any(words in card["detail"] for words in ("25-OH", "teeth", "With the agent"))


class TestKidneysWhenTheChartIsOpened:
    @pytest.mark.parametrize("record", [(DIALYSIS,), KIDNEYS_18])
    def test_only_denosumab_is_named_and_calcium_comes_first(self, record: tuple[dict[str, Any], ...]) -> None:
        card = opened(BREAST, BONE, *record).card("bone_modifying_agent")
        assert card is not None
        assert "consider denosumab; zoledronic acid not below 30 mL/min; correct calcium first" in card["summary"]
        assert section(card, "Do")[0].startswith("First: calcium")
        assert [s["label"] for s in card["suggestions"]] == [
            "Denosumab 120 mg subcutaneously every 4 weeks, once calcium is known to be normal"
        ]

    def test_a_stop_that_rests_on_an_old_result_names_its_date_and_asks_for_a_new_one(self) -> None:
        old = (lab("crea", "2160-0", 3.0, "mg/dL", "2026-01-10"), lab("kg", "29463-7", 60, "kg", "2026-01-10"))
        answer = signing(ZOL, record=(BREAST, BONE, *old))
        assert "2026-01-10" in critical(answer)[0]
        assert "repeat before deciding" in critical(answer)[0]
        assert labels(answer) == ["Remove the zoledronic acid order"]

    def test_denosumab_in_place_of_a_stopped_order_waits_for_calcium(self) -> None:
        unknown = signing(ZOL, record=(BREAST, BONE, *KIDNEYS_18))
        assert labels(unknown)[1] == "Denosumab 120 mg instead, once calcium is known to be normal"
        known = signing(ZOL, record=(BREAST, BONE, *KIDNEYS_18, *PREPARED))
        assert labels(known)[1] == "Denosumab 120 mg instead"


class TestWhatComesBeforeABoneAgent:
    def card(self, *record: dict[str, Any], **options: Any) -> dict[str, Any]:
        card = opened(BREAST, BONE, *KIDNEYS_FINE, *record, **options).card("bone_modifying_agent")
        assert card is not None
        return card

    def test_a_calcium_of_years_ago_is_named_as_old(self) -> None:
        old = (
            lab("ca", "17861-6", 9.4, "mg/dL", "2024-01-10", low=8.5),
            lab("alb", "1751-7", 4.0, "g/dL", "2024-01-10"),
        )
        missing = section(self.card(*old, DENTIST, VITAMIN_D), "Not known")
        assert missing == ["calcium and albumin not older than 30 days (the newest calcium is of 2024-01-10)"]

    def test_low_vitamin_d_is_repleted_first(self) -> None:
        card = self.card(lab("vd", "62292-8", 8, "ng/mL"), *CALCIUM_FINE, DENTIST)
        assert section(card, "Do")[0].startswith("Replete first: 25-OH vitamin D 8 ng/mL")
        assert "suggestions" not in card

    @pytest.mark.parametrize(
        "dental",
        [problem("ab", ICD, "K04.7", "2026-11-10"), problem("jaw", ICD, "M27.2", "2026-11-10")],
    )
    def test_the_dentist_comes_first(self, dental: dict[str, Any]) -> None:
        card = self.card(dental, *CALCIUM_FINE)
        assert "dental care first" in card["summary"]
        assert "suggestions" not in card

    def test_a_planned_extraction_comes_first(self) -> None:
        card = self.card(service("ex", SCT, "55162003"), *CALCIUM_FINE)
        assert "dental care first" in card["summary"]
        assert "suggestions" not in card

    def test_a_raised_calcium_comes_first_and_is_given_no_calcium(self) -> None:
        card = self.card(lab("ca", "17861-6", 11.2, "mg/dL", low=8.5, high=10.5), ALBUMIN, DENTIST, VITAMIN_D)
        assert "treat the calcium first" in card["summary"]
        assert "daily calcium" not in card["detail"]
        assert "suggestions" not in card

    def test_pregnancy_or_jaw_necrosis_only_the_one_on_record_is_shown(self) -> None:
        jaw = self.card(JAW_NECROSIS)
        assert "regnan" not in jaw["summary"] + jaw["detail"]
        pregnant = self.card(PREGNANT, age=34)
        assert "jaw" not in pregnant["summary"] + pregnant["detail"]

    def test_metastases_are_named_after_the_cancer_and_not_after_a_smouldering_myeloma(self) -> None:
        card = self.card(problem("sm", SCT, "413587002"))
        assert card["summary"].startswith("Bone metastases, breast cancer:")
        assert "Smouldering myeloma itself is no indication for a bone agent." in card["detail"]

    def test_a_low_calcium_without_a_limit_of_the_laboratory_is_not_said_to_be_below_it(self) -> None:
        line = section(self.card(lab("ca", "17861-6", 7.9, "mg/dL"), ALBUMIN), "Do")[0]
        assert line.startswith("Albumin-corrected calcium 7.9 mg/dL is low (below 8 mg/dL)")

    def test_hormone_sensitive_prostate_cancer_is_not_asked_for_tests_of_an_agent_it_does_not_need(self) -> None:
        card = opened(PROSTATE, BONE, problem("hs", ICD, "Z19.1"), sex="male").card("bone_modifying_agent")
        assert section(card, "Not known") == []


class TestCalcium:
    def test_a_calcium_of_5_9_is_a_warning_of_its_own(self) -> None:
        answer = opened(BREAST, BONE, lab("ca", "17861-6", 5.9, "mg/dL", low=8.5), ALBUMIN)
        card = answer.cards[0]
        assert (card["indicator"], "ECG, magnesium, calcium replacement today" in card["summary"]) == ("warning", True)
        assert "would be due" not in answer.text

    def test_it_speaks_while_denosumab_runs_too(self) -> None:
        low = (lab("ca", "17861-6", 6.4, "mg/dL", low=8.5), ALBUMIN)
        answer = opened(BREAST, BONE, given("g", "993449", 120, "2026-11-10"), *low)
        assert "Severe hypocalcaemia" in answer.cards[0]["summary"]

    def test_a_low_calcium_of_two_years_ago_is_measured_again(self) -> None:
        old = (
            lab("ca", "17861-6", 7.9, "mg/dL", "2024-11-01", low=8.5),
            lab("alb", "1751-7", 4.0, "g/dL", "2024-11-01"),
        )
        answer = signing(DENOSUMAB, record=(BREAST, BONE, *old))
        assert critical(answer) == []
        assert answer.cards[0]["summary"] == (
            "Albumin-corrected calcium 7.9 mg/dL of 2024-11-01 was low: measure it before denosumab 120 mg"
        )

    def test_a_high_total_calcium_may_be_higher_or_lower_without_albumin(self) -> None:
        card = opened(BREAST, lab("ca", "17861-6", 12.4, "mg/dL", low=8.5, high=10.5)).card("hypercalcaemia")
        assert section(card, "Not known") == ["albumin: the true calcium may differ (higher with low albumin)"]


class TestSmallerThings:
    def test_denosumab_60_mg_has_a_dose(self) -> None:
        past = problem("h", ICD, "Z85.3", "2012-01-01")
        answer = signing(drug("d", "993452", 60, status="draft"), age=70, record=(past,))
        assert "dose" not in answer.cards[0]["summary"]
        assert "State the dose" not in answer.text

    def test_denosumab_is_not_told_how_to_dose_zoledronic_acid(self) -> None:
        card = signing(DENOSUMAB, record=(BREAST, BONE)).card("bone_agent_preflight")
        assert not any("oledronic" in line or "Cockcroft" in line for line in section(card, "Do"))

    def test_denosumab_too_soon_is_not_told_of_zoledronic_acid(self) -> None:
        record = (BREAST, BONE, given("g", "993449", 120, "2026-11-10"), *KIDNEYS_FINE, *PREPARED)
        assert "oledronic" not in signing(DENOSUMAB, record=record).text

    def test_denosumab_that_ended_two_years_ago_is_not_to_be_continued(self) -> None:
        card = opened(BREAST, BONE, given("g", "993449", 120, "2024-11-24")).card("denosumab_interruption")
        assert card is not None
        assert "continue it" not in card["summary"]
        assert not any(line.startswith("Ask oncology: continue") for line in section(card, "Do"))

    def test_radiotherapy_before_the_steroid_order_is_told_with_its_date(self) -> None:
        spine = problem("spine", SCT, "94274006", "2026-09-01")
        steroid = drug("dex", "197582", 4, authoredOn="2026-10-01")
        card = opened(BREAST, spine, steroid, done("rt", "1156506007", "2026-09-20")).card("steroid_review")
        assert card is not None
        assert "since 2026-10-01, spine treated 2026-09-20" in card["summary"]
