"""A site's own codes: read from ConceptMaps and ValueSets, understood on the way in, written on the way out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_mappings import chart, code_maps, codes, local_codes
from fhir_mappings import facts as mapping
from fhir_mappings.code_files import LocalCodesError
from fhir_mappings.local_codes import LocalCodes
from fhir_mappings.prefetch import templates
from fhir_mappings.proposed_orders import to_fhir
from hooks.facts import Facts
from hooks.outcomes import ProposedOrder
from tests.mappings.charts import LNC, ME, SCT, TODAY, answer, bundle, coded, condition, observation, quantity

LAB, ORDERS, PROBLEMS = "urn:st-elsewhere:lab", "urn:st-elsewhere:orders", "urn:st-elsewhere:problems"


def concept_map(source: str, target: str, *pairs: tuple[str, str], equivalence: str = "equivalent") -> dict[str, Any]:
    elements = [
        {"code": local, "display": f"local {local}", "target": [{"code": ours, "equivalence": equivalence}]}
        for local, ours in pairs
    ]
    return {
        "resourceType": "ConceptMap",
        "status": "active",
        "group": [{"source": source, "target": target, "element": elements}],
    }


def changed(resource: dict[str, Any], group: dict[str, Any] | None = None, **target: Any) -> dict[str, Any]:
    """The same map with more in its group, or in its first target."""
    resource["group"][0] |= group or {}
    resource["group"][0]["element"][0]["target"][0] |= target
    return resource


def local(*resources: dict[str, Any]) -> LocalCodes:
    return code_maps.read({f"{n}.json": json.dumps(one).encode() for n, one in enumerate(resources)})


def facts(known: LocalCodes, *resources: Any) -> Facts:
    answers = {"patient": answer(ME), "conditions": answer(bundle(*resources))}
    return mapping.facts(chart.read(answers, "p1", local=known), TODAY)


def test_a_local_laboratory_code_is_understood_and_asked_for() -> None:
    known = local(concept_map(LAB, LNC, ("CREA", "2160-0")))
    result = observation(coded(LAB, "CREA"), valueQuantity=quantity(1.1, "mg/dL"))
    assert [m.name for m in facts(known, result).measurements] == ["creatinine"]
    assert facts(local_codes.NONE, result).measurements == ()
    assert f"{LAB}|CREA" in templates(known)["laboratory"]
    assert LAB not in templates()["laboratory"]


def test_a_local_problem_may_be_added_to_one_of_our_value_sets() -> None:
    known = local(
        {
            "resourceType": "ValueSet",
            "url": "urn:spine-cds:value-set:spinal-metastasis",
            "compose": {"include": [{"system": PROBLEMS, "concept": [{"code": "SPMET"}]}]},
        }
    )
    assert facts(known, condition(coded(PROBLEMS, "SPMET"))).finding("spinal_metastasis")


@pytest.mark.parametrize("place", ["component", "interpretation", "bodySite", "value"])
def test_every_element_that_we_read_is_translated(place: str) -> None:
    ours = codes.ASSESSMENT
    known = local(
        concept_map(LAB, ours, ("S-PAIN", "sins-pain"), ("SINS", "sins"), ("G2", "escc-2")),
        concept_map(LAB, SCT, ("T12", "23215003")),
        concept_map(LAB, LNC, ("ECOG2", "LA9624-3")),
    )
    resource, expected = {
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
    }[place]
    assert expected(facts(known, resource))


def test_a_proposed_order_carries_the_sites_own_code_first() -> None:
    epic = "urn:com.epic.cdshooks.action.code.system.preference-list-item"
    known = local(concept_map(epic, LNC, ("12345", "42698-1")))
    resource = to_fhir(ProposedOrder("mri_whole_spine", "x"), "p1", known)
    assert resource is not None
    assert [c["code"] for c in resource["code"]["coding"]] == ["12345", "42698-1"]


def test_a_wider_match_is_read_and_never_written() -> None:
    known = local(concept_map(ORDERS, LNC, ("SPINE-CUSTOM", "42698-1"), equivalence="wider"))
    assert known.ours
    assert not known.orders


def test_a_code_that_cannot_be_searched_for_is_still_read() -> None:
    known = local(concept_map(LAB, LNC, ("A,B|C", "2160-0")))
    assert "A,B" not in templates(known)["laboratory"]
    assert facts(known, observation(coded(LAB, "A,B|C"), valueQuantity=quantity(1, "mg/dL"))).measurements


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        (concept_map(LAB, LNC, ("CREA", "9999-9")), r"0.json: group\[0\].element\[0\]: target"),
        (concept_map(LAB, "urn:unknown", ("CREA", "2160-0")), "target urn:unknown"),
        (concept_map(LAB, LNC, ("CREA", "2160-0"), equivalence="narrower"), "narrower"),
        (concept_map(LAB, LNC, ("CREA", "2160-0"), equivalence="relatedto"), "relatedto"),
        ({"resourceType": "ConceptMap"}, "group"),
        ({"resourceType": "ConceptMap", "group": [3]}, "an object is needed"),
        ({"resourceType": "ValueSet", "url": "urn:other"}, "url"),
        ({"resourceType": "ValueSet", "url": "urn:spine-cds:value-set:nothing"}, "url"),
        (
            {
                "resourceType": "ValueSet",
                "url": "urn:spine-cds:value-set:spinal-metastasis",
                "compose": {"include": [{"system": PROBLEMS}]},
            },
            "one by one",
        ),
        ({"resourceType": "Patient"}, "resourceType"),
        ([1], "not a FHIR resource"),
        (concept_map(LAB, LNC, ("X", "2160-0"), ("X", "17861-6")), "mapped to two things"),
        (concept_map(LNC, LNC, ("2160-0", "17861-6")), "keeps its meaning"),
        (concept_map("", LNC, ("CREA", "2160-0")), "source: is needed"),
        (concept_map(LAB, LNC, ("CREA ", "2160-0")), "spaces around it"),
        ({**concept_map(LAB, LNC, ("CREA", "2160-0")), "status": "retired"}, "retired"),
        (
            changed(concept_map(LAB, LNC, ("CREA", "2160-0")), dependsOn=[{"property": "specimen", "value": "serum"}]),
            "depends",
        ),
        (
            changed(concept_map(LAB, LNC, ("CREA", "2160-0")), group={"unmapped": {"mode": "fixed", "code": "2160-0"}}),
            "unmapped",
        ),
        (
            {
                "resourceType": "ValueSet",
                "url": "urn:spine-cds:value-set:spinal-metastasis",
                "compose": {
                    "include": [{"system": PROBLEMS, "concept": [{"code": "S"}]}],
                    "exclude": [{"system": PROBLEMS, "concept": [{"code": "S"}]}],
                },
            },
            "exclude",
        ),
        (
            {
                "resourceType": "ValueSet",
                "url": "urn:spine-cds:value-set:spinal-metastasis",
                "compose": {"include": [{"system": PROBLEMS, "concept": [{"code": "S"}], "valueSet": ["urn:x"]}]},
            },
            "one by one",
        ),
    ],
)
def test_a_map_that_cannot_be_relied_on_is_refused_by_name(resource: Any, named: str) -> None:
    with pytest.raises(LocalCodesError, match=named):
        local(resource)


def test_what_is_mapped_to_nothing_on_purpose_is_no_error() -> None:
    assert local(concept_map(LAB, LNC, ("GLU", "2345-7"), equivalence="unmatched")).ours == {}
