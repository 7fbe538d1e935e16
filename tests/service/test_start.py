"""Starting with knowledge that cannot be relied on: one line that names the file, and no service."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        (
            "hooks/rules/whole_spine_mri.toml",
            "guideline =",
            "guidelime =",
            "whole_spine_mri.toml: unknown ['guidelime']",
        ),
        ("hooks/rules/whole_spine_mri.toml", "[card.", "[card", "whole_spine_mri.toml"),
        ("fhir_mappings/value_sets/back_pain.json", '"A: ', '"U: ', "value_sets/back_pain.json"),
        ("fhir_mappings/order_codes.toml", "42698-1", "42698-2", "order_codes.toml: mri_whole_spine"),
    ],
)
def test_broken_knowledge_stops_start_up_with_one_line(
    file: str, old: str, new: str, named: str, tmp_path: Path
) -> None:
    for package in ("cds_service", "fhir_mappings", "hooks"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    broken = tmp_path / file
    broken.write_text(broken.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "cds_service.start", "rules"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert named in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
