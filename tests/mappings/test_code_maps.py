"""Maps that cannot be relied on are refused by file, code and element: a line that does nothing is never silent."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings import code_maps, codes, conflicts, orderables
from fhir_mappings.code_files import LocalCodesError
from fhir_mappings.code_maps import ORDER_SET, PREFERENCE_LIST
from tests.mappings.charts import ICD, LNC, SCT
from tests.mappings.maps import LAB, PROBLEMS, RXNORM, changed, concept_map, local, value_set

ELEMENT = r"0.json: group\[0\].element\[0\]"


def crea() -> dict[str, Any]:
    return concept_map(LAB, LNC, ("CREA", "2160-0"))


def without(resource: dict[str, Any], *path: str) -> dict[str, Any]:
    """The same resource without one element; of lists the first member is followed."""
    part: Any = resource
    for step in path[:-1]:
        part = part[step][0]
    del part[path[-1]]
    return resource


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        (concept_map(LAB, LNC, ("CREA", "9999-9")), rf"{ELEMENT} \(CREA\): target http://loinc.org\|9999-9 is in none"),
        (concept_map(LAB, "urn:unknown", ("CREA", "2160-0")), "target urn:unknown.*the system is none of ours"),
        (concept_map(LAB, "LOINC", ("CREA", "2160-0")), "target LOINC.*none of ours: .*http://loinc.org"),
        (concept_map(LAB, ICD, ("X", "M84.50XD")), "in none of our value sets"),  # excluded from its category
        (concept_map(LAB, LNC, ("CREA", "2160-0"), equivalence="narrower"), "narrower"),
        (concept_map(LAB, LNC, ("CREA", "2160-0"), equivalence="relatedto"), "relatedto"),
        (concept_map(LAB, LNC, ("X", "2160-0"), ("X", "17861-6")), "mapped to two things"),
        (concept_map(LNC, LNC, ("2160-0", "17861-6")), "keeps its meaning"),
        (concept_map("urn:oid:2.16.840.1.113883.6.1", LNC, ("2160-0", "17861-6")), "keeps its meaning"),
        (concept_map("", LNC, ("CREA", "2160-0")), "source: is needed"),
        (concept_map(f"{LAB} ", LNC, ("CREA", "2160-0")), "source: has spaces around it"),
        (concept_map("urn:st elsewhere", LNC, ("CREA", "2160-0")), "no spaces"),
        (concept_map(LAB, LNC, ("CREA ", "2160-0")), "spaces around it: 'CREA '"),
        (concept_map(LAB, LNC, ("CREA", " 2160-0")), "spaces around it: ' 2160-0'"),
        (concept_map(LAB, LNC, ("CRE  A", "2160-0")), "single spaces"),
        (concept_map(LAB, LNC, ("CRE\tA", "2160-0")), "single spaces"),
        (crea() | {"status": "retired"}, "0.json: status: the map is retired"),
    ],
)
def test_a_code_that_cannot_be_relied_on(resource: Any, named: str) -> None:
    with pytest.raises(LocalCodesError, match=named):
        local(resource)


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({"resourceType": "ConceptMap"}, "group: is needed, a list of at least one"),
        ({"resourceType": "ConceptMap", "group": []}, "group: is needed, a list of at least one"),
        ({"resourceType": "ConceptMap", "group": {"source": LAB}}, "group: is needed, a list"),
        ({"resourceType": "ConceptMap", "group": [3]}, r"group\[0\]: an object is needed"),
        (without(crea(), "group", "source"), r"group\[0\].source: is needed"),
        (without(crea(), "group", "target"), "target: is needed"),
        (without(crea(), "group", "element"), r"group\[0\].element: is needed, a list of at least one"),
        (changed(crea(), group={"element": []}), r"group\[0\].element: is needed, a list of at least one"),
        (without(crea(), "group", "element", "code"), "code: is needed, as a text"),
        (changed(crea(), element={"code": 5}), "code: is needed, as a text"),
        (changed(crea(), element={"display": 5}), "display: must be a text"),
        (without(crea(), "group", "element", "target"), r"\(CREA\).target: is needed, a list of at least one"),
        (changed(crea(), element={"target": []}), r"\(CREA\).target: is needed, a list of at least one"),
        (without(crea(), "group", "element", "target", "equivalence"), r"target\[0\].equivalence: is needed"),
        (without(crea(), "group", "element", "target", "code"), "target.code: is needed"),
        (changed(crea(), code=21600), "target.code: is needed, as a text"),
        (changed(crea(), group={"unmapped": {"mode": "fixed", "code": "2160-0"}}), "unmapped"),
        (changed(crea(), dependsOn=[{"property": "specimen", "value": "serum"}]), "depends"),
        (changed(crea(), product=[{"property": "specimen", "value": "serum"}]), "depends"),
        (
            changed(crea(), element={"target": [{"equivalence": "unmatched"}, {"code": "x", "equivalence": "equal"}]}),
            "unmatched or disjoint beside another target",
        ),
    ],
)
def test_a_map_that_is_not_whole(resource: Any, named: str) -> None:
    with pytest.raises(LocalCodesError, match=named):
        local(resource)


@pytest.mark.parametrize(
    "resource",
    [
        changed(crea(), relationship="equivalent"),
        without(changed(crea(), relationship="equivalent"), "group", "element", "target", "equivalence"),
        changed(crea(), element={"noMap": True}),
        changed(crea(), element={"valueSet": "urn:x"}),
        changed(crea(), valueSet="urn:x"),
        crea() | {"sourceScopeUri": "urn:x"},
        crea() | {"targetScopeCanonical": "urn:x"},
    ],
)
def test_a_map_of_fhir_r5_is_told_that_r4_is_needed(resource: Any) -> None:
    with pytest.raises(LocalCodesError, match="FHIR R5; FHIR R4 is needed"):
        local(resource)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "not a FHIR resource in JSON"),
        (b"[1]", "not a FHIR resource in JSON: it has no resourceType"),
        (b"{}", "it has no resourceType"),
        (b'{"resourceType": "ConceptMap",}', "line 1 column"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><ConceptMap/>', "it looks like XML"),
        ('{"resourceType": "ConceptMap", "title": "\u00c4"}'.encode("latin-1"), "codec can't decode"),
        (b"[" * 100_000, "not a FHIR resource in JSON"),
        (b'{"resourceType": "Patient"}', "resourceType: must be ConceptMap or ValueSet"),
        (b'{"resourceType": ["ConceptMap"]}', "resourceType: must be ConceptMap or ValueSet"),
        (b'{"resourceType": "Bundle"}', "each map in a file of its own"),
        (b'{"resourceType": "ConceptMap", "group": [], "group": []}', "'group' stands twice"),
        (b'{"resourceType": "ConceptMap", "group": [{"element": [], "element": []}]}', "'element' stands twice"),
    ],
)
def test_a_file_that_holds_no_map(content: bytes, named: str) -> None:
    with pytest.raises(LocalCodesError, match=f"^a.json: .*{named}"):
        code_maps.read({"a.json": content})


def value_set_with(**compose: Any) -> dict[str, Any]:
    whole = value_set("back-pain", "BP")
    whole["compose"] |= compose
    return whole


INCLUDE = {"system": PROBLEMS, "concept": [{"code": "S"}]}


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ({"resourceType": "ValueSet", "url": "urn:other"}, "url: must be the url of one of our value sets"),
        (value_set("nothing", "S"), "url: must be"),
        ({"resourceType": "ValueSet"}, "url: must be"),
        (without(value_set("back-pain", "S"), "compose"), "compose: is needed; an expansion is not read"),
        (value_set_with(include=[]), "compose.include: is needed, a list of at least one"),
        (value_set("back-pain"), r"compose.include\[0\].concept: is needed, a list of at least one"),
        (value_set_with(include=[{"system": PROBLEMS}]), "one by one"),
        (value_set_with(include=[{**INCLUDE, "valueSet": ["urn:x"]}]), "one by one"),
        (value_set_with(include=[{**INCLUDE, "filter": []}]), "one by one"),
        (value_set_with(include=[{"concept": [{"code": "S"}]}]), "system: is needed"),
        (value_set_with(exclude=[INCLUDE]), "exclude"),
        (value_set("back-pain", "S "), r"concept\[0\] \(S \).code: has spaces"),
        (value_set("back-pain", "94602001", system=SCT), "keeps its meaning"),
        (value_set("primary-cervix-uteri", "S"), "whole categories only"),
        (value_set("ecog-answer", "S"), "mean different things"),  # it would be read as grade 0
        (value_set("site-vertebra", "S"), "mean different things"),
        (value_set("dicom-modality", "S"), "dicom_modality is read by no rule"),
        (value_set("lab-psa", "S"), "lab_psa is read by no rule"),
    ],
)
def test_a_value_set_that_cannot_be_relied_on(resource: Any, named: str) -> None:
    with pytest.raises(LocalCodesError, match=f"^0.json: .*{named}"):
        local(resource)


@pytest.mark.parametrize("concept", sorted(conflicts.BROAD))
def test_a_value_set_of_many_diseases_takes_no_local_codes(concept: str) -> None:
    """Two diseases under one code of ours would be taken for one, and the end of one for the end of both."""
    with pytest.raises(LocalCodesError, match="mean different things"):
        local(value_set(concept.replace("_", "-"), "S"))


def test_what_is_added_to_a_value_set_is_of_no_other_that_its_codes_do_not_share() -> None:
    for concept in codes.value_sets():
        try:
            known = local(value_set(concept.replace("_", "-"), "S"))
        except LocalCodesError:
            continue
        ((stand_in,),) = known.ours.values()
        assert all(codes.concepts(*stand_in) <= codes.concepts(*one[:2]) for one in codes.codings(concept))
        assert (codes.score(*stand_in), codes.level(*stand_in), codes.dose_mg(*stand_in)) == (None, None, None)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((LNC, "LA9622-7"), (LNC, "LA9623-5")),  # ECOG 0 and 1
        ((SCT, "23215003"), (SCT, "14806007")),  # T12 and C1
        ((RXNORM, "993456"), (RXNORM, "1046398")),  # denosumab 60 mg and 120 mg
        ((SCT, "268910001"), (SCT, "271299001")),  # improved and worsened
        ((LNC, "2160-0"), (SCT, "94602001")),
    ],
)
def test_two_meanings_in_two_files_and_two_spellings_are_refused(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    with pytest.raises(LocalCodesError, match=r"^1.json: https://here/lab/\|X is mapped to two things"):
        local(
            concept_map("http://here/lab", first[0], ("X", first[1])),
            concept_map("https://here/lab/", second[0], ("X", second[1])),
        )


def test_two_codes_of_one_meaning_are_both_taken() -> None:
    known = local(concept_map(LAB, LNC, ("X", "2160-0"), ("X", "38483-4")))
    assert known.ours == {(LAB, "X"): ((LNC, "2160-0"), (LNC, "38483-4"))}


@pytest.mark.parametrize("code", ["C50.919", "c50919"])
def test_a_code_within_a_category_of_ours_may_be_mapped_to(code: str) -> None:
    """It is listed nowhere; the category says what it means."""
    ((ours,),) = local(concept_map(PROBLEMS, ICD, ("BC", code))).ours.values()
    assert codes.concepts(*ours) == {"primary_breast"}


@pytest.mark.parametrize("equivalence", ["unmatched", "disjoint"])
@pytest.mark.parametrize("code", ["2345-7", None])
def test_what_is_mapped_to_nothing_on_purpose_is_no_error(equivalence: str, code: str | None) -> None:
    resource = concept_map(LAB, LNC, ("GLU", "2345-7"), equivalence=equivalence)
    if code is None:
        without(resource, "group", "element", "target", "code")
    assert local(resource).ours == {}


# What Epic places by its own lists


@pytest.mark.parametrize("system", [PREFERENCE_LIST, ORDER_SET, f"{PREFERENCE_LIST}/", PREFERENCE_LIST.upper()])
@pytest.mark.parametrize("target", ["24968-0", "2160-0"])  # a regional MRI, a laboratory result
def test_a_preference_list_item_for_what_is_never_proposed(system: str, target: str) -> None:
    named = (
        rf"{ELEMENT} \(77\): target http://loinc.org\|{target} is nothing that is proposed.*mri_whole_spine, ct_spine"
    )
    with pytest.raises(LocalCodesError, match=named):
        local(concept_map(system, LNC, ("77", target)))


def test_a_preference_list_item_in_a_value_set_for_what_is_never_proposed() -> None:
    with pytest.raises(
        LocalCodesError, match=r"include\[0\].concept\[0\] \(77\): target .* is nothing that is proposed"
    ):
        local(value_set("back-pain", "77", system=PREFERENCE_LIST))


@pytest.mark.parametrize(
    ("system", "target", "named"),
    [
        (PREFERENCE_LIST, "993456", "a strength that is never proposed: 60 mg"),
        (PREFERENCE_LIST, "705824", "a strength that is never proposed: 5 mg"),
        (ORDER_SET, "993449", "a drug, and Epic places order sets as services only"),
    ],
)
def test_a_preference_list_item_for_another_treatment(system: str, target: str, named: str) -> None:
    with pytest.raises(LocalCodesError, match=named):
        local(concept_map(system, RXNORM, ("77", target)))


@pytest.mark.parametrize("end", ["action.code.system.preference-list-items", "action.code.system.cms-hcc", "x"])
def test_a_system_of_epics_that_places_no_order(end: str) -> None:
    with pytest.raises(LocalCodesError, match=r"is no system of orders; those are .*preference-list-item"):
        local(concept_map(f"urn:com.epic.cdshooks.{end}", LNC, ("77", "42698-1")))


@pytest.mark.parametrize("concept", orderables.CODINGS)
def test_every_orderable_can_be_given_a_preference_list_item(concept: str) -> None:
    (first, *_) = orderables.CODINGS[concept]
    known = local(concept_map(PREFERENCE_LIST, first["system"], ("77", first["code"])))
    assert [one.code for one in known.orders[concept]] == ["77"]
