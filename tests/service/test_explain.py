"""Why a card was shown or not: the same by command, page and data, and without anything of a patient."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from hooks import refire, run
from hooks.facts import Facts
from tests.commands import run as command
from tests.read_vignettes import Vignette, all_vignettes
from tests.service.conftest import HOOK_OF, RunningServer, call_body, serving
from tests.service.test_cli import refusal
from tests.test_vignettes import RULES

HTML, JSON = {"Accept": "text/html"}, {"Accept": "application/json"}
REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
EXTENSION = "org.spine-cds.rules"
TENANT = """
environment = "sandbox"
[tenant]
name = "here"
[rules]
psychosocial_assessment = "shadow"
bone_modifying_agent = "off"
"""
Explained = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explain")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def modes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A site with one rule in shadow and one switched off."""
    place = tmp_path_factory.mktemp("modes")
    (place / "tenant.toml").write_text(TENANT)
    with serving(place, "--tenant", str(place / "tenant.toml")) as running:
        yield running


def fresh(service: str = "spine-patient-view") -> dict[str, Any]:
    """A call of its own."""
    return {**call_body(service), "hookInstance": str(uuid.uuid4())}


def posted(server: RunningServer, body: dict[str, Any], service: str = "spine-patient-view") -> list[dict[str, Any]]:
    response = server.post(body, service)
    assert response.status_code == 200, response.text
    cards: list[dict[str, Any]] = response.json()["cards"]
    return cards


def explained(server: RunningServer, asked: str) -> Explained:
    response = server.get(f"/ledger/{asked}", headers=JSON)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json"), response.text
    said: Explained = response.json()
    return said


def by_rule(said: Explained) -> dict[str, dict[str, Any]]:
    return {one["rule"]: one for one in said["rules"]}


