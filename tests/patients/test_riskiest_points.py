"""The ten riskiest points of clinical safety, each as whole patients, from FHIR to cards."""

from __future__ import annotations

import pytest

from tests.mappings.charts import coded, observation
from tests.patients.whole_patients import (
    ICD,
    LNC,
    OURS,
    RXN,
    SCT,
    Answer,
    done,
    drug,
    given,
    imaging,
    lab,
    opened,
    problem,
    score,
    service,
    signing,
)

BREAST = problem("breast", ICD, "C50.911", "2021-03-01")
KIDNEY = problem("kidney", ICD, "C64.9", "2024-03-01")
PROSTATE = problem("prostate", ICD, "C61", "2022-03-01")
SPINE = problem("spine", SCT, "94274006", "2026-09-01")
BONE = problem("bone", ICD, "C79.51", "2026-09-01")
WEAK = problem("weak", SCT, "249945007", "2026-11-21")
PAIN = problem("pain", ICD, "M54.6", "2026-11-01")
MRI = {"42698-1", "30854-4", "30855-1"}


def critical(answer: Answer) -> list[str]:
    return [card["summary"] for card in answer.cards if card["indicator"] == "critical"]


class TestSilenceIsNoReassurance:
    """1. Missing codes or imaging must never read as "all clear"."""

    def test_no_card_ever_says_that_something_is_absent(self) -> None:
        text = opened(BREAST, SPINE, PAIN).text.lower()
        for phrase in ("no compression", "no metastas", "excluded", "all clear", "no evidence of"):
            assert phrase not in text

    def test_a_bone_scan_is_not_called_useless_when_pain_was_not_asked_for(self) -> None:
        alp = lab("alp", "6768-6", 80, "U/L", high=120)
        draft = service("scan", LNC, "39818-0", status="draft")
        answer = signing(draft, record=(KIDNEY, alp))
        assert answer.rules["bone_scan_low_yield"]["outcome"] == "cannot_tell"
        assert answer.cards[-1]["source"]["topic"]["code"] == "notAssessed"

    def test_radiotherapy_alone_is_not_advised_on_missing_axes(self) -> None:
        assert opened(BREAST, SPINE, PAIN).rules["radiotherapy"]["outcome"] != "recommend"

    @pytest.mark.parametrize("key", ["laboratory", "assessments", "imaging", "medicationRequests", "serviceRequests"])
    def test_what_did_not_arrive_is_said_and_the_emergency_still_speaks(self, key: str) -> None:
        answer = opened(BREAST, SPINE, WEAK, without=(key,))
        assert critical(answer)
        assert "not available" in answer.cards[0]["detail"]


class TestCompressionIsNotMissed:
    """2. Late cord compression: past cancer, odd codes, suspected entries, half a chart."""

    @pytest.mark.parametrize(
        "cancer",
        [
            BREAST,
            problem("h", ICD, "Z85.3"),
            problem("x", SCT, "94222008"),
            problem("m", ICD, "C90.00"),
            problem("u", ICD, "C80.1"),
        ],
    )
    @pytest.mark.parametrize(
        "sign",
        [
            ("G82.20", ICD),
            ("R26.2", ICD),
            ("R33.9", ICD),
            ("R15.9", ICD),
            ("R20.0", ICD),
            ("M54.16", ICD),
            ("449813001", SCT),
            ("72042002", SCT),
            ("G83.4", ICD),
            ("G95.20", ICD),
            ("R29.898", ICD),
        ],
    )
    def test_any_cancer_and_any_new_sign(self, cancer: dict, sign: tuple[str, str]) -> None:
        answer = opened(cancer, problem("sign", sign[1], sign[0], "2026-11-22"))
        assert len(critical(answer)) == 1
        assert MRI & set(answer.offered())

    def test_a_suspected_compression_counts(self) -> None:
        suspected = problem("s", SCT, "71286001", "2026-11-22", verificationStatus=coded("v", "provisional"))
        assert critical(opened(BREAST, suspected))

    def test_a_refuted_one_does_not(self) -> None:
        refuted = problem("s", SCT, "71286001", "2026-11-22", verificationStatus=coded("v", "refuted"))
        assert not critical(opened(BREAST, refuted))

    def test_only_one_critical_card_with_everything_on_it(self) -> None:
        unstable = score("sins", "sins", valueInteger=15, bodySite=coded(SCT, "23215003"))
        answer = opened(BREAST, SPINE, WEAK, unstable)
        assert len(critical(answer)) == 1
        assert "SINS 15 at T12" in answer.cards[0]["detail"]


