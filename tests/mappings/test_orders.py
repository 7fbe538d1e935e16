"""Imaging, orders, procedures, drugs: what was done, what is planned, what was never meant to be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings import chart
from fhir_mappings import facts as mapping
from hooks.facts import Facts
from hooks.questions import bone_agents, imaging
from tests.mappings.charts import LNC, ME, SCT, SUBJECT, TODAY, answer, bundle, coded, facts, quantity

DCM = "http://dicom.nema.org/resources/ontology/DCM"
RXN, HCPCS, CPT = (
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "http://www.ama-assn.org/go/cpt",
)
WHOLE = coded(LNC, "42698-1")
LUMBAR = coded(LNC, "24968-0")


def resource(kind: str, name: str = "x", **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": name, "subject": SUBJECT, **more}


def order(code: Any, **more: Any) -> dict[str, Any]:
    return resource("ServiceRequest", status="active", intent="order", code=code) | more


def drug(**more: Any) -> dict[str, Any]:
    base = {"status": "active", "intent": "order", "medicationCodeableConcept": coded(RXN, "77655")}
    return resource("MedicationRequest", **{**base, **more})


def study(**more: Any) -> dict[str, Any]:
    return resource("ImagingStudy", **{"status": "available", "started": "2026-11-20", **more})


@pytest.mark.parametrize(
    ("more", "regions"),
    [
        ({"modality": [{"system": DCM, "code": "MR"}], "procedureCode": [WHOLE]}, {"whole"}),
        ({"modality": [{"code": "MR"}], "procedureCode": [LUMBAR]}, {"lumbar"}),
        ({"procedureCode": [coded(CPT, "72148")]}, {"lumbar"}),
        (
            {"series": [{"modality": {"system": DCM, "code": "MR"}, "bodySite": {"system": SCT, "code": "122495006"}}]},
            {"thoracic"},
        ),
        ({"series": [{"modality": {"code": "MR"}, "bodySite": {"code": "CSPINE"}}]}, {"cervical"}),
        ({"series": [{"modality": {"code": "MR"}, "bodySite": {"system": SCT, "code": "65985001"}}]}, {"sacral"}),  # S1
        ({"modality": [{"code": "MR"}], "description": "MRI WHOLE SPINE"}, set()),
    ],
)
def test_an_mr_study_and_its_region_from_codes_alone(more: dict[str, Any], regions: set[str]) -> None:
    (found,) = facts(study(**more)).imaging
    assert (found.modality, found.regions) == ("MR", regions)


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "registered", "unknown"])
def test_a_study_that_was_not_made_is_none(status: str) -> None:
    assert facts(study(status=status, modality=[{"code": "MR"}])).imaging == ()


def test_a_completed_procedure_or_order_is_imaging_too() -> None:
    found = facts(
        resource("Procedure", "p", status="completed", code=WHOLE, performedDateTime="2026-11-02"),
        order(LUMBAR, status="completed", authoredOn="2026-11-03", id="s"),
    )
    assert [(i.source, i.regions) for i in found.imaging] == [
        ("ServiceRequest/s", {"lumbar"}),
        ("Procedure/p", {"whole"}),
    ]


@pytest.mark.parametrize(
    ("more", "pending"),
    [
        ({}, True),
        ({"status": "draft"}, True),
        ({"status": "on-hold"}, False),
        ({"status": "revoked"}, False),
        ({"status": "entered-in-error"}, False),
        ({"intent": "proposal"}, False),
        ({"intent": "option"}, False),
        ({"doNotPerform": True}, False),
        ({"status": "completed"}, False),
    ],
)
def test_which_orders_are_placed(more: dict[str, Any], pending: bool) -> None:
    assert bool(imaging.pending_whole_spine_mri(facts(order(WHOLE, **more)))) is pending


def test_an_active_prohibition_of_mri_is_a_recorded_contraindication() -> None:
    found = facts(order(WHOLE, doNotPerform=True))
    assert imaging.mri_contraindicated(found)
    assert not imaging.mri_contraindicated(facts(order(WHOLE, doNotPerform=True, status="revoked")))


@pytest.mark.parametrize(
    ("more", "milligrams"),
    [
        ({"dosageInstruction": [{"doseAndRate": [{"doseQuantity": quantity(4, "mg")}]}]}, Decimal(4)),
        ({"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 4, "unit": "mg"}}]}]}, Decimal(4)),
        ({"dosageInstruction": [{"doseAndRate": [{"doseQuantity": quantity(100, "mL")}]}]}, None),
        ({"dosageInstruction": [{"text": "4 mg"}]}, None),
        ({"medicationCodeableConcept": coded(RXN, "1114085")}, Decimal(4)),
        ({}, None),
        (
            {
                "dosageInstruction": [
                    {"doseAndRate": [{"doseQuantity": quantity(4, "mg")}, {"doseQuantity": quantity(3, "mg")}]}
                ]
            },
            None,
        ),
    ],
)
def test_the_dose_is_read_and_never_assumed(more: dict[str, Any], milligrams: Decimal | None) -> None:
    (found,) = facts(drug(**more)).medications
    assert found.dose_mg == milligrams


def test_60_and_120_mg_of_denosumab_are_told_apart() -> None:
    syringe = drug(id="a", medicationCodeableConcept=coded(RXN, "993452"))
    oncology = drug(
        id="b",
        medicationCodeableConcept=coded(RXN, "993449"),
        dosageInstruction=[{"doseAndRate": [{"doseQuantity": quantity(120, "mg")}]}],
    )
    low = {m.source: bone_agents.is_low_dose_denosumab(m) for m in facts(syringe, oncology).medications}
    assert low == {"MedicationRequest/a": True, "MedicationRequest/b": False}


@pytest.mark.parametrize("reference", ["Medication/m1", "https://ehr.example.org/fhir/Medication/m1", "#in"])
def test_a_drug_may_stand_in_another_resource(reference: str) -> None:
    request = drug(
        medicationReference={"reference": reference},
        contained=[{"resourceType": "Medication", "id": "in", "code": coded(RXN, "77655")}],
    )
    del request["medicationCodeableConcept"]
    medicine = {"resourceType": "Medication", "id": "m1", "code": coded(RXN, "77655")}
    (found,) = facts(medicine, request).medications
    assert found.concepts == {"zoledronic_acid"}


def test_a_drug_that_cannot_be_found_is_no_drug() -> None:
    request = drug(medicationReference={"reference": "Medication/gone"})
    del request["medicationCodeableConcept"]
    assert facts(request).medications == ()


@pytest.mark.parametrize("status", ["not-done", "entered-in-error", "stopped", "unknown"])
def test_an_infusion_that_was_not_given_is_none(status: str) -> None:
    given = resource("MedicationAdministration", status=status, medicationCodeableConcept=coded(RXN, "77655"))
    assert facts(given).medications == ()


def test_an_infusion_seen_only_as_administration_or_as_a_billing_code() -> None:
    found = facts(
        resource(
            "MedicationAdministration",
            "a",
            status="completed",
            medicationCodeableConcept=coded(RXN, "993449"),
            effectiveDateTime="2026-11-01",
            dosage={"dose": quantity(120, "mg")},
        ),
        resource("Procedure", "b", status="completed", code=coded(HCPCS, "J3489"), performedDateTime="2026-10-01"),
    )
    assert [(m.source, m.kind, m.dose_mg) for m in found.medications] == [
        ("MedicationAdministration/a", "given", 120),
        ("Procedure/b", "given", None),
    ]


def ordering(*drafts: Any, selections: tuple[str, ...] | None = None, record: tuple[Any, ...] = ()) -> Facts:
    answers = {"patient": answer(ME), "conditions": answer(bundle(*record))}
    given = answer({"resourceType": "Bundle", "entry": [{"resource": d} for d in drafts]})
    return mapping.facts(chart.read(answers, "p1", None, given, selections), TODAY)  # type: ignore[arg-type]


def test_only_the_selected_draft_is_judged() -> None:
    drafts = [order(LUMBAR, id="a", status="draft"), order(WHOLE, id="b", status="draft")]
    found = ordering(*drafts, selections=("ServiceRequest/a",))
    assert [(o.source, o.draft, o.selected) for o in found.orders] == [
        ("ServiceRequest/a", True, True),
        ("ServiceRequest/b", True, False),
    ]


def test_when_signing_every_draft_is_meant() -> None:
    assert all(o.selected for o in ordering(order(LUMBAR, status="draft")).orders)


@pytest.mark.parametrize(
    "more",
    [
        {"code": {"coding": [{}]}},
        {"code": {"text": "MRI"}},
        {"intent": "plan"},
        {"category": {"text": "an object"}},
    ],
)
def test_unfinished_drafts_do_no_harm(more: dict[str, Any]) -> None:
    assert ordering({**order(LUMBAR, status="draft"), **more}).unreadable == ()


@pytest.mark.parametrize("status", ["entered-in-error", "revoked", "cancelled", "stopped"])
def test_an_order_that_the_session_takes_back_is_none(status: str) -> None:
    assert ordering(order(LUMBAR, status=status)).orders == ()


def test_another_patients_draft_is_refused() -> None:
    found = ordering(order(LUMBAR, status="draft", subject={"reference": "Patient/p2"}))
    assert found.orders == ()
    assert found.unreadable


def test_a_draft_without_subject_is_the_sessions_own() -> None:
    draft = order(LUMBAR, status="draft")
    del draft["subject"]
    assert ordering(draft).orders


def test_the_reason_of_a_draft_is_a_suspicion() -> None:
    found = ordering(order(LUMBAR, status="draft", reasonCode=[coded(SCT, "94602001")]))
    (finding,) = found.findings
    assert "spinal_metastasis" in finding.concepts
    assert not finding.certain


def test_a_reason_of_family_history_is_none() -> None:
    icd = "http://hl7.org/fhir/sid/icd-10-cm"
    assert ordering(order(LUMBAR, status="draft", reasonCode=[coded(icd, "Z80.3")])).findings == ()


def test_an_order_being_signed_again_is_counted_once() -> None:
    found = ordering(order(WHOLE, status="draft"), record=(order(WHOLE),))
    assert [(o.source, o.draft) for o in found.orders] == [("ServiceRequest/x", True)]
