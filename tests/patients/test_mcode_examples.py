"""Every mCODE example, field by field: what mcode_examples.toml says must be what the mapping makes of the file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.patients.mcode_examples import DATA, GUIDE, TRIALS, bundles, guide

TABLE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("mcode_examples.toml").read_text(encoding="utf-8"))
OUTSIDE = "left out: codes outside our value sets"
IN_GUIDE = TABLE["guide"] | {name: OUTSIDE for group in TABLE["guide_outside"].values() for name in group}
TOLD = guide()
GUIDE_BUNDLES, TRIAL_BUNDLES = dict(bundles(GUIDE)), dict(bundles(TRIALS))


@pytest.mark.shared_data
@pytest.mark.parametrize("name", TOLD)
def test_an_example_of_the_guide(name: str) -> None:
    assert TOLD[name] == [IN_GUIDE.get(name, "not in mcode_examples.toml")]


@pytest.mark.shared_data
@pytest.mark.parametrize("name", GUIDE_BUNDLES)
def test_a_whole_patient_of_the_guide(name: str) -> None:
    """The same as the single files, but for what the table names (a volume that the Bundle leaves out)."""
    expected = {reference: [IN_GUIDE[reference]] for reference in GUIDE_BUNDLES[name]}
    assert GUIDE_BUNDLES[name] == expected | {k: [v] for k, v in TABLE["guide_bundles"][name].items()}


@pytest.mark.shared_data
@pytest.mark.parametrize("name", TRIAL_BUNDLES)
def test_a_bundle_of_the_trial_matching_applications(name: str) -> None:
    wanted = dict(TABLE["trials"][name])
    outside = dict.fromkeys(wanted.pop("outside"), OUTSIDE)
    assert {k: v[0] for k, v in TRIAL_BUNDLES[name].items()} == wanted | outside


@pytest.mark.shared_data
def test_every_row_of_the_table_has_its_example() -> None:
    assert set(IN_GUIDE) == set(TOLD)
    assert set(TABLE["guide_bundles"]) == set(GUIDE_BUNDLES)
    assert set(TABLE["trials"]) == set(TRIAL_BUNDLES)


def test_where_there_are_no_examples_none_are_told_of() -> None:
    """Then the tests above are left out."""
    assert bool(TOLD) == bool(GUIDE_BUNDLES) == bool(TRIAL_BUNDLES) == DATA.exists()