class TestWrongCodes:
    """3. Mislabelled codes: traps match nothing, siblings are told apart."""

    @pytest.mark.parametrize("trap", ["94503003", "314990009", "5765005"])
    def test_a_trap_is_no_metastasis_of_the_spine(self, trap: str) -> None:
        answer = opened(BREAST, problem("trap", SCT, trap))
        assert answer.rules["multidisciplinary_review"]["outcome"] == "cannot_tell"
        assert answer.rules["bone_modifying_agent"]["outcome"] == "cannot_tell"

    def test_bone_is_not_spine_and_marrow_is_not_bone(self) -> None:
        assert opened(BREAST, BONE).rules["multidisciplinary_review"]["outcome"] == "cannot_tell"
        marrow = problem("marrow", ICD, "C79.52")
        assert opened(BREAST, marrow).rules["bone_modifying_agent"]["outcome"] == "cannot_tell"


class TestBoneAgents:
    """4. eGFR for clearance, calcium corrected twice, 60 for 120 mg, low calcium, pregnancy."""

    CREATININE = lab("crea", "2160-0", 2.6, "mg/dL")
    WEIGHT = lab("kg", "29463-7", 60, "kg")

    def test_below_30_no_bisphosphonate(self) -> None:
        answer = signing(drug("z", "77655", 4, status="draft"), record=(BREAST, BONE, self.CREATININE, self.WEIGHT))
        assert critical(answer)
        assert answer.card("bone_agent_renal_dose") is not None

    def test_egfr_is_not_used_in_its_place(self) -> None:
        egfr = lab("egfr", "98979-8", 25, "mL/min/{1.73_m2}")
        answer = signing(drug("z", "77655", 4, status="draft"), record=(BREAST, BONE, egfr))
        assert answer.rules["bone_agent_renal_dose"]["outcome"] == "cannot_tell"

    def test_micromoles_are_converted(self) -> None:
        crea = lab("crea", "14682-9", 230, "umol/L")
        answer = signing(drug("z", "77655", 4, status="draft"), record=(BREAST, BONE, crea, self.WEIGHT))
        assert critical(answer)

    def test_reported_corrected_calcium_is_not_corrected_again(self) -> None:
        corrected = lab("ca", "29265-6", 2.0, "mmol/L", low=2.15)
        albumin = lab("alb", "1751-7", 2.5, "g/dL")
        answer = signing(drug("d", "993449", 120, status="draft"), record=(BREAST, BONE, corrected, albumin))
        assert answer.card("bone_agent_hypocalcaemia") is not None
        assert "8 mg/dL" in answer.cards[0]["summary"]

    def test_low_albumin_explains_a_low_total(self) -> None:
        total = lab("ca", "17861-6", 8.0, "mg/dL", low=8.5)
        albumin = lab("alb", "1751-7", 2.8, "g/dL")
        answer = signing(drug("d", "993449", 120, status="draft"), record=(BREAST, BONE, total, albumin))
        assert answer.rules["bone_agent_hypocalcaemia"]["outcome"] == "not_applicable"

    def test_the_osteoporosis_dose_is_not_the_cancer_dose(self) -> None:
        low = given("low", "993452", 60, "2026-10-01")
        full = given("full", "993449", 120, "2026-11-01")
        assert opened(BREAST, BONE, low).card("bone_modifying_agent") is not None
        assert opened(BREAST, BONE, full).card("bone_modifying_agent") is None

    def test_pregnancy_stops_the_order(self) -> None:
        answer = signing(
            drug("d", "993449", 120, status="draft"),
            age=34,
            record=(BREAST, BONE, problem("preg", SCT, "77386006", "2026-10-01")),
        )
        assert answer.card("bone_agent_pregnancy") is not None
        assert critical(answer)


