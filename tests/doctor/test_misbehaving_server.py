"""The doctor against servers that no vendor would admit to."""

from __future__ import annotations

import json
import re
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.patient_view import PREFETCH
from tests import fhir_stub
from tests.doctor.charts import MARK, Person, whole
from tests.doctor.conftest import Doctor
from tests.fhir_stub import FhirServer, Reply, reply, searchset

KINDS = sorted({query.partition("?")[0].partition("/")[0] for query in PREFETCH.values()})
PATIENT = f"{MARK}-whole"


def capabilities(**changes: Any) -> dict[str, Any]:
    types = [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": [{"name": "patient"}, {"name": "code"}],
        }
        for kind in KINDS
    ]
    rest = [{"mode": "server", "resource": types}]
    return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest, **changes}


@pytest.fixture
def healthy(stub: FhirServer) -> FhirServer:
    """Answers everything from the whole chart."""
    serve(stub, whole())
    return stub


def serve(stub: FhirServer, person: Person) -> None:
    stub.answer("metadata", capabilities())
    for kind in KINDS:
        own = [one for one in person.resources if one["resourceType"] == kind]
        stub.answer(kind, own[0] if kind == "Patient" else searchset(*own))


def test_a_stub_that_behaves(doctor: Doctor, healthy: FhirServer) -> None:
    said = doctor(healthy.url, "--patient", PATIENT)
    assert (said.code, said.report["gaps"]) == (0, [])
    assert all(headers["Authorization"].startswith("Bearer ") for _, headers in healthy.asked)


def test_a_search_that_is_not_supported(doctor: Doctor, healthy: FhirServer) -> None:
    statement = capabilities()
    types = statement["rest"][0]["resource"]
    statement["rest"][0]["resource"] = [one for one in types if one["type"] != "ImagingStudy"]
    healthy.answer("metadata", statement)
    healthy.answer("ImagingStudy", {"resourceType": "OperationOutcome"}, status=400)
    said = doctor(healthy.url, "--patient", PATIENT)
    assert said.code == 1
    imaging = said.query("imaging")
    assert (imaging["verdict"], imaging["declared"], imaging["not_declared"]) == (
        "not supported",
        False,
        ["ImagingStudy"],
    )
    assert imaging["problems"] == {"HTTP 400 from the FHIR server": 1}
    assert said.report["gaps"] == ["imaging: HTTP 400 from the FHIR server (1x)"]
    rules = {one["rule"]: one for one in said.report["rules"]}
    assert rules["follow_up_imaging"]["knows_in_part"] == ["imaging"]  # procedures and orders tell of it too
    assert rules["pain_team"]["could_never_know"] == []


def test_what_a_rule_could_never_know(doctor: Doctor, healthy: FhirServer) -> None:
    for kind in ("Observation", "ServiceRequest"):
        healthy.answer(kind, {}, status=403)
    rules = {one["rule"]: one for one in doctor(healthy.url, "--patient", PATIENT).report["rules"]}
    # It also asks whether an emergency speaks, and so reads what that reads.
    assert {"orders and referrals", "pain score"} <= set(rules["pain_team"]["could_never_know"])
    assert "creatinine" in rules["bone_agent_renal_dose"]["could_never_know"]
    assert rules["bone_agent_duplicate"]["could_never_know"] == []


def test_problems_in_local_codes_alone_are_a_gap(doctor: Doctor, healthy: FhirServer) -> None:
    problem = {"resourceType": "Condition", "id": "c1", "subject": {"reference": f"Patient/{PATIENT}"}}
    local = {"coding": [{"system": "urn:here", "code": "SPMET", "display": "Spinal metastasis"}]}
    healthy.answer("Condition", searchset(problem | {"code": local}))
    said = doctor(healthy.url, "--patient", PATIENT)
    assert said.code == 1
    assert "conditions: 1 read and none understood; are their codes local ones?" in said.report["gaps"]