def seen(page: str) -> str:
    """What a reader sees of a page: no tags, one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def store(folder: Path) -> str:
    return f"sqlite:///{folder / 'store.db'}"


def answered(server: RunningServer, *items: dict[str, Any], service: str = "spine-patient-view") -> None:
    response = server.post({"feedback": list(items)}, f"{service}/feedback")
    assert response.status_code == 200, response.text


def override(card: str, reason: dict[str, str] | None = None, comment: str = "", **more: Any) -> dict[str, Any]:
    given = {"reason": reason, "userComment": comment}
    said = {key: value for key, value in given.items() if value}
    when = datetime.now(UTC).isoformat()
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": when, "overrideReason": said, **more}


@pytest.mark.parametrize("service", HOOK_OF)
def test_every_rule_is_explained_as_it_was_decided(server: RunningServer, tmp_path: Path, service: str) -> None:
    """Compared with `evaluate`, which decides anew, from the same body and without any ledger."""
    body = fresh(service)
    posted(server, body, service)
    (tmp_path / "body.json").write_text(json.dumps(body))
    expected = json.loads(command("evaluate", str(tmp_path / "body.json"), "--format", "json").stdout)["rules"]
    found = explained(server, body["hookInstance"])["rules"]
    assert [one["rule"] for one in found] == [one["rule"] for one in expected]
    for one, right in zip(found, expected, strict=True):
        assert one["outcome"] == right["outcome"]
        assert [used["reference"] for used in one.get("used", ())] == right["because"]
        assert one.get("missing", []) == right["missing"]
        assert one.get("why_not") == right["why_not"]


@pytest.mark.parametrize("service", HOOK_OF)
def test_each_card_is_explained_by_the_rules_that_stand_on_it(server: RunningServer, service: str) -> None:
    body = fresh(service)
    cards = posted(server, body, service)
    whole = by_rule(explained(server, body["hookInstance"]))
    assert not any(one["on_asked_card"] for one in whole.values())
    spoke = set()
    for number, card in enumerate(cards, 1):
        entries = {one["rule"]: one for one in card["extension"][EXTENSION]}
        said = explained(server, card["uuid"])
        first = [one["rule"] for one in said["rules"] if one["on_asked_card"]]
        assert set(first) == set(entries)
        assert [one["rule"] for one in said["rules"]][: len(first)] == first
        assert said["asked"] == {"as": "card", "card": card["uuid"]}
        for rule, entry in entries.items():
            one = by_rule(said)[rule]
            assert (one["card_number"], one["version"]) == (number, entry["version"])
            assert one == {**whole[rule], "on_asked_card": True}
            cut, asked = "cut" in entry, one["outcome"] == "cannot_tell"
            assert one["fate"] == ("cut" if cut else "asked" if asked else "shown")
            assert f"card {number}" in one["what_became_of_it"]
        spoke |= set(entries)
    assert {rule for rule, one in whole.items() if one["fate"] != "nothing"} == spoke


def test_the_indicator_and_the_call_itself(server: RunningServer) -> None:
    body = fresh()
    cards = posted(server, body)
    said = explained(server, body["hookInstance"])
    assert by_rule(said)[cards[0]["extension"][EXTENSION][0]["rule"]]["indicator"] == cards[0]["indicator"]
    call = said["call"]
    assert (call["service"], call["tenant"]) == ("spine-patient-view", "sandbox")
    assert call["hook_instance"] == body["hookInstance"]
    assert datetime.now(UTC) - datetime.fromisoformat(call["answered"]) < timedelta(minutes=5)
    assert call["milliseconds"] > 0
    version = server.get("/version").json()
    assert call["knowledge"]["software"] == version["software"]
    assert call["knowledge"]["rules"] == version["rules"]
    assert len(call["patient"]) == 8


@pytest.mark.parametrize("service", HOOK_OF)
def test_command_page_and_data_say_the_same(server: RunningServer, folder: Path, service: str) -> None:
    body = fresh(service)
    cards = posted(server, body, service)
    answered(server, override(cards[0]["uuid"], {"code": "patient-refuses", "system": REASONS}), service=service)
    for asked in (body["hookInstance"], *(card["uuid"] for card in cards)):
        data = explained(server, asked)
        told = command("explain", asked, "--database", store(folder), "--format", "json")
        assert (told.returncode, told.stderr) == (0, "")
        assert json.loads(told.stdout) == data
        text = " ".join(command("explain", asked, "--database", store(folder)).stdout.split())
        page = server.get(f"/ledger/{asked}", headers=HTML)
        assert page.text == server.get("/ledger", params={"id": asked}, headers=HTML).text
        for shown in (text, seen(page.text)):
            for value in (data["call"]["answered"], data["call"]["patient"], data["call"]["knowledge"]["digest"]):
                assert value in shown
            for one in data["rules"]:
                assert one["what_became_of_it"] in shown
                assert one.get("why_not", "") in shown
                assert all(f"not known: {line}" in shown for line in one.get("missing", ()))
                assert all(f"used: {used['reference']}" in shown for used in one.get("used", ()))
                assert one.get("indicator", "") in shown
            assert ("Patient refuses (patient-refuses)" in shown) == bool(data["feedback"])


def test_a_card_that_was_given_in_several_calls(server: RunningServer, folder: Path) -> None:
    """The same body, sent again, is answered with the same uuids."""
    body = fresh()
    (card,) = {posted(server, body)[0]["uuid"] for _ in range(12)}
    said = explained(server, card)
    times = said["given"]["times"]
    assert (said["given"]["calls"], len(times)) == (12, 10)
    assert times == sorted(times, reverse=True)
    assert said["call"]["answered"] == times[0]
    assert "Given in 12 calls; the newest is explained" in command("explain", card, "--database", store(folder)).stdout
    page = seen(server.get(f"/ledger/{card}", headers=HTML).text)
    assert "It was given in 12 calls" in page
    assert all(one in page for one in times)
    assert explained(server, body["hookInstance"])["given"]["calls"] == 12


@pytest.mark.parametrize("spelt", [str.upper, lambda one: f"urn:uuid:{one}", lambda one: f" {one}\n"])
def test_a_uuid_may_be_spelt_in_several_ways(server: RunningServer, folder: Path, spelt: Any) -> None:
    body = fresh()
    card = posted(server, body)[0]["uuid"]
    for asked in (card, body["hookInstance"]):
        told = command("explain", spelt(asked), "--database", store(folder), "--format", "json").stdout
        assert json.loads(told)["call"]["hook_instance"] == body["hookInstance"]


def test_a_call_whose_instance_was_spelt_otherwise_is_found(server: RunningServer) -> None:
    plain = str(uuid.uuid4())
    for sent in (f"urn:uuid:{plain}", plain.upper()):
        posted(server, {**fresh(), "hookInstance": sent})
        assert explained(server, plain)["call"]["hook_instance"] == sent


def test_shadow_and_switched_off_rules(modes: RunningServer, tmp_path: Path) -> None:
    body = fresh()
    posted(modes, body)
    said = explained(modes, body["hookInstance"])
    shadow = by_rule(said)["psychosocial_assessment"]
    assert (shadow["outcome"], shadow["fate"], "card" in shadow) == ("recommend", "shadow", False)
    assert shadow["what_became_of_it"] == "not shown: in shadow mode at this site"
    assert said["not_asked"] == ["bone_modifying_agent"]
    assert "bone_modifying_agent" not in by_rule(said)
    page = seen(modes.get(f"/ledger/{body['hookInstance']}", headers=HTML).text)
    assert "Not asked, switched off at this site: bone_modifying_agent." in page
    folder = modes.stdout.parent
    (tmp_path / "tenant.toml").write_text(TENANT)
    arguments = (
        "explain",
        body["hookInstance"],
        "--database",
        store(folder),
        "--tenant",
        str(tmp_path / "tenant.toml"),
    )
    assert "Not asked, switched off at this site: bone_modifying_agent" in command(*arguments).stdout


def test_a_silenced_rule_says_until_when_for_what_reason_and_on_what_ground(server: RunningServer) -> None:
    patient = f"silenced-{uuid.uuid4()}"
    body = json.loads(json.dumps(fresh()).replace(call_body()["context"]["patientId"], patient))
    card = next(one for one in posted(server, body) if one["extension"][EXTENSION][0]["rule"] == "rehabilitation")
    clicked = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=-1)
    answered(
        server,
        override(card["uuid"], {"code": "patient-refuses", "system": REASONS}, outcomeTimestamp=clicked.isoformat()),
    )
    again = {**body, "hookInstance": str(uuid.uuid4())}
    posted(server, again)
    one = by_rule(explained(server, again["hookInstance"]))["rehabilitation"]
    assert (one["outcome"], one["fate"], "card" in one) == ("recommend", "silenced", False)
    rest = refire.rests().reasons["patient-refuses"]
    kept = one["override"]
    assert (kept["reason"], kept["reason_display"]) == ("patient-refuses", "Patient refuses")
    assert (kept["days"], kept["ground"]) == (rest.days, rest.ground)
    assert datetime.fromisoformat(kept["overridden"]) == clicked
    slept = datetime.fromisoformat(kept["until"]) - datetime.now(UTC)
    assert timedelta(days=rest.days) - timedelta(minutes=5) < slept <= timedelta(days=rest.days)
    assert "ground_of_version" not in kept
    page = seen(server.get(f"/ledger/{again['hookInstance']}", headers=HTML).text)
    assert f"Patient refuses; rests until {kept['until']}" in page
    assert f"ground for {rest.days} days: {rest.ground}" in page


def test_versions_and_dates_of_the_resources_used(server: RunningServer) -> None:
    body = fresh()
    for entry in body["prefetch"]["conditions"]["entry"]:
        entry["resource"]["meta"] = {"versionId": "7", "lastUpdated": "2026-01-01T00:00:00Z"}
    posted(server, body)
    weakness = by_rule(explained(server, body["hookInstance"]))["suspected_cord_compression"]["used"][0]
    conditions = {one["resource"]["id"]: one["resource"] for one in body["prefetch"]["conditions"]["entry"]}
    kind, _, name = weakness["reference"].partition("/")
    assert (kind, weakness["version"]) == ("Condition", "7")
    assert weakness["date"] == conditions[name]["onsetDateTime"][:10]


def test_data_that_did_not_arrive(server: RunningServer, folder: Path) -> None:
    body = fresh()
    del body["prefetch"]["imaging"]
    body["prefetch"]["procedures"]["link"] = [{"relation": "next", "url": "https://ehr.example.org/next"}]
    body["prefetch"]["conditions"]["entry"][0]["resource"]["subject"] = {"reference": "Patient/someone-else"}
    posted(server, body)
    data = explained(server, body["hookInstance"])["data"]
    assert set(data["unavailable"]) == {"imaging"}
    assert set(data["incomplete"]) == {"procedures"}
    assert data["unreadable"] == 1
    told = command("explain", body["hookInstance"], "--database", store(folder)).stdout
    page = seen(server.get(f"/ledger/{body['hookInstance']}", headers=HTML).text)
    for shown in (told, page):
        assert f"imaging: not available ({data['unavailable']['imaging']})" in shown
        assert f"procedures: only a part ({data['incomplete']['procedures']})" in shown
        assert "1 could not be read or used" in shown


def test_feedback_on_the_card_and_on_no_other(server: RunningServer, folder: Path) -> None:
    body = fresh()
    first, second, third = posted(server, body)[:3]
    suggestions = [{"id": one["uuid"]} for one in first["suggestions"]]
    early, late = "2026-01-01T10:00:00Z", "2026-01-02T10:00:00Z"
    answered(
        server,
        {"card": first["uuid"], "outcome": "accepted", "acceptedSuggestions": suggestions, "outcomeTimestamp": early},
        override(first["uuid"], {"code": "own-4", "system": "urn:site"}, "words of the user", outcomeTimestamp=late),
        override(second["uuid"]),
    )
    said = explained(server, first["uuid"])["feedback"]
    number = {"card": first["uuid"], "card_number": 1}
    assert said == [
        {
            **number,
            "outcome": "overridden",
            "when": "2026-01-02T10:00:00.000+00:00",
            "reason": "own-4",
            "reason_display": "own-4",
            "accepted_suggestions": 0,
            "commented": True,
        },
        {
            **number,
            "outcome": "accepted",
            "when": "2026-01-01T10:00:00.000+00:00",
            "accepted_suggestions": len(suggestions),
            "commented": False,
        },
    ]
    assert [one["reason_display"] for one in explained(server, second["uuid"])["feedback"]] == ["no reason given"]
    assert explained(server, third["uuid"])["feedback"] == []
    assert len(explained(server, body["hookInstance"])["feedback"]) == 3
    told = command("explain", first["uuid"], "--database", store(folder)).stdout
    page = server.get(f"/ledger/{first['uuid']}", headers=HTML).text
    for shown in (told, seen(page)):
        assert "card 1: overridden, own-4; the user wrote a comment, which is not kept" in shown
        assert f"card 1: accepted, {len(suggestions)} accepted" in shown
        assert "words of the user" not in shown
    assert "No user has answered" in seen(server.get(f"/ledger/{third['uuid']}", headers=HTML).text)


def test_a_call_without_any_card(server: RunningServer) -> None:
    body = fresh()
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "type": "searchset", "entry": []}
    assert posted(server, body) == []
    said = explained(server, body["hookInstance"])
    assert said["rules"]
    assert {one["fate"] for one in said["rules"]} == {"nothing"}


# What cannot be explained


@pytest.mark.parametrize("bad", ["", "   ", "x" * 256, "two words", "line\nbreak", "bell\a", "caf\udce9"])
def test_what_can_be_no_id_is_refused(server: RunningServer, folder: Path, bad: str) -> None:
    assert "The uuid of a card, or a hookInstance" in refusal(command("explain", bad, "--database", store(folder)))
    if bad.isascii():
        response = server.get("/ledger", params={"id": bad}, headers=JSON)
        assert (response.status_code, response.headers["Content-Type"]) == (400, "application/fhir+json")
        assert response.json()["issue"][0]["expression"] == ["id"]
        page = server.get("/ledger", params={"id": bad}, headers=HTML)
        assert page.status_code == 400
        assert 'aria-invalid="true"' in page.text


@pytest.mark.parametrize("unknown", ["0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d", "no-such-card", "%", "'OR'1'='1"])
def test_what_is_not_in_the_ledger(server: RunningServer, folder: Path, unknown: str) -> None:
    assert "The ledger holds no call" in refusal(command("explain", unknown, "--database", store(folder)))
    response = server.get("/ledger", params={"id": unknown}, headers=JSON)
    assert (response.status_code, response.json()["issue"][0]["code"]) == (404, "not-found")
    page = server.get("/ledger", params={"id": unknown}, headers=HTML)
    assert page.status_code == 404
    assert "The ledger holds no call" in seen(page.text)


def test_a_card_of_another_tenant_is_not_in_the_ledger(modes: RunningServer) -> None:
    """The command line is the sandbox's unless told otherwise."""
    card = posted(modes, fresh())[0]["uuid"]
    assert explained(modes, card)
    told = command("explain", card, "--database", store(modes.stdout.parent))
    assert "The ledger holds no call" in refusal(told)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    told = command("explain", str(uuid.uuid4()), "--database", f"sqlite:///{tmp_path / 'nowhere.db'}")
    assert "nowhere.db" in refusal(told)
    assert list(tmp_path.iterdir()) == []


