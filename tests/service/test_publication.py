"""The rules and value sets as FHIR over HTTP: valid for two validators, found by search, refused in the right form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fhirkit
import pytest
import requests
from conftest import RunningServer, serving
from fhir.resources.R4B import get_fhir_model_class

from fhir_mappings import codes
from hooks import knowledge

RULES = knowledge.catalogue()
TYPES = ("PlanDefinition", "ValueSet", "CodeSystem")
SIZES = {"PlanDefinition": len(RULES), "ValueSet": len(codes.value_sets()), "CodeSystem": len(codes.code_systems())}


def checked(response: requests.Response, status: int = 200) -> dict[str, Any]:
    """The resource of an answer, accepted by both validators."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/fhir+json"
    resource: dict[str, Any] = response.json()
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert fhirkit.validate(resource) == []
    return resource


def refused(response: requests.Response, status: int) -> str:
    """What a refusal says."""
    outcome = checked(response, status)
    assert outcome["resourceType"] == "OperationOutcome"
    return str(outcome["issue"][0]["diagnostics"])


def entries(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle.get("entry", ())]


@pytest.mark.parametrize("kind", TYPES)
def test_everything_published_is_valid_r4_alone_and_in_its_bundle(server: RunningServer, kind: str) -> None:
    bundle = checked(server.get(f"/fhir/{kind}?_count=1000"))
    assert (bundle["type"], bundle["total"]) == ("searchset", SIZES[kind])
    assert len(entries(bundle)) == SIZES[kind]
    for entry in bundle["entry"]:
        resource = entry["resource"]
        get_fhir_model_class(kind).model_validate(resource)
        assert fhirkit.validate(resource) == []
        assert entry["fullUrl"] == f"{server.url}/fhir/{kind}/{resource['id']}"
        assert entry["search"] == {"mode": "match"}


@pytest.mark.parametrize("kind", TYPES)
def test_each_resource_is_read_where_its_bundle_says(server: RunningServer, kind: str) -> None:
    for entry in checked(server.get(f"/fhir/{kind}"))["entry"][:5]:
        assert checked(server.get(entry["fullUrl"].removeprefix(server.url))) == entry["resource"]


def test_the_capability_statement_says_what_is_there(server: RunningServer) -> None:
    statement = checked(server.get("/fhir/metadata"))
    assert (statement["fhirVersion"], statement["kind"]) == ("4.0.1", "instance")
    assert statement["implementation"]["url"] == f"{server.url}/fhir"
    (rest,) = statement["rest"]
    assert tuple(one["type"] for one in rest["resource"]) == TYPES
    for one in rest["resource"]:
        assert [interaction["code"] for interaction in one["interaction"]] == ["read", "search-type"]
        for parameter in one["searchParam"]:
            assert server.get(f"/fhir/{one['type']}", params={parameter["name"]: "x"}).status_code == 200


@pytest.mark.parametrize("rule", RULES)
def test_a_plan_definition_holds_what_the_knowledge_file_says(server: RunningServer, rule: str) -> None:
    known = RULES[rule]
    plan = checked(server.get(f"/fhir/PlanDefinition/{rule.replace('_', '-')}"))
    assert (plan["url"], plan["version"]) == (f"urn:spine-cds:rule:{rule}", known.version)
    assert (plan["title"], plan["subtitle"], plan["status"]) == (known.title, known.question, known.status)
    assert "not executed from here" in plan["description"]
    assert "Not yet clinically signed" in plan["description"]
    assert all(limit in plan["usage"] for limit in known.limits)
    for absent in ("approvalDate", "reviewer", "endorser"):
        assert absent not in plan
    assert plan["effectivePeriod"] == {"end": known.review["next_review"]}
    citations = {one["label"]: one for one in plan["relatedArtifact"] if one["type"] == "citation"}
    assert {label: one["url"] for label, one in citations.items()} == {s.id: s.url for s in known.sources}
    grades = citations[known.guideline.id]["document"]["extension"]
    assert [one["valueCodeableConcept"]["text"] for one in grades] == [known.strength, known.certainty]
    stated = [one for one in plan["extension"] if one["url"] == "urn:spine-cds:threshold"]
    assert [one["extension"][0]["valueString"] for one in stated] == list(known.thresholds)
    page = next(one["url"] for one in plan["relatedArtifact"] if one["type"] == "documentation")
    assert server.get(page.removeprefix(server.url)).status_code == 200


