"""One request to a login or FHIR server: within a deadline and a size, never redirected, over pooled connections."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Mapping
from dataclasses import dataclass

import requests
import urllib3

from cds_service.fhir_client import Connections
from cds_service.fhir_lines import Line, use_line
from cds_service.fhir_request import PIECE

MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status, where a created resource stands, and the body."""

    status: int
    location: str
    content: bytes


class NoReply(Exception):
    """Nothing usable came back in time. Whether the server has acted on the request is not known."""


def send(
    connections: Connections, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float
) -> Reply:
    """Raises NoReply. The time counts for connecting, sending and reading together."""
    line = Line()
    work = connections.threads.submit(_send, connections.session, method, url, headers, body, seconds, line)
    try:
        return work.result(timeout=seconds)
    except concurrent.futures.TimeoutError:
        line.end()
        work.cancel()
        raise NoReply from None


def _send(
    session: requests.Session,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    seconds: float,
    line: Line,
) -> Reply:
    use_line(line)
    try:
        with session.request(
            method, url, data=body, headers=dict(headers), timeout=seconds, allow_redirects=False, stream=True
        ) as response:
            try:
                return Reply(response.status_code, response.raw.headers.get("Location", ""), _content(response.raw))
            finally:  # before the connection goes back to the pool
                line.let_go()
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise NoReply from error


def _content(body: urllib3.HTTPResponse) -> bytes:
    pieces = bytearray()
    while piece := body.read1(PIECE, decode_content=True):
        pieces += piece
        if len(pieces) > MOST_BYTES:
            raise ValueError("the answer is too large")
    return bytes(pieces)
