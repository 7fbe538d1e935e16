"""Each client profile on a real server, called as its EHR calls: what Epic and Oracle Health can and cannot take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import RunningServer, call_body, serving
from markdown_it import MarkdownIt

from cds_service import services
from cds_service.tenants import PROFILES, read_tenant
from fhir_mappings.proposed_orders import to_fhir
from hooks import cards, closing_card, knowledge, patient_view
from hooks.card_text import escape
from hooks.cards import Client
from hooks.facts import Facts, Finding, Measurement, Patient, When
from hooks.outcomes import Decision, Dose, ProposedOrder, Recommend, Suggestion, Wording
from hooks.plain_text import plain

SERVICES = sorted(services.BY_ID)
SITE = 'environment = "sandbox"\n[tenant]\nname = "here"\n[client]\nprofile = "{profile}"\n'
CONTENT_TYPE = "com.epic.cdshooks.card.detail.content-type"
MANUAL = Path(__file__).parents[2] / "deploy" / "README.md"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningServer]]:
    """One server for each profile."""
    folder = tmp_path_factory.mktemp("profiles")
    for profile in PROFILES:
        (folder / f"{profile}.toml").write_text(SITE.format(profile=profile))
    with (
        serving(folder / "1", "--tenant", str(folder / "standard.toml")) as standard,
        serving(folder / "2", "--tenant", str(folder / "epic.toml")) as epic,
        serving(folder / "3", "--tenant", str(folder / "oracle-health.toml")) as oracle,
    ):
        yield {"standard": standard, "epic": epic, "oracle-health": oracle}


def answered(server: RunningServer, service: str, body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    response = server.post(body or call_body(service), service)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["cards"]
    return found


def suggestions(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for card in found for one in card.get("suggestions", ())]


def empties(value: Any) -> bool:
    """Is there a null or an empty value anywhere? CDS Hooks forbids it."""
    if isinstance(value, dict):
        return not value or any(map(empties, value.values()))
    if isinstance(value, list):
        return not value or any(map(empties, value))
    return value is None or value == ""


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("profile", PROFILES)
def test_what_every_ehr_asks_of_a_card(running: dict[str, RunningServer], profile: str, service: str) -> None:
    found = answered(running[profile], service)
    assert 0 < len(found) <= PROFILES[profile]["max_cards"]
    assert not empties(found)
    for card in found:
        assert len(card["summary"]) < 140
        assert card["indicator"] in ("info", "warning", "critical")
        assert re.fullmatch(r"[A-Za-z0-9]{1,100}", card["source"]["topic"]["code"])
        assert ("suggestions" in card) == ("selectionBehavior" in card)
        assert card.get("selectionBehavior", "any") == "any"
        assert all(reason["display"] and reason["system"] for reason in card.get("overrideReasons", ()))
        assert all(link["type"] == "absolute" and "appContext" not in link for link in card.get("links", ()))
    identifiers = [one["uuid"] for one in (*found, *suggestions(found))]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("profile", ["epic", "oracle-health"])
def test_one_action_each_and_its_words_are_the_label(
    running: dict[str, RunningServer], profile: str, service: str
) -> None:
    for suggestion in suggestions(answered(running[profile], service)):
        (action,) = suggestion["actions"]
        assert action["description"] == suggestion["label"]
        assert action["type"] in ("create", "delete")
        kind = action["resource"]["resourceType"] if action["type"] == "create" else action["resourceId"].split("/")[0]
        assert kind in ("ServiceRequest", "MedicationRequest")


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_essential_stands_only_in_a_link(running: dict[str, RunningServer], profile: str) -> None:
    """An EHR may strip links: what to do, why, and from whom must stand on the card itself."""
    heading = "{}:" if profile == "oracle-health" else "**{}**"
    for card in answered(running[profile], "spine-patient-view"):
        card.pop("links", None)
        if card["source"]["topic"]["code"] == "notAssessed":
            continue
        assert heading.format("Do") in card["detail"]
        assert heading.format("Why") in card["detail"]
        assert card["source"]["label"]
        assert not re.search(r"\b(link|click here|see below|rule page)\b", card["detail"], re.IGNORECASE)


@pytest.mark.parametrize("profile", PROFILES)
def test_patient_view_alone_is_complete(running: dict[str, RunningServer], profile: str) -> None:
    """Orders that can be signed as they are, and no card that counts on a check when the order is placed."""
    found = answered(running[profile], "spine-patient-view")
    made = [action["resource"] for one in suggestions(found) for action in one["actions"] if action["type"] == "create"]
    assert made
    for order in made:
        assert (order["status"], order["intent"]) == ("draft", "proposal")
        assert order["subject"]["reference"]
        assert order.get("code") or order.get("medicationCodeableConcept")
        assert order["resourceType"] != "MedicationRequest" or order["dosageInstruction"][0]["doseAndRate"]
    assert "order-s" not in json.dumps(found)


@pytest.mark.parametrize("service", SERVICES)
def test_plain_detail_for_oracle_health(running: dict[str, RunningServer], service: str) -> None:
    marked = answered(running["standard"], service)
    unmarked = answered(running["oracle-health"], service)
    assert [card["summary"] for card in unmarked] == [card["summary"] for card in marked]
    for card in unmarked:
        assert not re.search(r"\*\*|\\|&[a-z]+;|<|>", card["detail"])
        assert CONTENT_TYPE not in card.get("extension", {})


def test_a_call_as_epic_sends_it(running: dict[str, RunningServer]) -> None:
    """Its extensions, its way to say "nothing found", absolute references, a prefetch key of its own."""
    body = call_body()
    body["extension"] = {
        "com.epic.cdshooks.request.bpa-trigger-action": "60",
        "com.epic.cdshooks.request.fhir-version": "R4",
        "internal.epic.cdshooks.request.epic-emp-id": "1",
    }
    warning = {"severity": "warning", "code": "not-found", "details": {"coding": [{"code": "4101"}]}}
    nothing = {"resource": {"resourceType": "OperationOutcome", "issue": [warning]}, "search": {"mode": "outcome"}}
    body["prefetch"]["procedures"] = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [nothing]}
    body["prefetch"]["-extra"] = {"resourceType": "Practitioner", "id": "x"}
    body["context"]["userId"] = "PractitionerRole/abc"
    base = "https://epic.example/api/FHIR/R4"
    patient = f"Patient/{body['context']['patientId']}"
    body = json.loads(json.dumps(body).replace(f'"{patient}"', f'"{base}/{patient}"')) | {"fhirServer": base}
    found = answered(running["epic"], "spine-patient-view", body)
    assert [card["summary"] for card in found] == [
        card["summary"] for card in answered(running["epic"], "spine-patient-view")
    ]


@pytest.mark.parametrize(("profile", "said"), [("epic", "text/plain"), ("standard", None), ("oracle-health", None)])
def test_a_plain_detail_is_announced_in_the_ehrs_own_way(tmp_path: Path, profile: str, said: str | None) -> None:
    (tmp_path / "tenant.toml").write_text(SITE.format(profile=profile) + "plain_detail = true\nmax_cards = 2\n")
    with serving(tmp_path, "--tenant", str(tmp_path / "tenant.toml")) as server:
        found = answered(server, "spine-patient-view")
    assert len(found) == 2
    assert [card["extension"].get(CONTENT_TYPE) for card in found] == [said, said]
    assert all("**" not in card["detail"] for card in found)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_key_of_a_preset_can_be_overridden(profile: str) -> None:
    for key, value in PROFILES[profile].items():
        assert read_tenant(SITE.format(profile=profile), "").client.setting(key) == value
        other = "false" if value is True else "true" if value is False else "7"
        changed = read_tenant(SITE.format(profile=profile) + f"{key} = {other}\n", "").client
        assert str(changed.setting(key)).lower() == other
        assert all(changed.setting(one) == PROFILES[profile][one] for one in PROFILES[profile] if one != key)


def test_topic_codes_of_all_rules_are_alphanumeric_and_their_own() -> None:
    topics = [cards.source(rule)["topic"]["code"] for rule in knowledge.catalogue().values()]
    topics.append(str(closing_card.TOPIC["code"]))
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,100}", topic) for topic in topics)
    assert len(set(topics)) == len(topics)


def test_the_manual_names_what_is_lost_without_order_hooks() -> None:
    only_orders = {name for name in knowledge.catalogue() if "patient-view" not in services.hooks_of(name)}
    said = MANUAL.read_text(encoding="utf-8").partition("calls patient-view only")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", said)) == only_orders


@pytest.mark.parametrize("profile", PROFILES)
def test_the_manual_says_what_each_preset_sets(profile: str) -> None:
    table = re.search(r"\| key \| standard \| epic \| oracle-health \|\n.*?\n\n", MANUAL.read_text(), re.DOTALL)
    assert table
    column = list(PROFILES).index(profile) + 1
    rows = {cells[0]: cells for cells in (row.strip("| ").split(" | ") for row in table[0].strip().splitlines()[2:])}
    for key, value in PROFILES[profile].items():
        assert rows[f"`{key}`"][column] == str(value).lower()


ON = When.on(date(2026, 11, 20))


def result(name: str, value: str, low: str | None = None) -> Measurement:
    return Measurement(f"Observation/{name}", name, Decimal(value), ON, Decimal(low) if low else None)


FINE = {"creatinine_clearance": ("80", None), "calcium": ("9.2", "8.6"), "albumin": ("4.2", None)}


@pytest.mark.parametrize(
    ("concept", "results", "offered"),
    [
        (None, {}, {"Zoledronic", "Denosumab"}),
        ("onj", {}, set()),
        ("pregnancy", {}, set()),
        (None, {"calcium": ("7.2", "8.6")}, set()),
        (None, {"creatinine_clearance": ("25", None)}, {"Denosumab"}),
    ],
)
def test_what_an_order_check_would_stop_is_not_offered_on_patient_view(
    concept: str | None, results: dict[str, tuple[str, str | None]], offered: set[str]
) -> None:
    """Where the order hooks are never called, nothing stands behind the button."""
    known = ("primary_breast", "spinal_metastasis", "bone_metastasis", *filter(None, (concept,)))
    chart = Facts(
        date(2026, 11, 24),
        Patient("Patient/1", 45, "female"),
        tuple(Finding(f"Condition/{one}", frozenset({one}), onset=ON) for one in known),
        tuple(result(name, *value) for name, value in {**FINE, **results}.items()),
    )
    (said,) = (one.outcome for one in patient_view.decide(chart) if one.rule == "bone_modifying_agent")
    assert isinstance(said, Recommend)
    assert {one.label.split()[0] for one in said.suggestions} == offered


# One action each, without a server


BASE = Facts(
    date(2026, 11, 24), Patient("Patient/1", 60, "female"), (Finding("Condition/1", frozenset({"back_pain"})),)
)


def one_by_one(*offered: Suggestion) -> list[dict[str, Any]]:
    outcome = Recommend(BASE.findings, Wording("info", "s", ("d",)), suggestions=offered)
    client = Client(one_action_per_suggestion=True)
    decided = [Decision("bone_modifying_agent", "1.0.0", outcome)]
    (card,) = cards.build(decided, BASE, lambda order: to_fhir(order, "1"), client, b"x")
    found: list[dict[str, Any]] = card["suggestions"]
    return found


def test_a_condition_on_the_button_is_not_lost_where_only_the_action_is_shown() -> None:
    dose = Dose(Decimal(120), "subcutaneous", 4)
    order = ProposedOrder("denosumab", "Denosumab 120 mg", dose=dose)
    (alone,) = one_by_one(Suggestion("Denosumab 120 mg, if castration-resistant", (order,)))
    assert alone["actions"][0]["description"] == alone["label"] == "Denosumab 120 mg, if castration-resistant"
    remove, instead = one_by_one(
        Suggestion("Denosumab 120 mg instead, once calcium is normal", (order,), ("MedicationRequest/1",))
    )
    assert remove["label"] == remove["actions"][0]["description"] == "Remove the draft order MedicationRequest/1"
    assert instead["actions"][0]["description"] == "Denosumab 120 mg instead, once calcium is normal"


# Plain text


def test_a_plain_card_says_so_where_the_ehr_has_a_word_for_it() -> None:
    decided = [Decision("bone_modifying_agent", "1.0.0", Recommend(BASE.findings, Wording("info", "s", ("**d**",))))]
    for key in ("", CONTENT_TYPE):
        client = Client(plain_detail=True, content_type_key=key)
        (card,) = cards.build(decided, BASE, lambda order: None, client, b"x")
        assert "Do:\n- d" in card["detail"]
        assert card["extension"].get(CONTENT_TYPE) == ("text/plain" if key else None)
        assert cards.RULES_EXTENSION in card["extension"]


def test_plain_text_reads_well() -> None:
    marked = "**Found**\n- C79\\.51 \\(“bone \\*met\\*”\\), since 2026\n\n**Do**\n- Phone **now**: pain &gt; 7"
    assert plain(marked) == "Found:\n- C79.51 (“bone *met*”), since 2026\n\nDo:\n- Phone now: pain \u203a 7"


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "&lt;b&gt;",
        "&amp;lt;b>",
        "[click](javascript:alert(1))",
        "![x](http://evil/p.png)",
        "[a]: http://evil.example",
        "http://evil.example/",
        "WWW.evil.example",
        "<http://evil.example>",
        "a@evil.example",
        "`code`",
        "\\*\\*x\\*\\*",
        "\\<b>",
    ],
)
def test_plain_text_is_inert_even_where_it_is_read_as_markdown(hostile: str) -> None:
    html = MarkdownIt("gfm-like", {"html": True}).render(plain(f"**Found**\n- entry (“{escape(hostile)}”)"))
    assert set(re.findall(r"<(\w+)", html)) <= {"p", "ul", "li", "em", "strong"}


def test_plain_text_of_a_real_card_keeps_every_word(running: dict[str, RunningServer]) -> None:
    for card in answered(running["standard"], "spine-patient-view"):
        words = re.findall(r"[A-Za-z]{2,}", card["detail"].replace("&gt;", "").replace("&lt;", "").replace("&amp;", ""))
        assert re.findall(r"[A-Za-z]{2,}", plain(card["detail"])) == words
