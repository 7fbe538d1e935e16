"""Defects of ours: the caller learns that there is one, the log which kind and where, nobody any value."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from conftest import RunningServer, call_body
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from cds_service import config
from cds_service.app import create_app
from cds_service.routes import EXTENSION, running


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """Everything that our loggers say."""
    for name in ("cds_service", "cds_service.audit"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    caplog.set_level(logging.DEBUG)
    return caplog


def test_a_defect_is_a_500_that_says_nothing(heard: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    app = create_app(config.from_environment({"SPINE_CDS_DATABASE": f"sqlite:///{tmp_path / 'store.db'}"}))
    broken: Any = None
    app.extensions[EXTENSION] = replace(running(app), trust=broken)
    response = app.test_client().post("/cds-services/spine-patient-view", json=call_body())
    assert response.status_code == 500
    assert response.content_type == "application/fhir+json"
    (issue,) = response.get_json()["issue"]
    assert issue == {"severity": "error", "code": "exception", "diagnostics": "The service failed."}
    assert "AttributeError at routes.py:" in heard.text
    for private in ("verify", "example-anna", "Traceback"):
        assert private not in heard.text
    (line,) = [json.loads(one.message) for one in heard.records if one.name == "cds_service.audit"]
    assert line["status"] == 500
    assert line["fault"].startswith("AttributeError at routes.py:")


def test_a_defect_outside_a_call_is_a_500_too(tmp_path: Path) -> None:
    app = create_app(config.from_environment({"SPINE_CDS_DATABASE": f"sqlite:///{tmp_path / 'store.db'}"}))
    broken: Any = None
    app.extensions[EXTENSION] = replace(running(app), rules=broken)
    assert app.test_client().get("/health/ready").status_code == 500


@pytest.mark.parametrize("size", [10, 100_000, 21_000_000])
def test_a_refusal_does_not_spoil_the_connection(server: RunningServer, size: int) -> None:
    """A body that was refused unread must not be taken for the next request; the server may close instead."""
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(total=3, read=3)))  # a GET on a closed one is sent again
        for _ in range(3):
            try:
                refused = session.post(f"{server.url}/cds-services/nothing", data=b"x" * size, timeout=10)
            except requests.ConnectionError:  # closed while it was still being sent
                continue
            assert refused.status_code == 404
            assert session.get(f"{server.url}/health/live", timeout=10).status_code == 200
