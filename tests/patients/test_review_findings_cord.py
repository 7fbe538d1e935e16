"""What a clinical review found at the cord, in radiotherapy and in surgery: one patient for each finding."""

from __future__ import annotations

from itertools import combinations

import pytest

from hooks.card_text import SUMMARY_LIMIT
from hooks.facts import Assessment, Facts, Finding, Patient, When
from hooks.outcomes import Outcome, Recommend
from hooks.questions import cancer, neurology
from hooks.questions.cancer import HISTORY, PRIMARY, SECONDARY
from hooks.questions.compression import GRADES
from hooks.questions.neurology import COMPRESSION, DEFICIT_WORDS
from hooks.rules import confirmed_cord_compression, suspected_cord_compression
from tests.mappings.charts import coded, observation
from tests.patients.test_riskiest_points import BREAST, KIDNEY, MRI, PAIN, SPINE, WEAK, critical
from tests.patients.whole_patients import (
    ICD,
    LNC,
    OURS,
    SCT,
    TODAY,
    done,
    drug,
    imaging,
    opened,
    problem,
    score,
    service,
    signing,
)

LATELY = When.on(TODAY)
COMPRESSED = problem("scc", SCT, "71286001", "2026-11-22")
INFECTED = problem("inf", ICD, "M46.26", "2026-11-20")
NO_MRI = problem("nomri", OURS, "mri-contraindicated", "2026-01-01")
HOSPICE = problem("hospice", SCT, "385763009", "2026-10-01")
RADIOTHERAPY = service("rt", SCT, "1156506007", status="draft")
BRAIN, BREAST_SITE, T12 = coded(SCT, "12738006"), coded(SCT, "76752008"), coded(SCT, "23215003")


def sins(total: int, when: str = "2026-11-20", site: str = "23215003") -> dict:
    return score("sins", "sins", when, valueInteger=total, bodySite=coded(SCT, site))


def escc(grade: str, when: str = "2026-11-20", site: str = "23215003") -> dict:
    return score("escc", "escc", when, valueCodeableConcept=coded(OURS, f"escc-{grade}"), bodySite=coded(SCT, site))


# Summaries


def emergency(rule: object, *findings: Finding, assessments: tuple[Assessment, ...] = ()) -> Outcome:
    facts = Facts(as_of=TODAY, patient=Patient("Patient/1", 60), findings=findings, assessments=assessments)
    return rule.decide(facts)  # type: ignore[attr-defined]


DEFICITS = [
    tuple(Finding(f"Condition/{name}", frozenset({name}), onset=LATELY) for name in found)
    for size in (1, 2, 3)
    for found in combinations((*DEFICIT_WORDS, *COMPRESSION), size)
]
CANCERS = [
    Finding("Condition/t", frozenset({kind}), status=status)
    for kind in sorted(PRIMARY | SECONDARY | {HISTORY})
    for status in ("active", "past")
]


def longest_name() -> Finding:
    return max(CANCERS, key=lambda one: len(cancer.name(Facts(as_of=TODAY, findings=(one,)))))


@pytest.mark.parametrize("extra", [(), ("hospice_care",), ("mri_contraindicated",), ("infection_of_spine",)], ids=str)
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("rule", [suspected_cord_compression, confirmed_cord_compression], ids=lambda r: r.__name__)
def test_no_summary_of_an_emergency_is_ever_shortened(rule: object, graded: bool, extra: tuple[str, ...]) -> None:
    """Every set of deficits with the longest name of a cancer, and every cancer with the longest deficits."""
    marks = tuple(Finding(f"Condition/{name}", frozenset({name})) for name in extra)
    grades = (Assessment("Observation/e", "escc", GRADES[-1], LATELY, "cervico-thoracic"),) if graded else ()
    most = max(DEFICITS, key=lambda found: len(neurology.words(found)))
    patients = [(longest_name(), found) for found in DEFICITS] + [(tumour, most) for tumour in CANCERS]
    said = [emergency(rule, tumour, *found, *marks, assessments=grades) for tumour, found in patients]
    summaries = [outcome.says.summary for outcome in said if isinstance(outcome, Recommend)]
    assert summaries
    assert max(map(len, summaries)) <= SUMMARY_LIMIT, max(summaries, key=len)


