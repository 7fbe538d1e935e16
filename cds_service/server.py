"""Runs the production server: granian, with one process per worker, each on the same port."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from math import ceil
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server
from granian.server.common import AbstractServer

from cds_service import config
from cds_service.config import PREFIX, Settings
from cds_service.tenants import SettingsError

CONNECTIONS = 1024  # open at once, for each worker
BETWEEN_REQUESTS = 3  # times the seconds for a body: for headers, and for a connection that waits for its next request
END_SECONDS = 1  # after Ctrl-C or SIGTERM, for calls that are under way, beyond what they may take to read


def serve(settings: Settings, environment: Mapping[str, str], example: bool) -> None:
    """Serves until interrupted. Raises SettingsError when the address cannot be used.

    Workers read their settings again from `environment`, which has been checked already: so that a worker that is
    started later reads the same.
    """
    _check_address(settings.host, settings.port)
    os.environ.update(environment)
    server = Server(
        "cds_service.app:from_environment",
        factory=True,
        interface=Interfaces.RSGI,  # see front.py
        http=HTTPModes.http1,  # whose time limit for headers holds from the first byte on
        http1_settings=HTTP1Settings(header_read_timeout=BETWEEN_REQUESTS * settings.body_seconds * 1000),
        address=settings.host,
        port=settings.port,
        workers=settings.workers,
        backpressure=CONNECTIONS,
        websockets=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=ceil(settings.tenant.fhir.timeout_seconds) + END_SECONDS,
        respawn_failed_workers=True,  # granian still gives up on one that fails again at once
    )
    print(f"Serving tenant {settings.tenant.tenant.name} on {settings.public_base_url}", file=sys.stderr, flush=True)
    if not settings.tenant.issuer:
        print("Callers are not authenticated: a sandbox, not for patients.", file=sys.stderr, flush=True)
    if example:
        server.on_startup(lambda: _post_example(settings, server))
    server.serve()


def _check_address(host: str, port: int) -> None:
    """Binds once to see that it can be done: the server itself shares ports, and would not notice another's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError as error:
        why = "is in use by another program" if error.errno == errno.EADDRINUSE else "cannot be used"
        raise SettingsError(f"{PREFIX}PORT: port {port} on {host} {why}") from error


def _post_example(settings: Settings, server: AbstractServer[Any]) -> None:
    """Another process, because this one is about to fork its workers; ended with the server, not by Ctrl-C itself."""
    command = [sys.executable, "-m", "cds_service.cli", "example", config.listening_at(settings.host, settings.port)]
    poster = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own command line, no shell
    server.on_shutdown(poster.terminate)
