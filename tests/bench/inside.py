"""The service within this process: the same Flask application, without sockets and without the front door."""

from __future__ import annotations

import gc
import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from flask import Flask

from cds_service import audit, config, fhir_client
from cds_service.app import create_app, warm_up
from cds_service.hook_request import parse
from cds_service.routes import EXTENSION, Service, running
from cds_service.services import CdsService
from fhir_mappings import chart
from hooks.facts import Facts
from tests.bench.bodies import ORDER_SIGN, PATIENT_VIEW
from tests.bench.serving import SERVICES
from tests.bench.us_core import Resource

HOOKS = (PATIENT_VIEW, ORDER_SIGN)


@dataclass(frozen=True)
class Inside:
    """One application, asked as the server would ask it."""

    app: Flask

    @property
    def running(self) -> Service:
        return running(self.app)

    def row(self, hook: str) -> CdsService:
        return self.running.services[SERVICES[hook]]

    def post(self, hook: str, body: bytes) -> bytes:
        """The body of the answer; an answer other than 200 ends the run."""
        said: list[str] = []
        environ: Resource = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": f"/cds-services/{SERVICES[hook]}",
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }

        def start(status: str, _headers: Any, _error: Any = None) -> Callable[[bytes], object]:
            said.append(status)
            return said.append  # type: ignore[arg-type] # WSGI's write(), which Flask never asks for

        answer = b"".join(self.app.wsgi_app(environ, start))
        if not said[0].startswith("200"):
            raise RuntimeError(f"answered {said[0]}: {answer[:300]!r}")
        return answer

    def facts(self, hook: str, body: bytes, day: date) -> Facts:
        """What the rules are asked about: the body read, the chart judged and mapped, and no more."""
        row = self.row(hook)
        request = parse(body, row)
        answers = fhir_client.complete(request, row.prefetch)
        record = chart.read(answers, request.patient_id, request.fhir_server, request.draft_orders, request.selections)
        return row.facts(record, day)

    @contextmanager
    def with_service(self, row: CdsService) -> Iterator[None]:
        """The same application, while one CDS service of it is another."""
        before = self.running
        self.app.extensions[EXTENSION] = replace(before, services={**before.services, row.id: row})
        try:
            yield
        finally:
            self.app.extensions[EXTENSION] = before


def start(folder: Path) -> Inside:
    """As a worker starts: warmed up, collector frozen, audit lines into a file, ledger in SQLite."""
    settings = config.from_environment({"SPINE_CDS_DATABASE": f"sqlite:///{folder / 'inside.db'}"})
    _write_audit_to(folder / "inside-audit.log")
    inside = Inside(create_app(settings))
    warm_up(settings)
    gc.collect()
    gc.freeze()
    return inside


def _write_audit_to(file: Path) -> None:
    handler = logging.FileHandler(file)
    handler.setFormatter(logging.Formatter("%(message)s"))
    audit.log.handlers[:] = [handler]
    audit.log.setLevel(logging.INFO)
    audit.log.propagate = False
