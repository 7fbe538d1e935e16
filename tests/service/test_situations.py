"""The made-up patients of the playground: valid FHIR, in scope of no real person, and each does what its title says."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import fhirkit
import pytest
from fhir.resources.R4B import get_fhir_model_class

from cds_service import examples, situations
from cds_service.answer import Answered
from cds_service.cli import evaluate
from cds_service.services import BY_HOOK
from cds_service.tenants import load_tenant
from fhir_mappings import codes
from hooks import knowledge, order_select, patient_view
from hooks.outcomes import Recommend

FOLDER = Path(situations.__file__).parent
DAYS = (date(2026, 11, 20), date(2027, 3, 1), date(2028, 2, 29))  # a situation does not depend on the day it is tried
SANDBOX = load_tenant(None)
FAMILIES = {"Beispiel", "Muster", "Exempel"}  # German, Swedish: "example", "specimen"


def asked(name: str, hook: str, day: date, order: str = "") -> Answered:
    body: dict[str, Any] = {
        "hook": hook,
        "hookInstance": "8a3c2b4e-0000-4000-8000-000000000001",
        "context": {"userId": "Practitioner/1", "patientId": "p1"},
        "prefetch": situations.chart(name, "p1", day),
    }
    if hook != "patient-view":
        drafts = situations.draft_orders(order or situations.every()[name].order, "p1", day)
        resource = drafts["entry"][0]["resource"]
        body["context"] |= {"draftOrders": drafts, "selections": [f"{resource['resourceType']}/{resource['id']}"]}
    return evaluate(json.dumps(body).encode(), SANDBOX, day)


def spoken(answered: Answered) -> set[str]:
    """Rules that recommend something and stand on a card with it."""
    named = (one for card in answered.cards for one in card.get("extension", {}).get("org.spine-cds.rules", ()))  # type: ignore[attr-defined] # a card is plain JSON
    shown = {one["rule"] for one in named if not one.get("cut")}
    return {one.rule for one in answered.decisions if isinstance(one.outcome, Recommend) and one.rule in shown}


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("name", situations.NAMES)
def test_opening_the_chart_says_what_the_file_says(name: str, day: date) -> None:
    situation, answered = situations.every()[name], asked(name, "patient-view", day)
    assert set(situation.opening) <= spoken(answered)
    assert set(situation.quiet).isdisjoint(spoken(answered))
    assert situation.silent_opening == (answered.cards == [])
    assert situation.opening or not situation.silent_opening or situation.ordering or situation.silent_ordering


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("name", situations.NAMES)
def test_picking_the_order_says_what_the_file_says(name: str, day: date) -> None:
    situation, answered = situations.every()[name], asked(name, "order-select", day)
    assert set(situation.ordering) <= spoken(answered)
    assert set(situation.quiet).isdisjoint(spoken(answered))
    assert not situation.silent_ordering or answered.cards == []


def test_the_gravest_stands_first() -> None:
    for name in ("suspected_compression", "confirmed_compression"):
        assert asked(name, "patient-view", DAYS[0]).cards[0]["indicator"] == "critical"


def test_in_hospice_care_nobody_is_asked_to_score_or_grade() -> None:
    answered = asked("comfort_care", "patient-view", DAYS[0])
    assert not [card for card in answered.cards if "Not assessed" in str(card["summary"])]
    words = " ".join(str(card["detail"]) for card in answered.cards)
    assert not [word for word in ("SINS", "ESCC", "ECOG", "life expectancy") if word in words]


def test_interrupted_denosumab_is_told_before_an_agent_is_offered() -> None:
    first, second, *_ = (str(card["summary"]) for card in asked("denosumab_stopped", "patient-view", DAYS[0]).cards)
    assert "Denosumab 120 mg last given 2026-07-16" in first
    assert "denosumab 120 mg last given 2026-07-16, none since" in second
    assert "no recent bone agent" not in second


def test_there_are_enough_and_each_has_a_title_of_its_own() -> None:
    assert len(situations.NAMES) >= 12
    assert len({one.title for one in situations.every().values()}) == len(situations.NAMES)


def test_every_rule_can_be_seen_at_work() -> None:
    shown = {
        rule
        for name in situations.NAMES
        for hook in ("patient-view", "order-select")
        for rule in spoken(asked(name, hook, DAYS[0]))
    }
    assert shown == set(knowledge.catalogue())


def test_the_rules_named_are_asked_by_that_hook() -> None:
    asked_by = {
        "opening": {rule.KNOWLEDGE.rule for rule in patient_view.RULES},
        "ordering": {rule.KNOWLEDGE.rule for rule in order_select.RULES},
    }
    for one in situations.every().values():
        assert set(one.opening) <= asked_by["opening"], one.name
        assert set(one.ordering) <= asked_by["ordering"], one.name
        assert set(one.quiet) <= set(knowledge.catalogue()), one.name


def resources(name: str) -> Iterator[dict[str, Any]]:
    """All resources of a situation, its order and its Bundles included."""
    whole = situations.chart(name, "p1", DAYS[0])
    for one in (*whole.values(), situations.draft_orders(situations.every()[name].order, "p1", DAYS[0])):
        yield one
        yield from (entry["resource"] for entry in one.get("entry", ()))


@pytest.mark.parametrize("name", situations.NAMES)
def test_every_resource_is_valid_r4(name: str) -> None:
    for resource in resources(name):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert fhirkit.validate(resource) == [], resource.get("id")


@pytest.mark.parametrize("order", situations.orders())
def test_every_order_is_valid_r4_and_can_be_picked_for_anybody(order: str) -> None:
    drafts = situations.draft_orders(order, "p1", DAYS[0])
    get_fhir_model_class("Bundle").model_validate(drafts)
    assert fhirkit.validate(drafts) == []
    for name in ("suspected_compression", "no_cancer"):
        asked(name, "order-select", DAYS[0], order)


def test_the_files_are_those_that_are_named_and_whole() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == {*situations.NAMES, "orders"}
    for name in situations.NAMES:
        written = tomllib.loads((FOLDER / f"{name}.toml").read_text())
        words = {"title", "about", "order", "opening", "ordering", "quiet", "silent_opening", "silent_ordering"}
        assert set(written) <= {"patient", *words, *situations.KINDS}, name
        assert written["order"] in situations.orders(), name


def test_a_chart_answers_every_prefetch_template() -> None:
    for service in BY_HOOK.values():
        assert set(situations.chart("no_cancer", "p1", DAYS[0])) == set(service.prefetch)


def test_nobody_is_real() -> None:
    people = [one.rows["patient"] for one in situations.every().values()]
    assert {one["family"] for one in people} <= FAMILIES
    assert len({(one["given"], one["family"]) for one in people}) == len(people)


def test_a_code_says_what_our_value_sets_say_that_it_is() -> None:
    known = {(s, c): display for concept in codes.value_sets() for s, c, display in codes.codings(concept)}
    for name in situations.NAMES:
        for resource in resources(name):
            for coding in codings_in(resource.get("code") or resource.get("medicationCodeableConcept") or {}):
                display = known.get((coding["system"], coding["code"]))
                assert display is None or display.startswith(coding["display"]), (name, coding, display)


def codings_in(concept: dict[str, Any]) -> list[dict[str, str]]:
    return concept.get("coding", [])  # type: ignore[no-any-return] # JSON


def test_all_dates_move_with_the_day() -> None:
    now, later = (json.dumps(situations.chart("severe_pain", "p1", day)) for day in (DAYS[0], DAYS[0] + timedelta(40)))
    assert "2026-11-19" in now
    assert "2026-12-29" in later
    assert examples.as_of(now, DAYS[0] + timedelta(40)) == later


def sins_rows() -> list[Any]:
    return [
        pytest.param(row, id=f"{name}-{row['id']}")
        for name, one in situations.every().items()
        for row in one.rows.get("assessments", ())
        if row["code"][1] == "sins" and "parts" in row
    ]


@pytest.mark.parametrize("row", sins_rows())
def test_the_parts_of_a_score_make_its_total(row: dict[str, Any]) -> None:
    assert sum(points for _, points in row["parts"]) == row["value"]


def test_what_is_said_of_an_unstable_vertebra_is_in_its_parts() -> None:
    (row,) = (one for one in situations.every()["unstable_spine"].rows["assessments"] if one["id"] == "sins")
    points = {code[1]: number for code, number in row["parts"]}
    assert "translated" in situations.every()["unstable_spine"].about
    assert points["sins-alignment"] == 4  # translation; 2 would be a deformity without it


def test_all_four_axes_are_known_where_the_title_says_so() -> None:
    cards = asked("radiotherapy_due", "patient-view", DAYS[0]).cards
    team = next(card for card in cards if "three specialties" in str(card["summary"]))
    assert "Systemic: ECOG 1" in str(team["detail"])
    lacking = ("SINS", "epidural", "performance", "primary", "estimate")
    assert not [word for word in lacking if f"- {word}" in str(team["detail"]).partition("**Not known**")[2]]


def test_the_order_is_for_the_level_that_is_compressed() -> None:
    situation = situations.every()["confirmed_compression"]
    (escc,) = (one for one in situation.rows["assessments"] if one["id"] == "escc")
    assert situations.orders()[situation.order]["site"] == escc["site"]


def test_a_second_course_says_where_the_first_one_was() -> None:
    (card, *_) = asked("second_radiotherapy", "order-select", DAYS[0]).cards
    assert "T10" in str(card["summary"])
    assert "T10 (the same level)" in str(card["detail"])
