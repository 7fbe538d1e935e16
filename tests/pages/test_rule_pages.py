"""Rule pages in a real browser: every card leads to one, with its sentences, numbers, patients and value sets."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from cds_service import rule_value_sets, services, vignettes
from fhir_mappings import codes
from fhir_mappings.results import MEASUREMENTS
from hooks import knowledge
from hooks.facts import Facts
from hooks.statements import all_statements
from tests import read_vignettes
from tests.pages.conftest import NARROW, WIDE, Opened, assert_accessible
from tests.read_vignettes import Vignette
from tests.service.conftest import HOOK_OF, RunningServer, call_body

RULES = knowledge.catalogue()
VIGNETTES = read_vignettes.all_vignettes()


@pytest.mark.parametrize("service", HOOK_OF)
def test_every_card_leads_to_the_page_of_its_rule(served: RunningServer, open_page: Opened, service: str) -> None:
    cards = served.post(call_body(service), service).json()["cards"]
    assert cards
    for card in cards:
        links = [one["url"] for one in card["links"] if one["type"] == "absolute"]
        assert links
        for link in links:
            page = open_page(link)
            rule = link.removeprefix(served.url).removeprefix("/rules").removeprefix("/")
            expect(page.get_by_role("heading", level=1)).to_have_text(RULES[rule].title if rule else "Rules")
            page.close()
        if links != [f"{served.url}/rules"]:  # all but the closing card, which may name very many
            on_card = card["extension"]["org.spine-cds.rules"]
            assert links == [f"{served.url}/rules/{one['rule']}" for one in on_card]


def test_from_the_list_to_a_rule_and_on_to_a_value_set(served: RunningServer, open_page: Opened) -> None:
    page = open_page(served.url + "/rules")
    page.get_by_role("link", name=RULES["bone_scan_low_yield"].title).first.click()
    expect(page.get_by_text(all_statements()["R27"].about)).to_be_visible()
    page.get_by_role("link", name="value sets", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("#value-sets$"))
    link = page.get_by_role("link", name="Bone scan", exact=True).get_attribute("href")
    assert served.get(str(link)).json()["name"] == "BoneScan"


def vignette_rows(page: Page) -> list[list[str]]:
    rows = page.get_by_role("table", name="Vignettes").get_by_role("row").all()[1:]
    return [[one.inner_text() for one in row.locator("th, td").all()] for row in rows]


def test_the_patients_of_a_rule_as_a_table(served: RunningServer, open_page: Opened) -> None:
    page = open_page(served.url + "/rules/bone_scan_low_yield")
    found = vignette_rows(page)
    assert [name for name, _, _ in found] == [one.name for one in VIGNETTES if one.rule == "bone_scan_low_yield"]
    name, patient, expected = found[0]
    assert name == "kidney cancer, no pain, normal alkaline phosphatase"
    assert patient.split("\n") == [
        "female, 60 years",
        "Kidney cancer",
        "alkaline phosphatase 80 U/L (normal from 40 to 120) on 2026-11-01",
        "pain score 0 of 10 on 2026-11-20",
        "Bone scan, being ordered",
    ]
    assert expected.split("\n") == ["Card (warning)", "offers to remove the draft order", "says: “below 1 %”"]
    assert any("just beside the number fresh" in row[2] for row in found)
    details = page.get_by_text("more that its code mentions")
    details.press("Enter")
    expect(page.get_by_role("link", name="Weakness", exact=True)).to_be_visible()


@pytest.mark.parametrize("size", [NARROW, WIDE])
@pytest.mark.parametrize("path", ["/rules", "/rules/radiotherapy_order_check", "/rules/bone_agent_renal_dose"])
def test_everybody_can_read_it(served: RunningServer, open_page: Opened, path: str, size: tuple[int, int]) -> None:
    assert_accessible(open_page(served.url + path, size))


# -- what is shown is true, for every rule


@pytest.mark.parametrize("rule", RULES)
def test_every_vignette_is_told_and_nothing_in_it_is_left_out(rule: str) -> None:
    """No raw name, no empty phrase: each fact of the file has its own phrase, with its number and its date."""
    ours = [one for one in VIGNETTES if one.rule == rule]
    shown = vignettes.of_rule(rule)
    assert [one.name for one in shown] == [one.name for one in ours]
    for told, vignette in zip(shown, ours, strict=True):
        entry = vignette.expect
        facts = entry["facts"]
        assert len(told.patient) == 1 + len(facts) + sum(
            bool(entry.get(key)) for key in ("unavailable", "incomplete", "as_of")
        )
        for phrase, fact in zip(told.patient[1:], facts, strict=False):
            assert not re.search(r"[{}_]|None", phrase), phrase
            for key in ("when", "onset", "recorded", "mg", "level"):
                assert str(fact.get(key, "")) in phrase
            assert "measured" not in fact or str(fact["value"]) in phrase
        assert told.outcome == entry["expect"]
        words = [word for key in ("says", "never_says", "missing", "why") for word in entry.get(key, ())]
        assert all(any(word in line for line in told.expected) for word in words)
    assert vignettes.AS_OF == read_vignettes.AS_OF


def limited(facts: Facts, names: set[str]) -> Facts:
    """The facts with the concepts and measurements of these value sets alone."""
    kept = {
        kind: tuple(replace(one, concepts=one.concepts & names) for one in getattr(facts, kind))
        for kind in ("findings", "orders", "medications", "procedures")
    }
    measured = {MEASUREMENTS[name] for name in names if name in MEASUREMENTS} | {"life_expectancy"}
    return replace(facts, **kept, measurements=tuple(one for one in facts.measurements if one.name in measured))


@pytest.mark.parametrize("vignette", VIGNETTES, ids=str)
def test_a_rule_rests_on_no_value_set_that_its_page_leaves_out(vignette: Vignette) -> None:
    """Without the codes of all other sets its answer stays the same."""
    rule = services.RULES[vignette.rule]
    ids = {one.id for some in rule_value_sets.used(rule) for one in some}
    names = {name for name, one in codes.value_sets().items() if one["id"] in ids}
    before, after = rule.decide(vignette.facts), rule.decide(limited(vignette.facts, names))
    assert type(after) is type(before)
    assert getattr(after, "says", None) == getattr(before, "says", None)
    assert getattr(after, "missing", None) == getattr(before, "missing", None)


@pytest.mark.parametrize("rule", RULES)
def test_the_value_sets_named_first_are_those_of_its_patients(rule: str) -> None:
    named, others = rule_value_sets.used(services.RULES[rule])
    assert named
    assert not {one.id for one in named} & {one.id for one in others}


def test_every_statement_that_a_rule_implements_is_a_sentence() -> None:
    for rule in RULES.values():
        for named in rule.implements:
            known = all_statements().get(named.rstrip("AB"))
            assert known is None or rule.rule in known.rules
            assert known is not None or " " in named, f"{named} is no statement and no words"