def test_the_summary_begins_with_what_to_do() -> None:
    assert critical(opened(BREAST, WEAK))[0].startswith("Call spine on-call now, whole-spine MRI within 24 h")
    assert critical(opened(BREAST, COMPRESSED))[0].startswith("Call spine surgeon now, whole-spine MRI within 24 h")
    assert opened(BREAST, WEAK, HOSPICE).cards[0]["summary"].startswith("Agree today")


# The cord


def test_compression_that_only_the_brain_was_irradiated_for_stays_open() -> None:
    open_case = problem("scc", SCT, "71286001", "2026-11-18")
    brain = done("brain", "1156506007", "2026-11-20", bodySite=[BRAIN])
    answer = opened(BREAST, SPINE, open_case, imaging("m", "2026-11-19"), brain)
    assert answer.rules["confirmed_cord_compression"]["outcome"] == "recommend"
    spine = done("spine-rt", "1156506007", "2026-11-20", bodySite=[T12])
    treated = opened(BREAST, SPINE, open_case, imaging("m", "2026-11-19"), spine)
    assert treated.rules["confirmed_cord_compression"]["outcome"] == "cannot_tell"


def test_untreated_compression_does_not_fall_silent_after_a_month() -> None:
    card = opened(BREAST, SPINE, problem("scc", SCT, "71286001", "2026-10-10")).card("confirmed_cord_compression")
    assert card is not None
    assert card["indicator"] == "warning"
    assert "on record since 2026-10-10, no treatment on record: confirm treatment or examine" in card["summary"]


@pytest.mark.parametrize("earlier", [(), (problem("z", ICD, "Z92.3"),)])
def test_an_irradiated_cord_is_not_given_first_course_doses(earlier: tuple[dict, ...]) -> None:
    answer = opened(BREAST, SPINE, COMPRESSED, done("rt", "169345006", "2024-05-01"), *earlier)
    assert "Earlier radiotherapy is on record (2024-05-01): specialist dose review" in answer.cards[0]["detail"]
    assert "30 Gy in 10" not in answer.cards[0]["detail"]
    assert "Procedure/rt" in answer.rules["confirmed_cord_compression"]["because"]


def test_infection_stops_radiotherapy_and_steroids_until_an_abscess_is_excluded() -> None:
    answer = opened(BREAST, COMPRESSED, INFECTED, WEAK)
    detail = answer.cards[0]["detail"]
    assert "no radiotherapy and no dexamethasone until" in detail
    assert "hold dexamethasone and call the spine surgeon" in detail
    assert "8 Gy" not in detail
    assert "306256000" not in answer.offered()
    for rule in ("suspected_cord_compression", "confirmed_cord_compression"):
        assert "Condition/inf" in answer.rules[rule]["because"]


def test_a_past_lymphoma_does_not_hold_the_steroid_of_an_active_breast_cancer() -> None:
    inactive = coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved")
    past = problem("hl", ICD, "C81.90", "1995-01-01", clinicalStatus=inactive)
    assert "Dexamethasone 16 mg by mouth" in opened(BREAST, past, WEAK).cards[0]["detail"]
    assert "before** dexamethasone" in opened(past, WEAK).cards[0]["detail"]


def test_a_small_running_dose_is_named_and_shown() -> None:
    answer = opened(BREAST, WEAK, drug("dex", "197582", 4, authoredOn="2026-02-01"))
    detail = answer.cards[0]["detail"]
    assert "already ordered (4 mg a dose, since 2026-02-01). Below 16 mg a day: ask the spine team" in detail
    assert "MedicationRequest/dex" in answer.rules["suspected_cord_compression"]["because"]


