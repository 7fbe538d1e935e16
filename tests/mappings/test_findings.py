"""Conditions: status, certainty, history, family, site, dates."""

from __future__ import annotations

from typing import Any

import pytest

from hooks.questions import cancer
from tests.mappings.charts import ICD, SCT, coded, condition, facts, status

BREAST = coded(ICD, "C50.911")


@pytest.mark.parametrize(
    ("clinical", "expected"),
    [
        ("active", "active"),
        ("recurrence", "active"),
        ("relapse", "active"),
        ("inactive", "past"),
        ("remission", "past"),
        ("resolved", "past"),
        (None, "active"),
    ],
)
def test_clinical_status(clinical: str | None, expected: str) -> None:
    more = {"clinicalStatus": status(clinical)} if clinical else {}
    (finding,) = facts(condition(BREAST, **more)).findings
    assert finding.status == expected


def test_an_end_without_a_status_means_past() -> None:
    (finding,) = facts(condition(BREAST, abatementDateTime="2020-01-01")).findings
    assert finding.status == "past"


def test_an_active_status_wins_over_an_end_date() -> None:
    (finding,) = facts(condition(BREAST, clinicalStatus=status("active"), abatementDateTime="2020-01-01")).findings
    assert finding.status == "active"


@pytest.mark.parametrize(
    ("verification", "certain"),
    [
        ("confirmed", True),
        (None, True),
        ("unconfirmed", False),
        ("provisional", False),
        ("differential", False),
    ],
)
def test_verification_status(verification: str | None, certain: bool) -> None:
    more = {"verificationStatus": status(verification, "ver-status")} if verification else {}
    (finding,) = facts(condition(BREAST, **more)).findings
    assert finding.certain is certain


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error"])
def test_refuted_and_mistaken_entries_are_no_evidence(verification: str) -> None:
    assert facts(condition(BREAST, verificationStatus=status(verification, "ver-status"))).findings == ()


def test_a_history_code_is_past_cancer() -> None:
    found = facts(condition(coded(ICD, "Z85.3"), clinicalStatus=status("active")))
    assert cancer.any_cancer(found)
    assert not cancer.primaries(found)


@pytest.mark.parametrize("code", ["Z80.3", "Z80.42", "Z80.1"])
def test_family_history_is_nobodys_cancer(code: str) -> None:
    assert facts(condition(coded(ICD, code))).findings == ()


def test_family_history_wins_over_a_cancer_code_beside_it() -> None:
    both = {"coding": [*coded(ICD, "Z80.3")["coding"], *coded(SCT, "254837009")["coding"]]}
    assert facts(condition(both)).findings == ()


def test_a_family_member_history_resource_is_not_read() -> None:
    resource = {
        "resourceType": "FamilyMemberHistory",
        "id": "f",
        "patient": {"reference": "Patient/p1"},
        "condition": [{"code": BREAST}],
    }
    assert facts(resource).findings == ()


def test_c79_51_without_a_site_is_bone_and_not_spine() -> None:
    found = facts(condition(coded(ICD, "C79.51")))
    assert cancer.bone_metastases(found)
    assert not cancer.spinal_metastases(found)


@pytest.mark.parametrize("site", [coded(SCT, "64864005"), coded(SCT, "421060004"), coded(SCT, "122495006")])
def test_c79_51_with_a_spinal_site_is_spine(site: dict[str, Any]) -> None:
    assert cancer.spinal_metastases(facts(condition(coded(ICD, "C79.51"), bodySite=[site])))


def test_a_site_elsewhere_leaves_the_spine_unknown() -> None:
    found = facts(condition(coded(ICD, "C79.51"), bodySite=[coded(SCT, "71341001", "Femur")]))
    assert not cancer.spinal_metastases(found)


def test_every_coding_counts() -> None:
    several = {"coding": [{"system": "urn:local", "code": "1"}, {}, {"code": "C50.911"}, *BREAST["coding"]]}
    (finding,) = facts(condition(several)).findings
    assert finding.concepts == {"primary_breast"}


@pytest.mark.parametrize("code", [{"text": "breast cancer"}, {"coding": [{}]}, {}])
def test_text_alone_is_no_code(code: dict[str, Any]) -> None:
    assert facts(condition(code)).findings == ()


@pytest.mark.parametrize(
    ("written", "earliest", "latest"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("2026-02-03", "2026-02-03", "2026-02-03"),
        ("2026-02-03T23:30:00-05:00", "2026-02-03", "2026-02-03"),
        ("2026-02-03T23:30:00", "2026-02-03", "2026-02-03"),
        ("2026-02-03T23:30:00.123Z", "2026-02-03", "2026-02-03"),
    ],
)
def test_dates_of_any_precision(written: str, earliest: str, latest: str) -> None:
    (finding,) = facts(condition(BREAST, onsetDateTime=written)).findings
    assert finding.onset is not None
    assert (finding.onset.earliest.isoformat(), finding.onset.latest.isoformat()) == (earliest, latest)


@pytest.mark.parametrize(
    "written", ["soon", "2026-13-01", "2026-02-30", "26-02-03", "", "2026/02/03", "\uff12\uff10\uff12\uff16"]
)
def test_a_date_that_is_none_is_no_date(written: str) -> None:
    (finding,) = facts(condition(BREAST, onsetDateTime=written)).findings
    assert finding.onset is None


def test_an_onset_period_begins_the_finding() -> None:
    (finding,) = facts(condition(BREAST, onsetPeriod={"start": "2026-05-01", "end": "2026-06-01"})).findings
    assert finding.onset is not None
    assert finding.onset.text == "2026-05-01"


def test_a_finding_dated_in_the_future_stays_without_its_date_and_is_named() -> None:
    found = facts(condition(BREAST, onsetDateTime="2027-05-01", recordedDate="2026-11-02"))
    assert [(one.onset, one.recorded) for one in found.findings] == [(None, None)]
    assert found.unreadable == ("Condition/c1: dated in the future, the date is not used",)


def test_tomorrow_is_forgiven_since_zones_differ() -> None:
    assert facts(condition(BREAST, onsetDateTime="2026-11-25")).findings
