"""The command as a user runs it, a real FHIR server for it to examine, and a stub for what no real one would do."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import pytest

from cds_service.cli import main
from cds_service.doctor_command import TOKEN_VARIABLE
from tests import fhir_stub
from tests.doctor import charts, real_server
from tests.doctor.real_server import TOKEN, RealServer
from tests.fhir_stub import FhirServer


@dataclass(frozen=True)
class Said:
    """What the command printed, as text and as data, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout)
        return found

    def query(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.report["queries"] if one["key"] == key)
        return found


Doctor = Callable[..., Said]


@pytest.fixture(scope="session")
def doctor(tmp_path_factory: pytest.TempPathFactory) -> Doctor:
    """Runs `cds-service doctor`; JSON unless asked otherwise, and with time enough on a busy machine."""
    patient_site = tmp_path_factory.mktemp("tenant") / "tenant.toml"
    patient_site.write_text('environment = "sandbox"\n[tenant]\nname = "here"\n[fhir]\ntimeout_seconds = 30.0\n')

    def run(server: str, *options: str, token: str | None = TOKEN) -> Said:
        environment = {TOKEN_VARIABLE: token} if token else {}
        form = () if "--format" in options else ("--format", "json")
        site = () if "--tenant" in options else ("--tenant", str(patient_site))
        out, err = io.StringIO(), io.StringIO()
        with patch.dict(os.environ, environment), redirect_stdout(out), redirect_stderr(err):
            code = main(["doctor", "--fhir-server", server, *form, *site, *options])
        said = Said(code, out.getvalue(), err.getvalue())
        assert charts.MARK not in said.stdout + said.stderr
        assert TOKEN not in said.stdout + said.stderr
        return said

    return run


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """The real server with the charts of `charts`."""
    with real_server.running(tmp_path_factory.mktemp("fhir-server")) as server:
        for person in (charts.whole(), charts.clean(), charts.messy(), charts.crowded(620)):
            server.load(*person.resources)
        yield server


@pytest.fixture
def stub() -> Iterator[FhirServer]:
    with fhir_stub.running() as server:
        yield server