def test_where_mri_is_contraindicated_ct_is_asked_for_and_not_talked_down() -> None:
    card = opened(BREAST, WEAK, NO_MRI).cards[0]
    assert "CT spine within 24 hours (MRI contraindicated)" in card["summary"]
    assert "MRI of the **whole** spine" not in card["detail"]
    assert "CT, plain films" not in card["detail"]


def test_an_mri_without_a_result_is_asked_about_when_the_chart_is_opened() -> None:
    weak = problem("weak", SCT, "249945007", "2026-11-20")
    asked = opened(BREAST, weak, imaging("m", "2026-11-21"))
    assert "whole-spine MRI of 2026-11-21 answers the deficit of 2026-11-20: its result" in asked.text
    assert "answers the deficit" not in opened(BREAST, weak, imaging("m", "2026-11-21"), escc("1a", "2026-11-21")).text
    assert (
        opened(BREAST, weak, imaging("m", "2026-11-21"), service("ns", SCT, "308481009", authoredOn="2026-11-22")).cards
        == []
    )


def test_orders_from_before_the_deficit_are_turned_into_an_emergency() -> None:
    answer = opened(
        BREAST,
        WEAK,
        service("mri", LNC, "42698-1", authoredOn="2026-03-01", priority="routine"),
        service("ns", SCT, "308481009", authoredOn="2025-03-01", priority="routine"),
    )
    assert "An order of 2026-03-01, before the deficit, is open (whole-spine MRI): turn it into" in answer.text
    assert "A referral of 2025-03-01, before the deficit, is open (spine surgery): turn it into" in answer.text
    assert not MRI & set(answer.offered())


def test_the_card_of_the_cord_is_led_by_what_is_known_and_does_not_contradict_itself() -> None:
    coded_only = opened(BREAST, COMPRESSED)
    assert "cord compression on record, imaging not found" in coded_only.cards[0]["summary"]
    assert "neurological deficit" not in coded_only.cards[0]["summary"]
    assert MRI & set(coded_only.offered())
    graded = opened(BREAST, SPINE, WEAK, sins(15), escc("3"))
    assert "confirmed cord compression (ESCC 3 at T12)" in graded.cards[0]["summary"]
    assert "NOMS row 1" not in graded.cards[0]["detail"]
    assert "image the whole spine first" not in graded.cards[0]["detail"]
    assert "only if it does not delay" in graded.cards[0]["detail"]


def test_a_treatment_order_that_stands_is_not_told_to_image_first() -> None:
    placed = service("rt", SCT, "1156506007", authoredOn="2026-11-23")
    card = opened(BREAST, SPINE, COMPRESSED, placed).card("confirmed_cord_compression")
    assert card is not None
    assert "image the whole spine first" not in card["detail"]
    assert "second referral" not in card["detail"]


def test_radicular_pain_alone_is_no_reason_for_a_steroid() -> None:
    answer = opened(BREAST, problem("rad", ICD, "M54.16", "2026-11-20"))
    assert "dexamethasone only if the examination finds another sign" in answer.cards[0]["detail"]


def test_complete_paraplegia_of_ten_days_is_not_promised_that_it_will_walk() -> None:
    paraplegic = (problem("par", ICD, "G82.21", "2026-11-10"), escc("3", site="11068009"), sins(6, site="11068009"))
    answer = opened(KIDNEY, SPINE, *paraplegic, imaging("m", "2026-11-13"))
    assert "decompression is unlikely to restore walking" in answer.cards[0]["detail"]


def test_a_grade_at_l4_is_not_forced_on_the_cord() -> None:
    answer = opened(BREAST, SPINE, escc("2", site="11994002"))
    assert not critical(answer)
    assert "whether the cauda equina is compressed at L4" in answer.text


def test_a_hospice_visit_of_two_years_ago_does_not_soften_the_emergency() -> None:
    assert critical(opened(BREAST, WEAK, done("h", "305336008", "2024-10-01")))
    recent = opened(BREAST, WEAK, done("h", "305336008", "2026-10-01"))
    assert not critical(recent)
    assert "Until agreed: spine in line, log-roll" in recent.text