def test_a_search_that_works_undeclared(doctor: Doctor, healthy: FhirServer) -> None:
    statement = capabilities()
    for one in statement["rest"][0]["resource"]:
        one["searchParam"] = [{"name": "_id"}]
    healthy.answer("metadata", statement)
    said = doctor(healthy.url, "--patient", PATIENT)
    assert said.code == 0
    laboratory = said.query("laboratory")
    assert (laboratory["verdict"], laboratory["not_declared"]) == ("works, not declared", ["patient", "code"])


def test_without_a_capability_statement(doctor: Doctor, healthy: FhirServer) -> None:
    for answer in (reply({}, 404), reply({"resourceType": "CapabilityStatement", "rest": "none"}), reply([])):
        healthy.replies["metadata"] = answer
        said = doctor(healthy.url, "--patient", PATIENT)
        assert said.code == 1
        assert said.query("conditions")["declared"] is None
        assert said.report["gaps"][0].startswith("CapabilityStatement: ")


@pytest.mark.parametrize("version", ["3.0.1", "5.0.0", "1.0.2", ""])
def test_another_version_of_fhir(doctor: Doctor, healthy: FhirServer, version: str) -> None:
    healthy.answer("metadata", capabilities(fhirVersion=version))
    said = doctor(healthy.url, "--patient", PATIENT)
    assert said.code == 2
    assert "not R4" in said.report["cannot_be_used"]


def test_r4b_will_do(doctor: Doctor, healthy: FhirServer) -> None:
    healthy.answer("metadata", capabilities(fhirVersion="4.3.0"))
    assert doctor(healthy.url, "--patient", PATIENT).code == 0


@pytest.mark.parametrize("kind", ["Patient", "Condition"])
def test_without_needed_data(doctor: Doctor, healthy: FhirServer, kind: str) -> None:
    healthy.answer(kind, {}, status=403)
    said = doctor(healthy.url, "--patient", PATIENT)
    assert said.code == 2
    assert "HTTP 403" in said.report["cannot_be_used"]


def test_slow_searches(doctor: Doctor, healthy: FhirServer, tmp_path: Path) -> None:
    tenant = tmp_path / "tenant.toml"
    tenant.write_text('environment = "sandbox"\n[tenant]\nname = "here"\n[fhir]\ntimeout_seconds = 4.0\n')
    imaging, procedures = healthy.replies["ImagingStudy"], healthy.replies["Procedure"]

    def after(seconds: float, given: Any) -> Any:
        def answer(_: BaseHTTPRequestHandler) -> Reply:
            time.sleep(seconds)
            return given

        return answer

    healthy.replies["ImagingStudy"] = after(4.2, imaging)
    healthy.replies["Procedure"] = after(2.2, procedures)
    said = doctor(healthy.url, "--patient", PATIENT, "--tenant", str(tenant))
    assert said.code == 1
    assert said.query("imaging")["slow"] == "too slow"
    assert said.query("procedures")["slow"] == "slow"
    assert said.query("conditions")["slow"] == ""
    assert "the budget of a whole call is 4000 ms" in said.report["gaps"][0]


def test_the_doctors_own_search_slows_none_of_the_services(doctor: Doctor, healthy: FhirServer) -> None:
    doctor(healthy.url, "--patient", PATIENT)
    last = healthy.asked[-1][0]
    assert last.startswith("/fhir/Observation?")
    assert "code=" not in last


def test_a_search_that_never_ends(doctor: Doctor, healthy: FhirServer) -> None:
    healthy.replies["Procedure"] = fhir_stub.silent
    said = doctor(healthy.url, "--patient", PATIENT, "--timeout", "1")
    assert said.query("procedures")["problems"] == {"timed out after 1 s": 1}
    assert said.code == 1


def test_a_next_link_that_leads_elsewhere(doctor: Doctor, healthy: FhirServer) -> None:
    with fhir_stub.running() as other:
        content = healthy.replies["Condition"][2]  # type: ignore[index] # a fixed reply here, no function
        page = json.loads(content)
        page["link"] = [{"relation": "next", "url": f"{other.url}/Condition?page=2"}]
        healthy.replies["Condition"] = reply(page)
        healthy.replies["Procedure"] = reply({}, 307, Location=f"{other.url}/Procedure")
        said = doctor(healthy.url, "--patient", PATIENT)
        assert other.asked == []
    assert said.code == 1
    assert said.query("conditions")["verdict"] == "in part"
    assert "leads to another server" in said.report["gaps"][0]
    assert said.query("procedures")["problems"] == {"HTTP 307 from the FHIR server": 1}


