"""Odd days, terminals, addresses and texts on the command line: one line and exit code 2, or a clean end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT
from test_cli import AS_OF, EXAMPLES, refusal

from cds_service import examples, printout
from tests.commands import run, run_anew

CHART = str(EXAMPLES / "patient_view.json")


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2026-02-30", "", "2026-W01-1\u0661"])
def test_a_day_at_the_end_of_time(day: str) -> None:
    assert "--as-of" in refusal(run("evaluate", CHART, "--as-of", day))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999999"])
def test_a_body_with_what_is_no_number(tmp_path: Path, number: str) -> None:
    text = examples.text("patient_view")
    (tmp_path / "chart.json").write_text(text.replace("{", f'{{"x": {number}, ', 1))
    result = run("evaluate", str(tmp_path / "chart.json"), "--as-of", AS_OF)
    assert "Traceback" not in result.stderr
    assert result.returncode in (0, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", CHART, "--as-of", AS_OF),
        ("rules",),
        ("rules", "bone_agent_renal_dose"),
        ("rules", "--format", "json"),
    ],
)
def test_a_terminal_that_knows_ascii_only(arguments: tuple[str, ...]) -> None:
    result = run_anew(*arguments, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.isascii()


@pytest.mark.parametrize("host", ["", "nowhere", "127.0.0.1.", "[::1]", "256.0.0.1", "127.0.0.1\n"])
def test_a_host_that_cannot_be_listened_on(host: str) -> None:
    assert "SPINE_CDS_HOST" in refusal(run("serve", "--host", host))


@pytest.mark.parametrize(
    "address",
    [
        "http://{x}.example",
        "https://a.example/{rule}",
        "https://a.example/ b",
        "https://a.example/\u202e",
        "https://a<b>",
    ],
)
def test_a_public_address_with_letters_that_no_address_has(tmp_path: Path, address: str) -> None:
    tenant = tmp_path / "tenant.toml"
    tenant.write_text(f'environment = "sandbox"\n[tenant]\nname = "here"\npublic_base_url = "{address}"\n', "utf-8")
    assert "public_base_url" in refusal(run("evaluate", CHART, "--tenant", str(tenant)))
    assert "PUBLIC_BASE_URL" in refusal(run("serve", SPINE_CDS_PUBLIC_BASE_URL=address))


@pytest.mark.parametrize("arguments", [("rules", "--format", "json"), ("evaluate", CHART, "--as-of", AS_OF)])
def test_a_reader_who_has_read_enough(arguments: tuple[str, ...]) -> None:
    """As `| head` does: no complaint, no traceback."""
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "cds_service.cli", *arguments]
    ended = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_hook_that_no_service_answers_is_told_which_there_are(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"hook": "encounter-start-zq"}')
    line = refusal(run("evaluate", str(tmp_path / "request.json")))
    assert "patient-view, order-select, order-sign" in line
    assert "zq" not in line


EVIL = "\x1b[31m\x07\u202egnp\u200b\u2066\x9b2J\ufeff"


def poisoned(value: Any) -> Any:
    """Every id, display and text of a chart, with characters that steer a terminal or turn its text round."""
    if isinstance(value, dict):
        return {
            key: one + EVIL if isinstance(one, str) and key in ("text", "display", "fullUrl", "unit") else poisoned(one)
            for key, one in value.items()
        }
    return [poisoned(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("form", ["text", "json"])
def test_text_from_the_record_does_not_steer_the_terminal(tmp_path: Path, form: str) -> None:
    chart = poisoned(json.loads(examples.text("patient_view")))
    for entry in chart["prefetch"]["conditions"]["entry"]:
        entry["resource"]["id"] = None  # so that the poisoned fullUrl is what names it
    (tmp_path / "chart.json").write_text(json.dumps(chart))
    result = run("evaluate", str(tmp_path / "chart.json"), "--as-of", AS_OF, "--format", form)
    assert result.returncode == 0
    assert not set(result.stdout) & set(EVIL) - set("[31mgnp2J")


def test_what_a_refusal_repeats_is_safe_too() -> None:
    assert "\x1b" not in refusal(run("evaluate", f"/nowhere{EVIL}"))
    assert printout.safe("a\tb\nc" + EVIL[0]) == "a\tb\nc "


def test_json_stays_the_same_json() -> None:
    value = {"name": f"Ren\u00e9e {EVIL} \U000e0041"}
    assert json.loads(printout.json_text(value)) == value
    assert "\u202e" not in printout.json_text(value)
