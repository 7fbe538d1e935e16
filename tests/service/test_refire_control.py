"""Over HTTP: what a user overrode stays away while its facts are the same, and what must not stay away does not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.patients.whole_patients import ICD, LNC, SCT, lab, opening_request, problem, service, signing_request
from tests.service.conftest import RunningServer, serving

PV, SELECT, SIGN = "spine-patient-view", "spine-order-select", "spine-order-sign"


def day(days_ago: int) -> str:
    return (date.today() - timedelta(days=days_ago)).isoformat()


SPINE = problem("spine", SCT, "94602001", onset=day(200))
BREAST = problem("breast", SCT, "254837009", onset=day(900))


def pain(value: int, days_ago: int) -> dict[str, Any]:
    return lab(f"pain-{days_ago}", "72514-3", value, "{score}", day(days_ago))


PAIN = pain(8, 2)
CALCIUM = lab("calcium", "17861-6", 9.4, "mg/dL", day(5))
DEFICIT = problem("weak", SCT, "249945007", onset=day(1))
KIDNEY = problem("kidney", ICD, "C64.9", onset=day(400))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refire")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with serving(folder) as running:
        yield running


def opened(server: RunningServer, patient: str, *resources: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Cards by rule; the chart of a patient whose id is all that tells it from another test's."""
    return by_rule(server, PV, named(opening_request(*resources, **options), patient))


def named(body: dict[str, Any], patient: str) -> dict[str, Any]:
    return json.loads(json.dumps(body).replace('"p1"', f'"{patient}"').replace("Patient/p1", f"Patient/{patient}"))  # type: ignore[no-any-return] # JSON


def by_rule(server: RunningServer, to: str, body: dict[str, Any]) -> dict[str, Any]:
    response = server.post(body, to)
    assert response.status_code == 200, response.text
    cards = response.json()["cards"]
    return {entry["rule"]: card for card in cards for entry in card.get("extension", {}).get("org.spine-cds.rules", ())}


