"""A token is good for one call of any worker and replica, whoever comes at the same moment, whatever is restarted."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from conftest import RunningServer, call_body, serving

from tests import callers
from tests.callers import DISCOVERY, PUBLIC, SERVICE, bearer, token

AT_ONCE = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = callers.TENANT + callers.issuer()
    return callers.write_tenant(tmp_path_factory.mktemp("replay"), text).parent


def database(folder: Path) -> dict[str, str]:
    return {"SPINE_CDS_DATABASE": f"sqlite:///{folder / 'shared.db'}"}


@pytest.fixture(scope="module")
def replicas(folder: Path) -> Iterator[list[RunningServer]]:
    """Two servers of two workers each, on one store."""
    options = ("--tenant", str(folder / "tenant.toml"), "--workers", "2")
    with ExitStack() as both:
        yield [both.enter_context(serving(folder / name, *options, **database(folder))) for name in ("one", "two")]


def discover(server: RunningServer, sent: str) -> int:
    """On a connection of its own, so that any worker may get it."""
    return requests.get(server.url + DISCOVERY, headers=bearer(sent), timeout=30).status_code


def test_one_after_the_other_at_every_worker_of_every_replica(replicas: list[RunningServer]) -> None:
    for _ in range(5):
        sent = token(aud=PUBLIC + DISCOVERY)
        said = [discover(server, sent) for _ in range(AT_ONCE) for server in replicas]
        assert said == [200] + [401] * (2 * AT_ONCE - 1)


def test_all_at_once(replicas: list[RunningServer]) -> None:
    """Who loses the race gets a 401, or a 503 when it had to wait too long; one only is let in."""
    with ThreadPoolExecutor(AT_ONCE) as callers_at_once:
        for _ in range(5):
            sent = token(aud=PUBLIC + DISCOVERY)
            said = list(
                callers_at_once.map(lambda number, sent=sent: discover(replicas[number % 2], sent), range(AT_ONCE))
            )
            assert said.count(200) == 1
            assert set(said) <= {200, 401}


def test_workers_really_share_the_load(replicas: list[RunningServer]) -> None:
    """Else the tests above would prove nothing: two processes have worked to answer."""
    parent = replicas[0].process.pid
    before = ticks_of_children(parent)
    sent = [token(aud=PUBLIC + DISCOVERY) for _ in range(200)]
    with ThreadPoolExecutor(AT_ONCE) as many:
        assert set(many.map(lambda one: discover(replicas[0], one), sent)) == {200}
    worked = [pid for pid, ticks in ticks_of_children(parent).items() if ticks > before[pid]]
    assert len(worked) == 2


def ticks_of_children(parent: int) -> dict[int, int]:
    """The processor time of each child process, as Linux tells."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # has ended meanwhile
                continue
            if int(fields[1]) == parent:
                found[int(entry.name)] = int(fields[11]) + int(fields[12])
    return found


def test_a_restart_forgets_nothing(folder: Path) -> None:
    sent, options = token(), ("--tenant", str(folder / "tenant.toml"))
    for expected in (200, 401):
        with serving(folder / "restarted", *options, **database(folder)) as server:
            assert server.post(call_body(), headers=bearer(sent)).status_code == expected


def test_a_worker_that_is_killed_takes_no_memory_with_it(folder: Path) -> None:
    """Its successor knows what it had accepted."""
    with serving(folder / "killed", "--tenant", str(folder / "tenant.toml"), **database(folder)) as server:
        sent = token(aud=PUBLIC + DISCOVERY)
        assert discover(server, sent) == 200
        worker = only_worker(server.process.pid)
        os.kill(worker, signal.SIGKILL)
        give_up = time.monotonic() + 60
        said = None
        while said is None:
            assert time.monotonic() < give_up
            try:
                said = discover(server, sent)
            except requests.ConnectionError:
                time.sleep(0.1)
        assert said == 401
        assert only_worker(server.process.pid) != worker


def only_worker(parent: int) -> int:
    """The busiest child: beside the worker there may be a process that watches over resources."""
    ticks = ticks_of_children(parent)
    return max(ticks, key=lambda pid: ticks[pid])


def test_while_the_store_is_locked_the_token_is_neither_taken_nor_used_up(folder: Path) -> None:
    with serving(folder / "locked", "--tenant", str(folder / "tenant.toml"), **database(folder)) as server:
        sent = token()
        with sqlite3.connect(folder / "shared.db", timeout=20, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            refused = server.post(call_body(), headers=bearer(sent))
            other.execute("ROLLBACK")
        assert refused.status_code == 503
        assert "Retry-After" in refused.headers
        assert "the store" in refused.text.lower()
        assert server.post(call_body(), headers=bearer(sent)).status_code == 200
        assert server.post(call_body(), headers=bearer(sent)).status_code == 401


def test_the_store_holds_no_token(replicas: list[RunningServer], folder: Path) -> None:
    sent = token(aud=PUBLIC + SERVICE, jti="zq-remembered-zq")
    assert replicas[0].post(call_body(), headers=bearer(sent)).status_code == 200
    kept = b"".join(one.read_bytes() for one in folder.glob("shared.db*"))
    assert b"zq-remembered-zq" not in kept
    assert sent.encode() not in kept