def test_other_skin_cancer_of_the_past_is_no_cancer_history() -> None:
    incontinent = problem("inc", ICD, "R32", "2026-11-10")
    assert opened(problem("h", ICD, "Z85.828"), incontinent).cards == []
    assert critical(opened(problem("h", ICD, "Z85.820"), incontinent))


def test_an_operation_after_the_deficit_is_asked_about_not_alarmed() -> None:
    weak = problem("w", SCT, "249945007", "2026-11-10")
    answer = opened(BREAST, SPINE, weak, done("op", "10836008", "2026-11-12"))
    assert not critical(answer)
    told = answer.rules["suspected_cord_compression"]
    assert told["missing"] == ["operated 2026-11-12: whether the deficit is new or worse since"]


def test_the_mobile_and_the_unstable_are_told_different_things() -> None:
    assert "Stable by SINS 5 at T12: mobilise as pain allows" in opened(BREAST, SPINE, WEAK, sins(5)).text
    assert (
        "Spine unstable: supine, spine in line, log-roll until stabilised" in opened(BREAST, SPINE, WEAK, sins(14)).text
    )
    assert "Until stability is known" in opened(BREAST, SPINE, WEAK, sins(9)).text


def test_a_new_metastasis_of_the_meninges_is_examined_today() -> None:
    card = opened(BREAST, problem("m", ICD, "C79.49", "2026-11-22")).card("suspected_cord_compression")
    assert card is not None
    assert card["indicator"] == "warning"
    assert opened(BREAST, problem("m", ICD, "C79.49", "2026-03-22")).card("suspected_cord_compression") is None


def test_a_fallen_grade_shows_from_what_it_fell() -> None:
    def frankel(name: str, letter: str, when: str) -> dict:
        return score(name, "frankel", when, valueCodeableConcept=coded(OURS, f"frankel-{letter}"))

    answer = opened(BREAST, SPINE, frankel("now", "c", "2026-11-23"), frankel("before", "e", "2026-06-01"))
    assert "Frankel grade C" in answer.cards[0]["detail"]
    assert "Frankel grade E" in answer.cards[0]["detail"]


# Radiotherapy, surgery, stability


def test_back_pain_with_a_spinal_infection_is_imaged_within_a_day() -> None:
    card = opened(BREAST, INFECTED, PAIN).card("spine_mri_for_pain")
    assert card is not None
    assert card["indicator"] == "warning"
    assert "whole-spine MRI within 24 hours" in card["summary"]
    assert "no radiotherapy and no dexamethasone until" in card["detail"]
    assert "infection of spine" in card["detail"]


def test_an_operation_for_myeloma_with_a_compressed_cord_is_weighed_against_radiotherapy() -> None:
    record = (problem("mm", ICD, "C90.00", "2026-11-10"), SPINE, WEAK, sins(5), escc("3", "2026-11-22", "56401006"))
    surgery = service("op", SCT, "10836008", status="draft")
    card = signing(surgery, record=(*record, imaging("m", "2026-11-22"))).card("surgery_readiness")
    assert card is not None
    assert card["indicator"] == "warning"
    assert "radiotherapy usually comes first in this tumour" in card["summary"]


def test_radiotherapy_for_a_new_deficit_without_an_image_is_told_so_by_one_voice() -> None:
    answer = signing(RADIOTHERAPY, record=(BREAST, SPINE, WEAK))
    card = answer.card("radiotherapy_order_check")
    assert card is not None
    assert card["summary"].startswith("Spinal radiotherapy, new deficit, no recent MRI: whole-spine MRI now")
    assert answer.card("baseline_imaging") is None


