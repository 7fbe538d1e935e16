"""What every test shares: one database server, the order of the files, and what is the same on every run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres

SHARED = Path(__file__).parents[2] / "shared"  # charts of others and verified codes, beside the checkout or not at all
# Begun first, longest first, so that at the end no worker has much to do while the others have nothing. Of all others
# the order does not matter. Seconds: `pytest --durations=0`.
LONGEST = (
    "service/test_key_rotation.py",
    "pages/test_companion.py",
    "pages/test_playground.py",
    "service/test_smart_writing.py",
    "pages/test_dashboard.py",
    "service/test_readers.py",
    "service/test_explain.py",
    "service/test_overload.py",
    "service/test_stopping.py",
    "service/test_smart_launch.py",
    "service/test_cli.py",
    "store/test_store.py",
    "service/test_hostile_callers.py",
    "service/test_wire.py",
    "service/test_issuer_keys.py",
    "service/test_refire_control.py",
    "service/test_hash_seeds.py",
    "service/test_hostile_command_line.py",
    "mappings/test_text_mentions.py",
    "test_vignettes.py",
    "service/test_client_profiles.py",
    "service/test_replay.py",
    "service/test_bombs.py",
)
settings.register_profile(
    "same-every-time", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same-every-time")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the longest files first, and leaves out what needs data that is not there: a test says so in its place."""
    if not SHARED.exists():
        left_out = [item for item in items if item.get_closest_marker("shared_data")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    turn = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turn.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server, of which each test takes a database of its own; all workers have the same."""
    folder = tmp_path_factory.getbasetemp()
    with postgres.running(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) as url:
        yield url
