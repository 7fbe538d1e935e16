"""A small FHIR server for tests: real sockets, and any misbehaviour that a test asks for."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]
JSON = {"Content-Type": "application/fhir+json"}


@dataclass
class FhirServer:
    """`replies` maps the first path step to a reply, or to a function that gives one or writes it itself."""

    url: str
    replies: dict[str, Reply | Callable[[BaseHTTPRequestHandler], Reply | None]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posted: list[tuple[str, str]] = field(default_factory=list)  # path and form
    refuse_post: int = 0  # the status with which every POST is answered

    def answer(self, kind: str, resource: Any, status: int = 200) -> None:
        self.replies[kind] = reply(resource, status)

    def answer_all(self, prefetch: dict[str, Any], templates: dict[str, str]) -> None:
        """Answers every template's resource type with what the prefetch of an example holds under its key."""
        for key, template in templates.items():
            self.answer(template.partition("?")[0].partition("/")[0], prefetch[key])


def reply(resource: Any, status: int = 200, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {**JSON, **named}, json.dumps(resource).encode()


def searchset(*resources: Any, following: str | None = None) -> dict[str, Any]:
    """A page of a search, with a link to the next one."""
    link = [{"relation": "self", "url": "http://ignored"}]
    link += [{"relation": "next", "url": following}] if following else []
    entry = [{"fullUrl": f"urn:test:{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entry}


class _Listening(ThreadingHTTPServer):
    """Takes as many connections at a moment as a test makes: one too many would be tried again a second later."""

    request_queue_size = 256
    daemon_threads = True
    block_on_close = False
    ended: threading.Event  # set when the test has seen what it wanted


def silent(handler: BaseHTTPRequestHandler) -> None:
    """A reply that does not come as long as the server is there: who goes on meanwhile has given up waiting."""
    handler.server.ended.wait(60)  # type: ignore[attr-defined] # the server is a _Listening
    handler.close_connection = True


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """A reply that is never silent for long enough to look dead, and never done."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/fhir+json")
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        while not handler.server.ended.wait(0.1):  # type: ignore[attr-defined] # the server is a _Listening
            handler.wfile.write(b" ")
    handler.close_connection = True


@contextmanager
def running() -> Iterator[FhirServer]:
    stub = FhirServer("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stub.asked.append((self.path, dict(self.headers)))
            self.reply()

        def do_POST(self) -> None:
            stub.asked.append((self.path, dict(self.headers)))
            form = self.rfile.read(int(self.headers["Content-Length"]))
            stub.posted.append((self.path, form.decode()))
            if stub.refuse_post:
                self.send((stub.refuse_post, JSON, b"{}"))
            else:
                self.reply()

        def reply(self) -> None:
            kind = self.path.removeprefix("/fhir").removeprefix("/").partition("?")[0].partition("/")[0]
            found = stub.replies.get(kind, (404, JSON, b"{}"))
            given = found(self) if callable(found) else found
            if given is not None:
                self.send(given)

        def send(self, given: Reply) -> None:
            status, headers, content = given
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Silent: the tests read what was asked from `asked`."""

    httpd = _Listening(("127.0.0.1", 0), Handler)
    httpd.ended = threading.Event()
    stub.url = f"http://127.0.0.1:{httpd.server_port}/fhir"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        httpd.ended.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()