def test_a_server_that_refuses_post(doctor: Doctor, healthy: FhirServer, tmp_path: Path) -> None:
    """With many local codes the searches for observations grow too long for a URL."""
    element = [
        {"code": f"LOCAL-{n:04}", "target": [{"code": "17861-6", "equivalence": "equivalent"}]} for n in range(120)
    ]
    group = [{"source": "urn:site:lab", "target": "http://loinc.org", "element": element}]
    (tmp_path / "labs.json").write_text(json.dumps({"resourceType": "ConceptMap", "status": "active", "group": group}))
    tenant = tmp_path / "tenant.toml"
    tenant.write_text(
        'environment = "sandbox"\n[tenant]\nname = "here"\n[codes]\nconcept_maps = ["labs.json"]\n'
        "[fhir]\ntimeout_seconds = 30.0\n"
    )
    posted = doctor(healthy.url, "--patient", PATIENT, "--tenant", str(tenant))
    assert posted.query("laboratory")["method"] == "POST"
    assert not posted.query("laboratory")["post_refused"]
    assert posted.code == 0
    healthy.refuse_post = 405
    refused = doctor(healthy.url, "--patient", PATIENT, "--tenant", str(tenant))
    assert refused.query("laboratory")["post_refused"]
    assert refused.query("laboratory")["verdict"] == "supported"
    assert refused.code == 1


def test_a_busy_server_is_waited_for(doctor: Doctor, healthy: FhirServer) -> None:
    given, left = healthy.replies["Procedure"], [1]

    def answer(_: BaseHTTPRequestHandler) -> Reply:
        left[0] -= 1
        return reply({}, 429, Retry_After="1") if left[0] >= 0 else given  # type: ignore[return-value] # a fixed reply here, no function

    healthy.replies["Procedure"] = answer
    said = doctor(healthy.url, "--patient", PATIENT)
    assert said.code == 1
    assert (said.query("procedures")["verdict"], said.query("procedures")["waited_ms"]) == ("supported", 1000)
    assert said.report["gaps"] == [
        "procedures: too many requests or out of service 1 of 1 times; 1000 ms were waited, of the budget of each call"
    ]
    text = doctor(healthy.url, "--patient", PATIENT, "--format", "text").stdout
    assert "waited" not in text  # it is no longer busy


def test_too_many_requests_without_a_time_are_tried_once_more(doctor: Doctor, healthy: FhirServer) -> None:
    healthy.answer("Procedure", {}, status=429)
    said = doctor(healthy.url, "--patient", PATIENT)
    assert said.query("procedures")["problems"] == {"HTTP 429 from the FHIR server": 1}
    assert said.query("procedures")["waited_ms"] > 0
    assert sum("/Procedure" in path for path, _ in healthy.asked) == 2
    assert re.search(r"procedures +failed .* waited \d+ ms", doctor(healthy.url, "--format", "text").stdout)


def test_resources_of_others_and_of_nobody(doctor: Doctor, healthy: FhirServer) -> None:
    foreign = Person("other").condition({"text": MARK}).resources[1]
    nobody = {**foreign, "id": f"{MARK}-nobody"}
    del nobody["subject"]
    broken = {"resourceType": "Condition", "id": f"{MARK}-broken", "code": MARK}
    healthy.answer("Condition", searchset(*whole().resources[1:3], foreign, nobody, broken))
    said = doctor(healthy.url, "--patient", PATIENT)
    assert said.report["resources_refused"] == {
        "another patient or an unknown subject": 1,
        "no subject": 2,
        "code not understood": 1,
    }
    assert "resources refused: 4" in said.report["gaps"]


