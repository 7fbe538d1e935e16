"""The bench measures what it says it does: its bodies, its stages and its report. No test here looks at a watch."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from cds_service import config
from cds_service.app import create_app
from cds_service.cli import evaluate
from cds_service.services import BY_HOOK
from cds_service.tenants import load_tenant
from tests.bench import bodies, expected, measures, memory, stages, talk
from tests.bench.bodies import ORDER_SIGN, PATIENT_VIEW, SIZES, Call, body
from tests.bench.inside import Inside
from tests.bench.measures import Goal, Measure
from tests.bench.report import Report
from tests.bench.serving import Server
from tests.bench.stages import Profile
from tests.bench.talk import Samples, Target

DAY = date(2026, 11, 24)
HOOKS = (PATIENT_VIEW, ORDER_SIGN)
SMALL = SIZES["S"]


def resources(call: Call) -> list[dict[str, Any]]:
    """Every resource of a body, drafts and patient included."""
    whole = json.loads(body(call, DAY))
    prefetch = whole["prefetch"]
    bundles = [one for key, one in prefetch.items() if key != "patient"]
    bundles += [whole["context"]["draftOrders"]] if "draftOrders" in whole["context"] else []
    return [prefetch["patient"], *(entry["resource"] for bundle in bundles for entry in bundle["entry"])]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    assert body(Call(), DAY) == body(Call(), DAY)
    assert body(Call(), DAY) != body(Call(), DAY, seed=1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("in_scope", [True, False])
def test_a_chart_has_the_mix_that_is_documented(size: str, in_scope: bool) -> None:
    chart = bodies.chart(Call(resources=SIZES[size], in_scope=in_scope), DAY)
    assert len(chart) == SIZES[size]
    assert Counter(one["resourceType"] for one in chart) == bodies.counts(SIZES[size])
    assert len({(one["resourceType"], one["id"]) for one in chart}) == len(chart)


def test_the_mix_is_that_of_a_hundred_resources() -> None:
    assert bodies.counts(100) == {
        "Observation": 60,
        "Condition": 12,
        "MedicationRequest": 10,
        "Procedure": 8,
        "ServiceRequest": 7,
        "ImagingStudy": 3,
    }


@pytest.mark.parametrize(("size", "megabytes"), [("S", 0.10), ("M", 0.61), ("L", 5.99), ("XL", 10.03)])
def test_bodies_are_as_large_as_documented(size: str, megabytes: float) -> None:
    assert len(body(Call(resources=SIZES[size]), DAY)) / 1e6 == pytest.approx(megabytes, rel=0.03)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_key_that_the_service_asks_for_is_filled(hook: str) -> None:
    assert set(json.loads(body(Call(hook), DAY))["prefetch"]) == set(BY_HOOK[hook].prefetch)


@pytest.mark.parametrize("in_scope", [True, False])
def test_every_resource_is_valid_fhir(in_scope: bool) -> None:
    for resource in resources(Call(ORDER_SIGN, SMALL, in_scope)):
        kind = resource["resourceType"]
        getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind).model_validate(resource)


@pytest.mark.parametrize(("hook", "cards", "orders"), [(PATIENT_VIEW, 4, 5), (ORDER_SIGN, 3, 2)])
def test_the_patient_in_scope_is_one_of_whom_much_is_said(hook: str, cards: int, orders: int) -> None:
    answered = evaluate(body(Call(hook, SMALL), DAY), load_tenant(None), DAY)
    actions = [
        action
        for card in answered.cards
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
    ]
    assert len(answered.cards) >= cards
    assert len([one for one in actions if one["type"] == "create"]) >= orders
    assert not any(one.as_dict()["outcome"] == "failed" for one in answered.decisions)
    assert answered.facts.unreadable == ()


def test_of_the_patient_without_cancer_nothing_is_said() -> None:
    assert evaluate(body(Call(in_scope=False), DAY), load_tenant(None), DAY).cards == []


def test_one_invalid_resource_is_the_only_one_that_is_lost() -> None:
    clean, spoilt = (evaluate(body(Call(spoilt=one), DAY), load_tenant(None), DAY) for one in (False, True))
    assert [one.endswith("the resource cannot be read") for one in spoilt.facts.unreadable] == [True]
    assert spoilt.facts.findings == clean.facts.findings
    assert [card["summary"] for card in spoilt.cards][:3] == [card["summary"] for card in clean.cards][:3]


CALLS = [Call(), Call(spoilt=True), Call(in_scope=False), Call(ORDER_SIGN, SMALL)]


def answer_to(sent: bytes) -> bytes:
    return json.dumps({"cards": evaluate(sent, load_tenant(None), DAY).cards}).encode()


def answer(call: Call) -> bytes:
    return answer_to(body(call, DAY))


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_the_answer_that_is_expected_is_the_service_s(call: Call) -> None:
    expected.of(call)(answer(call))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (Call(), b'{"cards":[]}'),
        (Call(ORDER_SIGN), b'{"cards":[]}'),
        (Call(spoilt=True), b'{"cards":[]}'),
        (Call(), b"{}"),
        (Call(), b"not JSON"),
        (Call(), answer(Call(spoilt=True))),
        (Call(spoilt=True), answer(Call())),
        (Call(in_scope=False), answer(Call())),
        (Call(), answer(Call(ORDER_SIGN))),
    ],
)
def test_an_answer_that_is_not_the_one_expected_ends_the_run(call: Call, said: bytes) -> None:
    with pytest.raises(RuntimeError, match="answer"):
        expected.of(call)(said)


def test_the_orders_of_the_cards_are_looked_at() -> None:
    cards = json.loads(answer(Call()))["cards"]
    for card in cards:
        card.pop("suggestions", None)
    with pytest.raises(RuntimeError, match="0 orders"):
        expected.of(Call())(json.dumps({"cards": cards}).encode())


class _SaysNothing(BaseHTTPRequestHandler):
    """The service that would be fastest: status 200, no cards."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "12")
        self.end_headers()
        self.wfile.write(b'{"cards":[]}')

    def log_message(self, *_: object) -> None:
        return


