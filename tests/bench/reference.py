"""What any service on this server and framework has to spend: reading the body, and parsing it or scanning it.

`floor` makes Python objects of the whole body (orjson), `scan` only finds its end (msgspec, a Struct without fields).
Both answer with a constant. Server, front door and the reading of the body are the service's own.
"""

from __future__ import annotations

import gc
import os
from typing import Any

import msgspec
import orjson
from flask import Flask, Response, request
from granian.server import Server

from cds_service import body, config, server
from cds_service.front import FrontDoor
from tests.bench.serving import FLOOR, NO_CARDS, SCAN


class Nothing(msgspec.Struct, gc=False):
    """Every element is passed over."""


def application() -> FrontDoor:
    """What every worker of the reference server starts with."""
    settings = config.from_environment(os.environ)
    app = Flask(__name__)
    scan = msgspec.json.Decoder(Nothing).decode

    @app.post(FLOOR)
    def floor() -> Response:
        orjson.loads(body.read(request, settings.max_body_bytes))
        return Response(NO_CARDS, mimetype="application/json")

    @app.post(SCAN)
    def scanned() -> Response:
        scan(body.read(request, settings.max_body_bytes))
        return Response(NO_CARDS, mimetype="application/json")

    gc.collect()
    gc.freeze()
    return FrontDoor(app, settings)


def main() -> None:
    """Starts the server just as the service does, with this application in the place of the other."""

    def instead(_application: str, **options: Any) -> Any:
        return Server(f"{__spec__.name}:{application.__name__}", **options)  # type: ignore[name-defined] # Python sets __spec__ for a program run with -m

    server.Server = instead  # type: ignore[misc,assignment] # our server runs the reference in place of its own application
    server.serve(config.from_environment(os.environ), os.environ, example=False)


if __name__ == "__main__":
    main()