class TestSeedLinesAreNotOverextended:
    """5. Kidney-cancer evidence and "for all" are limited where guidelines limit them."""

    def test_hormone_sensitive_prostate_cancer_gets_the_conflict_and_no_button(self) -> None:
        answer = opened(PROSTATE, BONE, problem("hs", ICD, "Z19.1"), sex="male")
        card = answer.card("bone_modifying_agent")
        assert card is not None
        assert "suggestions" not in card

    def test_smouldering_myeloma_gets_nothing(self) -> None:
        assert opened(problem("s", SCT, "413587002")).card("bone_modifying_agent") is None

    def test_a_bone_scan_in_breast_cancer_is_left_to_its_own_staging(self) -> None:
        answer = signing(
            service("scan", LNC, "39818-0", status="draft"),
            record=(BREAST, lab("alp", "6768-6", 80, "U/L", high=120), lab("pain", "72514-3", 0, "{score}")),
        )
        card = answer.card("bone_scan_low_yield")
        assert card is not None
        assert card["indicator"] == "info"
        assert "staging" in card["detail"]


class TestSteroids:
    """6. Tissue first in lymphoma and myeloma, infection held, never a second course."""

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ((problem("l", ICD, "C85.90", "2026-11-10"),), "before** dexamethasone"),
            ((problem("m", ICD, "C90.00", "2026-11-10"),), "before** dexamethasone"),
            ((BREAST, problem("i", ICD, "M46.20", "2026-11-20")), "hold dexamethasone"),
            ((BREAST, drug("dex", "3264", 8)), "already ordered"),
            ((BREAST,), "Dexamethasone 16 mg"),
        ],
    )
    def test_what_is_said_of_dexamethasone(self, more: tuple[dict, ...], words: str) -> None:
        answer = opened(*more, WEAK)
        assert words in answer.cards[0]["detail"]
        assert "3264" not in answer.offered()


class TestPrognosis:
    """7. Scores do not deny surgery, and SINS is no survival score."""

    def test_short_life_expectancy_warns_and_blocks_nothing(self) -> None:
        life = score(
            "le",
            "life-expectancy",
            valueQuantity={"value": 2, "unit": "mo", "system": "http://unitsofmeasure.org", "code": "mo"},
        )
        answer = signing(service("op", SCT, "10836008", status="draft"), record=(BREAST, SPINE, life))
        card = answer.card("surgery_readiness")
        assert card is not None
        assert card["indicator"] == "warning"
        assert not any(a["type"] == "delete" for s in card.get("suggestions", ()) for a in s["actions"])


class TestScoresOnTheRightLevel:
    """8. Wrong level, stale, half-filled: never a zero."""

    def test_half_a_score_is_not_a_low_score(self) -> None:
        half = score(
            "sins",
            "sins",
            bodySite=coded(SCT, "56401006"),
            component=[
                {"code": coded(OURS, "sins-pain"), "valueInteger": 3},
                {"code": coded(OURS, "sins-lesion"), "valueInteger": 2},
            ],
        )
        answer = opened(BREAST, SPINE, half)
        assert answer.rules["spinal_instability"]["outcome"] == "cannot_tell"
        assert "SINS item alignment at T5" in answer.text

    def test_the_worst_level_speaks(self) -> None:
        low = score("a", "sins", valueInteger=3, bodySite=coded(SCT, "14293000"))
        high = score("b", "sins", when="2026-11-10", valueInteger=14, bodySite=coded(SCT, "23215003"))
        assert "SINS 14 at T12" in opened(BREAST, SPINE, low, high).text

    def test_a_score_outside_its_scale_is_refused_and_named(self) -> None:
        answer = opened(BREAST, SPINE, score("a", "sins", valueInteger=40))
        assert "Observation/a" in answer.text