@pytest.mark.parametrize(
    "series",
    [
        lambda target: talk.interleaved((target,), 0, least=1, warm=0),
        lambda target: talk.rate(target, 1, 0),
        lambda target: talk.many(target, 1, 1),
    ],
)
def test_a_service_that_says_nothing_is_not_timed(series: Callable[[Target], object]) -> None:
    with ThreadingHTTPServer((talk.HOST, 0), _SaysNothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        call = Call(resources=SMALL)
        asked = Server("silent", server.server_port, os.getpid())
        with pytest.raises(RuntimeError, match="0 cards and 0 orders"):
            series(asked.call(call, body(call, DAY)))
        series(asked.constant("/cds-services/floor", b"{}"))
        server.shutdown()


@pytest.mark.parametrize("hook", HOOKS)
def test_the_stages_are_those_of_the_service(hook: str, tmp_path: Path) -> None:
    """The same answer to the byte; else the profile would be of something else."""
    inside = Inside(create_app(config.from_environment({"SPINE_CDS_DATABASE": f"sqlite:///{tmp_path / 'store.db'}"})))
    sent = body(Call(hook, SMALL), date.today())
    took, said = stages.once(inside, hook, sent, date.today())
    assert said == inside.post(hook, sent)
    assert {"request", "rules", "cards", "serialise", stages.DECODE} < set(took)


def test_ratios_are_of_neighbouring_samples() -> None:
    one = measures.of_samples("G", "n", Samples([2, 4, 60], [1, 1, 1]), Samples([1, 2, 10], [2, 2, 2]), Goal(3))
    assert (one.value, one.of_medians, one.of_processor, one.samples) == (2, 2, 0.5, 3)
    assert (one.low, one.high) == (2, pytest.approx(5.2))


def test_unknown_processor_time_is_left_out() -> None:
    assert measures.of_samples("G", "n", Samples([2], [0]), Samples([1], [0])).of_processor is None


@pytest.mark.parametrize(
    ("goal", "value", "met", "fails"),
    [
        (Goal(2), 2.0, True, False),
        (Goal(2), 2.1, False, False),
        (Goal(2), 4.0, False, False),
        (Goal(2), 4.1, False, True),
        (Goal(2, at_least=True), 2.0, True, False),
        (Goal(2, at_least=True), 1.9, False, False),
        (Goal(2, at_least=True), 1.0, False, False),
        (Goal(2, at_least=True), 0.9, False, True),
        (Goal(2, guards=False), 9.0, False, False),
        (Goal(2, reached=3), 6.0, False, False),
        (Goal(2, reached=3), 6.1, False, True),
        (Goal(2, reached=1), 4.0, False, False),
        (Goal(2, at_least=True, reached=1), 0.5, False, False),
        (Goal(2, at_least=True, reached=1), 0.4, False, True),
        (None, 99.0, None, False),
    ],
)
def test_a_run_fails_only_on_twice_the_goal_or_twice_what_was_reached(
    goal: Goal | None, value: float, met: bool | None, fails: bool
) -> None:
    one = Measure("G", "n", value, value, value, goal=goal)
    assert (one.met, one.fails) == (met, fails)


def made_up() -> Report:
    return Report(
        about={"seed": 1},
        measures=[
            Measure("First", "good", 0.5, 0.4, 0.6, goal=Goal(1), of_medians=0.52, times={"ours ms": 1.5}, samples=9),
            Measure("First", "poor", 1.5, 1.4, 1.6, goal=Goal(1), note="said beside it"),
            Measure("Second", "bad", 12.0, 11.0, 13.0, unit="MB", goal=Goal(5)),
            Measure("Second", "only shown", 7.0, 7.0, 7.0),
        ],
        profiles=[Profile("patient-view", 300, {"rules": 1.0, stages.DECODE: 0.5, "cards": 2.0}, 4.0, "one\ntwo")],
        not_run={"a peer": "it is not here"},
    )


def test_the_table_says_what_was_met_missed_and_failed() -> None:
    text = made_up().as_text()
    lines = {line.strip().split("  ")[0]: line for line in text.splitlines()}
    good = lines["good"].split()[1:]
    assert good == ["0.50", "[0.40", "-", "0.60]", "<=", "1", "met", ">", "2", "0.52", "9", "ours", "1.50", "ms"]
    assert "missed" in lines["poor"]
    assert "12.0 MB" in lines["bad"]
    assert "met" not in lines["only shown"].replace("only shown", "")
    assert "not run: a peer: it is not here" in text
    assert "poor: said beside it" in text
    assert "FAILED Second: bad: 12.0" in text
    assert "1 of 3 goals met; 1 worse than 2 times the goal, of these 1 worse than 2 times what was reached" in text
    assert lines["Flask, reading the body"].split()[-3:] == ["1.000", "ms", "25.0%"]


def test_the_json_holds_every_figure() -> None:
    whole = json.loads(made_up().as_json())
    assert [one["value"] for one in whole["measures"]] == [0.5, 1.5, 12.0, 7.0]
    assert [one["met"] for one in whole["measures"]] == [True, False, False, None]
    assert whole["measures"][0]["goal"] == {"limit": 1, "at_least": False, "guards": True, "reached": None}
    assert [one["guard"] for one in whole["measures"]] == [2, 2, 10, None]
    assert whole["failed"] == ["Second: bad"]
    assert whole["profiles"][0]["stages_ms"]["cards"] == 2.0


def test_what_broke_down_is_said() -> None:
    report = Report({}, [], broken={"load": "RuntimeError: no answer"})
    assert "BROKEN load: RuntimeError: no answer" in report.as_text()
    assert json.loads(report.as_json())["broken"] == {"load": "RuntimeError: no answer"}


def test_every_call_of_the_search_for_leaks_is_of_another_hook_instance_and_patient() -> None:
    call = Call(resources=SMALL)
    whole = talk.post("/x", body(call, DAY))
    made = list(islice(memory.changing(whole), 2 * memory.PATIENTS))
    assert {len(one) for one in made} == {len(whole)}
    assert len({json.loads(one.partition(b"\r\n\r\n")[2])["hookInstance"] for one in made}) == len(made)
    patients = {json.loads(one.partition(b"\r\n\r\n")[2])["context"]["patientId"] for one in made}
    assert len(patients) == memory.PATIENTS
    for one in made[:2]:
        expected.of(call)(answer_to(one.partition(b"\r\n\r\n")[2]))


@pytest.mark.parametrize(
    ("calls", "kb_each", "fails"),
    [(2_000, 1.4, False), (2_000, 1.6, True), (66_667, 0.03, False), (66_667, 0.09, True), (334, 8.9, False)],
)
def test_what_stays_after_each_call_fails_a_run_where_it_can_be_told_from_noise(
    calls: int, kb_each: float, fails: bool
) -> None:
    assert memory.growth(calls).guarded(kb_each) is not fails
