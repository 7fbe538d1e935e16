"""Where the time of one answer goes: each stage called in turn as routes.call and answer.answer call them.

Told in processor time of this thread, which the machine's other work does not lengthen as it does the clock's. Nothing
in the service knows of this; when it puts its steps together differently, the test of this module says so.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec

from cds_service import answer as answering
from cds_service import fhir_client, ledger
from cds_service.answer import Answered
from cds_service.audit import AuditLine
from cds_service.hook_request import parse
from cds_service.store import calls
from fhir_mappings import chart, proposed_orders
from fhir_mappings.answers import NOT_JSON, Answer, Given
from fhir_mappings.resources import decode
from hooks import cards, refire, run
from hooks.outcomes import ProposedOrder
from tests.bench import expected
from tests.bench.bodies import Call, body
from tests.bench.inside import Inside

DECODE = "of which decoding resources"
NOT_COUNTED = "what is measured once more, alone"
SHOWN = 40  # lines of the function profile


@dataclass(frozen=True)
class Profile:
    """Milliseconds of the processor by stage (medians) and of the whole call through Flask; the costliest functions."""

    hook: str
    resources: int
    stages: Mapping[str, float]
    whole_ms: float
    functions: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "hook": self.hook,
            "resources": self.resources,
            "stages_ms": dict(self.stages),
            "whole_ms": self.whole_ms,
            "functions": self.functions.splitlines(),
        }


class _Laps:
    """Nanoseconds of the processor since the last lap, by the name of the stage."""

    def __init__(self) -> None:
        self.took: dict[str, int] = {}
        self._last = time.thread_time_ns()

    def lap(self, stage: str) -> None:
        now = time.thread_time_ns()
        self.took[stage] = self.took.get(stage, 0) + now - self._last
        self._last = time.thread_time_ns()


def once(inside: Inside, hook: str, sent: bytes, day: date) -> tuple[dict[str, int], bytes]:
    """Nanoseconds of each stage of one call, and the answer, which is the service's own to the byte."""
    running, row = inside.running, inside.row(hook)
    tenant, memory, settings = running.settings.tenant, running.memory, running.settings
    laps = _Laps()
    request = parse(sent, row)
    laps.lap("request")
    answers = fhir_client.complete(request, row.prefetch)
    laps.lap("prefetch")
    patient = memory.patient(request, "")
    laps.lap("identity")
    record = chart.read(answers, request.patient_id, request.fhir_server, request.draft_orders, request.selections)
    laps.lap("decode and judge")
    laps.took[DECODE] = _decoding(answers)
    laps.lap(NOT_COUNTED)
    facts = row.facts(record, day)
    laps.lap("map to facts")
    decisions = run.decide((rule for rule in row.rules if tenant.mode(rule.KNOWLEDGE.rule) != "off"), facts)
    live = [one for one in decisions if tenant.mode(one.rule) == "live"]
    laps.lap("rules")
    states = refire.states(live)
    laps.lap("states of the rules")
    memory.resting(patient, states.values())
    laps.lap("overrides (store)")
    orders = _Orders(request.patient_id)
    began = time.thread_time_ns()
    built = cards.build(live, facts, orders, answering.client(tenant, settings.public_base_url), request.seed())
    laps.took["cards"] = time.thread_time_ns() - began - orders.took
    laps.took["orders to FHIR"] = orders.took
    laps.lap(NOT_COUNTED)
    versions = record.versions(fact.source for one in decisions for fact in one.because)
    answered = Answered(built, decisions, facts, (), {}, {}, versions, states)
    laps.lap("versions")
    line = AuditLine(tenant=tenant.tenant.name, service=row.id, hook_instance=request.hook_instance)
    line.answered(answered)
    line.write(200, 1.0)
    laps.lap("audit line")
    entry = ledger.entry(answered, request, memory.tenant, "", patient, memory.versions, row.id, 0, 1.0)
    laps.lap("ledger entry")
    calls.write(memory.store, entry.call, entry.speeches)
    laps.lap("ledger (store)")
    said = msgspec.json.encode({"cards": built})
    laps.lap("serialise")
    laps.took.pop(NOT_COUNTED)
    return laps.took, said


def _decoding(answers: Mapping[str, Answer]) -> int:
    """The typed decoding of every resource alone."""
    raws = [raw for one in answers.values() if isinstance(one, Given) for _, raw in one.entries]
    began = time.thread_time_ns()
    for raw in raws:
        try:
            decode(raw)
        except NOT_JSON:
            continue
    return time.thread_time_ns() - began


class _Orders:
    """The service's converter of proposed orders, with a watch."""

    def __init__(self, patient_id: str) -> None:
        self._patient_id = patient_id
        self.took = 0

    def __call__(self, order: ProposedOrder) -> dict[str, Any] | None:
        began = time.thread_time_ns()
        made = proposed_orders.to_fhir(order, self._patient_id)
        self.took += time.thread_time_ns() - began
        return made


def profile(inside: Inside, call: Call, day: date, repeats: int) -> Profile:
    """Medians of `repeats` calls, stage by stage and through Flask in turn; then the functions of as many calls."""
    rounds: list[dict[str, int]] = []
    whole: list[int] = []
    hook, sent = call.hook, body(call, day)
    expected.of(call)(inside.post(hook, sent))
    for number in range(repeats + 3):
        took, said = once(inside, hook, sent, day)
        began = time.thread_time_ns()
        answer = inside.post(hook, sent)
        if number >= 3:  # after the warm-up
            rounds.append(took)
            whole.append(time.thread_time_ns() - began)
        if said != answer:
            raise RuntimeError("the stages do not give the answer that the service gives")
    stages = {name: statistics.median(one[name] for one in rounds) / 1e6 for name in rounds[0]}
    functions = _functions(inside, hook, sent, repeats)
    return Profile(hook, call.resources, stages, statistics.median(whole) / 1e6, functions)


def _functions(inside: Inside, hook: str, sent: bytes, repeats: int) -> str:
    watch = cProfile.Profile()
    watch.enable()
    for _ in range(repeats):
        inside.post(hook, sent)
    watch.disable()
    text = io.StringIO()
    stats = pstats.Stats(watch, stream=text).strip_dirs()
    for order in ("cumulative", "tottime"):
        stats.sort_stats(order).print_stats(SHOWN)
    return text.getvalue().strip()