class TestImplants:
    """9. A pacemaker is a question, a recorded contraindication is an answer."""

    def test_a_pacemaker_keeps_the_mri(self) -> None:
        answer = opened(BREAST, WEAK, problem("pm", ICD, "Z95.0"))
        assert MRI & set(answer.offered())
        assert "MR-conditional" in answer.text

    def test_a_contraindication_turns_it_into_ct(self) -> None:
        answer = opened(BREAST, WEAK, service("no", LNC, "42698-1", doNotPerform=True))
        assert not MRI & set(answer.offered())
        assert {"28566-8", "36530-4", "24987-0"} & set(answer.offered())


class TestAlertFatigue:
    """10. Critical cards are rare; goals of care count; nothing is offered twice."""

    @pytest.mark.parametrize(
        "chart",
        [
            (BREAST,),
            (BREAST, problem("dm", ICD, "E11.9"), lab("crea", "2160-0", 1.0, "mg/dL")),
            (problem("h", ICD, "Z85.3"),),
            (PROSTATE, problem("htn", ICD, "I10")),
        ],
    )
    def test_a_cancer_patient_without_spine_or_bone_disease_is_left_alone(self, chart: tuple[dict, ...]) -> None:
        assert opened(*chart).cards == []

    @pytest.mark.parametrize(
        "chart",
        [
            (),
            (PAIN,),
            (WEAK,),
            (problem("fam", ICD, "Z80.3"), PAIN, WEAK),
            (problem("sk", ICD, "C44.311"), PAIN),
        ],
    )
    def test_nobody_without_cancer_is_bothered(self, chart: tuple[dict, ...]) -> None:
        assert opened(*chart).cards == []

    def test_the_emergency_rests_once_the_spine_was_imaged(self) -> None:
        assert not critical(opened(BREAST, WEAK, imaging("mri", "2026-11-22")))

    def test_hospice_care_rewords_the_emergency(self) -> None:
        answer = opened(BREAST, WEAK, problem("hospice", SCT, "385763009", "2026-10-01"))
        assert not critical(answer)
        assert answer.card("suspected_cord_compression") is not None

    def test_hospice_care_silences_what_does_not_serve_comfort(self) -> None:
        answer = opened(BREAST, SPINE, PAIN, problem("hospice", SCT, "385763009", "2026-10-01"))
        for rule in ("spine_mri_for_pain", "bone_modifying_agent", "follow_up_imaging"):
            assert answer.card(rule) is None, rule

    def test_no_order_is_offered_twice_or_beside_an_open_one(self) -> None:
        answer = opened(BREAST, SPINE, WEAK, PAIN, service("mri", LNC, "30854-4"), service("neuro", SCT, "308481009"))
        offered = answer.offered()
        assert not MRI & set(offered)
        assert "308482002" not in offered
        assert len(offered) == len(set(offered))

    def test_other_patients_data_never_counts(self) -> None:
        foreign = {**WEAK, "subject": {"reference": "Patient/p2"}}
        assert not critical(opened(BREAST, foreign))


def test_the_builders_make_what_they_say() -> None:
    """A chart that no rule understands would make every silent test above pass."""
    answer = opened(BREAST, done("op", "10836008", "2026-10-20"), observation(coded(LNC, "72514-3"), valueInteger=8))
    assert answer.rules["suspected_cord_compression"]["outcome"] == "cannot_tell"
    assert RXN.startswith("http")