def test_searches_that_find_nothing_are_not_proven(doctor: Doctor, healthy: FhirServer) -> None:
    healthy.answer("Condition", {**searchset(), "total": 0})
    said = doctor(healthy.url, "--patient", PATIENT)
    assert said.code == 1
    assert said.query("conditions")["verdict"] == "found nothing"
    assert said.report["gaps"] == [
        "no cancer was understood for any of the 1 patients tried: hardly any rule would speak for them",
        "conditions: found nothing for anybody; a search that is ignored would look the same",
    ]


def test_no_patient_at_all(doctor: Doctor, healthy: FhirServer) -> None:
    healthy.answer("Patient", searchset())
    said = doctor(healthy.url)
    assert said.code == 2
    assert said.report["cannot_be_used"] == "no patient to try: the server lists none"


def test_a_list_that_holds_something_else_too(doctor: Doctor, healthy: FhirServer) -> None:
    """A resource that cannot be read, an outcome, and the answer for another patient than the one asked for."""
    someone = {**whole().resources[0], "id": f"{MARK}-someone"}
    broken = {"resourceType": "Patient", "id": [1]}
    outcome = {"resourceType": "OperationOutcome", "id": "o"}
    listed = reply(searchset(broken, outcome, whole().resources[0], someone))
    one = reply(whole().resources[0])
    healthy.replies["Patient"] = lambda handler: listed if "Patient?" in handler.path else one
    said = doctor(healthy.url)
    assert (said.code, said.report["patients_tried"]) == (1, 2)
    assert said.report["gaps"][0] == (
        "patient: the resource sent is not this patient's: nothing can be said of 1 patients"
    )


def test_a_list_of_patients_is_not_read_to_its_end(doctor: Doctor, healthy: FhirServer) -> None:
    page = searchset(whole().resources[0], following=f"{healthy.url}/Patient?page=2")
    one = reply(whole().resources[0])
    healthy.replies["Patient"] = lambda handler: one if f"Patient/{PATIENT}" in handler.path else reply(page)
    assert doctor(healthy.url).report["patients_tried"] == 1
    assert sum("Patient?" in path for path, _ in healthy.asked) == 1


def test_codes_are_printed_without_control_characters(doctor: Doctor, healthy: FhirServer) -> None:
    coding = {"system": "urn:x", "code": "A\u001b[31m", "display": "red\u0007 " + "x" * 500}
    person = whole().condition({"coding": [coding]})
    serve(healthy, person)
    said = doctor(healthy.url, "--patient", PATIENT, "--format", "text")
    assert "urn:x|A [31m red x" in said.stdout
    assert "\u001b" not in said.stdout
    assert "x" * 81 not in said.stdout


def test_a_server_that_is_not_there(doctor: Doctor) -> None:
    with fhir_stub.running() as gone:
        pass
    said = doctor(gone.url)
    assert said.code == 2
    assert said.report["cannot_be_used"] == "no patient to try: the FHIR server could not be reached"


@pytest.mark.parametrize(
    ("server", "options", "named"),
    [
        ("ehr.example.org", (), "--fhir-server"),
        ("https://user@ehr.example.org/fhir", (), "--fhir-server"),
        ("https://ehr.example.org/fhir?x=1", (), "--fhir-server"),
        ("http://ehr.example.org/fhir", (), "https when a token goes with it"),
        ("https://ehr.example.org/fhir", ("--patients", "0"), "--patients"),
        ("https://ehr.example.org/fhir", ("--patients", "101"), "--patients"),
        ("https://ehr.example.org/fhir", ("--timeout", "0"), "--timeout"),
        ("https://ehr.example.org/fhir", ("--timeout", "601"), "--timeout"),
        ("https://ehr.example.org/fhir", ("--token", "a b"), "token"),
        ("https://ehr.example.org/fhir", ("--patient", "../admin"), "--patient"),
        ("https://ehr.example.org/fhir", ("--patient", ""), "--patient"),
        ("https://ehr.example.org/fhir", ("--tenant", "/nowhere.toml"), "tenant file"),
    ],
)
def test_what_cannot_be_asked_for(doctor: Doctor, server: str, options: tuple[str, ...], named: str) -> None:
    said = doctor(server, *options)
    assert (said.code, said.stdout) == (2, "")
    (line,) = said.stderr.splitlines()
    assert named in line
