"""Uncoded text over HTTP: off unless the site switched it on, then one line on the closing card and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import RunningServer, call_body, serving

from cds_service import cli, services
from fhir_mappings import idea_search
from fhir_mappings.text_mentions import REPORTS

SITE = 'environment = "sandbox"\n[tenant]\nname = "here"\n[cors]\nallowed_origins = ["loopback"]\n'
ON = SITE + "[text]\nmentions = true\n"
PATIENT = services.BY_ID["spine-patient-view"]
WORDS = "Zebedee has metastases in the thoracic spine"


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of a site that has switched text on."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "tenant.toml").write_text(ON)
    with serving(folder, "--tenant", str(folder / "tenant.toml")) as running:
        yield running


def without_cancer(*problems: dict[str, Any], reports: Any = None) -> dict[str, Any]:
    """A call about a patient with nothing coded, and every other search answered."""
    body = call_body()
    patient = body["prefetch"]["patient"]
    subject = {"reference": f"Patient/{patient['id']}"}
    today = date.today().isoformat()
    entries = [
        {"resource": {"resourceType": "Condition", "id": f"c{n}", "subject": subject, "recordedDate": today, **one}}
        for n, one in enumerate(problems)
    ]
    body["prefetch"] = dict.fromkeys(PATIENT.prefetch) | {
        "patient": patient,
        "conditions": {"resourceType": "Bundle", "type": "searchset", "entry": entries},
        REPORTS: reports,
    }
    return body


def cards(server: RunningServer, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = server.post(body)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["cards"]
    return found


def test_off_by_default(server: RunningServer) -> None:
    discovered = server.get("/cds-services").json()["services"]
    assert all(REPORTS not in service["prefetch"] for service in discovered)
    assert cards(server, without_cancer({"code": {"text": WORDS}})) == []


def test_on_the_search_is_advertised(reading: RunningServer) -> None:
    for service in reading.get("/cds-services").json()["services"]:
        assert service["prefetch"][REPORTS].startswith("DiagnosticReport?patient={{context.patientId}}&category=")


def test_an_uncoded_metastasis_is_one_line_in_our_words(reading: RunningServer) -> None:
    (card,) = cards(reading, without_cancer({"code": {"text": WORDS}}))
    assert card["summary"] == "Not assessed (spine metastasis): text without codes to review"
    assert card["indicator"] == "info"
    today = date.today().isoformat()
    assert (
        f"uncoded mention of spinal metastasis or suspicious lesion (Condition/c0, {today}): please code or review"
        in card["detail"]
    )
    assert "Zebedee" not in str(card) + reading.written()
    assert "suggestions" not in card


def test_a_denied_one_is_nothing(reading: RunningServer) -> None:
    assert cards(reading, without_cancer({"code": {"text": "No spinal metastases"}})) == []


def test_an_impression_of_a_report(reading: RunningServer) -> None:
    body = without_cancer()
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "subject": {"reference": f"Patient/{body['prefetch']['patient']['id']}"},
        "conclusion": "IMPRESSION:\n1. No cord compression.\n2. New T8 metastasis.",
        "effectiveDateTime": date.today().isoformat(),
    }
    body["prefetch"][REPORTS] = {"resourceType": "Bundle", "entry": [{"resource": report}]}
    (card,) = cards(reading, body)
    assert "spinal metastasis or suspicious lesion (DiagnosticReport/r1" in card["detail"]
    assert "cord compression" not in card["detail"]


@pytest.mark.parametrize("lost", [None, "laboratory", "procedures"])
def test_the_other_cards_stay_as_they_are(server: RunningServer, reading: RunningServer, lost: str | None) -> None:
    body = call_body()
    body["prefetch"].pop(lost, None)
    off, on = cards(server, body), cards(reading, body)
    if off[-1]["source"]["topic"]["code"] == "notAssessed":
        line = "\n\n**Text without codes**\n- imaging report texts: not available"
        assert line in on[-1]["detail"]
        on[-1] |= {"summary": off[-1]["summary"], "detail": on[-1]["detail"].replace(line, "")}
        on[-1]["uuid"] = off[-1]["uuid"]  # which depends on what the card says
    assert list(map(without_address, on[: len(off)])) == list(map(without_address, off))


def without_address(card: dict[str, Any]) -> dict[str, Any]:
    """Links name the server that answered."""
    return {key: value for key, value in card.items() if key != "links"}


def test_reports_that_could_not_be_had_are_in_the_audit_line(reading: RunningServer) -> None:
    body = without_cancer({"code": {"text": WORDS}})
    del body["prefetch"][REPORTS]
    cards(reading, body)
    assert REPORTS in reading.audit_lines()[-1]["unavailable"]


def test_start_up_is_refused_without_the_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(idea_search.util, "find_spec", lambda name: None)
    (tmp_path / "tenant.toml").write_text(ON)
    assert cli.main(["serve", "--tenant", str(tmp_path / "tenant.toml")]) == 2
    said = capsys.readouterr().err
    assert said == (
        "cds-service: text.mentions: the negation library is not installed; "
        "install the extra, as in pip install 'spine-cds[text]'\n"
    )
    (tmp_path / "call.json").write_text("{}")
    assert cli.main(["evaluate", str(tmp_path / "call.json"), "--tenant", str(tmp_path / "tenant.toml")]) == 2
