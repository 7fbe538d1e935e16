"""Repeated and contradicting data: each decision of the mapping, under its name."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings import chart
from fhir_mappings import facts as mapping
from hooks.facts import Facts, Finding
from hooks.questions import compression, imaging, neurology
from tests.mappings.charts import (
    ICD,
    LNC,
    ME,
    SCT,
    SUBJECT,
    TODAY,
    answer,
    bundle,
    coded,
    condition,
    facts,
    observation,
    quantity,
    read,
    status,
)

BREAST, PAIN, BONE = coded(ICD, "C50.911"), coded(ICD, "M54.50"), coded(ICD, "C79.51")
CREATININE, CALCIUM, ALP = coded(LNC, "2160-0"), coded(LNC, "17861-6"), coded(LNC, "6768-6")
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
OURS = "urn:spine-cds:assessment"


def written(when: str) -> dict[str, Any]:
    return {"meta": {"lastUpdated": when}}


def problem(name: str, clinical: str, code: Any = BREAST, kind: str = "problem-list-item", **more: Any) -> Any:
    return condition(code, id=name, clinicalStatus=status(clinical), category=[coded(CATEGORY, kind)], **more)


def visit(name: str, code: Any = BREAST, **more: Any) -> Any:
    return problem(name, "active", code, "encounter-diagnosis", **more)


def by_source(known: Facts) -> dict[str, Finding]:
    return {f.source.partition("/")[2]: f for f in known.findings}


class TestProblemListAndEncounter:
    """The problem list's end answers for earlier encounter diagnoses, and for nothing else."""

    def test_a_diagnosis_before_the_recorded_end_is_over(self) -> None:
        known = by_source(
            facts(
                problem("p", "resolved", abatementDateTime="2020-06-01"),
                visit("v", recordedDate="2019-03-01"),
            )
        )
        assert known["v"].status == "past"
        assert "ended on the problem list" in known["v"].label

    @pytest.mark.parametrize(
        "end",
        [
            {"abatementDateTime": "2020-06-01"},
            {"abatementPeriod": {"end": "2020-06-01"}},
            {"abatementDateTime": "2019"},
        ],
    )
    def test_a_diagnosis_after_or_about_the_end_stays_active(self, end: dict[str, Any]) -> None:
        known = by_source(facts(problem("p", "resolved", **end), visit("v", recordedDate="2026-10-01")))
        assert known["v"].status == "active"

    def test_without_a_recorded_end_it_stays_active_and_disputed(self) -> None:
        known = by_source(
            facts(problem("p", "resolved", recordedDate="2026-10-02"), visit("v", recordedDate="2026-10-01"))
        )
        assert (known["v"].status, known["v"].disputed_by) == ("active", "Condition/p")
        assert "over in another entry" in known["v"].label

    def test_an_undated_diagnosis_stays_active_and_disputed(self) -> None:
        known = by_source(facts(problem("p", "resolved", abatementDateTime="2020-06-01"), visit("v")))
        assert (known["v"].status, known["v"].disputed_by) == ("active", "Condition/p")

    def test_an_active_problem_is_active_whatever_a_visit_says(self) -> None:
        known = facts(
            problem("p", "active", recordedDate="2020-01-01"),
            problem("v", "resolved", kind="encounter-diagnosis", abatementDateTime="2026-01-01"),
        )
        assert by_source(known)["p"].status == "active"

    def test_the_problem_lists_end_does_not_reach_another_problem_list_item(self) -> None:
        known = by_source(
            facts(
                problem("old", "resolved", abatementDateTime="2020-06-01"),
                problem("new", "active", recordedDate="2019-03-01"),
            )
        )
        assert (known["new"].status, known["new"].disputed_by) == ("active", "Condition/old")

    def test_a_visit_alone_counts_as_recorded_suspicion_included(self) -> None:
        suspected = visit("v", verificationStatus=status("provisional", "ver-status"), recordedDate="2026-11-01")
        (finding,) = facts(suspected).findings
        assert (finding.status, finding.certain, finding.disputed_by) == ("active", False, None)

    @pytest.mark.parametrize(
        "category",
        [
            {"coding": [{"code": "encounter-diagnosis"}]},
            [{"coding": [{"code": "encounter-diagnosis"}]}, 3],
            "visit",
            None,
        ],
    )
    def test_a_category_in_any_shape_loses_no_condition(self, category: Any) -> None:
        assert facts({**visit("v"), "category": category}).findings