def test_the_database_of_the_environment(server: RunningServer, folder: Path) -> None:
    body = fresh()
    posted(server, body)
    told = command("explain", body["hookInstance"], SPINE_CDS_DATABASE=store(folder))
    assert (told.returncode, told.stderr) == (0, "")
    assert "SPINE_CDS_DATABASE" in refusal(command("explain", body["hookInstance"], "--database", "mysql://x/y"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", "an older version"),
        ("UPDATE alembic_version SET version_num = '9999'", "a newer version"),
        ("DROP TABLE alembic_version", "no tables of this service"),
        ("DROP TABLE speech", "does not answer"),
    ],
)
def test_a_database_of_other_tables(server: RunningServer, tmp_path: Path, change: str, complaint: str) -> None:
    """And it is left as it was found."""
    posted(server, fresh())
    with sqlite3.connect(server.stdout.parent / "store.db") as there, sqlite3.connect(tmp_path / "store.db") as copy:
        there.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute(change)
    there.close()
    copy.close()
    before = (tmp_path / "store.db").read_bytes()
    assert complaint in refusal(command("explain", str(uuid.uuid4()), "--database", store(tmp_path)))
    assert (tmp_path / "store.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["store.db"]


@pytest.mark.parametrize("content", [b"", b"no database at all " * 100])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "store.db").write_bytes(content)
    assert "SPINE_CDS_DATABASE" in refusal(command("explain", str(uuid.uuid4()), "--database", store(tmp_path)))
    assert (tmp_path / "store.db").read_bytes() == content


