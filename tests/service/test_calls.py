"""Discovery and answered calls, over HTTP, against a real server process."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import HOOK_OF, RunningServer, call_body, serving

ALLOWED_EMPTY = ("cards", "services")


def empties(value: Any, path: str = "") -> list[str]:
    """Where a JSON value holds null, "", [] or {}; CDS Hooks allows only an empty list of cards or services."""
    if isinstance(value, dict) and value:
        return [found for key, one in value.items() for found in empties(one, f"{path}.{key}")]
    if isinstance(value, list) and value:
        return [found for number, one in enumerate(value) for found in empties(one, f"{path}[{number}]")]
    return [path] if value in (None, "", [], {}) and path.lstrip(".") not in ALLOWED_EMPTY else []


def test_discovery(server: RunningServer) -> None:
    response = server.get("/cds-services")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    services = response.json()["services"]
    assert [(one["id"], one["hook"]) for one in services] == [
        ("spine-patient-view", "patient-view"),
        ("spine-order-select", "order-select"),
        ("spine-order-sign", "order-sign"),
    ]
    for one in services:
        assert set(one) == {"id", "hook", "title", "description", "prefetch", "usageRequirements", "version"}
        assert re.fullmatch(r"\d+\.\d+\.\d+", one["version"])
    assert empties(response.json()) == []


def test_prefetch_templates_keep_to_the_widely_supported_queries(server: RunningServer) -> None:
    """Protocol P5 and S4: reads and plain searches, tokens of the context only, no parameter twice."""
    for service in server.get("/cds-services").json()["services"]:
        for template in service["prefetch"].values():
            tokens = re.findall(r"\{\{(.*?)\}\}", template)
            assert set(tokens) <= {"context.patientId", "context.userId", "context.encounterId"}
            path, _, query = template.partition("?")
            assert re.fullmatch(r"[A-Z][A-Za-z]+(/\{\{context\.\w+\}\})?|\{\{context\.userId\}\}", path)
            names = [pair.partition("=")[0] for pair in query.split("&")] if query else []
            assert len(names) == len(set(names))
            assert not any(re.search(r"[.:]|^_(include|revinclude|has|filter|query)", name) for name in names)


@pytest.mark.parametrize("service", HOOK_OF)
def test_every_example_is_answered_with_cards(server: RunningServer, service: str) -> None:
    response = server.post(call_body(service), service)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    assert response.json()["cards"]
    assert empties(response.json()) == []


def test_the_bundled_patient_has_an_emergency(server: RunningServer) -> None:
    cards = server.post(call_body()).json()["cards"]
    assert cards[0]["indicator"] == "critical"
    rules = [one["rule"] for one in cards[0]["extension"]["org.spine-cds.rules"]]
    assert rules[0] == "suspected_cord_compression"
    assert cards[0]["links"][0]["url"] == f"{server.url}/rules/suspected_cord_compression"


@pytest.mark.parametrize("service", HOOK_OF)
def test_the_same_body_gives_the_same_bytes(server: RunningServer, service: str) -> None:
    body = call_body(service)
    assert server.post(body, service).content == server.post(body, service).content


def test_nobody_in_scope_is_an_empty_list(server: RunningServer) -> None:
    body = call_body()
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    assert server.post(body).json() == {"cards": []}


def test_null_means_none_found(server: RunningServer) -> None:
    body = call_body()
    body["prefetch"]["conditions"] = None
    assert server.post(body).json() == {"cards": []}


def test_what_is_not_ours_is_ignored(server: RunningServer) -> None:
    body = call_body()
    body["extension"] = {"com.example": {"deep": [None, "", {}]}}
    body["context"]["other"] = {"a": 1}
    body["prefetch"]["-of-others"] = {"resourceType": "Bundle", "type": "collection"}
    assert server.post(body).status_code == 200


def test_a_token_without_text_is_none(server: RunningServer) -> None:
    body = call_body()
    body["fhirServer"] = "https://ehr.example.org/fhir"
    body["fhirAuthorization"] = {
        "access_token": "",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "x",
    }
    assert server.post(body).status_code == 200


@pytest.mark.parametrize(
    "instance", ["5B1C2F0E-6F5D-4A38-9D0C-2F6A4F1E7A10", "urn:uuid:5b1c2f0e-6f5d-4a38-9d0c-2f6a4f1e7a10"]
)
def test_any_text_form_of_a_uuid(server: RunningServer, instance: str) -> None:
    assert server.post({**call_body(), "hookInstance": instance}).status_code == 200


def test_draft_orders_as_real_clients_send_them(server: RunningServer) -> None:
    """No Bundle.type, an empty coding, an object where a list is due, resources that are no orders."""
    body = call_body("spine-order-select")
    drafts = body["context"]["draftOrders"]
    del drafts["type"]
    drafts["entry"] += [
        {"resource": {"resourceType": "Medication", "id": "m1"}},
        {"resource": {"resourceType": "ServiceRequest", "id": 7}},
        {"fullUrl": "urn:uuid:0"},
        "not an entry",
    ]
    drafts["entry"][0]["resource"]["code"]["coding"].insert(0, {})
    drafts["entry"][0]["resource"]["category"] = {"text": "Imaging"}
    response = server.post(body, "spine-order-select")
    assert response.status_code == 200, response.text


def packed(body: Any) -> bytes:
    return gzip.compress(json.dumps(body).encode())


def post_packed(server: RunningServer, content: bytes, encoding: str = "gzip") -> requests.Response:
    return server.post(None, data=content, headers={"Content-Type": "application/json", "Content-Encoding": encoding})


def test_a_compressed_body(server: RunningServer) -> None:
    response = post_packed(server, packed(call_body()))
    assert response.status_code == 200
    assert response.content == server.post(call_body()).content


def blanks(size: int) -> bytes:
    """So many blanks, packed a megabyte at a time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS + 16)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(size // 1_000_000)) + packer.flush()


ODDLY_PACKED = {
    "unfolds to 300 MB": (lambda: blanks(300_000_000), "gzip", 413),
    "is no gzip": (lambda: b"{}", "gzip", 400),
    "is cut short": (lambda: packed({"a": "b" * 100})[:-9], "gzip", 400),
    "is followed by more": (lambda: packed({}) + b"x", "gzip", 400),
    "uses another packing": (lambda: b"{}", "br", 415),
    "uses two": (lambda: packed({}), "gzip, gzip", 415),
}


@pytest.mark.parametrize("which", ODDLY_PACKED)
def test_a_compressed_body_that(server: RunningServer, which: str) -> None:
    made, encoding, status = ODDLY_PACKED[which]
    response = post_packed(server, made(), encoding)
    assert response.status_code == status
    assert response.json()["resourceType"] == "OperationOutcome"


def test_a_browser_may_call_from_this_machine(server: RunningServer) -> None:
    preflight = requests.options(
        f"{server.url}/cds-services/spine-patient-view",
        headers={
            "Origin": "http://localhost:8000",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
        timeout=10,
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://localhost:8000"
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    for response in (
        server.get("/cds-services", headers={"Origin": "http://localhost:8000"}),
        server.post(call_body(), headers={"Origin": "http://localhost:8000"}),
        server.post({}, headers={"Origin": "http://localhost:8000"}),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:8000"


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "http://localhost.evil.example.org", "http://localhost:80@evil.org", "null"]
)
def test_a_browser_elsewhere_may_not(server: RunningServer, origin: str) -> None:
    response = server.get("/cds-services", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_one_audit_line_for_each_call_and_none_about_the_patient(server: RunningServer) -> None:
    before = len(server.audit_lines())
    server.post(call_body())
    server.post({"hook": "patient-view"})
    server.get("/cds-services/spine-patient-view")
    server.get("/health/live")
    answered, refused, wrong_method = server.audit_lines()[before:]
    assert answered["status"] == 200
    assert answered["tenant"] == "sandbox"
    assert answered["service"] == "spine-patient-view"
    assert answered["hookInstance"] == call_body()["hookInstance"]
    assert answered["rules"]["suspected_cord_compression"] == "recommend"
    assert answered["cards"] == sum(answered["indicators"].values())
    assert answered["milliseconds"] >= 0
    assert (refused["status"], wrong_method["status"]) == (400, 405)
    for private in ("example-anna", "Anna", "Beispiel", "1964", "example-doctor", "example-visit"):
        assert private not in server.written()


def test_the_audit_says_what_was_not_to_be_had(server: RunningServer) -> None:
    body = call_body()
    del body["prefetch"]["laboratory"]
    server.post(body)
    assert "not sent" in server.audit_lines()[-1]["unavailable"]["laboratory"]


def test_rules_in_shadow_are_recorded_and_not_shown(tmp_path: Path) -> None:
    tenant = tmp_path / "tenant.toml"
    tenant.write_text(
        'environment = "sandbox"\n[tenant]\nname = "watching"\n'
        '[rules]\ndefault = "shadow"\nbone_modifying_agent = "live"\nmultidisciplinary_review = "off"\n'
    )
    with serving(tmp_path / "server", "--tenant", str(tenant)) as watching:
        cards = watching.post(call_body()).json()["cards"]
        line = watching.audit_lines()[-1]
        told = watching.stderr.read_text()
    assert "Emergencies and contraindications not shown here: confirmed_cord_compression (shadow)" in told
    spoken = [rule["rule"] for card in cards for rule in card["extension"]["org.spine-cds.rules"]]
    assert spoken == ["bone_modifying_agent"]
    assert line["rules"]["suspected_cord_compression"] == "recommend"
    assert "suspected_cord_compression" in line["shadow"]
    assert "multidisciplinary_review" not in line["rules"]
    with sqlite3.connect(tmp_path / "server" / "store.db") as ledger:
        fates = dict(ledger.execute("SELECT rule, fate FROM speech"))
        (document,) = ledger.execute("SELECT document FROM call").fetchone()
    ledger.close()
    assert fates["bone_modifying_agent"] == "shown"
    assert fates["suspected_cord_compression"] == "shadow"
    assert set(fates.values()) == {"shown", "shadow"}
    recorded = {rule["rule"]: rule["outcome"] for rule in json.loads(document)["rules"]}
    assert recorded == line["rules"]


def test_health_and_version(server: RunningServer) -> None:
    assert server.get("/health/live").json() == {"status": "live"}
    assert server.get("/health/ready").json()["status"] == "ready"
    version = server.get("/version").json()
    assert set(version) == {"software", "cdsHooks", "rules"}
    assert "suspected_cord_compression" in version["rules"]


def test_pages(server: RunningServer) -> None:
    for path in ("/", "/rules", *(f"/rules/{name}" for name in server.get("/version").json()["rules"])):
        page = server.get(path, headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert server.get("/static/pages.css").status_code == 200
    assert server.get("/rules/nothing").status_code == 404


def test_rules_as_json(server: RunningServer) -> None:
    accept = {"Accept": "application/json"}
    listed = server.get("/rules", headers=accept).json()
    assert [one["rule"] for one in listed["rules"]] == list(server.get("/version").json()["rules"])
    assert empties(listed) == []
    one = server.get("/rules/suspected_cord_compression", headers=accept).json()
    assert one["mode"] == "live"
    assert one["thresholds"]
