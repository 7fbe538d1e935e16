"""A site's own codes, from the tenant file to the cards of a running server."""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
import pytest
from conftest import RunningServer, call_body, serving
from cryptography.hazmat.primitives.asymmetric import rsa

from cds_service import site_codes
from cds_service.cli import main
from cds_service.tenants import load_tenant
from fhir_mappings import codes, orderables
from fhir_mappings.code_maps import PREFERENCE_LIST
from fhir_mappings.proposed_orders import to_fhir
from hooks.outcomes import ProposedOrder

DEPLOY = Path(__file__).parents[2] / "deploy"
TENANT = """environment = "sandbox"
[tenant]
name = "here"
[codes]
concept_maps = ["maps/local.json"]
"""
EPIC = '[client]\nprofile = "epic"\n'


def site(folder: Path, target: str = "42698-1", more: str = "") -> Path:
    """A tenant file with one map beside it: a local problem code, and a local order code."""
    groups = [
        {
            "source": "urn:here:problems",
            "target": "http://snomed.info/sct",
            "element": [{"code": "W1", "target": [{"code": "26544005", "equivalence": "equivalent"}]}],
        },
        {
            "source": PREFERENCE_LIST,
            "target": "http://loinc.org",
            "element": [
                {"code": "777", "display": "MRI TOTAL SPINE", "target": [{"code": target, "equivalence": "equal"}]}
            ],
        },
        {
            "source": "urn:here:lab",
            "target": "http://loinc.org",
            "element": [{"code": "CREA", "target": [{"code": "2160-0", "equivalence": "equivalent"}]}],
        },
    ]
    (folder / "maps").mkdir(parents=True)
    (folder / "maps" / "local.json").write_text(json.dumps({"resourceType": "ConceptMap", "group": groups}))
    (folder / "tenant.toml").write_text(TENANT + more)
    return folder / "tenant.toml"


def resource(body: dict[str, Any], resource_id: str) -> dict[str, Any]:
    """One of the conditions of a call, to be changed."""
    found: dict[str, Any] = next(
        entry["resource"] for entry in body["prefetch"]["conditions"]["entry"] if entry["resource"]["id"] == resource_id
    )
    return found


