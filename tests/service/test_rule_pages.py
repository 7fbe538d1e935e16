"""The pages that people read: rules, signatures and intended use, as HTML and as JSON, escaped and without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from conftest import RunningServer, serving

from cds_service import config
from cds_service.app import create_app
from cds_service.routes import EXTENSION, running
from fhir_mappings.publication import blanks
from hooks import knowledge
from hooks.scores import sins
from tests.commands import run

RULES = knowledge.catalogue()
HTML = {"Accept": "text/html"}
JSON = {"Accept": "application/json"}
PAGES = ("/", "/rules", "/intended-use", *(f"/rules/{name}" for name in RULES))


def sign_off(rule: str, by: str, role: str, date: str, valid_until: str) -> str:
    """A [[sign_off]] entry for the version that the rule has now."""
    return (
        f'[[sign_off]]\nrule = "{rule}"\nversion = "{RULES[rule].version}"\nby = "{by}"\nrole = "{role}"\n'
        f"date = {date}\nvalid_until = {valid_until}\n"
    )


SIGNED = (
    'environment = "sandbox"\n[tenant]\nname = "here"\n[rules]\ndefault = "shadow"\nwhole_spine_mri = "off"\n'
    + sign_off("suspected_cord_compression", "Dr <i>Anna</i> Example", "Consultant surgeon", "2020-01-01", "2999-12-31")
    + sign_off("suspected_cord_compression", "P. Example", "Chief pharmacist", "2998-01-01", "2999-12-31")
    + sign_off("spinal_instability", "B. Example", "Surgeon", "2020-01-01", "2021-01-01")
)
SIGNATURE = (
    "Dr <i>Anna</i> Example, Consultant surgeon, signed version "
    f"{RULES['suspected_cord_compression'].version} on 2020-01-01, valid until 2999-12-31"
)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A site with signatures: one that holds, one of the future, one expired."""
    folder = tmp_path_factory.mktemp("signed")
    (folder / "tenant.toml").write_text(SIGNED)
    with serving(folder / "server", "--tenant", str(folder / "tenant.toml")) as server:
        yield server


