"""A site's own codes: understood wherever we read codes, asked for, and written in orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings import chart, code_maps, codes, local_codes
from fhir_mappings import facts as mapping
from fhir_mappings.code_maps import ORDER_SET, PLACED_BY, PREFERENCE_LIST
from fhir_mappings.local_codes import LocalCodes
from fhir_mappings.prefetch import templates
from fhir_mappings.proposed_orders import to_fhir
from hooks.facts import Facts
from hooks.outcomes import Dose, ProposedOrder
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
    observation,
    quantity,
)
from tests.mappings.maps import LAB, ORDERS, PROBLEMS, RXNORM, concept_map, local, value_set

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"


def facts(known: LocalCodes, *resources: Any) -> Facts:
    answers = {"patient": answer(ME), "conditions": answer(bundle(*resources))}
    return mapping.facts(chart.read(answers, "p1", local=known), TODAY)


def stated(url: str, concept: dict[str, Any]) -> dict[str, Any]:
    return {"url": MCODE + url, "valueCodeableConcept": concept}


# In


def test_a_local_laboratory_code_is_understood_and_asked_for() -> None:
    known = local(concept_map(LAB, LNC, ("CREA", "2160-0")))
    result = observation(coded(LAB, "CREA"), valueQuantity=quantity(1.1, "mg/dL"))
    assert [m.name for m in facts(known, result).measurements] == ["creatinine"]
    assert facts(local_codes.NONE, result).measurements == ()
    assert f"{LAB}|CREA" in templates(known)["laboratory"]
    assert LAB not in templates()["laboratory"]


@pytest.mark.parametrize(
    "target", ["urn:oid:2.16.840.1.113883.6.1", "2.16.840.1.113883.6.1", "https://loinc.org/", "HTTP://LOINC.org"]
)
def test_our_systems_may_be_written_in_every_way_that_means_them(target: str) -> None:
    known = local(concept_map(LAB, target, ("CREA", "2160-0")))
    assert f"{LAB}|CREA" in templates(known)["laboratory"]


def test_our_own_grades_may_be_written_in_other_letters() -> None:
    known = local(concept_map(LAB, "URN:spine-cds:assessment/", ("G2", "ESCC-2"), ("BILSKY", "ESCC")))
    graded = observation(coded(LAB, "BILSKY"), valueCodeableConcept=coded(LAB, "G2"))
    assert [a.value for a in facts(known, graded).assessments] == ["escc-2"]
    assert f"{LAB}|BILSKY" in templates(known)["assessments"]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("http://here.example/lab", "https://here.example/lab/"),
        ("http://here.example/Lab/", "http://here.example/lab"),
        ("1.2.840.1.999", "urn:oid:1.2.840.1.999"),
        ("URN:OID:1.2.840.1.999", "urn:oid:1.2.840.1.999"),
        ("urn:oid:1.2.840.1.999", "1.2.840.1.999"),
    ],
)
def test_a_system_is_found_in_another_spelling(written: str, sent: str) -> None:
    known = local(concept_map(written, LNC, ("CREA", "2160-0")))
    assert facts(known, observation(coded(sent, " CREA "), valueQuantity=quantity(1, "mg/dL"))).measurements


def test_an_oid_is_searched_for_as_the_uri_that_it_must_be() -> None:
    assert (
        "urn:oid:1.2.840.1.999|CREA"
        in templates(local(concept_map("1.2.840.1.999", LNC, ("CREA", "2160-0"))))["laboratory"]
    )


def test_letters_of_a_local_code_are_its_own() -> None:
    known = local(concept_map(LAB, LNC, ("CREA", "2160-0")))
    assert not facts(known, observation(coded(LAB, "crea"), valueQuantity=quantity(1, "mg/dL"))).measurements


def test_a_further_code_of_a_public_system_is_met_by_its_oid_too() -> None:
    known = local(value_set("back-pain", "999999999", system=SCT))
    assert facts(known, condition(coded("urn:oid:2.16.840.1.113883.6.96", "999999999"))).finding("back_pain")


def test_a_local_problem_may_be_added_to_one_of_our_value_sets() -> None:
    known = local(value_set("spinal-metastasis", "SPMET"))
    assert facts(known, condition(coded(PROBLEMS, "SPMET"))).finding("spinal_metastasis")


def test_what_is_added_to_a_value_set_says_no_more_than_the_set() -> None:
    """The set of denosumab holds strengths; which of them a local code means is not known."""
    known = local(value_set("denosumab", "DENO"))
    order = {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order", "subject": SUBJECT}
    (drug,) = facts(known, {**order, "medicationCodeableConcept": coded(PROBLEMS, "DENO")}).medications
    assert (drug.concepts, drug.dose_mg) == ({"denosumab"}, None)


@pytest.mark.parametrize("place", ["component", "interpretation", "bodySite", "value"])
def test_every_element_that_we_read_is_translated(place: str) -> None:
    ours = codes.ASSESSMENT
    known = local(
        concept_map(LAB, ours, ("S-PAIN", "sins-pain"), ("SINS", "sins"), ("G2", "escc-2")),
        concept_map(LAB, SCT, ("T12", "23215003")),
        concept_map(LAB, LNC, ("ECOG2", "LA9624-3")),
    )
    cases: dict[str, tuple[dict[str, Any], Callable[[Facts], bool]]] = {
        "component": (
            observation(coded(LAB, "SINS"), component=[{"code": coded(LAB, "S-PAIN"), "valueInteger": 3}]),
            lambda f: f.assessments[0].items == (("pain", 3),),
        ),
        "interpretation": (
            observation(coded(LNC, "89247-1"), interpretation=[coded(LAB, "ECOG2")]),
            lambda f: f.measurements[0].value == 2,
        ),
        "bodySite": (
            observation(coded(LAB, "SINS"), valueInteger=9, bodySite=coded(LAB, "T12")),
            lambda f: f.assessments[0].level == "T12",
        ),
        "value": (
            observation(coded(ours, "escc"), valueCodeableConcept=coded(LAB, "G2")),
            lambda f: f.assessments[0].value == "escc-2",
        ),
    }
    resource, expected = cases[place]
    assert expected(facts(known, resource))


SITES = concept_map(PROBLEMS, SCT, ("T12", "23215003"), ("LT", "7771000"), ("SMALL", "74364000"))


def test_codes_within_extensions_are_translated() -> None:
    """Side and part of a body site, and the morphology of a tumour, as mCODE writes them."""
    qualifiers = [
        stated("laterality-qualifier", coded(PROBLEMS, "LT")),
        stated("body-location-qualifier", coded(PROBLEMS, "T12")),
    ]
    tumour = condition(
        coded(ICD, "C34.90"),
        bodySite=[{**coded(SCT, "272673000"), "extension": qualifiers}],
        extension=[stated("histology-morphology-behavior", coded(PROBLEMS, "SMALL"))],
    )
    (finding,) = facts(local(SITES), tumour).findings
    assert (finding.laterality, finding.levels) == ("left", {"T12"})
    assert "small_cell_lung" in finding.concepts
    (plain,) = facts(local_codes.NONE, tumour).findings
    assert (plain.laterality, plain.levels, "small_cell_lung" in plain.concepts) == (None, frozenset(), False)


@pytest.mark.parametrize("beside", [True, False], ids=["beside", "contained"])
@pytest.mark.parametrize("element", ["location", "locationQualifier"])
def test_the_volume_of_a_course_of_radiotherapy_is_translated(beside: bool, element: str) -> None:
    site = coded(PROBLEMS, "T12")
    volume = {
        "resourceType": "BodyStructure",
        "id": "v1",
        "patient": SUBJECT,
        element: [site] if element == "locationQualifier" else site,
    }
    parts = [
        {"url": "volume", "valueReference": {"reference": "BodyStructure/v1" if beside else "#v1"}},
        {"url": "totalDoseDelivered", "valueQuantity": quantity(3000, "cGy")},
    ]
    course = {
        "resourceType": "Procedure",
        "id": "p1",
        "status": "completed",
        "subject": SUBJECT,
        "performedDateTime": "2026-10-01",
        "code": coded(PROBLEMS, "RT"),
        "extension": [{"url": f"{MCODE}radiotherapy-dose-delivered-to-volume", "extension": parts}],
        **({} if beside else {"contained": [volume]}),
    }
    known = local(SITES, concept_map(PROBLEMS, SCT, ("RT", "1217123003")))
    (done,) = facts(known, course, *([volume] if beside else [])).procedures
    assert done.doses[0].levels == {"T12"}


def test_the_kind_of_radiotherapy_in_an_extension_is_translated() -> None:
    part = {"url": f"{MCODE}radiotherapy-technique", "valueCodeableConcept": coded(PROBLEMS, "SBRT")}
    course = {
        "resourceType": "Procedure",
        "id": "p1",
        "status": "completed",
        "subject": SUBJECT,
        "code": coded(SCT, "1217123003"),
        "extension": [{"url": f"{MCODE}radiotherapy-modality-and-technique", "extension": [part]}],
    }
    technique = codes.codings("stereotactic_radiosurgery")[0][1]
    (done,) = facts(local(concept_map(PROBLEMS, SCT, ("SBRT", technique))), course).procedures
    assert "stereotactic_radiosurgery" in done.concepts


@pytest.mark.parametrize(
    "odd", ["text", 3, None, [None], [{"valueCodeableConcept": {"coding": [None, 3, {"code": 4}]}}], {"coding": "x"}]
)
def test_an_odd_extension_is_left_as_it_is(odd: Any) -> None:
    assert facts(local(SITES), condition(coded(SCT, "94602001"), extension=odd)).finding("spinal_metastasis")


def test_an_extension_of_any_depth_is_walked() -> None:
    deep: Any = stated("x", coded(PROBLEMS, "T12"))
    for _ in range(300):
        deep = {"url": "x", "extension": [deep]}
    assert facts(local(SITES), condition(coded(SCT, "94602001"), extension=[deep])).finding("spinal_metastasis")


@pytest.mark.parametrize("of_series", [False, True])
def test_a_local_modality_is_translated(of_series: bool) -> None:
    known = local(concept_map(ORDERS, codes.DICOM, ("MRT", "MR")), concept_map(ORDERS, SCT, ("WS-L", "122496007")))
    modality = {"system": ORDERS, "code": "MRT"}
    series = {"modality": modality, "bodySite": {"system": ORDERS, "code": "WS-L"}} if of_series else {}
    study = {
        "resourceType": "ImagingStudy",
        "id": "i1",
        "status": "available",
        "subject": SUBJECT,
        "started": "2026-11-01",
        **({"series": [series]} if of_series else {"modality": [modality]}),
    }
    (image,) = facts(known, study).imaging
    assert (image.modality, image.regions) == ("MR", {"lumbar"} if of_series else frozenset())


def test_a_code_that_cannot_be_searched_for_is_still_read() -> None:
    known = local(concept_map(LAB, LNC, ("A,B|C", "2160-0")))
    assert "A,B" not in templates(known)["laboratory"]
    assert facts(known, observation(coded(LAB, "A,B|C"), valueQuantity=quantity(1, "mg/dL"))).measurements


# Out

MRI = ProposedOrder("mri_whole_spine", "x")
OTHER = "urn:a-system-that-sorts-first"


def written(known: LocalCodes, order: ProposedOrder = MRI) -> list[str]:
    """The codes of an order, in their sequence."""
    resource = to_fhir(order, "p1", known)
    assert resource is not None
    concept: Any = resource.get("code") or resource["medicationCodeableConcept"]
    return [coding["code"] for coding in concept["coding"]]


def test_a_proposed_order_carries_the_sites_own_code_first() -> None:
    assert written(local(concept_map(PREFERENCE_LIST, LNC, ("12345", "42698-1")))) == ["12345", "42698-1"]


@pytest.mark.parametrize("target", [(LNC, "30854-4"), (SCT, "411611000119102")])
def test_any_code_that_means_the_orderable_will_do(target: tuple[str, str]) -> None:
    """What we write ourselves is one code of the value set; a site may have mapped its own to another of them."""
    assert written(local(concept_map(PREFERENCE_LIST, target[0], ("12345", target[1])))) == ["12345", "42698-1"]


def test_a_code_that_was_added_to_the_value_set_of_an_orderable_is_written() -> None:
    assert written(local(value_set("mri-whole-spine", "12345", system=PREFERENCE_LIST))) == ["12345", "42698-1"]


@pytest.mark.parametrize("equivalence", ["wider", "subsumes"])
def test_a_wider_match_is_read_and_never_written(equivalence: str) -> None:
    known = local(concept_map(ORDERS, LNC, ("SPINE-CUSTOM", "42698-1"), equivalence=equivalence))
    assert known.ours
    assert written(known) == ["42698-1"]


def files() -> list[dict[str, Any]]:
    """Codes of every sort for one order, each in a file of its own."""
    return [
        concept_map(OTHER, LNC, ("A", "42698-1")),
        concept_map(ORDER_SET, LNC, ("S", "42698-1")),
        concept_map(PREFERENCE_LIST, LNC, ("3", "30854-4")),
        concept_map(PREFERENCE_LIST, LNC, ("9", "42698-1")),
        concept_map(PREFERENCE_LIST, LNC, ("8", "42698-1")),
        concept_map(ORDERS, LNC, ("Z", "42698-1")),
    ]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (PLACED_BY, ["8", "9", "3", "S", "A", "Z"]),  # our own code before another of its value set
        ((), ["A", "S", "8", "9", "Z", "3"]),
    ],
    ids=["epic", "others"],
)
def test_the_sequence_of_codes_is_that_of_their_meaning_not_of_the_files(
    first: tuple[str, ...], expected: list[str]
) -> None:
    """`expected` without first systems: those mapped to what we write, by system, then the others."""
    for maps in (files(), files()[::-1], files()[3:] + files()[:3]):
        assert written(local(*maps, first=first)) == [*expected, "42698-1"]


def test_a_code_in_two_files_is_written_once_with_its_display() -> None:
    unnamed = concept_map(PREFERENCE_LIST, LNC, ("1", "42698-1"))
    del unnamed["group"][0]["element"][0]["display"]
    for maps in ((unnamed, concept_map(PREFERENCE_LIST, LNC, ("1", "42698-1"))), (unnamed, unnamed)):
        resource = to_fhir(MRI, "p1", local(*maps))
        assert resource is not None
        code: Any = resource["code"]
        assert len(code["coding"]) == 2
        assert code["coding"][0].get("display") == ("local 1" if maps[0] != maps[1] else None)


@pytest.mark.parametrize("written_as", [PREFERENCE_LIST.upper(), f"{PREFERENCE_LIST}/"])
def test_epics_own_systems_are_written_as_epic_writes_them(written_as: str) -> None:
    resource = to_fhir(MRI, "p1", local(concept_map(written_as, LNC, ("1", "42698-1"))))
    assert resource is not None
    code: Any = resource["code"]
    assert code["coding"][0]["system"] == PREFERENCE_LIST


DENOSUMAB = ProposedOrder("denosumab", "x", dose=Dose(Decimal(120), "subcutaneous", 4))


def zoledronic(milligrams: str) -> ProposedOrder:
    return ProposedOrder("zoledronic_acid", "x", dose=Dose(Decimal(milligrams), "intravenous", 4, 15))


def test_an_order_never_carries_a_product_of_another_strength() -> None:
    """Epic places what the code stands for and drops the dose that we write."""
    products = [("D60", "993456"), ("D120", "1046398"), ("DENO", "993449"), ("Z5", "705824"), ("Z4", "351114")]
    known = local(concept_map(ORDERS, RXNORM, *products))
    assert written(known, DENOSUMAB)[:3] == ["D120", "DENO", "993449"]
    assert written(known, zoledronic("4"))[:2] == ["Z4", "77655"]
    assert written(known, zoledronic("3.5"))[:1] == ["77655"]


def test_a_local_code_of_a_drug_without_strength_fits_every_dose() -> None:
    known = local(concept_map(PREFERENCE_LIST, RXNORM, ("1", "77655")))
    assert written(known, zoledronic("3.5"))[0] == written(known, zoledronic("4"))[0] == "1"


def test_files_may_hold_what_editors_and_exports_leave() -> None:
    plain = json.dumps(concept_map(LAB, LNC, ("CREA", "2160-0")), indent=1)
    for content in (b"\xef\xbb\xbf" + plain.encode(), plain.replace("\n", "\r\n").encode(), plain.encode("utf-16")):
        assert code_maps.read({"a.json": content}).ours == {(LAB, "CREA"): ((LNC, "2160-0"),)}