def test_radiotherapy_in_pregnancy_stops_before_planning() -> None:
    pregnant = problem("preg", SCT, "77386006", "2026-10-01")
    answer = signing(RADIOTHERAPY, age=34, record=(BREAST, SPINE, sins(5), imaging("m", "2026-11-10"), pregnant))
    (summary,) = critical(answer)
    assert summary.startswith("Stop: radiotherapy ordered, pregnancy recorded; call radiation oncology, physics and")


def test_an_old_unstable_score_is_shown_with_its_date() -> None:
    assert "Scored 2024-01-01: score again" in opened(BREAST, SPINE, sins(14, "2024-01-01")).text


def test_radiotherapy_of_the_breast_is_not_taken_for_the_spine() -> None:
    breast = service("rt", SCT, "1156506007", status="draft", bodySite=[BREAST_SITE])
    answer = signing(breast, record=(BREAST, SPINE, sins(14)))
    assert answer.card("radiotherapy_order_check") is None
    assert answer.card("baseline_imaging") is None


def test_a_stereotactic_discussion_is_a_warning() -> None:
    life = {"value": 12, "unit": "mo", "system": "http://unitsofmeasure.org", "code": "mo"}
    fit = (
        score("frankel", "frankel", valueCodeableConcept=coded(OURS, "frankel-e")),
        score("le", "life-expectancy", valueQuantity=life),
        observation(coded(LNC, "89247-1"), id="ecog", valueInteger=1),
    )
    record = (KIDNEY, SPINE, sins(5), escc("0"), imaging("m", "2026-11-10"), *fit)
    card = signing(RADIOTHERAPY, record=record).card("radiotherapy_order_check")
    assert card is not None
    assert card["indicator"] == "warning"
    assert "discuss stereotactic radiotherapy first" in card["summary"]


def test_an_indeterminate_spine_without_mechanical_pain_is_followed_on_the_closing_card() -> None:
    parts = {"location": 3, "pain": 1, "lesion": 2, "alignment": 0, "collapse": 1, "posterolateral": 1}
    component = [{"code": coded(OURS, f"sins-{name}"), "valueInteger": points} for name, points in parts.items()]
    answer = opened(BREAST, SPINE, score("sins", "sins", bodySite=T12, component=component))
    assert "SINS 8 at T12: surgeon's opinion if the pain becomes mechanical" in answer.cards[-1]["detail"]


def test_surgery_and_radiotherapy_signed_together_are_put_in_order() -> None:
    surgery = service("op", SCT, "10836008", status="draft")
    answer = signing(RADIOTHERAPY, surgery, record=(KIDNEY, SPINE, sins(14), imaging("m", "2026-11-10")))
    assert "surgeon urgently" not in answer.text
    assert "stabilise first, then radiotherapy" in answer.text


def test_late_radiotherapy_after_surgery_is_called_overdue_once() -> None:
    card = opened(BREAST, SPINE, done("op", "10836008", "2026-10-02")).card("postoperative_radiotherapy")
    assert card is not None
    assert card["summary"].count("overdue") == 1
    assert "refer now" not in card["summary"]


def test_a_patient_not_fit_for_surgery_is_not_headed_by_the_surgeon() -> None:
    unfit = observation(coded(LNC, "89247-1"), id="ecog", valueInteger=4)
    answer = opened(KIDNEY, SPINE, WEAK, sins(5), escc("3", "2026-11-22"), imaging("m", "2026-11-22"), unfit)
    assert critical(answer)[0].startswith("Call radiation oncologist now")
    myeloma = problem("mm", ICD, "C90.00", "2026-11-10")
    sensitive = opened(myeloma, SPINE, WEAK, sins(5), escc("3", "2026-11-22"), imaging("m", "2026-11-22"))
    assert "does not free a compressed cord" not in sensitive.cards[0]["detail"]
    assert critical(sensitive)[0].startswith("Call radiation oncologist and spine surgeon now")


def test_hospice_care_with_an_unstable_spine_says_how_to_lie() -> None:
    answer = opened(BREAST, SPINE, HOSPICE, sins(15))
    assert "Until agreed: spine in line, log-roll" in answer.text
    assert not critical(answer)
