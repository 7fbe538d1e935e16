"""The doctor, the service and the FHIR client against a real FHIR server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cds_service import fhir_client
from cds_service.fhir_client import FhirAccess
from cds_service.hook_request import HookRequest
from fhir_mappings import chart
from fhir_mappings.answers import Given
from fhir_mappings.facts import facts
from fhir_mappings.patient_view import PREFETCH
from hooks import patient_view
from hooks.outcomes import Decision
from tests.doctor import charts, real_server
from tests.doctor.charts import MARK
from tests.doctor.conftest import Doctor
from tests.doctor.real_server import ROOT, TOKEN, RealServer
from tests.patients import shared_charts


def whole(kind: str) -> str:
    return f"{MARK}-{kind}"


def test_a_server_and_a_chart_without_fault(doctor: Doctor, real: RealServer) -> None:
    said = doctor(real.url, "--patient", whole("whole"))
    assert (said.code, said.report["gaps"], said.report["cannot_be_used"]) == (0, [], None)
    assert said.report["patients_tried"] == 1
    assert said.report["server"]["fhir_version"] == "4.0.1"
    queries = {one["key"]: one for one in said.report["queries"]}
    assert set(PREFETCH) < set(queries)
    assert {one["verdict"] for one in queries.values()} == {"supported"}
    assert all(one["declared"] and one["median_ms"] > 0 and one["resources"] > 0 for one in queries.values())
    assert said.report["resources_refused"] == {}
    assert said.report["codes_not_mapped"] == []


def test_a_chart_that_has_everything_wrong(doctor: Doctor, real: RealServer) -> None:
    said = doctor(real.url, "--patient", whole("messy"))
    report = said.report
    assert said.code == 1
    (first, *others) = report["codes_not_mapped"]
    assert (first["times"], first["element"], first["system"], first["code"]) == (
        3,
        "Observation.code",
        charts.LOCAL,
        "CA",
    )
    assert first["hint"]["value_set"] == "lab_calcium_total"
    hints = {one["display"]: one["hint"] for one in others}
    assert hints["Backache"]["value_set"] == "back_pain"
    assert hints["Froth index"] is None
    assert report["units_not_understood"] == [
        {"measurement": "creatinine", "unit": "umol", "times": 1},
        {"measurement": "creatinine", "unit": "(a unit in words)", "times": 1},
    ]
    assert report["in_words_only"]["Condition"] == {"count": 1, "of": 5, "share": 0.2}
    assert report["ignored_on_purpose"] == {
        "verification status entered-in-error": 1,
        "status preliminary": 1,
        "status not-done": 1,
    }
    assert report["drugs_not_named"] == 1
    assert any("unit" in gap for gap in report["gaps"])


def test_all_pages_of_a_long_problem_list(doctor: Doctor, real: RealServer) -> None:
    said = doctor(real.url, "--patient", whole("crowded"))
    conditions = said.query("conditions")
    assert (conditions["resources"], conditions["most_pages"], conditions["verdict"]) == (622, 2, "supported")


def test_patients_that_the_server_lists(doctor: Doctor, real: RealServer) -> None:
    assert doctor(real.url, "--patients", "3").report["patients_tried"] == 3
    everybody = doctor(real.url, "--patients", "50")
    assert everybody.report["patients_tried"] == 4
    assert everybody.query("conditions")["tried"] == 4


def test_the_text_says_the_same_in_words(doctor: Doctor, real: RealServer) -> None:
    said = doctor(real.url, "--format", "text")
    assert said.code == 1
    assert said.stdout.startswith("WORKS WITH GAPS")
    assert "Patients tried: 4." in said.stdout
    assert re.search(r"^  conditions +supported +yes +4/4 ", said.stdout, re.MULTILINE)
    assert "3x Observation.code: urn:site:lab|CA Calcium, serum" in said.stdout
    assert "for a person to judge; nothing is ever mapped by it" in said.stdout
    assert max(len(line) for line in said.stdout.splitlines()) < 200


def test_a_token_that_the_server_refuses(doctor: Doctor, real: RealServer) -> None:
    said = doctor(real.url, token="wrong")
    assert said.code == 2
    assert "HTTP 401" in said.report["cannot_be_used"]


def test_the_token_may_come_as_an_option(doctor: Doctor, real: RealServer) -> None:
    assert doctor(real.url, "--token", TOKEN, "--patient", whole("whole"), token=None).code == 0


def test_a_patient_who_is_not_there(doctor: Doctor, real: RealServer) -> None:
    said = doctor(real.url, "--patient", f"{MARK}-nobody")
    assert said.code == 2
    assert "patient: HTTP 404" in said.report["cannot_be_used"]


def test_local_codes_that_the_site_has_mapped(doctor: Doctor, real: RealServer, tmp_path: Path) -> None:
    """The site's own map is used as in the service, and searched for: what it maps is no longer foreign."""
    (tmp_path / "labs.json").write_text(
        '{"resourceType": "ConceptMap", "status": "active", "group": [{"source": "urn:site:lab", '
        '"target": "http://loinc.org", "element": [{"code": "CA", "target": '
        '[{"code": "17861-6", "equivalence": "equivalent"}]}]}]}'
    )
    tenant = tmp_path / "tenant.toml"
    tenant.write_text(
        'environment = "sandbox"\n[tenant]\nname = "here"\n[codes]\nconcept_maps = ["labs.json"]\n'
        "[fhir]\ntimeout_seconds = 29.0\n"
    )
    before = doctor(real.url, "--patient", whole("messy"))
    after = doctor(real.url, "--patient", whole("messy"), "--tenant", str(tenant))
    assert "CA" in [one["code"] for one in before.report["codes_not_mapped"]]
    assert "CA" not in [one["code"] for one in after.report["codes_not_mapped"]]
    assert after.query("laboratory")["resources"] == before.query("laboratory")["resources"] + 3
    assert after.report["budget_seconds"] == 29.0