# The page


def test_the_form(server: RunningServer) -> None:
    page = server.get("/ledger", headers=HTML)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert re.findall(r"<label for=\"asked\">([^<]*)</label>", page.text) == ["Card or call"]
    assert len(re.findall(r"<input[^>]* id=\"asked\" ", page.text)) == 1
    assert len(re.findall("<input", page.text)) == 1
    assert 'href="/ledger"' in server.get("/", headers=HTML).text


def test_the_pages_are_private_and_run_nothing(server: RunningServer) -> None:
    card = posted(server, fresh())[0]["uuid"]
    for path in ("/ledger", f"/ledger/{card}", "/ledger/unknown", "/ledger?id="):
        for kind in (HTML, JSON):
            response = server.get(path, headers=kind)
            assert response.headers["Cache-Control"] == "no-store"
            assert "Accept" in response.headers["Vary"]
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "form-action 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "<script" not in response.text
            assert " style=" not in response.text
    page = server.get(f"/ledger/{card}", headers=HTML).text
    for link in set(re.findall(r'href="(/[^"]*)"', page)):
        assert server.get(link).status_code == 200, link


def test_the_page_is_built_for_everyone(server: RunningServer) -> None:
    card = posted(server, fresh())[0]["uuid"]
    page = server.get(f"/ledger/{card}", headers=HTML).text
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert len(tables) == 2
    for table in tables:
        assert "<caption>" in table
        assert len(re.findall(r'<th scope="col">', table)) == 3
        assert len(re.findall(r'<th scope="row">', table)) == len(re.findall("<tr>", table)) - 1
    assert re.findall(r"<h(\d)>", page) == ["1", "2", "2", "2", "2", "2"]
    assert '<html lang="en">' in page


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img/src=x>', "{{7*7}}", "<!--"])
def test_what_was_asked_is_shown_as_text(server: RunningServer, evil: str) -> None:
    page = server.get("/ledger", params={"id": evil}, headers=HTML)
    assert page.status_code == 404
    assert evil in unescape(page.text)
    assert not re.search(r"<script|<img|<!--", page.text)


