"""Numbers, units and dates that cannot be meant: refused by name, the rest of the call answered."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cds_service import cli
from fhir_mappings import codes, dates, results, same_day
from hooks.facts import Facts
from hooks.questions import imaging, labs, neurology
from tests.mappings.charts import ICD, LNC, SUBJECT, bundle, coded, condition, facts, observation, quantity

CALCIUM, CREATININE, WEIGHT = (coded(LNC, code) for code in ("17861-6", "2160-0", "29463-7"))
PAIN, SCREEN = coded(LNC, "72514-3"), coded(LNC, "44261-6")
OURS = "urn:spine-cds:assessment"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NO_NUMBERS = ("NaN", "nan", "inf", "-Infinity")


def result(code: dict[str, Any], id: str = "o1", **more: Any) -> dict[str, Any]:
    return {**observation(code, **more), "id": id}


def drug(kind: str, **more: Any) -> dict[str, Any]:
    concept = coded(RXNORM, "77655")
    return {"resourceType": kind, "id": "m1", "subject": SUBJECT, "medicationCodeableConcept": concept, **more}


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize(
    ("code", "unit"), [(CALCIUM, "mg/dL"), (PAIN, "{score}"), (WEIGHT, "kg"), (coded(OURS, "life-expectancy"), "mo")]
)
def test_not_a_number_is_refused_by_name(code: Any, unit: str, value: str) -> None:
    found = facts(observation(code, valueQuantity=quantity(value, unit)))
    assert found.measurements == ()
    assert [line.partition(": ")[2].rpartition(": ")[2] for line in found.unreadable] == ["value not understood"]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_not_a_number_in_a_screen_a_score_a_component_a_limit_and_a_dose(value: str) -> None:
    screen = result(SCREEN, valueQuantity={"value": value})
    sins = result(coded(OURS, "sins"), "o2", valueQuantity={"value": value})
    panel = result(
        coded(LNC, "24323-8"),
        "o3",
        component=[{"code": CALCIUM, "valueQuantity": quantity(value, "mg/dL")}],
    )
    limited = result(
        CALCIUM, "o4", valueQuantity=quantity(9.0, "mg/dL"), referenceRange=[{"low": quantity(value, "mg/dL")}]
    )
    ordered = drug(
        "MedicationRequest",
        status="active",
        intent="order",
        dosageInstruction=[{"doseAndRate": [{"doseQuantity": quantity(value, "mg")}]}],
    )
    found = facts(screen, sins, panel, limited, ordered)
    assert found.assessments == ()
    assert [(m.source, m.low) for m in found.measurements] == [("Observation/o4", None)]
    assert [m.dose_mg for m in found.medications] == [None]
    assert {line.partition(":")[0] for line in found.unreadable} == {
        "Observation/o1",
        "Observation/o2",
        "Observation/o3",
        "MedicationRequest/m1",
    }


@pytest.mark.parametrize("value", ["inf", "NaN"])
def test_an_interval_that_is_no_number_is_no_interval(value: str) -> None:
    timing = {"repeat": {"frequency": 1, "period": value, "periodUnit": "wk"}}
    ordered = drug("MedicationRequest", status="active", intent="order", dosageInstruction=[{"timing": timing}])
    assert [(m.every_weeks, m.interval_unread) for m in facts(ordered).medications] == [(None, True)]


@pytest.mark.parametrize("value", ['"NaN"', '"inf"', "1e400", '"6,0"', "9" * 5000])
def test_the_command_line_answers_a_call_with_one_bad_number(value: str, tmp_path: Any, capsys: Any) -> None:
    bad = result(CALCIUM, valueQuantity={"value": 123454321, "unit": "mg/dL"})
    body = {
        "hook": "patient-view",
        "hookInstance": "5b1c2f0e-6f5d-4a38-9d0c-2f6a4f1e7a10",
        "context": {"userId": "Practitioner/d1", "patientId": "p1"},
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1960-05-05"},
            "conditions": bundle(condition(coded(ICD, "C50.9")), {**condition(coded(ICD, "C79.51")), "id": "c2"}),
            "laboratory": bundle(bad),
        },
    }
    path = tmp_path / "call.json"
    path.write_text(json.dumps(body).replace("123454321", value), encoding="utf-8")
    assert cli.main(["evaluate", str(path), "--as-of", "2026-11-24"]) == 0
    assert "Observation/o1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "value", "unit"),
    [
        (WEIGHT, 70000, "kg"),
        (WEIGHT, 600, "kg"),
        (CREATININE, 0.003, "mg/dL"),
        (CREATININE, 1e300, "mg/dL"),
        (CALCIUM, 930, "mg/dL"),
        (coded(LNC, "1995-0"), 99, "mmol/L"),
        (coded(LNC, "1751-7"), 0.4, "g/dL"),
        (coded(LNC, "1751-7"), 40, "g/dL"),
    ],
)
def test_seventy_tons_and_albumin_40_g_per_dl_are_not_plausible(code: Any, value: float, unit: str) -> None:
    found = facts(observation(code, valueQuantity=quantity(value, unit)))
    assert found.measurements == ()
    assert found.unreadable[0].endswith("not plausible")


def test_a_patient_born_in_1850_has_no_known_age() -> None:
    old = {"resourceType": "Patient", "id": "p1", "birthDate": "1850-01-01"}
    found = facts(patient=old)
    assert found.patient.age_years is None
    assert found.unreadable == ("Patient/p1: birth date not plausible",)


@pytest.mark.parametrize(("unit", "code"), [("mmol/L", "mg/dL"), ("mg/dL", "mmol/L"), ("g/L", "mg/dL")])
def test_a_printed_unit_that_contradicts_its_code_is_refused(unit: str, code: str) -> None:
    found = facts(observation(CALCIUM, valueQuantity=quantity(6.0, code) | {"unit": unit}))
    assert found.measurements == ()
    assert found.unreadable == ("Observation/o1: calcium: unit and code contradict each other",)


def test_two_spellings_of_one_unit_are_no_contradiction() -> None:
    alp = observation(coded(LNC, "6768-6"), valueQuantity=quantity(80, "[IU]/L") | {"unit": "U/L"})
    assert [m.value for m in facts(alp).measurements] == [Decimal(80)]


OLD = result(CALCIUM, "old", valueQuantity=quantity(9.3, "mg/dL"), effectiveDateTime="2026-11-20")


@pytest.mark.parametrize(
    "newer",
    [
        {"valueString": "6.0 mg/dL"},
        {"valueQuantity": {"value": "6,0", "unit": "mg/dL"}},
        {"valueQuantity": quantity(3.0, "meq/L")},
        {"dataAbsentReason": {"text": "error"}},
        {"valueQuantity": quantity(6.0, "mg/dL"), "effectiveDateTime": "24.11.2026"},
        {"valueQuantity": quantity(6.0, "mg/dL"), "effectiveDateTime": 20261124, "issued": "2026-11-10T08:00:00Z"},
    ],
)
def test_an_older_calcium_does_not_reassure_beside_a_newer_one_that_cannot_be_read(newer: dict[str, Any]) -> None:
    found = facts(OLD, result(CALCIUM, "new", **{"effectiveDateTime": "2026-11-22", **newer}))
    assert any(line.startswith("Observation/new") for line in found.unreadable)
    assert labs.stale(found.measurements[:1], Decimal(30), found)


def test_an_old_unreadable_result_does_not_age_a_newer_one() -> None:
    found = facts(OLD, result(CALCIUM, "older", valueString="normal", effectiveDateTime="2026-10-01"))
    assert found.doubtful == frozenset()
    assert not labs.stale(found.measurements, Decimal(30), found)


def graded(value: str, when: str, id: str, name: str = "frankel") -> dict[str, Any]:
    return result(coded(OURS, name), id, valueCodeableConcept=coded(OURS, value), effectiveDateTime=when)


@pytest.mark.parametrize("value", ["frankel-unknown", "frankel-abc", "frankel-<img src=x>", "ais-a", "FRANKEL-A"])
def test_only_grades_that_exist_count_and_the_last_good_one_no_longer_reassures(value: str) -> None:
    found = facts(graded("frankel-e", "2026-11-18", "f1"), graded(value, "2026-11-21", "f2"))
    assert [a.value for a in found.assessments] == ["frankel-e"]
    assert found.unreadable == ("Observation/f2: frankel: no value that the score can have",)
    assert not neurology.intact(found, Decimal(30))
    assert neurology.intact(facts(graded("frankel-e", "2026-11-18", "f1")), Decimal(30))


def test_the_grades_are_those_of_the_published_code_system() -> None:
    waiting = list(codes.code_systems()["assessment"]["concept"])
    published = {one["code"]: {part["code"] for part in one.get("concept", ())} for one in waiting}
    assert {name: set(grades) for name, grades in results.GRADES.items()} == {
        name: published[name] for name in ("escc", "frankel", "ais")
    }
    assert all(results.GRADES[name] == same_day.ORDER[name] for name in results.GRADES)


def tomorrow(**more: Any) -> Facts:
    return facts(
        result(CALCIUM, valueQuantity=quantity(9.3, "mg/dL"), **{"effectiveDateTime": "2026-11-25", **more}),
        {
            "resourceType": "ImagingStudy",
            "id": "mri",
            "status": "available",
            "subject": SUBJECT,
            "started": "2026-11-25",
            "modality": [{"code": "MR"}],
            "procedureCode": [coded(LNC, "42698-1")],
        },
        drug("MedicationAdministration", status="completed", effectiveDateTime="2026-11-25"),
        {
            "resourceType": "ServiceRequest",
            "id": "s1",
            "status": "completed",
            "intent": "order",
            "subject": SUBJECT,
            "code": coded(LNC, "42698-1"),
            "authoredOn": "2026-11-25",
        },
        condition(coded("http://snomed.info/sct", "249945007"), onsetDateTime="2026-11-25"),
    )


def test_nothing_of_tomorrow_reassures_and_a_weakness_of_tomorrow_counts() -> None:
    found = tomorrow()
    assert (found.measurements, found.imaging, found.medications, found.orders) == ((), (), (), ())
    assert [bool(one.onset) for one in found.findings] == [True]
    assert sorted(line.partition("/")[0] for line in found.unreadable) == [
        "ImagingStudy",
        "MedicationAdministration",
        "Observation",
        "ServiceRequest",
    ]


def test_tomorrow_morning_in_auckland_is_still_today_in_utc() -> None:
    assert tomorrow(effectiveDateTime="2026-11-25T07:00:00+13:00").measurements


def test_a_weakness_dated_2062_is_there_and_new() -> None:
    weak = condition(
        coded("http://snomed.info/sct", "249945007"), onsetDateTime="2026-01-01", recordedDate="2062-11-20"
    )
    found = facts(weak)
    assert found.unreadable == ("Condition/c1: dated in the future, the date is not used",)
    assert neurology.new_deficits(found, Decimal(30)) == found.findings


@pytest.mark.parametrize("end", ["2027-01-01", "n/a", "2026"])
def test_a_weakness_is_not_over_because_of_an_end_to_come_or_one_that_cannot_be_read(end: str) -> None:
    weak = condition(coded("http://snomed.info/sct", "249945007"), abatementDateTime=end)
    assert [f.status for f in facts(weak).findings] == ["active"]
    assert [f.status for f in facts(weak, as_of=date(2028, 1, 1)).findings] == ["active" if end == "n/a" else "past"]


def seen(started: str, onset: str) -> bool:
    """Does whole-spine MRI that started then answer for a weakness that began then?"""
    mri = {
        "resourceType": "ImagingStudy",
        "id": "mri",
        "status": "available",
        "subject": SUBJECT,
        "started": started,
        "modality": [{"code": "MR"}],
        "procedureCode": [coded(LNC, "42698-1")],
    }
    found = facts(mri, condition(coded("http://snomed.info/sct", "249945007"), onsetDateTime=onset))
    return bool(imaging.answered_by(found, found.findings[0], "MR"))


def test_legs_that_fail_in_the_evening_are_not_answered_by_the_mri_of_that_morning() -> None:
    assert not seen("2026-11-23T07:00:00Z", "2026-11-23T20:00:00Z")
    assert not seen("2026-11-23T21:30:00+02:00", "2026-11-23T20:00:00Z")
    assert seen("2026-11-23T21:00:00Z", "2026-11-23T20:00:00Z")
    assert seen("2026-11-23T07:00:00", "2026-11-23T20:00:00Z")  # without a zone the clock says nothing
    assert seen("2026-11-23", "2026-11-23T20:00:00Z")


def test_a_grade_without_a_date_does_not_make_a_new_one_an_old_one() -> None:
    undated = graded("frankel-c", "", "f2") | {"effectiveDateTime": None}
    found = facts(graded("frankel-c", "2026-11-20", "f1"), undated)
    assert [a.source for a in neurology.worse_grades(found, Decimal(30))] == ["Observation/f1"]


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20T25:61:00Z"])
def test_a_moment_at_the_end_of_the_calendar_voids_no_call(written: str) -> None:
    found = facts(
        observation(CALCIUM, valueQuantity=quantity(9.3, "mg/dL"), effectiveDateTime=written),
        result(CALCIUM, "o2", valueQuantity=quantity(9.4, "mg/dL"), effectiveDateTime=written),
        condition(coded("http://snomed.info/sct", "249945007"), onsetDateTime=written),
    )
    assert len(found.findings) == 1


@pytest.mark.parametrize("clock", ["99:99:99", "24:00:00", "garbage!", "10:00 00"])
def test_a_time_that_no_clock_shows_is_no_moment(clock: str) -> None:
    found = dates.when(f"2026-11-24T{clock}Z")
    assert found is not None
    assert (found.text, found.at) == ("2026-11-24", "")
