"""Too much at once, and what takes too long: everybody is answered within the time, health at any time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from conftest import RunningServer, call_body
from connections import all_read, until
from slow_server import SlowServer, serving_slowly
from test_hostile_callers import CALL, connect, everything, head

from cds_service import config
from cds_service.app import create_app
from cds_service.front import ANSWERING, FEEDBACK_BODY, LIVE_REPLY, PRIVATE, QUICK, WAITING
from cds_service.rooms import TOO_LATE, Turn
from cds_service.tenants import SettingsError

TENANT = 'environment = "sandbox"\n[tenant]\nname = "here"\n[fhir]\ntimeout_seconds = 0.5\n'


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlowServer]:
    """The sandbox, where a request takes as long as the test says, and has five minutes for it."""
    with serving_slowly(tmp_path_factory.mktemp("slow"), SPINE_CDS_CALL_SECONDS="300") as server:
        yield server


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlowServer]:
    """The same with two seconds."""
    folder = tmp_path_factory.mktemp("hurried")
    (folder / "tenant.toml").write_text(TENANT)
    given = {"SPINE_CDS_CALL_SECONDS": "2", "SPINE_CDS_TENANT": str(folder / "tenant.toml")}
    with serving_slowly(folder, **given) as server:
        yield server


@dataclass(frozen=True)
class Send:
    """A request to be sent as often as wanted, and the room whose threads answer it."""

    server: SlowServer
    room: str
    once: Callable[..., requests.Response]


def a_call(server: SlowServer, **changes: Any) -> Send:
    return Send(server, "calls", lambda **options: server.post({**call_body(), **changes}, **options))


def get(server: SlowServer, path: str) -> Send:
    return Send(
        server,
        "health" if path.startswith("/health") else "quick",
        lambda **options: requests.get(server.url + path, timeout=60, **options),
    )


@dataclass(frozen=True)
class Crowd:
    """Requests under way: the first hold a thread each, the others wait behind them."""

    server: SlowServer
    gate: str
    calls: list[Future[requests.Response]]

    def let_go(self) -> None:
        self.server.open(self.gate)

    def answers(self) -> list[requests.Response]:
        """Of those too that were answered before they are let go."""
        self.let_go()
        return [call.result() for call in self.calls]

    def answered(self) -> int:
        return sum(call.done() for call in self.calls)


@contextmanager
def crowd(send: Send, holding: int, waiting: int = 0) -> Iterator[Crowd]:
    """So many requests that hold a thread until they are let go, and so many that have come after them."""
    with ThreadPoolExecutor(holding + waiting) as callers:
        here = Crowd(send.server, uuid4().hex, [])
        try:
            here.calls.extend(callers.submit(send.once, headers={"X-Until": here.gate}) for _ in range(holding))
            until(lambda: send.server.held(here.gate) + here.answered() >= holding)
            here.calls.extend(callers.submit(send.once) for _ in range(waiting))
            until(lambda: send.server.inside(send.room) + here.answered() >= holding + waiting)
            yield here
        finally:
            here.let_go()


def quiet(server: SlowServer) -> None:
    """Waits until every thread can be had again."""

    def all_free() -> bool:
        with crowd(a_call(server), ANSWERING) as calls, crowd(get(server, "/version"), QUICK) as others:
            return {answer.status_code for answer in (*others.answers(), *calls.answers())} == {200}

    until(all_free)


def outcome(answer: requests.Response) -> str:
    """What a 503 says, which looks alike whoever has written it."""
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (issue,) = answer.json()["issue"]
    assert (issue["severity"], issue["code"]) == ("error", "throttled")
    return str(issue["diagnostics"])


def test_health_is_answered_while_every_thread_is_held(slow: SlowServer) -> None:
    with crowd(a_call(slow), ANSWERING, 20), crowd(get(slow, "/rules"), QUICK, 20):
        for path in ("/health/live", "/health/ready") * 5:
            assert slow.get(path).status_code == 200


def test_liveness_needs_no_thread_at_all(slow: SlowServer) -> None:
    with crowd(get(slow, "/health/ready"), 1, 20), crowd(a_call(slow), ANSWERING), crowd(get(slow, "/version"), QUICK):
        assert slow.get("/health/live").json() == {"status": "live"}
        assert "under way" in outcome(slow.get("/health/ready"))  # sixteen probes wait already


def test_it_says_the_same_as_without_the_front_door(tmp_path: Path) -> None:
    app = create_app(config.from_environment({"SPINE_CDS_DATABASE": f"sqlite:///{tmp_path / 'store.db'}"}))
    answer = app.test_client().get("/health/live")
    assert answer.data == LIVE_REPLY
    assert [(name, answer.headers[name]) for name, _ in PRIVATE] == PRIVATE


UNDER_WAY = "Too many calls are under way. Try again in a second."
PATHS = ["/cds-services", "/rules", "/fhir/metadata", "/static/pages.css", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_waits_without_bound(slow: SlowServer, path: str) -> None:
    """Two under way, sixty-four waiting, and no more; who had a place is answered."""
    with crowd(get(slow, path), QUICK, WAITING) as under_way:
        assert outcome(get(slow, path).once()) == UNDER_WAY
        assert under_way.answered() == 0
        answers = under_way.answers()
    assert {answer.status_code for answer in answers} == {404 if path == "/nowhere" else 200}


def test_a_call_that_is_one_too_many_is_refused_in_a_thread_of_the_others(slow: SlowServer) -> None:
    before = len(slow.audit_lines())
    with crowd(a_call(slow), ANSWERING, WAITING) as under_way:
        assert outcome(slow.post(call_body())) == UNDER_WAY
        assert slow.post(call_body(), "nothing").status_code == 404  # who asks wrongly is told that
        assert slow.get("/cds-services").status_code == 200
        assert under_way.answered() == 0
        assert {answer.status_code for answer in under_way.answers()} == {200}
    lines = slow.audit_lines()[before:]
    assert sorted(line["status"] for line in lines) == [200] * (ANSWERING + WAITING + 1) + [404, 503]


def test_when_those_are_held_too_it_is_refused_and_written_down_all_the_same(slow: SlowServer) -> None:
    with crowd(get(slow, "/rules"), QUICK, WAITING), crowd(a_call(slow), ANSWERING, WAITING):
        before = len(slow.audit_lines())
        assert outcome(slow.post(call_body())) == UNDER_WAY
        assert outcome(slow.get("/cds-services")) == UNDER_WAY
        assert [line["status"] for line in slow.audit_lines()[before:]] == [503, 503]


def line_of(server: RunningServer, instance: str) -> dict[str, Any]:
    """The audit line of a call, once it is there."""

    def found() -> list[dict[str, Any]]:
        return [line for line in server.audit_lines() if line.get("hookInstance") == instance]

    until(found)
    return found()[0]


def test_what_takes_too_long_is_answered_in_time_and_shown_to_nobody(hurried: SlowServer) -> None:
    """Its thread goes on: it is still counted, and what it finds goes neither to the ledger nor for an answer."""
    instance = str(uuid4())
    with crowd(a_call(hurried, hookInstance=instance), 1) as under_way:
        (call,) = under_way.calls
        assert outcome(call.result()) == TOO_LATE
        assert hurried.inside("calls") == 1
        assert hurried.post(call_body()).status_code == 200  # one of four threads is held by it
        assert instance not in hurried.stdout.read_text()
    line = line_of(hurried, instance)
    assert (line["status"], line["fault"]) == (503, "took too long")
    assert "cards" not in line
    assert hurried.get(f"/ledger/{instance}").status_code == 404
    assert "its thread goes on" in hurried.stderr.read_text()


def test_a_call_in_time_does_go_to_the_ledger(hurried: SlowServer) -> None:
    instance = str(uuid4())
    assert hurried.post({**call_body(), "hookInstance": instance}).status_code == 200
    assert line_of(hurried, instance)["cards"]
    assert hurried.get(f"/ledger/{instance}").status_code == 200


def test_what_takes_too_long_elsewhere(hurried: SlowServer) -> None:
    with (
        crowd(get(hurried, "/version"), 1) as one,
        crowd(get(hurried, "/cds-services"), 1) as another,
        crowd(get(hurried, "/health/ready"), 1) as probe,
    ):
        for call in (*one.calls, *another.calls, *probe.calls):
            assert outcome(call.result()) == TOO_LATE
    quiet(hurried)


def test_who_waits_for_a_thread_beyond_the_time_is_not_begun(hurried: SlowServer) -> None:
    """All four threads are held; who waits behind them is told, and has gone when they are free."""
    instance = str(uuid4())
    with crowd(a_call(hurried), ANSWERING) as under_way:
        before = len(hurried.audit_lines())
        assert outcome(hurried.post({**call_body(), "hookInstance": instance})) == TOO_LATE
        assert [line["status"] for line in hurried.audit_lines()[before:]] == [503]
        assert {outcome(call.result()) for call in under_way.calls} == {TOO_LATE}
    quiet(hurried)
    assert instance not in hurried.stdout.read_text()


def test_late_calls_let_go_of_what_they_hold_when_their_threads_end(tmp_path: Path) -> None:
    """Eight bodies of the largest size may lie in memory; those of late calls lie there until their threads end."""
    (tmp_path / "tenant.toml").write_text(TENANT)
    limits = {"SPINE_CDS_MAX_BODY_BYTES": "60000", "SPINE_CDS_CALL_SECONDS": "2"}
    with serving_slowly(tmp_path, SPINE_CDS_TENANT=str(tmp_path / "tenant.toml"), **limits) as server:
        body = {**call_body(), "more": "x" * 45_000}
        with crowd(a_call(server, more=body["more"]), ANSWERING, 4) as under_way:
            assert {outcome(call.result()) for call in under_way.calls} == {TOO_LATE}
        quiet(server)
        assert {server.post(body).status_code for _ in range(12)} == {200}


def feedback(server: RunningServer, body: bytes) -> requests.Response:
    headers = {"Content-Type": "application/json"}
    return server.post(None, "spine-patient-view/feedback", data=body, headers=headers)


def test_feedback_has_a_size_of_its_own(slow: RunningServer) -> None:
    assert feedback(slow, b" " * (FEEDBACK_BODY + 1)).status_code == 413
    assert feedback(slow, b" " * FEEDBACK_BODY).status_code == 400
    with connect(slow) as line:
        line.sendall(head(f"{CALL}/feedback", "Content-Length: 9000000"))
        assert everything(line).startswith(b"HTTP/1.1 413 ")


def test_feedback_waits_for_no_call(slow: SlowServer) -> None:
    with crowd(a_call(slow), ANSWERING, 10) as under_way:
        assert feedback(slow, b"{}").status_code == 400
        assert under_way.answered() == 0


@pytest.mark.parametrize("method", ["post", "Post", "POST"])
def test_a_call_is_a_call_however_its_method_is_written(slow: RunningServer, method: str) -> None:
    """Flask reads methods in any case; a call in a thread of the others would hold up what waits for nobody."""
    body = json.dumps({**call_body(), "more": "x" * 100_000}).encode()
    with connect(slow) as line:
        said = head(length=f"Content-Length: {len(body)}\r\nConnection: close").replace(b"POST", method.encode(), 1)
        line.sendall(said + body)
        assert everything(line).startswith(b"HTTP/1.1 200 ")


def test_a_burst_of_five_hundred(server: RunningServer) -> None:
    """Nobody is left without an answer."""
    with ThreadPoolExecutor(120) as callers:
        calls = [callers.submit(server.post, call_body()) for _ in range(500)]
        answers = [call.result() for call in calls]
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert sum(answer.status_code == 200 for answer in answers) > 68
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status_code == 503)
    assert server.get("/health/live").status_code == 200


def test_callers_who_hang_up_leave_nothing_behind(slow: SlowServer) -> None:
    """A hundred calls whose callers have gone before their answer; then everything is as before."""
    body, gate = json.dumps(call_body()).encode(), uuid4().hex
    with ExitStack() as lines:
        gone = [lines.enter_context(connect(slow)) for _ in range(100)]
        for line in gone:
            line.sendall(head(length=f"Content-Length: {len(body)}\r\nX-Until: {gate}") + body)
        until(lambda: slow.inside("calls") == ANSWERING + WAITING and all_read(slow, gone))
        until(lambda: slow.inside("quick") == 0)  # where those were refused who are too many
    slow.open(gate)
    quiet(slow)
    assert slow.get("/health/ready").status_code == 200


def test_only_one_of_two_answers() -> None:
    late, timely, never = Turn(), Turn(), Turn()
    assert late.begin()
    assert late.give_up()
    assert not late.claim()
    assert timely.begin()
    assert timely.claim()
    assert timely.claim()
    assert not timely.give_up()
    assert never.give_up()
    assert not never.begin()


def settings(folder: Path, reading: float = 2.0, **given: str) -> config.Settings:
    tenant = folder / "site.toml"
    tenant.write_text(TENANT.replace("0.5", str(reading)))
    return config.from_environment({"SPINE_CDS_TENANT": str(tenant), **{f"SPINE_CDS_{k}": v for k, v in given.items()}})


def test_the_time_for_a_call_is_longer_than_that_for_reading(tmp_path: Path) -> None:
    assert settings(tmp_path).call_seconds == 10
    assert settings(tmp_path, 20.5).call_seconds == 26
    assert settings(tmp_path, 2.0, CALL_SECONDS="3").call_seconds == 3
    for reading, given in ((2.0, "2"), (3.0, "2"), (2.0, "0"), (2.0, "301"), (2.0, "ten"), (2.0, "1.5")):
        with pytest.raises(SettingsError, match="SPINE_CDS_CALL_SECONDS"):
            settings(tmp_path, reading, CALL_SECONDS=given)


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("MAX_DEPTH", ("20", "400"), ("19", "401", "-1", "")),
        ("MAX_ENTRIES", ("100", "100000"), ("99", "100001", "1e3")),
    ],
)
def test_bounds_have_bounds(tmp_path: Path, name: str, allowed: tuple[str, ...], refused: tuple[str, ...]) -> None:
    for text in allowed:
        assert getattr(settings(tmp_path, **{name: text}), name.lower()) == int(text)
    for text in refused:
        with pytest.raises(SettingsError, match=f"SPINE_CDS_{name}"):
            settings(tmp_path, **{name: text})


def test_the_settings_reach_the_calls(tmp_path: Path) -> None:
    with serving_slowly(tmp_path, SPINE_CDS_MAX_DEPTH="20", SPINE_CDS_MAX_ENTRIES="100") as server:
        deep: Any = []
        for _ in range(20):
            deep = [deep]
        assert server.post({**call_body(), "more": deep}).status_code == 400
        full = call_body()
        full["prefetch"]["conditions"]["entry"] *= 40
        answer = server.post(full)
        assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (413, ["prefetch.conditions"])