class TestSameThingTwice:
    """Two entries are of the same thing only if nothing tells them apart."""

    def test_an_episode_that_was_over_before_is_no_contradiction(self) -> None:
        known = by_source(
            facts(
                problem("old", "resolved", PAIN, onsetDateTime="2018-01-01", abatementDateTime="2018-03-01"),
                problem("new", "active", PAIN, onsetDateTime="2026-11-01"),
            )
        )
        assert known["new"].disputed_by is None

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"bodySite": [coded(SCT, "23215003")]}, {"bodySite": [coded(SCT, "14293000")]}),
            ({"code": coded(ICD, "C78.00")}, {"code": coded(ICD, "C79.31")}),
            ({"code": coded(ICD, "Z85.3")}, {}),
        ],
        ids=["levels", "diseases of one broad set", "a history code"],
    )
    def test_different_things_do_not_touch_each_other(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        known = by_source(facts({**problem("a", "resolved", BONE), **one}, {**problem("b", "active", BONE), **other}))
        assert known["b"].disputed_by is None

    def test_the_same_code_of_a_broad_set_is_the_same_thing(self) -> None:
        code = coded(ICD, "C78.00")
        assert by_source(facts(problem("a", "resolved", code), problem("b", "active", code)))["b"].disputed_by

    def test_a_resolved_liver_metastasis_does_not_end_one_of_bone(self) -> None:
        known = facts(
            problem("liver", "resolved", coded(SCT, "94381002"), abatementDateTime="2026-11-01"),
            visit("bone", coded(SCT, "94222008"), recordedDate="2026-10-01"),
        )
        assert by_source(known)["bone"].status == "active"


class TestVersions:
    """Of one id the newest version counts, also when it takes the older back."""

    PLAIN = observation(CREATININE, valueQuantity=quantity(1, "mg/dL"))

    @pytest.mark.parametrize("taken_back", ["entered-in-error", "cancelled"])
    def test_a_version_that_takes_back_wins_over_the_one_before(self, taken_back: str) -> None:
        old = {**self.PLAIN, **written("2026-11-20T08:00:00Z")}
        new = {**self.PLAIN, "status": taken_back, **written("2026-11-21T08:00:00Z")}
        for pair in permutations((old, new)):
            assert facts(*pair).measurements == ()
        for parts in permutations((read(old), read(new))):
            assert mapping.facts(chart.merge(*parts), TODAY).measurements == ()

    def test_final_follows_preliminary_and_corrected_follows_final(self) -> None:
        states = ("preliminary", "final", "corrected")
        sent = [
            {**self.PLAIN, "status": state, "valueQuantity": quantity(n, "mg/dL"), **written(f"2026-11-2{n}T08:00:00Z")}
            for n, state in enumerate(states)
        ]
        for order in permutations(sent):
            assert [m.value for m in facts(*order).measurements] == [2]

    def test_update_times_are_compared_as_moments(self) -> None:
        early = {**self.PLAIN, "valueQuantity": quantity(1, "mg/dL"), **written("2026-11-20T09:00:00+02:00")}
        late = {**self.PLAIN, "valueQuantity": quantity(2, "mg/dL"), **written("2026-11-20T08:00:00Z")}
        assert [m.value for m in facts(late, early).measurements] == [2]

    def test_without_update_times_what_counts_is_kept(self) -> None:
        assert facts(self.PLAIN, {**self.PLAIN, "status": "entered-in-error"}).measurements

    def test_a_refuted_version_takes_the_diagnosis_back(self) -> None:
        old = condition(BONE, **written("2026-11-01T00:00:00Z"))
        new = condition(BONE, verificationStatus=status("refuted", "ver-status"), **written("2026-11-02T00:00:00Z"))
        assert facts(old, new).findings == ()

    def test_a_correction_of_its_own_id_replaces_what_it_names(self) -> None:
        url = "http://hl7.org/fhir/StructureDefinition/observation-replaces"
        new = observation(
            CREATININE,
            id="o2",
            status="corrected",
            valueQuantity=quantity(3, "mg/dL"),
            effectiveDateTime="2026-11-19",
            issued="2026-11-21T08:00:00Z",
            extension=[{"url": url, "valueReference": {"reference": "Observation/o1"}}],
        )
        assert [m.source for m in facts(self.PLAIN, new).measurements] == ["Observation/o2"]


def lab(name: str, value: float, when: str, code: Any = CREATININE, **more: Any) -> dict[str, Any]:
    unit = {"2160-0": "mg/dL", "17861-6": "mg/dL", "6768-6": "U/L"}[code["coding"][0]["code"]]
    limits = [{key: quantity(limit, unit) for key, limit in more.items()}] if more else []
    return observation(
        code, id=name, effectiveDateTime=when, valueQuantity=quantity(value, unit), referenceRange=limits
    )


class TestOneDay:
    """The later time counts where both are known, else the value on which rules warn."""

    @pytest.mark.parametrize(
        ("first", "second", "counts"),
        [
            ("2026-11-20T08:00:00Z", "2026-11-20T14:00:00Z", 1),
            ("2026-11-20T08:00:00", "2026-11-20T14:00:00", 1),
            ("2026-11-20T14:00:00+02:00", "2026-11-20T13:00:00Z", 1),
            ("2026-11-20", "2026-11-20T14:00:00Z", 2),
            ("2026-11-20", "2026-11-20", 2),
            ("2026-11-20T08:00:00", "2026-11-20T14:00:00Z", 2),
            ("2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z", 2),
            ("2026-11-20T08:00:00Z", "2026-11-20T99:00:00Z", 2),
            ("2026-11-20", "2026-11-21", 1),
        ],
    )
    def test_creatinine_of_2_and_then_1(self, first: str, second: str, counts: int) -> None:
        for pair in permutations((lab("a", 2, first), lab("b", 1, second))):
            newest = facts(*pair).measured("creatinine")
            assert newest is not None
            assert newest.value == counts

    def test_what_the_clock_cannot_tell_is_said(self) -> None:
        known = facts(lab("a", 2, "2026-11-20"), lab("b", 1, "2026-11-20"))
        assert [("one of 2" in m.label) for m in known.measurements] == [True, False]
        same = facts(lab("a", 2, "2026-11-20"), lab("b", 2, "2026-11-20"))
        assert not any("one of" in m.label for m in same.measurements)

    @pytest.mark.parametrize(
        ("values", "limits", "counts"),
        [
            ((9.0, 14.0), {"low": 8.6, "high": 10.2}, 14),
            ((9.0, 7.0), {"low": 8.6, "high": 10.2}, 7),
            ((9.0, 9.5), {"low": 8.6, "high": 10.2}, 9),
            ((9.0, 14.0), {}, 9),
        ],
    )
    def test_calcium_warns_on_both_sides(self, values: tuple[float, float], limits: Any, counts: float) -> None:
        pair = [lab(str(n), value, "2026-11-20", CALCIUM, **limits) for n, value in enumerate(values)]
        newest = facts(*pair).measured("calcium")
        assert newest is not None
        assert newest.value == counts

    @pytest.mark.parametrize(
        ("name", "values", "counts"),
        [
            ("escc", ("escc-1a", "escc-3"), "escc-3"),
            ("frankel", ("frankel-e", "frankel-c"), "frankel-c"),
            ("sins", (3, 13), "13"),
            ("tokuhashi", (12, 3), "3"),
        ],
    )
    def test_the_worse_of_two_grades(self, name: str, values: tuple[Any, Any], counts: str) -> None:
        sent = [
            observation(
                coded(OURS, name),
                id=str(n),
                effectiveDateTime="2026-11-20",
                **({"valueInteger": v} if isinstance(v, int) else {"valueCodeableConcept": coded(OURS, v)}),
            )
            for n, v in enumerate(values)
        ]
        for pair in permutations(sent):
            assert facts(*pair).assessed(name)[0].value == counts

    def test_items_without_a_total_do_not_hide_a_total(self) -> None:
        items = [{"code": coded(OURS, "sins-pain"), "valueInteger": 3}]
        known = facts(
            observation(coded(OURS, "sins"), id="a", effectiveDateTime="2026-11-20", component=items),
            observation(coded(OURS, "sins"), id="b", effectiveDateTime="2026-11-20", valueInteger=13),
        )
        assert known.assessed("sins")[0].value == "13"

    def test_two_levels_of_one_day_are_two_facts(self) -> None:
        known = facts(
            *(
                observation(coded(OURS, "sins"), id=site, valueInteger=n, bodySite=coded(SCT, site))
                for site, n in (("23215003", 3), ("14293000", 13))
            )
        )
        assert not any("one of" in a.label for a in known.assessments)


@pytest.mark.parametrize(
    ("code", "sent", "name", "value"),
    [
        (CREATININE, quantity(0.2, "mg/dL", comparator="<"), "creatinine", "0.2"),
        (coded(LNC, "35591-7"), quantity(60, "mL/min", comparator=">"), "creatinine_clearance", "60"),
        (coded(LNC, "1989-3"), quantity(20, "ng/mL", comparator=">="), "vitamin_d", "20"),
        (coded(OURS, "life-expectancy"), quantity(6, "mo", comparator=">"), "life_expectancy", "6"),
    ],
)
def test_a_bound_counts_where_its_number_is_the_worst_case(code: Any, sent: Any, name: str, value: str) -> None:
    (measured,) = facts(observation(code, valueQuantity=sent)).measurements
    assert (measured.name, measured.value) == (name, Decimal(value))


def test_a_bound_is_said_to_be_one() -> None:
    (measured,) = facts(observation(CREATININE, valueQuantity=quantity(0.2, "mg/dL", comparator="<"))).measurements
    assert measured.label == "reported as < 0.2 mg/dL"


class TestImportedDates:
    """An import stamps everything with its own day."""

    def test_onset_and_recording_are_both_kept(self) -> None:
        (finding,) = facts(condition(BREAST, onsetDateTime="2019-01-01", recordedDate="2026-11-20")).findings
        assert finding.onset is not None
        assert finding.recorded is not None
        assert finding.when == finding.onset

    def test_urgency_counts_either_as_new(self) -> None:
        known = facts(
            condition(coded(ICD, "G95.20"), onsetDateTime="2019-01-01", recordedDate="2026-11-20"),
        )
        (finding,) = neurology.confirmed_compression(known)
        assert neurology.is_new(finding, known, Decimal(30))
        assert compression.confirmed(known)


def study(name: str, *regions: str, when: str = "2026-11-20", **more: Any) -> dict[str, Any]:
    series = [{"modality": {"system": DCM, "code": "MR"}, "bodySite": {"code": region}} for region in regions]
    base = {"resourceType": "ImagingStudy", "id": name, "status": "available", "subject": SUBJECT, "started": when}
    return {**base, "modality": [{"system": DCM, "code": "MR"}], "series": series, **more}


def done(name: str, code: str = "42698-1", when: str = "2026-11-20", **more: Any) -> dict[str, Any]:
    base = {"resourceType": "Procedure", "id": name, "status": "completed", "subject": SUBJECT}
    return {**base, "code": coded(LNC, code), "performedDateTime": when, **more}


def order(name: str, code: str = "42698-1", **more: Any) -> dict[str, Any]:
    base = {"resourceType": "ServiceRequest", "id": name, "status": "active", "intent": "order", "subject": SUBJECT}
    return {**base, "code": coded(LNC, code), "authoredOn": "2026-11-18", **more}


class TestOneExamination:
    """An MRI that is study, procedure and order is one MRI."""

    @pytest.mark.parametrize(
        "resources",
        [
            (study("s", "CSPINE"), done("p")),
            (study("s", "CSPINE", procedureReference={"reference": "Procedure/p"}, when="2026-11-21"), done("p")),
            (
                study("s", "CSPINE", basedOn=[{"reference": "ServiceRequest/o"}]),
                order("o", status="completed"),
            ),
            (
                study("s"),
                done("p", basedOn=[{"reference": "ServiceRequest/o"}]),
                order("o", status="completed", authoredOn="2026-11-18"),
            ),
        ],
        ids=["same day", "procedure reference", "based on", "all three"],
    )
    def test_it_is_told_once_by_the_study(self, resources: tuple[Any, ...]) -> None:
        for shuffled in permutations(resources):
            (one,) = (i for i in facts(*shuffled).imaging)
            assert one.source == "ImagingStudy/s"
            assert "whole" in one.regions

    @pytest.mark.parametrize(
        "resources",
        [
            (study("s", "CSPINE"), done("p", "24968-0")),
            (study("s", "CSPINE"), done("p", when="2026-11-19")),
            (study("s", "CSPINE"), study("t", "CSPINE")),
            (study("s", when="2026-11"), done("p", when="2026-11")),
            (study("s", basedOn="an odd link"), done("p", when="2026-11-10")),
        ],
        ids=["two parts", "two days", "two studies", "day not known", "odd link"],
    )
    def test_two_examinations_stay_two(self, resources: tuple[Any, ...]) -> None:
        assert len(facts(*resources).imaging) == 2

    def test_an_mri_and_a_ct_of_one_day_are_two(self) -> None:
        assert {i.modality for i in facts(study("s", "CSPINE"), done("p", "24932-6")).imaging} == {"MR", "CT"}

    def test_an_order_is_done_once_all_that_it_asks_for_was_shown(self) -> None:
        based = [{"reference": "ServiceRequest/o"}]
        part = facts(order("o"), study("s", "CSPINE", basedOn=based))
        whole = facts(order("o"), *(study(r, r, basedOn=based) for r in ("CSPINE", "TSPINE", "LSPINE")))
        assert imaging.pending_whole_spine_mri(part)
        assert not imaging.pending_whole_spine_mri(whole)

    def test_an_order_for_something_else_is_not_done_by_a_study_based_on_it(self) -> None:
        based = [{"reference": "ServiceRequest/o"}]
        consult = {**order("o"), "code": coded(SCT, "308481009")}
        assert facts(consult, study("s", "CSPINE", basedOn=based)).orders[0].status == "active"


# Any order of arrival, any split over the keys, gives the same facts.

MIXED: tuple[dict[str, Any], ...] = (
    problem("p", "resolved", abatementDateTime="2020-06-01"),
    visit("v", recordedDate="2019-03-01"),
    problem("b", "active", BONE),
    problem("c", "resolved", BONE),
    {**problem("b", "active", BONE), **written("2026-11-01T00:00:00Z")},
    lab("l1", 2, "2026-11-20"),
    lab("l2", 1, "2026-11-20T09:00:00Z"),
    {**lab("l3", 5, "2026-11-21"), **written("2026-11-21T00:00:00Z")},
    {**lab("l3", 5, "2026-11-21"), "status": "entered-in-error", **written("2026-11-22T00:00:00Z")},
    lab("l5", 3, "2026-11-21"),  # versions of which nobody can say which is newer, but of one that it is the older
    {**lab("l5", 7, "2026-11-21"), **written("2026-11-20T00:00:00Z")},
    {**lab("l5", 4, "2026-11-21"), **written("2026-11-21T00:00:00Z")},
    {**lab("l5", 4, "2026-11-21"), "meta": {"lastUpdated": "2026-11-21T00:00:00Z", "versionId": "abc"}},
    {**lab("l5", 6, "2026-11-21"), **written("2026-11-21T00:00:00Z")},
    lab("l4", 100, "2026-11-20", ALP),
    observation(coded(SCT, "399387003"), id="m", valueCodeableConcept=coded(SCT, "1229903009")),
    study("s", "CSPINE"),
    done("d"),
    order("o", basedOn=[{"reference": "x"}]),
    condition(BREAST, id="other", subject={"reference": "Patient/p2"}),
)
KEYS = ("conditions", "laboratory", "assessments", "imaging", "procedures", "something else")


@settings(max_examples=60, deadline=None)
@given(st.permutations(MIXED), st.lists(st.sampled_from(KEYS), min_size=len(MIXED), max_size=len(MIXED)))
def test_shuffled_and_split_over_keys_the_facts_are_the_same(order: list[Any], keys: list[str]) -> None:
    sent: dict[str, list[Any]] = {key: [] for key in KEYS}
    for resource, key in zip(order, keys, strict=True):
        sent[key].append(resource)
    answers = {"patient": answer(ME), **{key: answer(bundle(*resources)) for key, resources in sent.items()}}
    known = mapping.facts(chart.read(answers, "p1"), TODAY)
    assert replace(known, unavailable=()) == EXPECTED  # under a key that asked for something else nothing is lost


@settings(max_examples=60, deadline=None)
@given(st.permutations(MIXED), st.integers(1, len(MIXED) - 1))
def test_read_in_two_parts_and_merged_the_facts_are_the_same(order: list[Any], cut: int) -> None:
    first, second = read(*order[:cut]), read(*order[cut:])
    assert _known(mapping.facts(chart.merge(first, second), TODAY)) == _known(EXPECTED)


def _known(known: Facts) -> tuple[Any, ...]:
    return (*known.all(), *sorted(known.unreadable))


EXPECTED = mapping.facts(
    chart.read(
        {"patient": answer(ME), **{key: answer(bundle()) for key in KEYS}, "conditions": answer(bundle(*MIXED))}, "p1"
    ),
    TODAY,
)
