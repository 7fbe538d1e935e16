"""What every test shares: one database server, and property tests that try the same cases on every run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres

settings.register_profile(
    "same-every-time", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same-every-time")


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server, of which each test takes a database of its own; all workers have the same."""
    folder = tmp_path_factory.getbasetemp()
    with postgres.running(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) as url:
        yield url
