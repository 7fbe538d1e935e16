"""A site's own unit texts, from its tenant file to the answer, and what stops start-up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import call_body

from cds_service.cli import main

SITE = 'environment = "sandbox"\n[tenant]\nname = "here"\n[codes]\n'
LNC = "http://loinc.org"


def said(folder: Path, capsys: pytest.CaptureFixture[str], unit: str, units: str) -> str:
    """What the service says of a chart whose only calcium carries that unit text."""
    body: dict[str, Any] = call_body()
    calcium = {
        "resourceType": "Observation",
        "id": "ca",
        "status": "final",
        "subject": {"reference": f"Patient/{body['prefetch']['patient']['id']}"},
        "code": {"coding": [{"system": LNC, "code": "17861-6"}]},
        "effectiveDateTime": "2026-01-01",
        "valueQuantity": {"value": 9.4, "unit": unit},
    }
    body["prefetch"]["laboratory"] = {"resourceType": "Bundle", "entry": [{"resource": calcium}]}
    (folder / "call.json").write_text(json.dumps(body))
    (folder / "tenant.toml").write_text(f"{SITE}units = {units}\n")
    assert main(["evaluate", str(folder / "call.json"), "--tenant", str(folder / "tenant.toml")]) == 0
    return capsys.readouterr().out


def test_the_units_of_the_tenant_file_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = "calcium: unit not understood"
    assert refused in said(tmp_path, capsys, "MGDL", "{}")
    assert refused not in said(tmp_path, capsys, "MGDL", '{ MGDL = "mg/dL" }')
    assert refused in said(tmp_path, capsys, "MGDL", '{ "mgdl" = "mg/dL" }')


@pytest.mark.parametrize(
    ("units", "named"),
    [
        ('{ MGDL = "mg/DL" }', "codes.units: 'MGDL': 'mg/DL' is none of the units that are understood: %, 1, "),
        ('{ "g/L" = "g/dL" }', "codes.units: 'g/L' is understood as g/L already and keeps its meaning"),
        ("{ MGDL = 1 }", "Expected `str`, got `int` - at `codes.units"),
        ('["MGDL"]', "Expected `object`, got `array` - at `codes.units`"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "evaluate"])
def test_units_that_cannot_be_used_stop_start_up(
    command: str, units: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tenant.toml").write_text(f"{SITE}units = {units}\n")
    (tmp_path / "call.json").write_text(json.dumps(call_body()))
    given = ["--port", "18098"] if command == "serve" else [str(tmp_path / "call.json")]
    assert main([command, *given, "--tenant", str(tmp_path / "tenant.toml")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert named in lines[0]
