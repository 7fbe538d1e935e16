"""Metastases that only their site places in the spine, scores that cannot be, answers that contradict each other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cds_service.doctor_census import Census, UnmappedCode
from fhir_mappings import chart, codes
from fhir_mappings import facts as mapping
from hooks.facts import Facts
from hooks.questions import cancer
from tests.mappings.charts import (
    LNC,
    ME,
    SUBJECT,
    answer,
    bundle,
    coded,
    condition,
    facts,
    observation,
    quantity,
    status,
)
from tests.patients.test_riskiest_points import BREAST
from tests.patients.whole_patients import ICD, RXN, SCT, TODAY, done, opened, problem

T8, COLUMN, CORD, FEMUR = (coded(SCT, code) for code in ("11068009", "421060004", "2748008", "71341001"))
ANYWHERE = [(SCT, "128462008"), (ICD, "C79.9"), (ICD, "C79.89")]
ECOG, KPS = coded(LNC, "89247-1"), coded(LNC, "89243-0")
KARNOFSKY = {
    "LA29175-9": 100,
    "LA29176-7": 90,
    "LA29177-5": 80,
    "LA29178-3": 70,
    "LA29179-1": 60,
    "LA29180-9": 50,
    "LA29181-7": 40,
    "LA29182-5": 30,
    "LA29183-3": 20,
    "LA29184-1": 10,
}


def values(found: Facts, name: str) -> list[Decimal]:
    return [one.value for one in found.measurements if one.name == name]


class TestMetastasisByItsSite:
    """mCODE codes "metastasis" without a place, and gives the place as the body site."""

    @pytest.mark.parametrize("system_and_code", ANYWHERE)
    @pytest.mark.parametrize("site", [T8, COLUMN])
    def test_metastasis_at_a_vertebra_is_in_the_spine(self, system_and_code: tuple[str, str], site: Any) -> None:
        found = facts(condition(coded(*system_and_code), bodySite=[site]))
        assert [one.source for one in cancer.spinal_metastases(found)] == ["Condition/c1"]

    def test_the_same_rules_speak_as_for_a_metastasis_of_bone_there(self) -> None:
        by_site = opened(BREAST, problem("m", SCT, "128462008", "2026-11-01", bodySite=[T8]))
        of_bone = opened(BREAST, problem("m", SCT, "94222008", "2026-11-01", bodySite=[T8]))
        assert {rule: one["outcome"] for rule, one in by_site.rules.items()} == {
            rule: one["outcome"] for rule, one in of_bone.rules.items()
        }
        assert by_site.card("multidisciplinary_review")

    def test_a_suspected_one_stays_suspected(self) -> None:
        suspected = status("provisional", "ver-status")
        found = facts(condition(coded(SCT, "128462008"), bodySite=[T8], verificationStatus=suspected))
        assert cancer.spinal_metastases(found) == ()
        assert len(cancer.suspected_spinal_metastases(found)) == 1

    @pytest.mark.parametrize("site", [None, FEMUR, CORD])
    def test_without_a_site_in_the_spine_it_is_anywhere(self, site: Any) -> None:
        sites = {"bodySite": [site]} if site else {}
        assert cancer.suspected_spinal_metastases(facts(condition(coded(SCT, "128462008"), **sites))) == ()

    @pytest.mark.parametrize("code", ["94391008", "94600009", "1287652008"], ids=["lung", "cord", "history"])
    def test_a_code_that_names_another_place_or_the_past_wins(self, code: str) -> None:
        assert cancer.suspected_spinal_metastases(facts(condition(coded(SCT, code), bodySite=[T8]))) == ()

    def test_one_that_is_over_is_not_active(self) -> None:
        over = facts(condition(coded(SCT, "128462008"), bodySite=[T8], clinicalStatus=status("resolved")))
        assert cancer.spinal_metastases(over) == ()


class TestPerformanceStatus:
    """Numbers, codes, and both."""

    @pytest.mark.parametrize(("code", "value"), KARNOFSKY.items())
    def test_every_karnofsky_answer_is_read(self, code: str, value: int) -> None:
        answer = coded(LNC, code)
        assert values(facts(observation(KPS, valueCodeableConcept=answer)), "kps") == [value]
        assert values(facts(observation(KPS, interpretation=[answer])), "kps") == [value]

    def test_the_code_for_dead_is_that_of_ecog_5_alone(self) -> None:
        assert values(facts(observation(ECOG, valueCodeableConcept=coded(LNC, "LA9627-6"))), "ecog") == [5]
        assert codes.concepts(LNC, "LA9627-6") == {"ecog_answer"}

    @pytest.mark.parametrize(
        ("code", "name", "value"), [(ECOG, "ecog", 2.5), (KPS, "kps", 0.7), (KPS, "kps", 73), (ECOG, "ecog", 6)]
    )
    def test_a_value_that_the_scale_does_not_have_is_named(self, code: Any, name: str, value: float) -> None:
        found = facts(observation(code, valueQuantity=quantity(value, "{score}")))
        assert values(found, name) == []
        assert found.unreadable == (f"Observation/o1: {name}: outside its scale",)
        assert name in found.doubtful

    @pytest.mark.parametrize("value", [0, 65, 70, 100])
    def test_tens_and_the_fives_between_them_count(self, value: int) -> None:
        assert values(facts(observation(KPS, valueInteger=value)), "kps") == [value]

    def test_half_a_point_of_pain_counts(self) -> None:
        pain = observation(coded(LNC, "72514-3"), valueQuantity=quantity(6.5, "{score}"))
        assert values(facts(pain), "pain_score") == [Decimal("6.5")]


class TestNumberAndCodeThatDiffer:
    """mCODE gives the number as the value and its meaning as the interpretation."""

    @pytest.mark.parametrize(
        ("code", "name", "number", "meaning", "worse"),
        [
            (ECOG, "ecog", 1, "LA9625-0", 3),
            (ECOG, "ecog", 3, "LA9623-5", 3),
            (KPS, "kps", 90, "LA29180-9", 50),
        ],
    )
    def test_the_worse_one_counts_and_says_so(
        self, code: Any, name: str, number: int, meaning: str, worse: int
    ) -> None:
        found = facts(observation(code, valueInteger=number, interpretation=[coded(LNC, meaning)]))
        first = next(one for one in found.measurements if one.name == name)
        assert first.value == worse
        assert len(first.others) == 1
        assert first.label.endswith("one of 2 different values of that time")

    def test_one_meaning_said_twice_is_one_value(self) -> None:
        found = facts(observation(ECOG, valueInteger=1, interpretation=[coded(LNC, "LA9623-5")]))
        assert [(one.value, one.others) for one in found.measurements] == [(Decimal(1), ())]

    def test_two_codes_that_differ_are_two_values(self) -> None:
        answers = {"valueCodeableConcept": coded(LNC, "LA9623-5"), "interpretation": [coded(LNC, "LA9625-0")]}
        assert values(facts(observation(ECOG, **answers)), "ecog") == [3, 1]

    def test_a_number_outside_the_scale_is_named_beside_its_coded_answer(self) -> None:
        found = facts(observation(ECOG, valueInteger=7, interpretation=[coded(LNC, "LA9625-0")]))
        assert values(found, "ecog") == [3]
        assert found.unreadable == ("Observation/o1: ecog: outside its scale",)
        assert "ecog" in found.doubtful


LOCAL = "urn:hospital:drugs"
NDC = "http://hl7.org/fhir/sid/ndc"
NOT_KNOWN = "drug not known, not checked"
WORDS = {"text": "denosumab 120 mg SC every 4 weeks"}


def ordered(drug: Any, **more: Any) -> dict[str, Any]:
    base = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order", "subject": SUBJECT}
    return {**base, "medicationCodeableConcept": drug, **more}


def administered(drug: Any, **more: Any) -> dict[str, Any]:
    return {**ordered(drug), "resourceType": "MedicationAdministration", "status": "completed", **more}


class TestDrugsInWords:
    """Nobody can tell which drug it is; "no bone agent on record" must not be taken for complete."""

    @pytest.mark.parametrize("status", ["active", "on-hold", "completed"])
    def test_an_order_in_words_is_named_and_its_kind_is_incomplete(self, status: str) -> None:
        found = facts(ordered(WORDS, status=status))
        assert found.unreadable == (f"MedicationRequest/m1: {NOT_KNOWN}",)
        assert found.lost == found.incomplete == ("medication requests",)
        assert found.medications == ()

    @pytest.mark.parametrize("status", ["in-progress", "completed"])
    def test_so_is_a_dose_given(self, status: str) -> None:
        found = facts(administered(WORDS, status=status))
        assert found.unreadable == (f"MedicationAdministration/m1: {NOT_KNOWN}",)
        assert found.lost == found.incomplete == ("medication administrations",)

    @pytest.mark.parametrize("status", ["stopped", "cancelled", "entered-in-error"])
    def test_what_was_stopped_is_not(self, status: str) -> None:
        assert facts(ordered(WORDS, status=status)).unreadable == ()

    def test_many_of_them_are_one_line(self) -> None:
        found = facts(*(ordered({"text": "paracetamol"}, id=f"m{number}") for number in range(30)))
        assert len(found.unreadable) == 1
        assert found.unreadable[0].endswith(f"{NOT_KNOWN}, nor that of 29 more")

    @pytest.mark.parametrize(
        "words",
        ["Denosumab 120 mg", "ZOLEDRONATE inj", "Xgeva", "pamidronic acid", "dexamethasone 8 mg", "Ibandronate"],
    )
    def test_a_code_of_the_site_with_the_name_of_one_of_ours_is_named(self, words: str) -> None:
        for drug in (coded(LOCAL, "4711", words), {**coded(LOCAL, "4711"), "text": words}):
            assert facts(ordered(drug)).unreadable == (f"MedicationRequest/m1: {NOT_KNOWN}",)

    def test_a_code_of_the_site_for_anything_else_is_another_drug(self) -> None:
        assert facts(ordered(coded(LOCAL, "4712", "Paracetamol 1 g"))).unreadable == ()

    @pytest.mark.parametrize("system", [RXN, SCT, NDC, "http://www.whocc.no/atc"])
    def test_a_standard_code_that_is_none_of_ours_is_another_drug(self, system: str) -> None:
        found = facts(ordered({**coded(system, "999999999"), "text": "dexamethasone eye drops"}))
        assert (found.unreadable, found.lost) == ((), ())

    def test_a_medication_that_came_along_in_words_is_named_too(self) -> None:
        medication = {"resourceType": "Medication", "id": "d1", "code": WORDS}
        order = ordered(None, medicationReference={"reference": "Medication/d1"})
        assert facts(order, medication).unreadable == (f"MedicationRequest/m1: {NOT_KNOWN}",)
        assert facts(order, {**medication, "code": {"text": "a herb"}}).unreadable == ()

    @pytest.mark.parametrize("code", ["4711", None])
    def test_a_draft_is_named_as_a_draft(self, code: str | None) -> None:
        drug = coded(LOCAL, code, "Denosumab 120 mg") if code else WORDS
        draft = answer(bundle(ordered(drug, status="draft")))
        known = mapping.facts(chart.read({"patient": answer(ME), "conditions": None}, "p1", None, draft), TODAY)
        assert known.unreadable == (f"draft order MedicationRequest/m1: {NOT_KNOWN}",)


def test_the_site_of_a_procedure_among_the_entries_is_counted_with_them() -> None:
    course = done("rt", "1217123003", "2026-03-01")
    site = {"resourceType": "BodyStructure", "id": "b1", "patient": SUBJECT, "location": T8}
    whole, short = (facts(procedures=answer(bundle(course, site, total=total))) for total in (2, 3))
    assert (whole.incomplete, short.incomplete) == ((), ("procedures",))


def test_a_code_of_the_site_for_a_drug_of_ours_is_still_one_to_map() -> None:
    counted = Census()
    counted.add({"medicationRequests": answer(bundle(ordered(coded(LOCAL, "4711", "Denosumab"))))}, "p1", None, TODAY)
    assert counted.unmapped == {UnmappedCode("MedicationRequest.medication", LOCAL, "4711", "Denosumab"): 1}
    assert not counted.kept