def test_what_a_plan_definition_triggers_on_and_says(server: RunningServer) -> None:
    plan = checked(server.get("/fhir/PlanDefinition/suspected-cord-compression"))
    assert [one["id"] for one in plan["action"]] == [
        variant.replace("_", "-") for variant in RULES["suspected_cord_compression"].cards
    ]
    action = plan["action"][0]
    assert action["title"].startswith("Call spine on-call now, whole-spine MRI within 24 hours: possible cord")
    assert "within 24 hours" in action["title"]
    assert [one["name"] for one in action["trigger"]] == ["patient-view", "order-select", "order-sign"]
    assert "{" not in str([(one["title"], one["textEquivalent"]) for one in plan["action"]])


def test_a_source_cited_from_memory_says_so(server: RunningServer) -> None:
    plan = checked(server.get("/fhir/PlanDefinition/bone-modifying-agent"))
    for one in plan["relatedArtifact"]:
        if one["type"] == "citation":
            read = one["extension"][0]["valueBoolean"]
            assert read == ("to be checked" not in one["citation"])


def test_value_sets_are_published_as_they_are_stored(server: RunningServer) -> None:
    assert checked(server.get("/fhir/ValueSet/bone-metastasis")) == codes.value_sets()["bone_metastasis"]
    assert checked(server.get("/fhir/CodeSystem/assessment")) == codes.code_systems()["assessment"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("_id=bone-metastasis", ["bone-metastasis"]),
        ("_id=bone-metastasis,denosumab", ["bone-metastasis", "denosumab"]),
        ("_id=bone-metastasis&name=deno", []),
        ("url=urn:spine-cds:value-set:denosumab", ["denosumab"]),
        ("url=urn:spine-cds:value-set:denosumab|1.0.0", ["denosumab"]),
        ("url=urn:spine-cds:value-set:denosumab|9.9.9", []),
        ("url=urn:spine-cds:value-set:denos", []),
        ("name=ZOLEDRONIC", ["zoledronic-acid"]),
        ("name=acid", []),
        ("name=deno&status=active", ["denosumab"]),
        ("name=deno&status=http://hl7.org/fhir/publication-status|active", ["denosumab"]),
        ("name=deno&status=urn:other|active", []),
        ("status=draft", []),
        ("name=deno&_format=json", ["denosumab"]),
    ],
)
def test_search(server: RunningServer, query: str, ids: list[str]) -> None:
    bundle = checked(server.get(f"/fhir/ValueSet?{query}"))
    assert [one["id"] for one in entries(bundle)] == ids
    assert bundle["total"] == len(ids)
    assert ("entry" in bundle) == bool(ids)


def test_a_search_may_be_posted_as_a_form(server: RunningServer) -> None:
    response = requests.post(f"{server.url}/fhir/PlanDefinition/_search", data={"name": "Whole"}, timeout=10)
    assert [one["id"] for one in entries(checked(response))] == ["whole-spine-mri"]


def test_pages_follow_one_another_and_hold_everything_once(server: RunningServer) -> None:
    seen: list[str] = []
    path: str | None = "/fhir/ValueSet?status=active&_count=50"
    while path:
        bundle = checked(server.get(path))
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        assert links["self"] == server.url + path.replace("|", "%7C")
        assert len(entries(bundle)) <= 50
        seen += [one["id"] for one in entries(bundle)]
        path = links["next"].removeprefix(server.url) if "next" in links else None
    assert len(seen) == len(set(seen)) == SIZES["ValueSet"]


