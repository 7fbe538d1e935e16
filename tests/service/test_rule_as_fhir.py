"""A rule as a FHIR resource, without a server: the odd cases that today's rules may not all have."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import fhirkit
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.plandefinition import PlanDefinition

from fhir_mappings import publication
from fhir_mappings.publication import Resource
from hooks import knowledge
from hooks.knowledge import Knowledge, Threshold
from hooks.outcomes import Wording

RULE = knowledge.load("whole_spine_mri")
BASE = "https://cds.example.org"


def published(rule: Knowledge, *endorsers: str) -> Resource:
    """The PlanDefinition, accepted by both validators."""
    plan = publication.plan_definition(rule, ("order-select",), BASE, endorsers)
    PlanDefinition.model_validate(plan)
    assert fhirkit.validate(plan) == []
    return plan


def threshold(value: str, unit: str, note: str = "") -> Resource:
    """The parts of a published threshold by name."""
    rule = replace(RULE, thresholds={"x": Threshold(Decimal(value), unit, "ours", note)})
    (extension,) = [one for one in published(rule)["extension"] if one["url"] == publication.THRESHOLD]
    return {part["url"]: next(part[key] for key in part if key != "url") for part in extension["extension"]}


def test_a_number_keeps_its_exactness_and_its_unit() -> None:
    whole, broken = threshold("4.0", "mg")["value"], threshold("3.3", "mg")["value"]
    assert (repr(whole["value"]), repr(broken["value"])) == ("4", "3.3")
    assert threshold("30", "d")["value"] == {
        "value": 30,
        "unit": "days",
        "system": "http://unitsofmeasure.org",
        "code": "d",
    }
    assert threshold("7", "{score}")["value"]["unit"] == "{score}"
    assert "note" not in threshold("7", "d")
    assert threshold("7", "d", "why")["note"] == "why"


def test_a_rule_without_numbers_reasons_or_a_second_line() -> None:
    bare = replace(
        RULE, thresholds={}, override_reasons=(), cards={"only": Wording("info", "Say this", ("Do **that**",))}
    )
    plan = published(bare)
    assert "extension" not in plan
    (action,) = plan["action"]
    assert action["textEquivalent"] == "Do: Do that"


def test_a_source_without_a_place() -> None:
    sources = tuple(replace(one, where="") for one in RULE.sources)
    plan = published(replace(RULE, sources=sources))
    assert all("display" not in one for one in plan["relatedArtifact"] if one["type"] == "citation")


def test_signatures() -> None:
    signed = replace(RULE, review={**RULE.review, "checked_by": "Dr A. Example"})
    plan = published(signed, "B. Example, Surgeon")
    assert (plan["reviewer"], plan["endorser"]) == ([{"name": "Dr A. Example"}], [{"name": "B. Example, Surgeon"}])
    assert plan["approvalDate"] == RULE.review["reviewed"]
    assert publication.UNSIGNED not in plan["description"]
    assert publication.UNSIGNED in published(RULE)["description"]


def test_blanks_are_named_once_in_reading_order_and_thresholds_are_none() -> None:
    text = Wording("info", "{b_c} and {limit}", ("{a}",), ("{b_c}",), ("{d}",))
    rule = replace(RULE, thresholds={"limit": Threshold(Decimal(30), "d", "ours")}, cards={"x": text})
    assert publication.blanks(rule, "x") == ("b_c", "a", "d")
    shown = publication.readable(rule, "x")
    assert (shown.summary, shown.do, shown.why, shown.why_not) == ("[b c] and 30 days", ("[a]",), ("[b c]",), ("[d]",))


def test_an_unknown_parameter_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        publication.matches(published(RULE), "colour", "red")


def test_a_bundle_without_matches_has_no_entries() -> None:
    empty = publication.searchset((), 0, [("self", f"{BASE}/fhir/ValueSet")], f"{BASE}/fhir")
    Bundle.model_validate(empty)
    assert fhirkit.validate(empty) == []
    assert (empty["total"], "entry" in empty) == (0, False)


@pytest.mark.parametrize(
    ("parameter", "value", "found"),
    [
        ("_id", "denosumab", ["denosumab"]),
        ("_id", "nothing,denosumab", ["denosumab"]),
        ("url", "urn:spine-cds:value-set:denosumab|1.0.0", ["denosumab"]),
        ("url", "urn:spine-cds:value-set:denosumab|0.1.0", []),
        ("name", "denos", ["denosumab"]),
        ("status", "http://hl7.org/fhir/publication-status|retired", []),
    ],
)
def test_search_parameters(parameter: str, value: str, found: list[str]) -> None:
    matching = [one["id"] for one in publication.value_sets() if publication.matches(one, parameter, value)]
    assert matching == found


def test_the_capability_statement_names_every_parameter_that_is_tested() -> None:
    statement = publication.capability_statement(f"{BASE}/fhir", "0.1.0", "2026-11-24")
    assert fhirkit.validate(statement) == []
    (plan,) = [one for one in statement["rest"][0]["resource"] if one["type"] == "PlanDefinition"]
    (system,) = publication.code_systems()
    for parameter in plan["searchParam"]:
        assert publication.matches(system, parameter["name"], "nothing") is False