def test_markup_of_a_caller_is_text_on_the_page(server: RunningServer) -> None:
    """The only words of a caller that are kept: ids, versions, and codes of reasons."""
    body = fresh()
    card = posted(server, body)[0]["uuid"]
    answered(server, override(card, {"code": "<b>own</b>", "system": "urn:site"}))
    page = server.get(f"/ledger/{card}", headers=HTML).text
    assert "<b>" not in page
    assert "&lt;b&gt;" not in page, "what has not the shape of a code is not kept"


# Nothing of a patient


MARKER = "Zyxwvut-Marker"
WORDS = frozenset(
    {"display", "text", "div", "family", "given", "description", "conclusion", "comment", "value", "versionId", "unit"}
)


def marked(value: Any, key: str = "") -> Any:
    """The same JSON with the marker in all that is words: displays, texts, names, notes, narrative, identifiers."""
    if isinstance(value, dict):
        extra: dict[str, Any] = {}
        if "resourceType" in value and value["resourceType"] != "Bundle":
            extra = {
                "text": {"status": "generated", "div": f"<div>{MARKER}</div>"},
                "note": [{"text": MARKER}],
                "identifier": [{"system": f"urn:{MARKER}", "value": MARKER}],
                "meta": {"versionId": f"{MARKER} of words", "source": f"urn:{MARKER}"},
            }
        if value.get("resourceType") == "Patient":
            extra |= {"name": [{"family": MARKER, "given": [MARKER]}], "address": [{"text": MARKER}]}
        if "coding" in value:
            extra |= {"text": MARKER}
        return {name: marked(one, name) for name, one in {**value, **extra}.items()}
    if isinstance(value, list):
        return [marked(one, key) for one in value]
    if isinstance(value, str) and key in WORDS:
        return f"{MARKER} {value}"
    return value