def test_counting_only_and_beyond_the_end(server: RunningServer) -> None:
    counted = checked(server.get("/fhir/ValueSet?_count=0"))
    assert (counted["total"], "entry" in counted, len(counted["link"])) == (SIZES["ValueSet"], False, 1)
    beyond = checked(server.get("/fhir/ValueSet?_offset=100000"))
    assert (beyond["total"], "entry" in beyond) == (SIZES["ValueSet"], False)


def test_an_unknown_parameter_is_refused_by_name(server: RunningServer) -> None:
    said = refused(server.get("/fhir/ValueSet?colour=red"), 400)
    assert "colour" in said
    assert "red" not in said.replace("refused", "")
    assert "name:contains" in refused(server.get("/fhir/ValueSet?name:contains=x"), 400)
    assert "script" not in refused(server.get("/fhir/ValueSet?<script>=x"), 400)


def test_a_lenient_caller_gets_what_is_known(server: RunningServer) -> None:
    bundle = checked(server.get("/fhir/ValueSet?colour=red&name=deno", headers={"Prefer": "handling=lenient"}))
    assert bundle["total"] == 1
    assert bundle["link"][0]["url"].endswith("?name=deno")


@pytest.mark.parametrize("query", ["_count=-1", "_count=many", "_count=1&_count=2", "_offset=1.5", "name=", "_count=³"])
def test_a_value_that_cannot_be_understood_is_refused(server: RunningServer, query: str) -> None:
    assert query.partition("=")[0] in refused(server.get(f"/fhir/ValueSet?{query}"), 400)


@pytest.mark.parametrize(
    "path", ["/fhir/PlanDefinition/nothing", "/fhir/ValueSet/no_such", "/fhir/CodeSystem/x", "/fhir/Patient", "/fhir"]
)
def test_what_is_not_there_is_a_404(server: RunningServer, path: str) -> None:
    refused(server.get(path), 404)


def test_nothing_can_be_written(server: RunningServer) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("/fhir/PlanDefinition/whole-spine-mri", "/fhir/ValueSet"):
            refused(requests.request(method, server.url + path, json={}, timeout=10), 405)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json", 200),
        ("application/fhir+json;fhirVersion=4.0", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200),
        ("application/fhir+xml", 406),
        ("text/turtle", 406),
    ],
)
def test_the_form_that_a_caller_accepts(server: RunningServer, accept: str, status: int) -> None:
    for path in ("/fhir/metadata", "/fhir/ValueSet/denosumab", "/fhir/ValueSet?_id=denosumab"):
        checked(server.get(path, headers={"Accept": accept}), status)


@pytest.mark.parametrize(("wanted", "status"), [("application/fhir+json", 200), ("xml", 406)])
def test_the_format_parameter_wins_over_accept(server: RunningServer, wanted: str, status: int) -> None:
    for path in ("/fhir/metadata", "/fhir/ValueSet/denosumab", "/fhir/ValueSet"):
        url = f"{server.url}{path}?_format={wanted}"
        checked(requests.get(url, headers={"Accept": "text/turtle"}, timeout=10), status)


def test_a_sign_off_of_the_site_endorses_only_while_it_holds(tmp_path: Path) -> None:
    tenant = tmp_path / "tenant.toml"
    signatures = (("whole_spine_mri", "A. <b>Example</b>", 2999), ("spinal_instability", "B. Example", 2021))
    tenant.write_text(
        'environment = "sandbox"\n[tenant]\nname = "here"\n'
        + "".join(
            f'[[sign_off]]\nrule = "{rule}"\nversion = "{RULES[rule].version}"\nby = "{by}"\nrole = "Surgeon"\n'
            f"date = 2020-01-01\nvalid_until = {until}-01-01\n"
            for rule, by, until in signatures
        )
    )
    with serving(tmp_path / "server", "--tenant", str(tenant)) as running:
        (endorser,) = checked(running.get("/fhir/PlanDefinition/whole-spine-mri"))["endorser"]
        assert endorser["name"].startswith("A. <b>Example</b>, Surgeon, signed version ")
        assert "endorser" not in checked(running.get("/fhir/PlanDefinition/spinal-instability"))
