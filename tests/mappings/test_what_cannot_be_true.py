"""Corrections, deaths, dates and ends that cannot be true: none of them takes a card away or reassures."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from cds_service import situations
from cds_service.cli import evaluate
from cds_service.tenants import load_tenant
from tests.mappings.charts import LNC, ME, SCT, SUBJECT, TODAY, coded, condition, facts, observation, quantity, status

REPLACES = "http://hl7.org/fhir/StructureDefinition/observation-replaces"
CALCIUM, WEIGHT = coded(LNC, "17861-6"), coded(LNC, "29463-7")
WEAK, BREAST = coded(SCT, "249945007"), coded(SCT, "254837009")
CANNOT = "another result says that it replaces it, and cannot"
EARLY = "dated too early to be true"
SANDBOX = load_tenant(None)


def critical(chart: dict[str, Any], drafts: dict[str, Any] | None = None) -> set[str]:
    """Summaries of the critical cards when this chart is opened, up to the first colon."""
    body = {
        "hook": "patient-view",
        "hookInstance": "8a3c2b4e-0000-4000-8000-000000000001",
        "context": {"userId": "Practitioner/1", "patientId": "p1"},
        "prefetch": chart,
    }
    cards: Any = evaluate(json.dumps(body).encode(), SANDBOX, TODAY).cards
    return {card["summary"].partition(":")[0] for card in cards if card["indicator"] == "critical"}


def situation(name: str) -> dict[str, Any]:
    return situations.chart(name, "p1", TODAY)


def resources(chart: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in chart[key]["entry"]]


def add(chart: dict[str, Any], key: str, *more: dict[str, Any]) -> dict[str, Any]:
    chart[key]["entry"] += [{"resource": one} for one in more]
    chart[key].pop("total", None)
    return chart


def replacing(*names: str) -> dict[str, Any]:
    return {"extension": [{"url": REPLACES, "valueReference": {"reference": f"Observation/{name}"}} for name in names]}


def calcium(name: str, value: float, when: str | None, **more: Any) -> dict[str, Any]:
    return observation(CALCIUM, id=name, valueQuantity=quantity(value, "mg/dL"), effectiveDateTime=when, **more)


HYPERCALCAEMIA = {"Hypercalcaemic emergency"}
COMPRESSION = {"Call spine surgeon and radiation oncologist now, treat in 24 hours"}


class TestReplaced:
    """A result is replaced only by one that can be its correction."""

    @pytest.mark.parametrize("key", ["laboratory", "assessments"])
    def test_by_itself_it_is_not(self, key: str) -> None:
        name, kept = {
            "laboratory": ("high_calcium", HYPERCALCAEMIA),
            "assessments": ("confirmed_compression", COMPRESSION),
        }[key]
        chart = situation(name)
        for one in resources(chart, key):
            one |= replacing(f"{one['id']}/_history/1")
        assert critical(situation(name)) == critical(chart) == kept

    def test_by_a_weight_of_years_ago_it_is_not(self) -> None:
        weight = observation(WEIGHT, id="w", effectiveDateTime="2019-01-01", valueQuantity=quantity(60, "kg"))
        chart = add(situation("high_calcium"), "laboratory", weight | replacing("calcium", "albumin"))
        assert critical(chart) == HYPERCALCAEMIA

    @pytest.mark.parametrize("when", ["2019-01-01", "2062-01-01", "0001-01-01", None])
    def test_by_a_calm_one_of_years_ago_of_the_future_or_of_no_date_it_is_not(self, when: str | None) -> None:
        calm = calcium("calm", 9.3, when, **replacing("calcium"))
        assert critical(add(situation("high_calcium"), "laboratory", calm)) == HYPERCALCAEMIA

    def test_of_two_that_replace_each_other_both_count(self) -> None:
        chart = situation("high_calcium")
        first = resources(chart, "laboratory")[0]
        twin = {**first, "id": "twin", **replacing(first["id"])}
        first |= replacing("twin")
        assert critical(add(chart, "laboratory", twin)) == HYPERCALCAEMIA

    def test_of_a_ring_all_count_and_of_a_chain_the_last(self) -> None:
        ring = [calcium(f"o{n}", 9 + n, "2026-11-20", **replacing(f"o{(n + 1) % 3}")) for n in range(3)]
        assert {one.source[-2:] for one in facts(*ring).measurements} == {"o0", "o1", "o2"}
        ring[2].pop("extension")
        assert [one.source[-2:] for one in facts(*ring).measurements] == ["o0"]

    def test_a_claim_that_cannot_be_is_named_and_the_value_does_not_reassure(self) -> None:
        old = calcium("old", 14, "2026-11-01", **replacing("o1"))
        found = facts(calcium("o1", 9.3, "2026-11-20"), old)
        assert [one.source for one in found.measurements] == ["Observation/o1", "Observation/old"]
        assert found.unreadable == (f"Observation/o1: calcium: {CANNOT}",)
        assert found.doubtful == {"calcium"}

    @pytest.mark.parametrize("days", [("2026-11-10", "2026-11-20"), ("2026-11-20", "2026-11-10")])
    def test_a_version_that_cannot_be_replaced_keeps_all_that_nobody_can_order(self, days: tuple[str, str]) -> None:
        versions = [calcium("o1", 14, day, status=word) for day, word in zip(days, ("final", "amended"), strict=True)]
        found = facts(*versions, calcium("new", 9.3, "2026-11-15", **replacing("o1")))
        assert [one.value for one in found.measurements] == [14, Decimal("9.3"), 14]
        assert found.doubtful == {"calcium"}

    def test_a_claim_upon_itself_is_only_an_older_version(self) -> None:
        found = facts(calcium("o1", 9.3, "2026-11-20", **replacing("o1")))
        assert (found.unreadable, found.doubtful) == ((), frozenset())

    def test_a_correction_may_correct_the_day_if_it_was_issued_since(self) -> None:
        new = calcium("new", 14, "2026-11-19", issued="2026-11-21T08:00:00Z", **replacing("o1"))
        found = facts(calcium("o1", 9.3, "2026-11-20"), new)
        assert [one.source for one in found.measurements] == ["Observation/new"]
        assert found.unreadable == ()

    def test_nor_is_it_by_one_of_that_morning(self) -> None:
        calm = calcium("calm", 9.3, "2026-11-20T07:00:00Z", **replacing("o1"))
        assert len(facts(calcium("o1", 14, "2026-11-20T14:00:00Z"), calm).measurements) == 2
        assert len(facts(calcium("o1", 14, "2026-11-20"), calm).measurements) == 1

    @pytest.mark.parametrize("when", [None, "2062-01-01", "0001-01-01"])
    def test_what_has_no_date_that_can_be_is_replaced(self, when: str | None) -> None:
        found = facts(calcium("o1", 9.3, when), calcium("new", 14, "2026-11-19", **replacing("o1")))
        assert [one.source for one in found.measurements] == ["Observation/new"]
        assert found.doubtful == frozenset()


class TestDeath:
    """Software writes its smallest date where there is none."""

    @pytest.mark.parametrize("text", ["0001-01-01", "0001-01-01T00:00:00Z", "0001", "1900-01-01", "1899-12-30"])
    @pytest.mark.parametrize("born", ["1961-02-18", None, "2062-01-01"])
    def test_before_birth_or_on_the_smallest_date_is_none_and_named(self, text: str, born: str | None) -> None:
        chart = situation("confirmed_compression")
        chart["patient"] |= {"deceasedDateTime": text, "birthDate": born}
        assert critical(chart) == COMPRESSION
        found = facts(patient={**ME, "birthDate": born, "deceasedDateTime": text})
        assert "Patient/p1: the date of death is too early to be true" in found.unreadable

    @pytest.mark.parametrize(("born", "died"), [("1961-02-18", "1961"), ("1961", "1961-01-01"), (None, "1900-01-02")])
    def test_what_may_be_is_believed(self, born: str | None, died: str) -> None:
        assert facts(patient={**ME, "birthDate": born, "deceasedDateTime": died}).patient.deceased

    def test_a_death_between_1900_and_birth_is_none(self) -> None:
        assert not facts(patient={**ME, "deceasedDateTime": "1959-12-31"}).patient.deceased


class TestDates:
    """Before birth nothing was found, measured or done."""

    @pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "1959-12-31"])
    def test_a_finding_stays_without_its_date_and_is_named(self, day: str) -> None:
        found = facts(condition(WEAK, onsetDateTime=day))
        assert [(one.onset, one.recorded) for one in found.findings] == [(None, None)]
        assert found.unreadable == (f"Condition/c1: {EARLY}, the date is not used",)

    @pytest.mark.parametrize("key", ["onsetDateTime", "recordedDate"])
    def test_of_two_dates_the_one_that_can_be_is_used(self, key: str) -> None:
        good = "recordedDate" if key == "onsetDateTime" else "onsetDateTime"
        (found,) = facts(condition(WEAK, **{key: "0001-01-01", good: "2020-05-05"})).findings
        assert found.when is not None
        assert found.when.text == "2020-05-05"

    def test_a_smallest_date_as_onset_does_not_make_the_emergency_old(self) -> None:
        chart = situation("suspected_compression")
        expected = critical(chart)
        for one in resources(chart, "conditions"):
            one |= {"onsetDateTime": "0001-01-01"}
        assert expected
        assert critical(chart) == expected

    def test_an_import_that_asserts_on_the_smallest_date_is_as_new_as_its_recording(self) -> None:
        url = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
        asserted = {"extension": [{"url": url, "valueDateTime": "0001-01-01"}]}
        (found,) = facts(condition(WEAK, recordedDate="2026-11-20", **asserted)).findings
        assert found.recorded is not None
        assert found.recorded.text == "2026-11-20"

    def test_an_end_on_the_problem_list_does_not_answer_for_a_diagnosis_of_the_smallest_date(self) -> None:
        category = "http://terminology.hl7.org/CodeSystem/condition-category"
        over = condition(
            WEAK,
            id="over",
            category=[coded(category, "problem-list-item")],
            clinicalStatus=status("resolved"),
            abatementDateTime="2020-01-01",
        )
        visit = condition(WEAK, category=[coded(category, "encounter-diagnosis")], onsetDateTime="0001-01-01")
        assert {one.source: one.status for one in facts(over, visit).findings} == {
            "Condition/over": "past",
            "Condition/c1": "active",
        }

    def test_a_result_stays_without_its_date_and_puts_the_older_ones_in_doubt(self) -> None:
        found = facts(calcium("o1", 14, "0001-01-01"), calcium("old", 9.3, "2026-11-20"))
        assert [(one.source, one.when is None) for one in found.measurements] == [
            ("Observation/old", False),
            ("Observation/o1", True),
        ]
        assert found.unreadable == (f"Observation/o1: calcium: {EARLY}, the date is not used",)
        assert found.doubtful == {"calcium"}

    def test_a_grade_of_the_smallest_date_is_taken_as_new(self) -> None:
        chart = situation("confirmed_compression")
        for one in resources(chart, "assessments"):
            one |= {"effectiveDateTime": "0001-01-01"}
        assert critical(chart) == COMPRESSION

    def test_imaging_orders_and_drugs_do_not_count_and_radiotherapy_stays_without_its_date(self) -> None:
        mri, day = coded(LNC, "42698-1"), "0001-01-01"
        drug = {"medicationCodeableConcept": coded("http://www.nlm.nih.gov/research/umls/rxnorm", "77655")}
        found = facts(
            *(
                {"resourceType": kind, "id": "x", "subject": SUBJECT, "intent": "order", **more}
                for kind, more in (
                    ("ImagingStudy", {"status": "available", "started": day, "procedureCode": [mri]}),
                    ("ServiceRequest", {"status": "active", "authoredOn": day, "code": mri}),
                    ("MedicationRequest", {"status": "active", "authoredOn": day, **drug}),
                    ("MedicationAdministration", {"status": "completed", "effectiveDateTime": day, **drug}),
                    (
                        "Procedure",
                        {
                            "status": "completed",
                            "performedDateTime": day,
                            "code": coded("http://www.ama-assn.org/go/cpt", "77435"),
                        },
                    ),
                )
            )
        )
        assert (found.imaging, found.orders, found.medications) == ((), (), ())
        assert [one.when for one in found.procedures] == [None]
        assert set(found.unreadable) == {
            f"ImagingStudy/x: {EARLY}",
            f"ServiceRequest/x: {EARLY}",
            f"MedicationRequest/x: {EARLY}",
            f"MedicationAdministration/x: {EARLY}",
            f"Procedure/x: {EARLY}, the date is not used",
        }


class TestEnds:
    """A problem without a status is over only by an end that can be."""

    BAD = (
        {"onsetDateTime": "2026-11-20", "abatementDateTime": "2019-01-01"},
        {"onsetDateTime": "2026-11-20", "abatementPeriod": {"end": "0001-01-01"}},
        {"recordedDate": "2026-11-20", "abatementDateTime": "2026-11-19"},
        {"abatementDateTime": "0001-01-01"},
        {"abatementDateTime": "1950-01-01"},
    )

    @pytest.mark.parametrize("dates", BAD)
    def test_an_end_before_the_beginning_is_none(self, dates: dict[str, Any]) -> None:
        assert [one.status for one in facts(condition(WEAK, **dates)).findings] == ["active"]

    @pytest.mark.parametrize("dates", BAD)
    @pytest.mark.parametrize("word", ["resolved", "inactive"])
    def test_a_status_that_says_so_needs_no_end(self, dates: dict[str, Any], word: str) -> None:
        found = facts(condition(WEAK, clinicalStatus=status(word), **dates)).findings
        assert [one.status for one in found] == ["past"]

    @pytest.mark.parametrize(
        "dates",
        [
            {"onsetDateTime": "2019-01-01", "abatementDateTime": "2019-01-01"},
            {"onsetDateTime": "2019-05", "abatementDateTime": "2019"},
            {"onsetDateTime": "2019-01-01", "abatementDateTime": "2019-03-01", "recordedDate": "2026-11-20"},
        ],
    )
    def test_an_end_that_may_be_counts(self, dates: dict[str, Any]) -> None:
        assert [one.status for one in facts(condition(WEAK, **dates)).findings] == ["past"]

    def test_the_card_stays(self) -> None:
        chart = situation("suspected_compression")
        expected = critical(chart)
        for one in resources(chart, "conditions"):
            one.pop("clinicalStatus")
            one["abatementDateTime"] = "2010-01-01"
        assert expected
        assert critical(chart) == expected