def test_the_command_as_a_process_of_its_own(real: RealServer) -> None:
    """The token comes in a variable: it stands in no list of processes."""
    command = [
        sys.executable,
        "-m",
        "cds_service.cli",
        "doctor",
        "--fhir-server",
        real.url,
        "--patient",
        whole("whole"),
    ]
    environment = {**os.environ, "FHIR_ACCESS_TOKEN": TOKEN}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("FINE")
    assert TOKEN not in " ".join(command) + done.stdout


# The service's own client on the same server.


def completed(real: RealServer, patient_id: str, seconds: float = 20.0) -> dict[str, Any]:
    call = HookRequest("patient-view", "", patient_id, "Practitioner/1", None, {}, real.url, TOKEN, None, None)
    connections = fhir_client.connect()
    try:
        access = FhirAccess((real.url,), seconds, token_optional=False, max_bytes=20_000_000)
        return fhir_client.complete(call, PREFETCH, access, connections)
    finally:
        connections.close()


def test_every_template_is_answered(real: RealServer) -> None:
    found = completed(real, whole("whole"))
    assert set(found) == set(PREFETCH)
    assert all(isinstance(answer, Given) and answer.entries and not answer.shortfall() for answer in found.values())
    record = chart.read(found, whole("whole"), real.url)  # references are absolute on this server
    assert not record.refused
    assert len(record.kept) == len(charts.whole().resources) - 1  # all but the patient


def test_a_search_longer_than_any_url(real: RealServer) -> None:
    codes = ",".join(f"urn:x|{n}" for n in range(300))
    query = PREFETCH["laboratory"].replace("&code=", f"&code={codes},")
    call = HookRequest("patient-view", "", whole("whole"), "Practitioner/1", None, {}, real.url, TOKEN, None, None)
    connections = fhir_client.connect()
    access = FhirAccess((real.url,), 20.0, token_optional=False, max_bytes=20_000_000)
    server = fhir_client.asked(call, real.url, access, connections)
    fetched = fhir_client.fetch(call, {"laboratory": query}, server)["laboratory"]
    connections.close()
    assert fetched.methods == ("POST",)
    assert isinstance(fetched.answer, Given)
    assert len(fetched.answer.entries) == 2


@pytest.mark.shared_data
def test_charts_of_others_read_from_a_server_as_from_prefetch(tmp_path: Path) -> None:
    """What was stored and searched for gives the same decisions as what was handed over."""
    today, tried = date(2026, 11, 24), 0
    with real_server.running(tmp_path) as server:
        for shared in (one for one in shared_charts.all_charts() if one.folder == "mcode-trial-matching"):
            prefetch = shared.request["prefetch"]
            patient = prefetch["patient"]
            if patient["resourceType"] == "Bundle":  # so that the patient has an address, too
                patient = patient["entry"][0]["resource"]
            entries = [e["resource"] for key in PREFETCH if key != "patient" for e in prefetch[key]["entry"]]
            own = {(e["resourceType"], e["id"]): e for e in entries if "subject" in e and e.get("id")}
            for one in own.values():
                one["subject"] = {"reference": f"Patient/{patient['id']}"}  # a server knows no urn: references
            server.load(patient, *own.values())
            handed = {"patient": Given((entry(patient),)), "conditions": Given(tuple(map(entry, own.values())))}
            found = completed(server, patient["id"])
            fetched = patient_view.decide(facts(chart.read(found, patient["id"], server.url), today))
            given = patient_view.decide(facts(chart.read(handed, patient["id"]), today))
            assert [said(one) for one in fetched] == [said(one) for one in given]
            tried += 1
    assert tried


def said(decision: Decision) -> tuple[str, type]:
    return decision.rule, type(decision.outcome)


def entry(resource: dict[str, Any]) -> tuple[None, msgspec.Raw]:
    return None, msgspec.Raw(msgspec.json.encode(resource))