def ordered(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The code of every order that some cards offer to create."""
    made = [a["resource"] for c in cards for s in c.get("suggestions", ()) for a in s["actions"] if "resource" in a]
    return [one.get("code") or one["medicationCodeableConcept"] for one in made]


def test_local_codes_are_read_asked_for_and_written(tmp_path: Path) -> None:
    with serving(tmp_path / "run", "--tenant", str(site(tmp_path))) as server:
        services = server.get("/cds-services").json()["services"]
        assert all("urn:here:lab|CREA" in service["prefetch"]["laboratory"] for service in services)
        body = call_body()
        resource(body, "leg-weakness")["code"] = {"coding": [{"system": "urn:here:problems", "code": "W1"}]}
        cards = server.post(body).json()["cards"]
    assert cards[0]["indicator"] == "critical"
    assert ordered(cards)[0]["coding"][0] == {"system": PREFERENCE_LIST, "code": "777", "display": "MRI TOTAL SPINE"}


def test_any_code_of_the_orderables_value_set_will_do(tmp_path: Path) -> None:
    """MRI of the whole spine without contrast, mapped to its own LOINC code: our order carries another one."""
    with serving(tmp_path / "run", "--tenant", str(site(tmp_path, target="30854-4"))) as server:
        cards = server.post(call_body()).json()["cards"]
    assert [one["code"] for one in ordered(cards)[0]["coding"]] == ["777", "42698-1"]


@pytest.mark.parametrize(("profile", "first"), [("epic", "777"), ("standard", "A"), ("oracle-health", "A")])
def test_epics_own_lists_come_first_under_its_profile(profile: str, first: str, tmp_path: Path) -> None:
    tenant = load_tenant(site(tmp_path, more=f'[client]\nprofile = "{profile}"\n'))
    path = tmp_path / "maps" / "local.json"
    resource = json.loads(path.read_text())
    other = {"code": "A", "target": [{"code": "42698-1", "equivalence": "equal"}]}
    resource["group"].insert(0, {"source": "urn:a:orders", "target": "http://loinc.org", "element": [other]})
    path.write_text(json.dumps(resource))
    order = to_fhir(ProposedOrder("mri_whole_spine", "x"), "p1", site_codes.read(tenant))
    assert order is not None
    code: Any = order["code"]
    assert code["coding"][0]["code"] == first


# What start-up says


def test_start_up_says_how_many_codes_of_which_kind(tmp_path: Path) -> None:
    with serving(tmp_path / "run", "--tenant", str(site(tmp_path)), SPINE_CDS_WORKERS="2") as server:
        said = server.stderr.read_text()
    assert said.count("3 local codes from 1 file: labs 1, answers 0, problems 1, orders 1\n") == 1
    assert "Warning: no preference-list code" not in said


def test_under_epic_start_up_names_the_orderables_without_a_preference_list_code(tmp_path: Path) -> None:
    with serving(tmp_path / "run", "--tenant", str(site(tmp_path, more=EPIC))) as server:
        said = server.stderr.read_text()
    (line,) = re.findall(r"^Warning: no preference-list code.* for: (.*)$", said, re.MULTILINE)
    assert line.split(", ") == [concept for concept in orderables.CODINGS if concept != "mri_whole_spine"]


def test_under_epic_without_any_map_all_orderables_are_named(tmp_path: Path) -> None:
    (tmp_path / "tenant.toml").write_text(f'environment = "sandbox"\n[tenant]\nname = "here"\n{EPIC}')
    with serving(tmp_path / "run", "--tenant", str(tmp_path / "tenant.toml")) as server:
        said = server.stderr.read_text()
    assert f" for: {', '.join(orderables.CODINGS)}\n" in said
    assert "local codes from" not in said


def test_what_a_map_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    tenant = site(tmp_path)
    path = tmp_path / "maps" / "local.json"
    path.write_text(path.read_text().replace('"CREA"', '"CREA\\u202e"').replace("2160-0", "62238-1"))
    with serving(tmp_path / "run", "--tenant", str(tenant)) as server:
        said = server.stderr.read_text()
    assert "no rule reads what these local codes are mapped to: urn:here:lab|CREA" in said
    assert "\u202e" not in said


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (
            lambda path: path.unlink(),
            "codes.concept_maps[0]: maps/local.json cannot be read (No such file or directory)",
        ),
        (lambda path: (path.unlink(), path.mkdir()), "maps/local.json cannot be read (Is a directory)"),
        (lambda path: path.write_text("{"), "maps/local.json: not a FHIR resource in JSON"),
        (lambda path: None, "maps/local.json: group[1].element[0] (777): target http://loinc.org|1-8"),
    ],
)
def test_a_map_that_cannot_be_used_stops_start_up(
    break_it: Any, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = site(tmp_path, target="1-8")
    break_it(tmp_path / "maps" / "local.json")
    assert main(["serve", "--tenant", str(tenant), "--port", "18099"]) == 2
    said = capsys.readouterr().err
    assert named in said
    assert said.count("\n") == 1


def test_a_preference_list_item_for_what_is_no_orderable_stops_start_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--tenant", str(site(tmp_path, target="24968-0")), "--port", "18099"]) == 2
    said = capsys.readouterr().err
    assert (
        "maps/local.json: group[1].element[0] (777): target http://loinc.org|24968-0 is nothing that is proposed"
        in said
    )


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b""])
def test_files_written_on_windows_are_read(before: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A byte order mark and line ends of two characters, in the tenant file and in the map."""
    tenant = site(tmp_path)
    for path in (tenant, tmp_path / "maps" / "local.json"):
        path.write_bytes(before + path.read_text().replace("\n", "\r\n").encode())
    body = tmp_path / "call.json"
    body.write_text(json.dumps(call_body()))
    assert main(["evaluate", str(body), "--tenant", str(tenant), "--format", "json"]) == 0
    assert ordered(json.loads(capsys.readouterr().out)["cards"])[0]["coding"][0]["code"] == "777"


# The example that is shipped

ISSUER = "https://epic.epic-site.example/api/FHIR/R4"
PUBLIC = "https://cds.epic-site.example"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def epic_site(folder: Path) -> Path:
    """The example for Epic as it is shipped, with keys, and with its rules shown instead of only recorded."""
    shutil.copytree(DEPLOY / "tenants", folder)
    key = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    (folder / "epic-keys.json").write_text(json.dumps({"keys": [{**key, "kid": "k1", "use": "sig"}]}))
    text = (folder / "epic.toml").read_text()
    assert 'default = "shadow"' in text
    (folder / "epic.toml").write_text(text.replace('default = "shadow"', 'default = "live"'))
    return folder / "epic.toml"


def bearer(path: str) -> dict[str, str]:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": PUBLIC + path, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
    return {"Authorization": f"Bearer {jwt.encode(claims, KEY, 'RS384', headers={'kid': 'k1'})}"}


def called(server: RunningServer, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = server.post(body, headers=bearer("/cds-services/spine-patient-view"))
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["cards"]
    return found


def with_grade(system: str, question: str, grade: str) -> dict[str, Any]:
    """The example call, with a finding of compression as an observation in these codes."""
    body = call_body()
    weakness = resource(body, "leg-weakness")
    observed = {
        "resourceType": "Observation",
        "id": "grade",
        "status": "final",
        "subject": weakness["subject"],
        "effectiveDateTime": weakness.get("recordedDate") or weakness["onsetDateTime"],
        "code": {"coding": [{"system": system, "code": question}]},
        "valueCodeableConcept": {"coding": [{"system": system, "code": grade}]},
    }
    body["prefetch"]["assessments"] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": observed}]}
    return body


def test_the_example_for_epic_is_served(tmp_path: Path) -> None:
    """A problem, a flowsheet row with its answer and the orders go through the made-up codes of the example."""
    standard = with_grade(codes.ASSESSMENT, "escc", "escc-2")
    local = with_grade("urn:example:flowsheet", "EXAMPLE-BILSKY", "EXAMPLE-BILSKY-2")
    weakness = {"coding": [{"system": "urn:example:problem", "code": "EXAMPLE-LEG-WEAKNESS"}]}
    resource(local, "leg-weakness")["code"] = weakness
    with serving(tmp_path / "run", "--tenant", str(epic_site(tmp_path / "tenants"))) as server:
        discovery = server.get("/cds-services", headers=bearer("/cds-services")).json()
        expected, found = called(server, standard), called(server, local)
        said = server.stderr.read_text()
    assert "urn:example:lab|EXAMPLE-CREATININE" in discovery["services"][0]["prefetch"]["laboratory"]
    assert [card["summary"] for card in found] == [card["summary"] for card in expected]
    assert found[0]["indicator"] == "critical"
    rules = [one["rule"] for one in found[0]["extension"]["org.spine-cds.rules"]]
    assert "confirmed_cord_compression" in rules  # which the grade alone makes speak
    placed = [one["coding"][0] for one in ordered(found)]
    assert placed
    assert all(one["system"] == PREFERENCE_LIST and one["code"].startswith("EXAMPLE-") for one in placed)
    assert "24 local codes from 1 file: labs 3, assessments 3, answers 2, problems 2, orders 14\n" in said
    assert re.findall("^Warning: .*$", said, re.MULTILINE) == [
        "Warning: these maps are marked experimental, not for real use: epic-codes.json"
    ]


# The manual

SYSTEM_NAMES = {codes.LOINC: "LOINC", codes.SNOMED: "SNOMED CT", codes.RXNORM: "RxNorm", codes.ATC: "ATC"}


def test_the_manual_lists_what_can_be_ordered() -> None:
    """Every orderable with its name and the codes that an order carries, in the order of order_codes.toml."""
    manual = (DEPLOY / "README.md").read_text(encoding="utf-8")
    table = re.search(r"\| orderable \| what \| our code \|\n\|---\|---\|---\|\n((\|.*\n)+)", manual)
    assert table
    rows = [row.strip("| ").split(" | ") for row in table[1].splitlines()]
    assert rows == [
        [
            f"`{concept}`",
            orderables.name(concept),
            ", ".join(f"{SYSTEM_NAMES[one['system']]} {one['code']}" for one in codings),
        ]
        for concept, codings in orderables.CODINGS.items()
    ]
