"""The same call gives the same bytes in every process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

EXAMPLES = sorted(
    path.name for path in resources.files("cds_service.examples").iterdir() if path.name.endswith(".json")
)
SEEDS = ("0", "1", "777")


def answers(body: Path) -> set[bytes]:
    """What the command line says to a call under each seed."""
    command = [sys.executable, "-m", "cds_service.cli", "evaluate", str(body), "--as-of", "2026-11-20"]
    found = set()
    for seed in SEEDS:
        done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        found.add(done.stdout)
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_answered_alike_in_every_process(name: str, tmp_path: Path) -> None:
    body = tmp_path / name
    body.write_bytes((resources.files("cds_service.examples") / name).read_bytes())
    assert len(answers(body)) == 1


def test_a_code_that_belongs_to_several_value_sets_is_worded_alike(tmp_path: Path) -> None:
    call = json.loads((resources.files("cds_service.examples") / "patient_view.json").read_text(encoding="utf-8"))
    patient = call["context"]["patientId"]
    call["prefetch"]["conditions"]["entry"] += [
        {
            "resource": {
                "resourceType": "Condition",
                "id": f"several-{code}",
                "subject": {"reference": f"Patient/{patient}"},
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": code}]},
            }
        }
        for code in ("314994000", "94274006", "94222008")
    ]
    body = tmp_path / "call.json"
    body.write_text(json.dumps(call), encoding="utf-8")
    assert len(answers(body)) == 1
