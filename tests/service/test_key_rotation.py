"""An EHR changes its keys while the server runs: new keys work, withdrawn ones do not, and nobody restarts anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from conftest import RunningServer, call_body, serving

from tests import callers, fhir_stub
from tests.callers import DISCOVERY, EC_KEY, OTHER_KEY, PUBLIC, bearer, key_set, public_jwk, token
from tests.fhir_stub import FhirServer, Reply

MANY = 20  # calls, each on a connection of its own: that all of them go to one of two workers is out of the question


def eventually(holds: Callable[[], bool]) -> None:
    """Waits for what must become true; fails when it does not within a minute."""
    give_up = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.2)


def status(server: RunningServer, key: Any, kid: str) -> int:
    sent = token(key, header={"kid": kid}, aud=PUBLIC + DISCOVERY)
    return server.get(DISCOVERY, headers=bearer(sent)).status_code


def publish(source: FhirServer, *keys: dict[str, Any]) -> None:
    source.replies["keys"] = (200, {"Content-Type": "application/json"}, key_set(*keys))


@pytest.fixture
def source() -> Iterator[FhirServer]:
    with fhir_stub.running() as stub:
        yield stub


def tenant(folder: Path, source: FhirServer) -> Path:
    """A sandbox: only there may keys come by http, and from this machine."""
    text = 'environment = "sandbox"\n' + callers.TENANT + callers.issuer(f'jwks_url = "{source.url}/keys"')
    return callers.write_tenant(folder, text)


def test_keys_at_an_address(tmp_path: Path, source: FhirServer) -> None:
    """The EHR is down at first; comes up; adds a key; withdraws the old one; goes down again."""
    source.replies["keys"] = (503, {}, b"")
    options = ("--tenant", str(tenant(tmp_path, source)), "--workers", "2")
    with serving(tmp_path / "server", *options, until="/health/live") as server:
        not_ready = server.get("/health/ready")
        assert not_ready.status_code == 503
        assert "issuer[0].jwks_url" in not_ready.json()["issue"][0]["diagnostics"]
        assert status(server, EC_KEY, "old") == 401
        assert "issuer[0].jwks_url: the key set was answered with HTTP 503" in server.stderr.read_text()

        publish(source, public_jwk(EC_KEY, "old"))
        eventually(lambda: [status(server, EC_KEY, "old") for _ in range(MANY)] == [200] * MANY)

        publish(source, public_jwk(EC_KEY, "old"), public_jwk(OTHER_KEY, "new"))
        eventually(lambda: [status(server, OTHER_KEY, "new") for _ in range(MANY)] == [200] * MANY)
        assert status(server, EC_KEY, "old") == 200

        publish(source, public_jwk(OTHER_KEY, "new"))

        def unknown() -> bool:
            """Has the set fetched anew, by both workers."""
            return {status(server, EC_KEY, "unknown") for _ in range(MANY)} == {401}

        eventually(lambda: unknown() and {status(server, EC_KEY, "old") for _ in range(MANY)} == {401})

        source.replies["keys"] = (500, {}, b"")
        asked = len(source.asked)
        eventually(lambda: unknown() and len(source.asked) >= asked + 2)
        assert [status(server, OTHER_KEY, "new") for _ in range(MANY)] == [200] * MANY


def test_strangers_do_not_hold_up_a_caller_while_the_address_is_silent(tmp_path: Path, source: FhirServer) -> None:
    """The answer to a stranger's unknown key is kept back until known callers have been answered."""
    publish(source, public_jwk(EC_KEY, "old"))
    answering, reached = threading.Event(), threading.Event()

    def late(_: BaseHTTPRequestHandler) -> Reply:
        reached.set()
        answering.wait(30)
        return 200, {}, key_set(public_jwk(EC_KEY, "old"))

    with serving(tmp_path / "server", "--tenant", str(tenant(tmp_path, source))) as server:
        eventually(lambda: status(server, EC_KEY, "old") == 200)
        source.replies["keys"] = late
        flood = threading.Event()

        def strangers() -> None:
            turn = 0
            while not flood.is_set():
                turn += 1
                headers = bearer(token(OTHER_KEY, header={"kid": f"unknown-{turn}"}))
                assert server.post({}, headers=headers).status_code == 401

        threads = [threading.Thread(target=strangers) for _ in range(6)]
        for thread in threads:
            thread.start()
        try:
            assert reached.wait(30)
            for _ in range(20):
                headers = bearer(token(header={"kid": "old"}))
                assert server.post(call_body(), headers=headers).status_code == 200
                assert server.get("/health/live").status_code == 200
        finally:
            flood.set()
            answering.set()
            for thread in threads:
                thread.join()


def test_keys_in_a_file(tmp_path: Path) -> None:
    path = callers.write_tenant(tmp_path, callers.TENANT + callers.issuer())
    file = tmp_path / "keys.json"
    with serving(tmp_path / "server", "--tenant", str(path), "--workers", "2") as server:
        assert status(server, EC_KEY, callers.EC_KID) == 200

        file.write_bytes(key_set(public_jwk(OTHER_KEY, "new")))
        eventually(lambda: [status(server, OTHER_KEY, "new") for _ in range(MANY)] == [200] * MANY)
        assert status(server, EC_KEY, callers.EC_KID) == 401

        file.write_bytes(b"half a fi")
        told = f"{file} is not a JWK Set; the keys read before are used on"
        eventually(lambda: status(server, OTHER_KEY, "new") == 200 and told in server.stderr.read_text())
        assert server.get("/health/ready").status_code == 200
        assert status(server, OTHER_KEY, "new") == 200
