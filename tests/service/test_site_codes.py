"""A site's own codes, from the tenant file to the cards of a running server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import call_body, serving

from cds_service.cli import main

EPIC = "urn:com.epic.cdshooks.action.code.system.preference-list-item"
TENANT = """environment = "sandbox"
[tenant]
name = "here"
[codes]
concept_maps = ["maps/local.json"]
"""


def site(folder: Path, target: str = "42698-1") -> Path:
    """A tenant file with one map beside it: a local problem code, and a local order code."""
    groups = [
        {
            "source": "urn:here:problems",
            "target": "http://snomed.info/sct",
            "element": [{"code": "W1", "target": [{"code": "26544005", "equivalence": "equivalent"}]}],
        },
        {
            "source": EPIC,
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
    (folder / "maps").mkdir()
    (folder / "maps" / "local.json").write_text(json.dumps({"resourceType": "ConceptMap", "group": groups}))
    (folder / "tenant.toml").write_text(TENANT)
    return folder / "tenant.toml"


def test_local_codes_are_read_asked_for_and_written(tmp_path: Path) -> None:
    with serving(tmp_path / "run", "--tenant", str(site(tmp_path))) as server:
        services = server.get("/cds-services").json()["services"]
        assert all("urn:here:lab|CREA" in service["prefetch"]["laboratory"] for service in services)
        body = call_body()
        weakness = next(
            entry["resource"]
            for entry in body["prefetch"]["conditions"]["entry"]
            if entry["resource"]["id"] == "leg-weakness"
        )
        weakness["code"] = {"coding": [{"system": "urn:here:problems", "code": "W1"}]}
        cards = server.post(body).json()["cards"]
    assert cards[0]["indicator"] == "critical"
    ordered = [a["resource"]["code"] for s in cards[0]["suggestions"] for a in s["actions"]]
    assert ordered[0]["coding"][0] == {"system": EPIC, "code": "777", "display": "MRI TOTAL SPINE"}


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        (
            lambda folder: (folder / "maps" / "local.json").unlink(),
            "codes.concept_maps[0]: maps/local.json cannot be read",
        ),
        (lambda folder: (folder / "maps" / "local.json").write_text("{"), "maps/local.json: not a FHIR resource"),
        (lambda folder: None, "target http://loinc.org|1-8"),
    ],
)
def test_a_map_that_cannot_be_used_stops_start_up(
    break_it, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = site(tmp_path, target="1-8")
    break_it(tmp_path)
    assert main(["serve", "--tenant", str(tenant), "--port", "18099"]) == 2
    assert named in capsys.readouterr().err