def overridden(server: RunningServer, card: dict[str, Any], reason: str = "patient-refuses", to: str = PV) -> None:
    system = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
    said = {
        "card": card["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": datetime.now(UTC).isoformat(),
        **({"overrideReason": {"reason": {"system": system, "code": reason}}} if reason else {}),
    }
    assert server.post({"feedback": [said]}, f"{to}/feedback").status_code == 200


def test_an_overridden_card_stays_away_and_comes_back_with_a_changed_fact(server: RunningServer) -> None:
    record = (SPINE, BREAST, PAIN, CALCIUM)
    first = opened(server, "a", *record)
    assert "pain_team" in first
    overridden(server, first["pain_team"])
    again = opened(server, "a", *record)
    on_the_card = {entry["rule"] for entry in first["pain_team"]["extension"]["org.spine-cds.rules"]}
    assert on_the_card.isdisjoint(again)
    assert set(again) == set(first) - on_the_card
    assert {rule: card["uuid"] for rule, card in again.items() if card["indicator"] != "info"} == {
        rule: card["uuid"] for rule, card in first.items() if rule in again and card["indicator"] != "info"
    }, "feedback on the silenced card must not be taken for that on the next one"
    assert set(server.audit_lines()[-1]["silenced"]) == on_the_card
    assert list(server.post(named(opening_request(*record), "a"), PV).json()["extension"]) == ["org.spine-cds.silenced"]
    worse = pain(9, 0)
    assert "pain_team" in opened(server, "a", *record, worse)
    assert "pain_team" not in opened(server, "a", *record)
    assert "pain_team" in opened(server, "b", *record), "another patient with the same facts"


def test_a_card_that_was_ignored_or_accepted_comes_back(server: RunningServer) -> None:
    record = (SPINE, BREAST, PAIN)
    card = opened(server, "c", *record)["pain_team"]
    assert "pain_team" in opened(server, "c", *record)
    said = {
        "card": card["uuid"],
        "outcome": "accepted",
        "outcomeTimestamp": datetime.now(UTC).isoformat(),
        "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}],
    }
    assert server.post({"feedback": [said]}, f"{PV}/feedback").status_code == 200
    assert "pain_team" in opened(server, "c", *record)


def test_an_emergency_is_never_silenced(server: RunningServer) -> None:
    record = (SPINE, BREAST, DEFICIT, PAIN)
    for _ in range(2):
        cards = opened(server, "d", *record)
        assert cards["suspected_cord_compression"]["indicator"] == "critical"
        for card in cards.values():
            overridden(server, card, "cds-not-applicable")
    assert "suspected_cord_compression" in opened(server, "d", *record)


def test_the_rest_ends(server: RunningServer, folder: Path) -> None:
    record = (SPINE, BREAST, PAIN)
    overridden(server, opened(server, "e", *record)["pain_team"], reason="")
    assert "pain_team" not in opened(server, "e", *record)
    with sqlite3.connect(folder / "store.db") as connection:  # a day and a moment later
        connection.execute("UPDATE override SET since = since - 86400001, until = until - 86400001")
    connection.close()
    assert "pain_team" in opened(server, "e", *record)


def test_an_override_at_selection_holds_at_signing_for_the_same_order_drawn_up_again(server: RunningServer) -> None:
    alp = lab("alp", "6768-6", 80, "U/L", day(3), high=120)
    record = (KIDNEY, alp, pain(0, 2))
    scan = service("scan-1", LNC, "39818-0", status="draft")
    select = named(signing_request(scan, record=record), "f")
    select["hook"] = "order-select"
    select["context"]["selections"] = ["ServiceRequest/scan-1"]
    first = by_rule(server, SELECT, select)
    assert "bone_scan_low_yield" in first
    overridden(server, first["bone_scan_low_yield"], to=SELECT)
    assert "bone_scan_low_yield" not in by_rule(server, SELECT, select)
    anew = service("scan-2", LNC, "39818-0", status="draft")
    assert "bone_scan_low_yield" not in by_rule(server, SIGN, named(signing_request(anew, record=record), "f"))
    assert "bone_scan_low_yield" in by_rule(server, SIGN, named(signing_request(anew, record=record), "g"))


def test_a_question_rests_but_missing_data_is_still_named(server: RunningServer) -> None:
    record = (BREAST, problem("bone", SCT, "94222008", onset=day(200)))  # bone metastasis: is the spine affected?
    first = opened(server, "h", *record, without=("imaging",))
    closing = next(card for card in first.values() if card["source"].get("topic", {}).get("code") == "notAssessed")
    overridden(server, closing)
    body = named(opening_request(*record, without=("imaging",)), "h")
    cards = server.post(body, PV).json()["cards"]
    left = [card for card in cards if card["source"].get("topic", {}).get("code") == "notAssessed"]
    assert len(left) == 1, "data did not arrive, and that is not calm"
    assert "imaging" in left[0]["detail"]
    before = {entry["rule"] for entry in closing["extension"]["org.spine-cds.rules"]}
    after = {entry["rule"] for entry in left[0].get("extension", {}).get("org.spine-cds.rules", ())}
    assert after < before


def test_feedback_of_another_service_or_an_unknown_card_silences_nothing(server: RunningServer) -> None:
    record = (SPINE, BREAST, PAIN)
    card = opened(server, "i", *record)["pain_team"]
    overridden(server, card, to=SIGN)
    overridden(server, {"uuid": "11111111-1111-4111-8111-111111111111"})
    assert "pain_team" in opened(server, "i", *record)


def test_a_site_may_switch_it_off(tmp_path: Path) -> None:
    tenant = tmp_path / "tenant.toml"
    tenant.write_text('environment = "sandbox"\n[tenant]\nname = "here"\n[refire]\nenabled = false\n')
    record = (SPINE, BREAST, PAIN)
    with serving(tmp_path, SPINE_CDS_TENANT=str(tenant)) as running:
        overridden(running, opened(running, "a", *record)["pain_team"])
        assert "pain_team" in opened(running, "a", *record)


def test_all_workers_know_of_an_override_and_a_restart_forgets_none(tmp_path: Path, postgresql: str) -> None:
    record = (SPINE, BREAST, PAIN)
    shared = {
        "SPINE_CDS_DATABASE": postgres.new_database(postgresql),
        "SPINE_CDS_IDENTITY_KEY_FILE": str(tmp_path / "key"),
    }
    (tmp_path / "key").write_text("0123456789abcdef" * 4)
    with serving(tmp_path / "one", "--workers", "2", **shared) as running:
        overridden(running, opened(running, "a", *record)["pain_team"])
        assert all("pain_team" not in opened(running, "a", *record) for _ in range(12))
    with serving(tmp_path / "two", **shared) as running:
        assert "pain_team" not in opened(running, "a", *record)
    (tmp_path / "key").write_text("fedcba9876543210" * 4)
    with serving(tmp_path / "three", **shared) as running:
        assert "pain_team" in opened(running, "a", *record), "another key knows no patient of before"


def test_without_the_store_cards_are_shown_and_the_operator_is_told(tmp_path: Path) -> None:
    record = (SPINE, BREAST, PAIN)
    with postgres.running(tmp_path) as url:
        (tmp_path / "key").write_text("0123456789abcdef" * 4)
        variables = {
            "SPINE_CDS_DATABASE": postgres.new_database(url),
            "SPINE_CDS_IDENTITY_KEY_FILE": str(tmp_path / "key"),
        }
        server = serving(tmp_path / "server", **variables)
        running = server.__enter__()
        overridden(running, opened(running, "a", *record)["pain_team"])
        assert "pain_team" not in opened(running, "a", *record)
    try:  # the database has gone
        cards = opened(running, "a", *record)
        assert "pain_team" in cards
        assert running.audit_lines()[-1]["ledger"] == "failed"
        assert running.get("/health/ready").status_code == 503
        assert running.get("/health/live").status_code == 200
        said = {"card": "x", "outcome": "overridden", "outcomeTimestamp": datetime.now(UTC).isoformat()}
        response = running.post({"feedback": [said]}, f"{PV}/feedback")
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) >= 1
    finally:
        server.__exit__(None, None, None)


def test_the_key_to_identities_is_for_its_owner_alone_and_the_patient_is_nowhere(
    server: RunningServer, folder: Path
) -> None:
    opened(server, "patient-marker-4711", SPINE, BREAST, PAIN)
    assert (folder / "store.db.key").stat().st_mode & 0o077 == 0
    kept = b"".join(path.read_bytes() for path in folder.glob("store.db*"))
    assert b"patient-marker-4711" not in kept
    assert "patient-marker-4711" not in server.written()


def test_feedback_on_a_closing_card_without_rules_finds_its_call(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        body = named(opening_request(SPINE, BREAST, PAIN), "k")
        body["prefetch"]["procedures"]["link"] = [{"relation": "next", "url": "http://127.0.0.1:1/page"}]
        closing = running.post(body, PV).json()["cards"][-1]
        assert closing["source"]["topic"]["code"] == "notAssessed"
        overridden(running, closing)
        assert running.audit_lines()[-1]["feedback"]["unknown_card"] == 0
