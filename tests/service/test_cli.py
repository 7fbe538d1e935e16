"""The command line, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from conftest import HOOK_OF, ROOT

from cds_service import examples
from tests.commands import Ended, run, run_anew
from tests.ports import free_port

AS_OF = examples.WRITTEN_ON.isoformat()
EXAMPLES = ROOT / "cds_service" / "examples"


def refusal(result: Ended) -> str:
    """The one line on standard error of a command that ended with 2."""
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("evaluate", str(EXAMPLES / "patient_view.json"), "--as-of", AS_OF), {}),
        (("rules", "--format", "json"), {}),
        (("rules", "no_such_rule"), {}),
        (("--no-such-option",), {}),
        (("serve",), {"SPINE_CDS_PORT": "many"}),
    ],
)
def test_a_command_is_the_same_whether_python_was_just_started_or_not(
    arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    """Most tests take the shorter way."""
    anew, short = run_anew(*arguments, **variables), run(*arguments, **variables)
    assert (anew.returncode, anew.stdout, anew.stderr) == (short.returncode, short.stdout, short.stderr)
    assert anew.stdout or anew.stderr


@pytest.mark.parametrize("given", [b"short\nmore\n", b"a byte \xff that is no text"])
def test_a_command_reads_its_own_standard_input_and_leaves_nothing_for_the_next(given: bytes) -> None:
    anew, first, second = (one("password-hash", given=given) for one in (run_anew, run, run))
    assert refusal(anew) == refusal(first) == refusal(second)


def test_evaluate_as_json() -> None:
    result = run("evaluate", str(EXAMPLES / "patient_view.json"), "--as-of", AS_OF, "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    said = json.loads(result.stdout)
    assert set(said) == {"cards", "rules"}
    assert said["cards"][0]["indicator"] == "critical"
    assert all(set(rule) == {"rule", "outcome", "because", "missing", "why_not"} for rule in said["rules"])
    outcomes = {rule["rule"]: rule["outcome"] for rule in said["rules"]}
    assert outcomes["suspected_cord_compression"] == "recommend"
    assert set(outcomes.values()) <= {"recommend", "cannot_tell", "not_applicable"}


@pytest.mark.parametrize("name", HOOK_OF.values())
def test_evaluate_as_text(name: str) -> None:
    """Every rule has a line, and one that stays silent says why."""
    result = run("evaluate", str(EXAMPLES / f"{name}.json"), "--as-of", AS_OF)
    assert (result.returncode, result.stderr) == (0, "")
    table = result.stdout.partition("Every rule")[2].strip().splitlines()
    assert all(len(line.split("  ")) >= 3 for line in table)


def test_evaluate_gives_the_same_on_every_day_it_is_run() -> None:
    first, second = (run("evaluate", str(EXAMPLES / "order_sign.json"), "--as-of", AS_OF).stdout for _ in range(2))
    assert first == second


def test_the_hook_chooses_the_service() -> None:
    result = run("evaluate", str(EXAMPLES / "order_select.json"), "--as-of", AS_OF, "--format", "json")
    assert "whole_spine_mri" in [rule["rule"] for rule in json.loads(result.stdout)["rules"]]


def test_evaluate_with_rules_in_shadow_and_off(tmp_path: Path) -> None:
    tenant = tmp_path / "tenant.toml"
    tenant.write_text(
        'environment = "sandbox"\n[tenant]\nname = "here"\n'
        '[rules]\ndefault = "off"\nsuspected_cord_compression = "shadow"\n'
    )
    arguments = ("evaluate", str(EXAMPLES / "patient_view.json"), "--as-of", AS_OF, "--tenant", str(tenant))
    said = json.loads(run(*arguments, "--format", "json").stdout)
    assert [(rule["rule"], rule["outcome"]) for rule in said["rules"]] == [("suspected_cord_compression", "recommend")]
    assert said["cards"] == []
    assert "recommend (shadow)" in run(*arguments).stdout


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ("{}", "hook"),
        ('{"hook": "patient-view"}', "context"),
        ('{"hook": "encounter-start"}', "hook"),
        (json.dumps({**json.loads(examples.text("patient_view")), "prefetch": {}}), "prefetch.conditions"),
    ],
)
def test_evaluate_refuses_bad_input_with_one_line(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "request.json").write_text(content)
    assert complaint in refusal(run("evaluate", str(tmp_path / "request.json")))


def test_a_file_or_tenant_that_is_not_there() -> None:
    assert "nowhere.json" in refusal(run("evaluate", "/nowhere.json"))
    assert "nowhere.toml" in refusal(run("evaluate", str(EXAMPLES / "order_sign.json"), "--tenant", "/nowhere.toml"))


def test_a_day_that_is_none() -> None:
    assert "--as-of" in refusal(run("evaluate", str(EXAMPLES / "order_sign.json"), "--as-of", "yesterday"))


def test_rules() -> None:
    listed = run("rules").stdout.splitlines()
    assert listed[0].startswith("confirmed_cord_compression")
    one = run("rules", "bone_agent_renal_dose").stdout
    for heading in ("Thresholds", "Sources", "Review", "Cards", "Source attributes"):
        assert heading in one
    assert "Not yet clinically signed" in one
    assert json.loads(run("rules", "bone_agent_renal_dose", "--format", "json").stdout)["hooks"] == [
        "order-select",
        "order-sign",
    ]
    assert len(json.loads(run("rules", "--format", "json").stdout)["rules"]) == len(listed)
    assert "no_such_rule" in refusal(run("rules", "no_such_rule"))


def test_serve_refuses_bad_settings_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "tenant.toml").write_text('environment = "sandbox"\n[tenant]\nname = "here"\ncolour = "blue"\n')
    assert "colour" in refusal(run("serve", "--tenant", str(tmp_path / "tenant.toml")))
    assert "SPINE_CDS_PROT" in refusal(run("serve", SPINE_CDS_PROT="1"))
    assert "SPINE_CDS_PORT" in refusal(run("serve", "--port", "many"))


def test_serve_refuses_a_busy_port_with_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"port {port}" in refusal(run("serve", "--port", str(port)))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_the_example_and_ends_cleanly(ending: signal.Signals) -> None:
    """As `make run` does; the signal reaches the whole process group, like Ctrl-C in a terminal."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "cds_service.cli", "serve", "--port", str(port), "--workers", "2", "--example"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = ""
    try:
        give_up = time.monotonic() + 60
        while "Still serving" not in said and time.monotonic() < give_up:
            said += process.stdout.readline()
        alive = requests.get(f"http://127.0.0.1:{port}/health/live", timeout=5).status_code
    finally:  # whatever went wrong, no server is left behind
        os.killpg(process.pid, ending)
        _, errors = process.communicate(timeout=30)
    assert "[CRITICAL]" in said
    assert alive == 200
    assert process.returncode == 0
    assert "Traceback" not in errors
