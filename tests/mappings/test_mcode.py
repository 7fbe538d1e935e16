"""mCODE 4: links between cancers, sides, histology, staging, history, irradiated volumes; and Bundle references."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings import chart
from fhir_mappings import facts as mapping
from hooks.facts import Facts, Finding, Irradiated
from hooks.questions import cancer, histology, treatment
from tests.mappings.charts import (
    ICD,
    LNC,
    ME,
    SCT,
    SUBJECT,
    TODAY,
    answer,
    coded,
    condition,
    facts,
    observation,
    read,
    status,
)

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
CORE = "http://hl7.org/fhir/StructureDefinition/"
ICDO, AJCC = "http://terminology.hl7.org/CodeSystem/icd-o-3", "http://cancerstaging.org"
LUNG, BREAST, BONE = coded(ICD, "C34.90"), coded(ICD, "C50.911"), coded(ICD, "C79.51")
RELATED, OLD_RELATED = f"{CORE}condition-related", f"{MCODE}related-primary-cancer-condition"


def link(url: str, reference: str) -> dict[str, Any]:
    return {"url": url, "valueReference": {"reference": reference}}


def stated(url: str, concept: dict[str, Any]) -> dict[str, Any]:
    return {"url": url, "valueCodeableConcept": concept}


def found(known: Facts, source: str) -> Finding:
    return next(f for f in known.findings if f.source == source)


class TestRelatedPrimary:
    """A metastasis tells where it comes from."""

    @pytest.mark.parametrize("url", [RELATED, OLD_RELATED])
    @pytest.mark.parametrize(
        "reference",
        ["Condition/lung", "https://ehr.example.org/fhir/Condition/lung", "Condition/lung/_history/2"],
    )
    def test_the_primary_is_linked(self, url: str, reference: str) -> None:
        known = facts(
            condition(BREAST, id="breast"),
            condition(LUNG, id="lung"),
            condition(BONE, id="bone", extension=[link(url, reference)]),
        )
        assert found(known, "Condition/bone").primary == "Condition/lung"
        assert cancer.name(known) == "lung cancer"

    @pytest.mark.parametrize(
        "extension",
        [
            [link(RELATED, "Condition/gone")],
            [link(RELATED, "Condition/pain")],
            [link(RELATED, "Condition/bone")],
            [link(RELATED, "Condition/lung"), link(RELATED, "Condition/breast")],
            [{"url": RELATED}],
            [{"url": RELATED, "valueReference": "Condition/lung"}],
            [link("urn:other", "Condition/lung")],
            "an extension that is none",
            {"url": 3},
        ],
        ids=["not sent", "no cancer", "itself", "two", "empty", "wrong type", "another url", "text", "object"],
    )
    def test_anything_else_is_no_link_and_loses_nothing(self, extension: Any) -> None:
        known = facts(
            condition(LUNG, id="lung"),
            condition(BREAST, id="breast"),
            condition(coded(ICD, "M54.50"), id="pain"),
            condition(BONE, id="bone", extension=extension),
        )
        assert found(known, "Condition/bone").primary is None

    def test_the_class_of_the_linked_primary_counts_where_there_are_two(self) -> None:
        two = (condition(coded(ICD, "C64.1"), id="kidney"), condition(BREAST, id="breast"))
        open_question = facts(*two, condition(BONE, id="bone"))
        settled = facts(*two, condition(BONE, id="bone", extension=[link(RELATED, "Condition/kidney")]))
        assert histology.radiosensitivity(open_question).kind is None
        assert histology.radiosensitivity(settled).kind == "resistant"

    def test_one_metastasis_without_a_link_leaves_it_open(self) -> None:
        known = facts(
            condition(coded(ICD, "C64.1"), id="kidney"),
            condition(BREAST, id="breast"),
            condition(BONE, id="bone", extension=[link(RELATED, "Condition/kidney")]),
            condition(coded(SCT, "94602001"), id="spine"),
        )
        assert histology.radiosensitivity(known).kind is None


class TestSites:
    """Sides and parts of a body site."""

    @pytest.mark.parametrize(
        ("codes", "side"),
        [
            (["7771000"], "left"),
            (["24028007"], "right"),
            (["51440002"], "bilateral"),
            (["7771000", "24028007"], None),
            (["261122009"], None),
            ([], None),
        ],
    )
    def test_laterality(self, codes: list[str], side: str | None) -> None:
        qualifiers = [stated(f"{MCODE}laterality-qualifier", coded(SCT, code)) for code in codes]
        known = facts(condition(LUNG, bodySite=[{**coded(SCT, "39607008"), "extension": qualifiers}]))
        assert known.findings[0].laterality == side

    def test_a_qualifier_in_words_is_none(self) -> None:
        words = {"url": f"{MCODE}body-location-qualifier", "valueString": "T12"}
        assert facts(condition(BONE, bodySite=[{"extension": [words]}])).findings[0].levels == frozenset()

    @pytest.mark.parametrize(("qualifier", "levels"), [("23215003", {"T12"}), ("261122009", set())])
    def test_a_qualifier_is_a_level_only_when_it_is_one(self, qualifier: str, levels: set[str]) -> None:
        site = {
            **coded(SCT, "272673000", "Bone structure"),
            "extension": [stated(f"{MCODE}body-location-qualifier", coded(SCT, qualifier))],
        }
        assert facts(condition(BONE, bodySite=[site])).findings[0].levels == levels


def lung(*morphology: dict[str, Any], code: dict[str, Any] = LUNG) -> dict[str, Any]:
    extension = [stated(f"{MCODE}histology-morphology-behavior", one) for one in morphology]
    return condition(code, id="lung", extension=extension)


SMALL, ADENO = coded(SCT, "74364000"), coded(SCT, "1187332001")


class TestHistology:
    """The type of a lung cancer, by morphology."""

    @pytest.mark.parametrize(
        ("morphology", "kind"),
        [
            (SMALL, "sensitive"),
            (coded(ICDO, "8041/3"), "sensitive"),
            (ADENO, "resistant"),
            (coded(SCT, "1162767002"), "resistant"),
            (coded(ICDO, "8140/3"), "resistant"),
            (coded(ICDO, "8046/3"), "resistant"),
            (coded(ICDO, "80463/3", "as an mCODE example has it"), None),
            (coded(SCT, "367651003", "malignant neoplasm"), None),
        ],
    )
    def test_in_the_diagnosis(self, morphology: dict[str, Any], kind: str | None) -> None:
        assert histology.radiosensitivity(facts(lung(morphology))).kind == kind

    @pytest.mark.parametrize(
        "said",
        [
            {"extension": [link(f"{MCODE}related-condition", "Condition/lung")]},
            {"focus": [{"reference": "Condition/lung"}]},
        ],
        ids=["related condition", "focus"],
    )
    def test_in_a_pathology_result_about_it(self, said: dict[str, Any]) -> None:
        result = observation(coded(LNC, "31206-6"), valueCodeableConcept=SMALL, **said)
        assert histology.radiosensitivity(facts(lung(), result)).kind == "sensitive"

    @pytest.mark.parametrize("said", [{}, {"focus": [{"reference": "Condition/other"}]}])
    def test_a_result_about_nothing_or_another_tumour_tells_nothing(self, said: dict[str, Any]) -> None:
        result = observation(coded(LNC, "31206-6"), valueCodeableConcept=SMALL, **said)
        assert histology.radiosensitivity(facts(lung(), result)).kind is None

    def test_two_types_leave_it_open_and_say_so(self) -> None:
        answered = histology.radiosensitivity(facts(lung(ADENO, code=coded(SCT, "254632001"))))
        assert answered.kind is None
        assert "small-cell or not" in answered.missing

    def test_in_another_organ_the_word_means_another_tumour(self) -> None:
        assert found(facts(lung(ADENO, code=BREAST)), "Condition/lung").concepts == {"primary_breast"}


M, GROUP = coded(SCT, "399387003"), coded(LNC, "21908-9")


class TestStaging:
    """M1 is spread to a place not stated; stage IV a suspicion of it; neither is bone, none reassures."""

    @pytest.mark.parametrize(
        ("code", "value", "certain"),
        [
            (M, coded(SCT, "1229903009"), True),
            (coded(SCT, "371497001"), coded(SCT, "1229916009"), True),
            (GROUP, coded(SCT, "1222837003"), False),
            (GROUP, coded(AJCC, "4"), False),
            (coded(SCT, "399537006"), coded(AJCC, "4"), False),
        ],
    )
    def test_spread_by_stage(self, code: Any, value: Any, certain: bool) -> None:
        (finding,) = (known := facts(observation(code, valueCodeableConcept=value))).findings
        assert (finding.concepts, finding.certain, finding.levels) == ({"metastatic_by_stage"}, certain, frozenset())
        assert cancer.any_cancer(known)
        assert not cancer.bone_metastases(known)
        assert not cancer.suspected_metastases(known)
        assert not known.finding(*cancer.SECONDARY)

    @pytest.mark.parametrize(
        ("code", "value"),
        [
            (M, coded(SCT, "1229901006", "cM0")),
            (GROUP, coded(SCT, "1222806003", "IIIC")),
            (GROUP, coded(AJCC, "3")),
            (M, {"text": "M1"}),
            (coded(LNC, "8480-6"), coded(SCT, "1229903009")),
        ],
    )
    def test_no_other_stage_is_a_finding(self, code: Any, value: Any) -> None:
        assert facts(observation(code, valueCodeableConcept=value)).findings == ()

    def test_the_name_says_metastatic_only_when_it_is_sure(self) -> None:
        assert cancer.name(facts(observation(M, valueCodeableConcept=coded(SCT, "1229903009")))) == "metastatic cancer"
        assert cancer.name(facts(observation(GROUP, valueCodeableConcept=coded(AJCC, "4")))) == "cancer"


HISTORY = coded(SCT, "1287652008")


class TestHistory:
    """Metastases of the past are past."""

    @pytest.mark.parametrize("code", ["1287652008", "1098951000119108"])
    def test_as_an_observation(self, code: str) -> None:
        known = facts(observation(coded(SCT, code)))
        assert [f.status for f in known.findings] == ["past"]
        assert cancer.any_cancer(known)

    def test_as_a_condition(self) -> None:
        (finding,) = facts(condition(HISTORY, clinicalStatus=status("active"))).findings
        assert finding.status == "past"

    @pytest.mark.parametrize("value", [{"valueBoolean": False}, {"valueCodeableConcept": coded(LNC, "LA9634-2")}])
    def test_denied_or_answered_otherwise_it_is_none(self, value: dict[str, Any]) -> None:
        assert facts(observation(HISTORY, **value)).findings == ()

    def test_true_is_a_history(self) -> None:
        assert facts(observation(HISTORY, valueBoolean=True)).findings


def test_cancer_without_a_kind_is_a_red_flag_and_no_primary() -> None:
    known = facts(condition(coded(SCT, "363346000"), clinicalStatus=status("active")))
    assert cancer.any_cancer(known)
    assert not cancer.primaries(known)
    assert cancer.name(known) == "cancer"


@pytest.mark.parametrize("value", ["94222008", "94602001", "71286001"])
def test_a_diagnosis_as_the_value_of_an_observation_is_named_and_fires_nothing(value: str) -> None:
    known = facts(observation(coded(LNC, "29308-4", "Diagnosis"), valueCodeableConcept=coded(SCT, value)))
    assert known.findings == ()
    assert known.unreadable == ("Observation/o1: a diagnosis as the value of an observation, not understood",)


@pytest.mark.parametrize("code", ["268910001", "359746009", "271299001", "709137006"])
def test_every_disease_status_of_mcode(code: str) -> None:
    read_as = {"268910001": "improved", "359746009": "stable", "271299001": "worsened"}
    sent = observation(coded(LNC, "97509-4"), valueCodeableConcept=coded(SCT, code))
    assert [a.value for a in facts(sent).assessments] == [v for c, v in read_as.items() if c == code]


DOSE = f"{MCODE}radiotherapy-dose-delivered-to-volume"


def dose(value: Any, unit: str = "cGy", volume: str | None = "BodyStructure/v", **more: Any) -> dict[str, Any]:
    total = {"value": value, "system": "http://unitsofmeasure.org", "code": unit, **more}
    parts: list[dict[str, Any]] = [
        {"url": "totalDoseDelivered", "valueQuantity": total},
        {"url": "fractionsDelivered", "valueUnsignedInt": 10},
    ]
    return {"url": DOSE, "extension": parts + ([link("volume", volume)] if volume else [])}


def volume(code: str = "23215003", patient: Any = SUBJECT, **more: Any) -> dict[str, Any]:
    base = {"resourceType": "BodyStructure", "id": "v", "patient": patient, "description": "PTV T12"}
    return {**base, "location": coded(SCT, code), **more}


def course(*extension: Any, **more: Any) -> dict[str, Any]:
    done = {"resourceType": "Procedure", "id": "rt", "status": "completed", "subject": SUBJECT}
    return {**done, "code": coded(SCT, "1217123003"), "extension": [*extension], **more}


class TestRadiotherapy:
    """Earlier irradiation with its dose and its level."""

    @pytest.mark.parametrize(("value", "unit"), [(3000, "cGy"), (30, "Gy")])
    def test_dose_and_level(self, value: float, unit: str) -> None:
        (done,) = facts(course(dose(value, unit)), volume()).procedures
        assert done.doses == (Irradiated(Decimal(3000), 10, frozenset({"T12"}), "PTV T12"),)
        assert done.levels == {"T12"}
        assert treatment.dose_words(done) == "30 Gy in 10 fractions to T12"

    def test_the_dose_to_the_spine_is_told_before_a_higher_one_elsewhere(self) -> None:
        elsewhere = dose(6000, volume="BodyStructure/w")
        (done,) = facts(course(elsewhere, dose(800)), volume(), volume("78904004", id="w")).procedures
        assert [d.dose_cgy for d in done.doses] == [6000, 800]
        assert treatment.dose_words(done) == "8 Gy in 10 fractions to T12"

    def test_a_contained_volume(self) -> None:
        (done,) = facts(course(dose(3000, volume="#v"), contained=[{"resourceType": "X"}, volume()])).procedures
        assert done.levels == {"T12"}

    @pytest.mark.parametrize("reference", [None, "BodyStructure/gone", "#gone"])
    def test_a_dose_without_its_volume_is_kept(self, reference: str | None) -> None:
        (done,) = facts(course(dose(3000, volume=reference)), volume()).procedures
        assert [(d.dose_cgy, d.levels) for d in done.doses] == [(3000, frozenset())]
        assert "not stated as spine" in treatment.dose_words(done)

    def test_another_patients_volume_says_nothing_of_ours(self) -> None:
        (done,) = facts(course(dose(3000)), volume(patient={"reference": "Patient/p2"})).procedures
        assert done.levels == frozenset()

    @pytest.mark.parametrize(
        "part",
        [dose(3000, "mg"), dose(3000, comparator=">"), dose(0), {"url": DOSE}, {"url": DOSE, "extension": "x"}],
        ids=["unit", "bound", "zero", "empty", "text"],
    )
    def test_a_dose_that_is_none_leaves_the_course(self, part: Any) -> None:
        (done,) = facts(course(part)).procedures
        assert (done.doses, treatment.dose_words(done)) == ((), "")

    def test_the_technique_stands_beside_the_general_code(self) -> None:
        both = {
            "url": f"{MCODE}radiotherapy-modality-and-technique",
            "extension": [stated(f"{MCODE}radiotherapy-technique", coded(SCT, "115959002"))],
        }
        (done,) = facts(course(both)).procedures
        assert done.concepts >= {"rt_course_summary", "stereotactic_radiosurgery"}


class TestBundles:
    """Collections with urn references, as guides and exports send them."""

    def test_urn_references_between_resources(self) -> None:
        entries = [
            ("urn:uuid:0001", ME),
            ("urn:uuid:0002", {**condition(LUNG, id="a"), "subject": {"reference": "urn:uuid:0001"}}),
            (
                "urn:uuid:0003",
                {
                    **condition(BONE, id="b", extension=[link(RELATED, "urn:uuid:0002")]),
                    "subject": {"reference": "urn:uuid:0001"},
                },
            ),
            ("urn:uuid:0004", {**volume(), "patient": {"reference": "urn:uuid:0001"}}),
            (
                "urn:uuid:0005",
                {**course(dose(3000, volume="urn:uuid:0004")), "subject": {"reference": "urn:uuid:0001"}},
            ),
        ]
        sent = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"fullUrl": url, "resource": resource} for url, resource in entries],
        }
        known = mapping.facts(chart.read({"patient": answer(ME), "conditions": answer(sent)}, "p1"), TODAY)
        assert found(known, "Condition/b").primary == "Condition/a"
        assert known.procedures[0].levels == {"T12"}

    def test_primitive_extensions_and_contained_resources_change_nothing(self) -> None:
        plain = condition(LUNG, onsetDateTime="2026-05-01")
        more = {
            **plain,
            "_onsetDateTime": {"extension": [{"url": "urn:x", "valueCode": "approximate"}]},
            "_recordedDate": {"extension": [{"url": "urn:x", "valueCode": "unknown"}]},
            "contained": [condition(BREAST, id="c"), {"resourceType": "NoSuchType"}],
        }
        assert facts(more).findings == facts(plain).findings

    def test_a_volume_is_no_resource_that_could_be_refused(self) -> None:
        assert read(volume(), {"resourceType": "BodyStructure", "id": "x"}).refused == ()

    def test_an_asserted_date_counts_before_a_later_recording(self) -> None:
        asserted = {"url": f"{CORE}condition-assertedDate", "valueDateTime": "2019-04-01"}
        (finding,) = facts(condition(LUNG, recordedDate="2026-11-01", extension=[asserted])).findings
        assert finding.recorded is not None
        assert finding.recorded.text == "2019-04-01"


def test_the_parts_are_merged_in_any_order() -> None:
    parts = [
        read(condition(LUNG, id="lung")),
        read(condition(BONE, id="bone", extension=[link(RELATED, "Condition/lung")])),
        read(course(dose(3000))),
        read(volume()),
    ]
    first = mapping.facts(_merged(parts), TODAY)
    assert mapping.facts(_merged(parts[::-1]), TODAY) == first
    assert replace(first, unavailable=()) == facts(*(one for part in RESOURCES for one in part))


RESOURCES = (
    (condition(LUNG, id="lung"), condition(BONE, id="bone", extension=[link(RELATED, "Condition/lung")])),
    (course(dose(3000)), volume()),
)


def _merged(parts: list[chart.Chart]) -> chart.Chart:
    whole = parts[0]
    for part in parts[1:]:
        whole = chart.merge(whole, part)
    return whole
