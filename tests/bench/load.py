"""Sixteen callers at once, two workers: requests per second beside the references, round by round.

The client is our own (talk.rate), on every machine the same. wrk got the same rates from the same servers, within
noise; ours takes a tenth of a core, and how much is said with every figure.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType

from tests.bench import measures, talk
from tests.bench.bodies import SIZES, Call, body
from tests.bench.measures import Goal, Measure
from tests.bench.serving import FLOOR, Server
from tests.bench.talk import Rate, Target

CONNECTIONS = 16
GROUP = f"{CONNECTIONS} connections, 2 workers"
GOALS: Mapping[str, Goal] = MappingProxyType(
    {"M": Goal(1.5, at_least=True, reached=0.4), "L": Goal(2.5, at_least=True, reached=1.0)}
)
PEER = Goal(2.0, at_least=True, reached=1.8)
SECONDS: Mapping[str, float] = MappingProxyType({"M": 2.5, "L": 4.0})  # of one round of one server
ROUNDS = 4


def requests_per_second(
    ours: Server, reference: Server, peer: Server | None, day: date, scale: float, brief: bool
) -> Iterator[Measure]:
    """New connections in every round: which worker gets how many of them is chance."""
    for size in ("M",) if brief else ("M", "L"):
        call = Call(resources=SIZES[size])
        sent = body(call, day)
        targets = [ours.call(call, sent), reference.constant(FLOOR, sent)]
        if peer and size == "M":
            targets.append(peer.diagnosis(sent))
        rates = _rounds(targets, max(2, round(ROUNDS * scale)), SECONDS[size] * max(scale, 0.5))
        yield _compared(f"patient-view {size}, requests per second / floor", rates, "floor", GOALS[size])
        if len(targets) > 2:
            yield _compared(f"patient-view {size}, requests per second / HealthChain", rates, "HealthChain", PEER)


def _rounds(targets: Sequence[Target], rounds: int, seconds: float) -> dict[str, list[Rate]]:
    found: dict[str, list[Rate]] = {target.name: [] for target in targets}
    for number in range(rounds):
        for target in targets if number % 2 else reversed(targets):
            found[target.name].append(talk.rate(target, CONNECTIONS, seconds))
    return found


def _compared(what: str, rates: Mapping[str, Sequence[Rate]], other: str, goal: Goal) -> Measure:
    ours, theirs = ([one.per_second for one in rates[name]] for name in ("ours", other))
    told = (("req/s", "per_second"), ("p50 ms", "p50_ms"), ("processor ms", "processor_ms"))
    times = {
        f"{name} {unit}": statistics.median(getattr(one, kind) for one in rates[name])
        for unit, kind in told
        for name in ("ours", other)
    }
    busy = {name: statistics.median(one.client for one in rates[name]) for name in ("ours", other)}
    note = f"the client took {busy['ours']:.0%} of a core while asking ours, {busy[other]:.0%} while asking {other}"
    refused = {name: sum(one.refused for one in rates[name]) for name in ("ours", other)}
    note += "".join(f"; {name} refused {count} requests" for name, count in refused.items() if count)
    return measures.of_pairs(GROUP, what, ours, theirs, goal, times=times, note=note)
