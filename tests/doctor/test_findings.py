"""What the doctor finds at a site beyond the searches: local codes everywhere, drugs by reference, texts, cancers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B.conceptmap import ConceptMap

from fhir_mappings import code_maps, codes
from fhir_mappings.code_files import LocalCodesError
from tests.doctor.charts import BREAST, MARK, Person, coded, whole
from tests.doctor.conftest import Doctor, Said
from tests.doctor.test_misbehaving_server import KINDS, PATIENT, capabilities
from tests.fhir_stub import FhirServer, reply, searchset

LAB, PROBLEMS, ORDERS, ANSWERS = "urn:site:lab", "urn:site:problems", "urn:site:orders", "urn:site:answers"

PREGNANCY_TEST = codes.codings("lab_pregnancy_test")[0][1]


def serve(stub: FhirServer, person: Person) -> None:
    """All of a chart, whatever its types."""
    stub.answer("metadata", capabilities())
    for kind in {*KINDS, *(one["resourceType"] for one in person.resources)}:
        own = [one for one in person.resources if one["resourceType"] == kind]
        stub.answer(kind, own[0] if kind == "Patient" else searchset(*own))


def tenant(folder: Path, *more: str) -> tuple[str, str]:
    file = folder / "tenant.toml"
    lines = ('environment = "sandbox"', "[tenant]", 'name = "here"', "[fhir]", "timeout_seconds = 30.0", *more)
    file.write_text("\n".join(lines) + "\n")
    return "--tenant", str(file)


def unmapped(said: Said) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["element"], one["code"]): one for one in said.report["codes_not_mapped"]}


# Codes.


@pytest.mark.parametrize(
    ("element", "kind", "content"),
    [
        ("ImagingStudy.procedureCode", "ImagingStudy", {"procedureCode": [coded(ORDERS, "X1")]}),
        ("ImagingStudy.modality", "ImagingStudy", {"modality": [{"system": ORDERS, "code": "X1"}]}),
        ("ImagingStudy.modality", "ImagingStudy", {"series": [{"modality": {"system": ORDERS, "code": "X1"}}]}),
        ("ImagingStudy.bodySite", "ImagingStudy", {"series": [{"bodySite": {"system": ORDERS, "code": "X1"}}]}),
        ("Observation.valueCodeableConcept", "89247-1", {"valueCodeableConcept": coded(ANSWERS, "X1")}),
        ("Observation.interpretation", "89247-1", {"interpretation": [coded(ANSWERS, "X1")]}),
        ("Observation.valueCodeableConcept", PREGNANCY_TEST, {"valueCodeableConcept": coded(ANSWERS, "X1")}),
        ("Observation.bodySite", "2160-0", {"valueInteger": 1, "bodySite": coded(ANSWERS, "X1")}),
        (
            "Observation.valueCodeableConcept",
            "2160-0",
            {
                "component": [
                    {"code": coded("http://loinc.org", "89247-1"), "valueCodeableConcept": coded(ANSWERS, "X1")}
                ]
            },
        ),
    ],
)
def test_codes_within_resources_that_count(
    doctor: Doctor, stub: FhirServer, element: str, kind: str, content: dict[str, Any]
) -> None:
    person = whole()
    if kind == "ImagingStudy":
        person.add(kind, status="available", started="2026-11-01", **content)
    else:
        person.observation(coded("http://loinc.org", kind), **content)
    serve(stub, person)
    said = doctor(stub.url, "--patient", PATIENT)
    assert (element, "X1") in unmapped(said)
    answers = element in ("Observation.valueCodeableConcept", "Observation.interpretation")
    assert ("answers in codes that are not understood: 1" in said.report["gaps"]) == answers


def test_codes_that_say_nothing_and_need_not(doctor: Doctor, stub: FhirServer) -> None:
    """A laboratory's "high", DICOM's own modalities and body parts, and an ECOG grade that we know."""
    person = whole()
    high = coded("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "H")
    person.observation(coded("http://loinc.org", "2160-0"), 2.0, "mg/dL", interpretation=[high])
    person.observation(coded("http://loinc.org", "89247-1"), valueCodeableConcept=coded("http://loinc.org", "LA9623-5"))
    series = [{"modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "US"}}]
    series += [{"modality": {"code": "KO"}, "bodySite": {"code": "ABDOMEN"}}]
    person.add("ImagingStudy", status="available", started="2026-11-01", series=series)
    serve(stub, person)
    said = doctor(stub.url, "--patient", PATIENT)
    assert (said.code, unmapped(said)) == (0, {})


def test_a_local_answer_that_the_site_has_mapped_is_understood(
    doctor: Doctor, stub: FhirServer, tmp_path: Path
) -> None:
    element = {"code": "X1", "target": [{"code": "LA9623-5", "equivalence": "equivalent"}]}
    group = {"source": ANSWERS, "target": "http://loinc.org", "element": [element]}
    (tmp_path / "answers.json").write_text(
        json.dumps({"resourceType": "ConceptMap", "status": "active", "group": [group]})
    )
    serve(stub, whole().observation(coded("http://loinc.org", "89247-1"), valueCodeableConcept=coded(ANSWERS, "X1")))
    site = tenant(tmp_path, "[codes]", 'concept_maps = ["answers.json"]')
    said = doctor(stub.url, "--patient", PATIENT, *site)
    assert (said.code, unmapped(said)) == (0, {})


def test_a_local_code_that_is_mapped_to_what_is_never_read_from_there(
    doctor: Doctor, stub: FhirServer, tmp_path: Path
) -> None:
    element = {"code": "X1", "target": [{"code": "2160-0", "equivalence": "equivalent"}]}
    group = {"source": LAB, "target": "http://loinc.org", "element": [element]}
    (tmp_path / "labs.json").write_text(
        json.dumps({"resourceType": "ConceptMap", "status": "active", "group": [group]})
    )
    serve(stub, whole().condition(coded(LAB, "X1")))
    said = doctor(stub.url, "--patient", PATIENT, *tenant(tmp_path, "[codes]", 'concept_maps = ["labs.json"]'))
    assert said.report["local_codes_misplaced"] == [{"system": LAB, "code": "X1", "times": 1}]
    assert "local codes mapped to what is never read from their kind of resource: 1" in said.report["gaps"]


# The map to begin with.


@pytest.fixture
def mapped(doctor: Doctor, stub: FhirServer) -> dict[str, Any]:
    """The skeleton of a site with local codes of several kinds."""
    person = whole()
    for code, display in (("AP", "Alk Phos"), ("VITD", "Vitamin D 25-OH"), ("FRO", "Froth index")):
        person.observation(coded(LAB, code, display), 1, "1")
    for _ in range(2):
        person.condition(coded(PROBLEMS, "SPM", "Spinal metastasis"))
    person.add("ServiceRequest", status="active", intent="order", code=coded(ORDERS, "IMG1", "MRI whole spine"))
    person.condition(coded("http://snomed.info/sct", "38341003", "Hypertensive disorder"))
    person.condition({"coding": [{"code": "NOWHERE", "display": "Spinal metastasis"}]})
    person.condition(coded(PROBLEMS, "L" * 90, "Spinal metastasis"))
    serve(stub, person)
    found: dict[str, Any] = doctor(stub.url, "--patient", PATIENT).report["concept_map_to_decide_on"]
    return found


def test_the_map_suggests_and_decides_nothing(mapped: dict[str, Any]) -> None:
    found = {
        element["code"]: (
            group["source"],
            group.get("target"),
            [target["code"] for target in element.get("target", ())],
        )
        for group in mapped["group"]
        for element in group["element"]
    }
    assert found == {
        "AP": (LAB, "http://loinc.org", ["6768-6"]),
        "VITD": (LAB, "http://loinc.org", ["1989-3"]),
        "FRO": (LAB, None, []),
        "SPM": (PROBLEMS, "http://snomed.info/sct", ["94602001"]),
        "IMG1": (ORDERS, "http://loinc.org", ["42698-1"]),
    }
    targets = [target for group in mapped["group"] for one in group["element"] for target in one.get("target", ())]
    assert {target["equivalence"] for target in targets} == {"relatedto"}
    assert all(target["comment"].startswith("SUGGESTION") for target in targets)
    assert MARK not in json.dumps(mapped)


def test_the_map_is_valid_fhir(mapped: dict[str, Any]) -> None:
    assert ConceptMap.model_validate(mapped).status == "draft"
    assert fhirkit.validate(mapped) == []


def test_the_map_is_refused_until_a_person_has_decided(mapped: dict[str, Any]) -> None:
    suggested, alone = ([one for one in mapped["group"] if ("target" in one) is told] for told in (True, False))
    assert mapped["group"] == suggested + alone
    for groups, why in ((suggested, "'relatedto' is not safe to count as ours"), (alone, "target: is needed")):
        with pytest.raises(LocalCodesError, match=why):
            code_maps.read({"begun.json": json.dumps({**mapped, "group": groups}).encode()})
    decided = json.dumps({**mapped, "group": suggested}).replace('"relatedto"', '"equivalent"')
    read = code_maps.read({"decided.json": decided.encode()})
    assert read.ours[(PROBLEMS, "SPM")] == (("http://snomed.info/sct", "94602001"),)
    assert (LAB, "FRO") not in read.ours


# Drugs, texts, cancers, orders.


def prescribed() -> Person:
    person = whole()
    for name in ("m1", "m2", "elsewhere"):
        reference = {"reference": f"Medication/{name}"}
        person.add("MedicationRequest", status="active", intent="order", medicationReference=reference)
    return person


def test_drugs_by_reference_are_fetched_as_the_service_does(doctor: Doctor, stub: FhirServer) -> None:
    serve(stub, prescribed())
    zoledronate = coded("http://www.nlm.nih.gov/research/umls/rxnorm", "77655")
    known = [{"resourceType": "Medication", "id": name, "code": zoledronate} for name in ("m1", "m2")]
    stub.answer("Medication", searchset(*known))
    said = doctor(stub.url, "--patient", PATIENT)
    assert (said.query("medicines")["resources"], said.query("medicines")["verdict"]) == (2, "works, not declared")
    assert said.report["drugs_not_named"] == 1
    assert "drugs named only by a Medication that did not come: 1" in said.report["gaps"]
    rules = {one["rule"]: one for one in said.report["rules"]}
    assert "medications" in rules["bone_modifying_agent"]["knows_in_part"]  # as the service says of every such call
    assert said.query("medicationRequests")["verdict"].startswith("in part")
    assert any(line.startswith("medicationRequests: 1 of unknown drug") for line in said.report["gaps"])


def test_medications_that_may_not_be_had(doctor: Doctor, stub: FhirServer) -> None:
    serve(stub, prescribed())
    stub.answer("Medication", {}, status=403)
    said = doctor(stub.url, "--patient", PATIENT)
    medicines = said.query("medicines")
    assert (medicines["answered"], medicines["tried"]) == (0, 4)  # a search, and a read of each
    assert said.report["drugs_not_named"] == 3
    assert "medicines: HTTP 403 from the FHIR server (4x)" in said.report["gaps"]


def test_without_such_drugs_no_medication_is_asked_for(doctor: Doctor, stub: FhirServer) -> None:
    serve(stub, whole())
    said = doctor(stub.url, "--patient", PATIENT)
    assert "medicines" not in [one["key"] for one in said.report["queries"]]
    assert not [path for path, _ in stub.asked if "/Medication?" in path]


def report(number: int, **content: Any) -> dict[str, Any]:
    subject = {"reference": f"Patient/{PATIENT}"}
    return {"resourceType": "DiagnosticReport", "id": f"d{number}", "status": "final", "subject": subject, **content}


TEXTS_ON = ("[text]", "mentions = true")


def test_reports_are_counted_where_texts_are_read(doctor: Doctor, stub: FhirServer, tmp_path: Path) -> None:
    serve(stub, whole())
    said = [report(1, conclusion=f"{MARK} lesion"), report(2), report(3, conclusionCode=[coded("urn:x", "1")])]
    stub.answer(
        "DiagnosticReport", searchset(*said, {"resourceType": "DiagnosticReport", "id": "odd", "conclusion": 7})
    )
    on = doctor(stub.url, "--patient", PATIENT, *tenant(tmp_path, *TEXTS_ON))
    assert on.report["imaging_reports"] == {"read": 3, "with_a_conclusion": 2}
    text = doctor(stub.url, "--patient", PATIENT, *tenant(tmp_path, *TEXTS_ON), "--format", "text")
    assert "Imaging reports read: 3, of these with a conclusion: 2" in text.stdout
    off = doctor(stub.url, "--patient", PATIENT)
    assert off.report["imaging_reports"] is None
    assert "imagingReports" not in [one["key"] for one in off.report["queries"]]


def test_reports_without_conclusions_are_a_gap(doctor: Doctor, stub: FhirServer, tmp_path: Path) -> None:
    serve(stub, whole())
    stub.answer("DiagnosticReport", searchset(report(1), report(2, presentedForm=[{"contentType": "application/pdf"}])))
    said = doctor(stub.url, "--patient", PATIENT, *tenant(tmp_path, *TEXTS_ON))
    assert said.code == 1
    assert "imaging reports: 2 read and none with a conclusion, the only text that is searched" in said.report["gaps"]


def test_reports_that_may_not_be_read(doctor: Doctor, stub: FhirServer, tmp_path: Path) -> None:
    """Nothing else depends on them: it is a gap, named once, and no rule knows less."""
    serve(stub, whole())
    stub.answer("DiagnosticReport", {"resourceType": "OperationOutcome"}, status=403)
    said = doctor(stub.url, "--patient", PATIENT, *tenant(tmp_path, *TEXTS_ON))
    assert said.code == 1
    assert said.report["gaps"] == ["imagingReports: HTTP 403 from the FHIR server (1x)"]
    assert said.query("imagingReports")["verdict"] == "not supported"  # nor declared by the CapabilityStatement
    assert said.report["imaging_reports"] == {"read": 0, "with_a_conclusion": 0}
    assert not [rule for rule in said.report["rules"] if rule["could_never_know"] or rule["knows_in_part"]]


def test_the_headline_says_when_no_cancer_was_understood(doctor: Doctor, stub: FhirServer) -> None:
    person = whole()
    person.resources = [one for one in person.resources if one["resourceType"] != "Condition"]
    serve(
        stub, person.condition(coded(PROBLEMS, "C1", "Mamma-Ca")).condition(coded("http://snomed.info/sct", "38341003"))
    )
    said = doctor(stub.url, "--patient", PATIENT)
    assert said.report["patients_with_cancer_understood"] == 0
    assert said.report["gaps"][0] == (
        "no cancer was understood for any of the 1 patients tried: hardly any rule would speak for them"
    )
    text = doctor(stub.url, "--patient", PATIENT, "--format", "text").stdout
    assert text.splitlines()[0].endswith("NO CANCER WAS UNDERSTOOD for any of the 1 patients.")
    serve(stub, person.condition(BREAST))
    said = doctor(stub.url, "--patient", PATIENT)
    assert said.report["patients_with_cancer_understood"] == 1
    assert not any("no cancer" in gap for gap in said.report["gaps"])


def test_a_key_that_is_never_answered_in_full_is_known_in_part(doctor: Doctor, stub: FhirServer) -> None:
    serve(stub, whole())
    (procedure,) = [one for one in whole().resources if one["resourceType"] == "Procedure"]
    stub.answer("Procedure", {**searchset(procedure), "total": 30})
    said = doctor(stub.url, "--patient", PATIENT)
    rules = {one["rule"]: one for one in said.report["rules"]}
    assert "procedures" in rules["postoperative_radiotherapy"]["knows_in_part"]
    assert rules["postoperative_radiotherapy"]["could_never_know"] == []
    assert "procedures: only 1 of 30 came, and no link to the rest (1x)" in said.report["gaps"]


def test_something_else_than_was_asked_for_is_no_answer(doctor: Doctor, stub: FhirServer) -> None:
    """A server that ignores the type, or answers with its home page in FHIR."""
    serve(stub, whole())
    for answer in (searchset({**whole().resources[1], "id": "c"}), {"resourceType": "Bundle", "type": "history"}):
        stub.replies["ImagingStudy"] = reply(answer)
        said = doctor(stub.url, "--patient", PATIENT)
        assert (said.query("imaging")["verdict"], said.query("imaging")["answered"]) == ("failed", 0)


def test_epic_needs_codes_of_its_own_for_orders(doctor: Doctor, stub: FhirServer, tmp_path: Path) -> None:
    serve(stub, whole())
    epic = ("[client]", 'profile = "epic"')
    said = doctor(stub.url, "--patient", PATIENT, *tenant(tmp_path, *epic))
    assert "mri_whole_spine" in said.report["orders_without_a_code_of_the_ehr"]
    assert said.code == 1
    element = {"code": "1234", "target": [{"code": "42698-1", "equivalence": "equivalent"}]}
    system = "urn:com.epic.cdshooks.action.code.system.preference-list-item"
    group = {"source": system, "target": "http://loinc.org", "element": [element]}
    (tmp_path / "own.json").write_text(json.dumps({"resourceType": "ConceptMap", "status": "active", "group": [group]}))
    said = doctor(stub.url, "--patient", PATIENT, *tenant(tmp_path, *epic, "[codes]", 'concept_maps = ["own.json"]'))
    assert "mri_whole_spine" not in said.report["orders_without_a_code_of_the_ehr"]
    assert doctor(stub.url, "--patient", PATIENT).report["orders_without_a_code_of_the_ehr"] == []