def text(page: str) -> str:
    """What a reader sees of a page: no tags, one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_plain_html_without_scripts(server: RunningServer, path: str) -> None:
    page = server.get(path, headers=HTML)
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
    assert " style=" not in page.text
    assert 'name="viewport"' in page.text


@pytest.mark.parametrize("path", PAGES)
def test_every_link_within_the_site_leads_somewhere(server: RunningServer, path: str) -> None:
    page = server.get(path, headers=HTML).text
    for link in set(re.findall(r'href="(/[^"]*)"', page)):
        assert server.get(link).status_code == 200, link
    for link in re.findall(r'href="#([^"]*)"', page):
        assert f'id="{link}"' in page


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_page_shows_all_of_its_knowledge(server: RunningServer, rule: str) -> None:
    known = RULES[rule]
    shown = text(server.get(f"/rules/{rule}", headers=HTML).text)
    for said in (known.question, known.version, known.strength, known.certainty, *known.limits, *known.implements):
        assert said in shown
    for name, one in known.thresholds.items():
        assert name in shown
        assert f"{one} {'decides' if one.decides else 'only stated'}" in shown
        assert one.note in shown
    for source in known.sources:
        assert source.cite in shown
        assert source.where in shown
    assert shown.count("cited from memory, to be checked") == sum(not source.checked for source in known.sources)
    assert "Not yet clinically signed" in shown
    assert "This site has recorded no sign-off either." in shown
    assert known.review["next_review"] in shown
    assert "live: its cards are shown" in shown


def test_numbers_kept_beside_a_score_are_shown_from_there(server: RunningServer) -> None:
    shown = text(server.get("/rules/spinal_instability", headers=HTML).text)
    assert f"sins_potentially_unstable {sins.STABLE_MAX + 1} decides" in shown
    assert f"sins_unstable {sins.INDETERMINATE_MAX + 1} decides" in shown
    assert sins.band(7) == "indeterminate" != sins.band(6)
    said = server.get("/rules/spinal_instability", headers=JSON).json()["shared_thresholds"]
    assert (said["sins_potentially_unstable"]["value"], said["sins_unstable"]["value"]) == ("7", "13")
    assert said["sins_unstable"]["kept_in"] == "hooks/scores/sins.py"


def test_the_steps_of_zoledronic_acid_stand_where_the_order_is_judged(server: RunningServer) -> None:
    shown = text(server.get("/rules/bone_agent_renal_dose", headers=HTML).text)
    for said in ("60 mL/min", "50 mL/min", "40 mL/min", "30 mL/min", "3.5 mg", "3.3 mg", "3 mg"):
        assert f" {said} decides" in shown
    table = RULES["bone_modifying_agent"].thresholds
    said = server.get("/rules/bone_agent_renal_dose", headers=JSON).json()["shared_thresholds"]
    assert {n: one["value"] for n, one in said.items() if n in table} == {
        n: f"{one.value:f}" for n, one in table.items() if n.startswith(("clearance_", "dose_"))
    }
    assert "shared_thresholds" in server.get("/rules/radiotherapy", headers=JSON).json()
    own = server.get("/rules/bone_modifying_agent", headers=JSON).json()
    assert not set(own["thresholds"]) & set(own["shared_thresholds"])


@pytest.mark.parametrize("rule", RULES)
def test_what_nobody_has_checked_is_not_called_reviewed(server: RunningServer, rule: str) -> None:
    assert not RULES[rule].review["checked_by"]
    shown = text(server.get(f"/rules/{rule}", headers=HTML).text)
    assert f"Checked by nobody yet Written on {RULES[rule].review['reviewed']}" in shown
    assert "Reviewed 2" not in shown


@pytest.mark.parametrize("rule", RULES)
def test_no_placeholder_is_shown_raw(server: RunningServer, rule: str) -> None:
    """Thresholds are filled in; what the chart fills is a named blank, and the page says what that means."""
    shown = text(server.get(f"/rules/{rule}", headers=HTML).text)
    assert not re.search(r"[{}]", shown)
    assert "[Words in brackets] are filled from the chart of the patient." in shown
    for variant in RULES[rule].cards:
        for name in blanks(RULES[rule], variant):
            assert f"[{name.replace('_', ' ')}]" in shown
    said = server.get(f"/rules/{rule}", headers=JSON).json()
    assert not re.search(r"[{}]", str([list(card.values()) for card in said["cards"].values()]))


@pytest.mark.parametrize("rule", RULES)
def test_page_and_data_say_the_same(server: RunningServer, rule: str) -> None:
    said = server.get(f"/rules/{rule}", headers=JSON)
    assert said.headers["Content-Type"] == "application/json"
    shown = text(server.get(f"/rules/{rule}", headers=HTML).text)
    entry = said.json()
    for one in entry["source_attributes"]:
        assert one["attribute"] in shown
        assert " ".join(one["value"].split()) in shown
    for card in entry["cards"].values():
        assert card["summary"] in shown
    assert ", ".join(entry["hooks"]) in shown
    assert ", ".join(entry["override_reasons"].values()) in shown


def test_the_form_follows_accept(server: RunningServer) -> None:
    for path in ("/rules", "/rules/whole_spine_mri", "/intended-use"):
        for accept, kind in (
            ("application/json", "application/json"),
            ("text/html", "text/html"),
            ("*/*", "text/html"),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
            ("application/json, text/html;q=0.5", "application/json"),
        ):
            response = server.get(path, headers={"Accept": accept})
            assert response.headers["Content-Type"].startswith(kind)
            assert "Accept" in response.headers["Vary"]


def test_a_signature_is_shown_with_name_role_dates_and_state(signed: RunningServer) -> None:
    page = signed.get("/rules/suspected_cord_compression", headers=HTML).text
    shown = text(page)
    assert "Not yet clinically signed by the project." in shown
    assert f"At this site: {SIGNATURE}." in shown
    assert "&lt;i&gt;Anna" in page
    assert "NOT YET VALID: P. Example" in shown
    entry = signed.get("/rules/suspected_cord_compression", headers=JSON).json()
    assert [(one["by"], one["state"]) for one in entry["sign_off"]] == [
        ("Dr <i>Anna</i> Example", "valid"),
        ("P. Example", "not yet valid"),
    ]


def test_an_expired_signature_is_shown_as_expired(signed: RunningServer) -> None:
    assert "EXPIRED: B. Example" in text(signed.get("/rules/spinal_instability", headers=HTML).text)
    assert signed.get("/rules/spinal_instability", headers=JSON).json()["sign_off"][0]["state"] == "expired"
    listed = text(signed.get("/rules", headers=HTML).text)
    assert "sign-off expired" in listed
    assert "signed here" in listed


def test_the_mode_of_a_rule_is_shown(signed: RunningServer) -> None:
    for rule, mode in (("whole_spine_mri", "off: not evaluated"), ("pain_team", "shadow: evaluated and recorded")):
        assert mode in text(signed.get(f"/rules/{rule}", headers=HTML).text)
    modes = {one["rule"]: one["mode"] for one in signed.get("/rules", headers=JSON).json()["rules"]}
    assert (modes["whole_spine_mri"], modes["pain_team"]) == ("off", "shadow")


def hostile_app(folder: Path) -> Any:
    """An application whose knowledge holds markup, and whose review is overdue."""
    app = create_app(config.from_environment({"SPINE_CDS_DATABASE": f"sqlite:///{folder / 'store.db'}"}))
    rule = RULES["whole_spine_mri"]
    evil = '"><script>alert(1)</script>'
    changed = replace(
        rule,
        title=evil,
        question=evil,
        limits=(evil,),
        strength=evil,
        review={**rule.review, "checked_by": evil, "reviewed": "2020-01-01", "next_review": "2021-01-01"},
        sources=tuple(replace(one, cite=evil, where=evil) for one in rule.sources),
        guideline=replace(rule.guideline, cite=evil),
        cards={
            name: replace(card, indicator="critical", summary=evil, do=(evil,)) for name, card in rule.cards.items()
        },
    )
    app.extensions[EXTENSION] = replace(running(app), rules={"whole_spine_mri": changed})
    return app.test_client()


def test_markup_in_knowledge_is_text_on_the_page(tmp_path: Path) -> None:
    client = hostile_app(tmp_path)
    for path in ("/rules", "/rules/whole_spine_mri", "/intended-use"):
        page = client.get(path, headers=HTML).get_data(as_text=True)
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_a_signature_of_the_project_and_an_overdue_review_are_shown(tmp_path: Path) -> None:
    client = hostile_app(tmp_path)
    shown = text(client.get("/rules/whole_spine_mri", headers=HTML).get_data(as_text=True))
    assert "Signed by " in shown
    assert "Not yet clinically signed" not in shown
    assert "The review was due on 2021-01-01." in shown
    plan = client.get("/fhir/PlanDefinition/whole-spine-mri").get_json()
    assert plan["approvalDate"] == "2020-01-01"
    assert "reviewer" in plan
    assert "Not yet clinically signed" not in plan["description"]


def test_the_intended_use(server: RunningServer) -> None:
    shown = text(server.get("/intended-use", headers=HTML).text)
    for said in (
        "Licensed health professionals",
        "To make a diagnosis.",
        "To rule out cord compression",
        "For children and adolescents",
        "To order anything automatically.",
        "By patients, relatives or other laypeople",
        "For prognosis from SINS",
        "520(o)(1)(E)",
        "6 January 2026",
        "time-critical",
        "rule 11",
        "class IIa or higher",
        "not CE-marked",
        "No certification, clearance or conformity is claimed",
        "not legal advice",
        "Position of 2026-11-24",
        "Not verified in the original.",
    ):
        assert said in shown
    for rule in ("Suspected spinal cord compression", "Confirmed spinal cord compression"):
        assert rule in shown
    said_as_data = server.get("/intended-use", headers=JSON).json()
    assert "suspected_cord_compression" in said_as_data["critical_rules"]
    assert "pain_team" not in said_as_data["critical_rules"]
    assert all({"cite", "url", "verified", "read"} == set(one) for one in said_as_data["source"])


@pytest.mark.parametrize("path", ["/", "/rules", "/rules/whole_spine_mri"])
def test_the_intended_use_is_linked(server: RunningServer, path: str) -> None:
    assert 'href="/intended-use"' in server.get(path, headers=HTML).text


def test_the_command_line_shows_signatures_too(tmp_path: Path) -> None:
    tenant = tmp_path / "tenant.toml"
    tenant.write_text(SIGNED)
    one = run("rules", "suspected_cord_compression", "--tenant", str(tenant), "--as-of", "2026-11-24").stdout
    assert "Not yet clinically signed by the project." in one
    assert f"This site: {SIGNATURE}" in one
    assert "Mode here    shadow" in one
    assert "{" not in one
    listed = run("rules", "--tenant", str(tenant), "--as-of", "2026-11-24").stdout
    assert re.search(r"^suspected_cord_compression .* signed here ", listed, re.MULTILINE)
    assert re.search(r"^spinal_instability .* sign-off expired ", listed, re.MULTILINE)


def test_every_statement_of_the_guideline_is_accounted_for(server: RunningServer) -> None:
    told = server.get("/rules", headers={"Accept": "application/json"}).json()["statements"]
    assert len(told) == 48
    assert {one["statement"] for one in told if one["rules"]} == {one["statement"] for one in told}
    page = server.get("/rules").text
    assert "Dexamethasone: when, how much" in page
    assert "never an order to click" in page


def test_below_a_path_of_a_proxy_every_link_of_a_page_begins_with_it(tmp_path: Path) -> None:
    variables = {
        "SPINE_CDS_DATABASE": f"sqlite:///{tmp_path / 's.db'}",
        "SPINE_CDS_PUBLIC_BASE_URL": "http://127.0.0.1/spine",
    }
    client = create_app(config.from_environment(variables)).test_client()
    for path in ("/", "/rules", "/rules/pain_team", "/playground", "/ledger", "/dashboard"):
        page = client.get(path).get_data(as_text=True)
        inner = re.findall(r'(?:href|src|action|formaction|data-[a-z]+)="(/[^"]*)"', page)
        assert inner, path
        assert [link for link in inner if not link.startswith("/spine/")] == [], path