@pytest.mark.parametrize("service", HOOK_OF)
def test_nothing_of_a_patient_is_kept_or_told(server: RunningServer, folder: Path, service: str) -> None:
    body = fresh(service)
    body["prefetch"] = marked(body["prefetch"])
    if "draftOrders" in body["context"]:
        body["context"]["draftOrders"] = marked(body["context"]["draftOrders"])
    body["context"]["userId"] = f"Practitioner/{MARKER}"
    body["context"]["encounterId"] = MARKER
    body["fhirServer"] = f"https://{MARKER.lower()}.example.org/fhir"
    body["fhirAuthorization"] = {
        "access_token": MARKER,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": MARKER,
        "subject": MARKER,
    }
    response = server.post(body, service, headers={"User-Agent": MARKER, "X-Name": MARKER})
    assert response.status_code == 200
    cards = response.json()["cards"]
    assert MARKER in response.text.replace("\\", ""), "the marker must reach the cards, or this test shows nothing"
    reason = {"code": "patient-refuses", "system": REASONS, "display": MARKER}
    answered(server, override(cards[-1]["uuid"], reason, MARKER), service=service)
    told = [server.stdout.read_text(), server.stderr.read_text()]
    for asked in (body["hookInstance"], *(card["uuid"] for card in cards)):
        told += [server.get(f"/ledger/{asked}", headers=kind).text for kind in (HTML, JSON)]
        for form in ("text", "json"):
            said = command("explain", asked, "--database", store(folder), "--format", form)
            assert said.returncode == 0
            told += [said.stdout, said.stderr]
    kept = b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith("store.db"))
    assert body["hookInstance"].encode() in kept, "the call must be in the files, or this test shows nothing"
    for one in (*told, kept.decode("latin-1")):
        assert MARKER.lower() not in one.lower()
        assert body["context"]["patientId"] not in one
    assert (
        command("explain", body["hookInstance"], "--database", store(folder), "--format", "json").stdout.count(
            explained(server, body["hookInstance"])["call"]["patient"]
        )
        == 1
    )


def test_the_keyed_hash_is_never_shown_whole(server: RunningServer, folder: Path) -> None:
    body = fresh()
    posted(server, body)
    with sqlite3.connect(folder / "store.db") as connection:
        query = "SELECT patient FROM call WHERE hook_instance = ?"
        (whole,) = connection.execute(query, (body["hookInstance"],)).fetchone()
    connection.close()
    shown = server.get(f"/ledger/{body['hookInstance']}", headers=HTML).text
    assert whole[:8] in shown
    assert whole[:9] not in shown


def _labelled(fact: Any) -> Any:
    if getattr(fact, "doses", ()):
        fact = replace(fact, doses=tuple(replace(dose, label=MARKER) for dose in fact.doses))
    return replace(fact, label=MARKER)


def with_labels(facts: Facts) -> Facts:
    """Every fact worded with the marker, the volumes of a radiotherapy too."""
    changed: dict[str, Any] = {}
    for one in fields(facts):
        value = getattr(facts, one.name)
        if isinstance(value, tuple) and value and hasattr(value[0], "label"):
            changed[one.name] = tuple(_labelled(fact) for fact in value)
    return replace(facts, **changed)


@pytest.mark.parametrize("vignette", all_vignettes(), ids=str)
def test_no_rule_quotes_the_record_in_what_is_kept(vignette: Vignette) -> None:
    """Why not, and what is missing, are in our own words, whatever a record calls its entries."""
    for decision in run.decide(RULES.values(), with_labels(vignette.facts)):
        assert MARKER not in json.dumps(decision.as_dict())
