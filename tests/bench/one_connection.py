"""One caller, one connection kept open: how long an answer takes beside parsing or scanning the same body."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from tests.bench import measures, talk
from tests.bench.bodies import ORDER_SIGN, PATIENT_VIEW, SIZES, Call, body
from tests.bench.measures import Goal, Measure
from tests.bench.serving import FLOOR, SCAN, Server
from tests.bench.talk import Samples

GROUP = "One connection"
FLOOR_GOALS: Mapping[str, Goal] = MappingProxyType(
    {
        "S": Goal(1.25, reached=3.7),
        "M": Goal(0.75, reached=2.4),
        "L": Goal(0.40, reached=1.0),
        "XL": Goal(0.40, reached=0.9),
    }
)
SCAN_GOALS: Mapping[str, Goal] = MappingProxyType({"M": Goal(3.0, reached=6.7), "L": Goal(2.6, reached=6.8)})
TAIL = Goal(2.0)
BY_THE_CLOCK = Goal(2.0, guards=False)  # on a shared machine even the floor's is 4 or 6
SPOILT = Goal(1.1)
GROWTH = Goal(1.15)
SECONDS: Mapping[str, float] = MappingProxyType({"S": 8, "M": 15, "L": 16, "XL": 18})  # of a full run, for each hook
LEAST: Mapping[str, int] = MappingProxyType({"S": 40, "M": 40, "L": 5, "XL": 3})


def against_parsing(ours: Server, reference: Server, day: date, scale: float, brief: bool) -> Iterator[Measure]:
    """Both hooks, every size; order-sign of the large sizes is left out of a brief run."""
    for hook in (PATIENT_VIEW, ORDER_SIGN):
        for size, resources in SIZES.items():
            if brief and hook == ORDER_SIGN and size in ("L", "XL"):
                continue
            call = Call(hook, resources)
            sent = body(call, day)
            took = talk.interleaved(
                (ours.call(call, sent), reference.constant(FLOOR, sent), reference.constant(SCAN, sent, "scan")),
                SECONDS[size] * scale,
                LEAST[size],
                warm=3 if size in ("S", "M") else 1,
            )
            yield from _compared(f"{hook} {size}, {len(sent) / 1e6:.2f} MB", size, took)
            if hook == PATIENT_VIEW and size == "M":
                yield from _tails(took)


def _compared(what: str, size: str, took: Mapping[str, Samples]) -> Iterator[Measure]:
    times = _times(took)
    floor, scan = FLOOR_GOALS.get(size), SCAN_GOALS.get(size)
    yield measures.of_samples(GROUP, f"{what} / floor", took["ours"], took["floor"], floor, times=times)
    yield measures.of_samples(GROUP, f"{what} / scan", took["ours"], took["scan"], scan, times=times)


def _times(took: Mapping[str, Samples]) -> dict[str, float]:
    return {f"{name} ms": found.ms for name, found in took.items()}


def _tails(took: Mapping[str, Samples]) -> Iterator[Measure]:
    """By the clock, where the floor's own tail says how much of ours is the machine's; and of our processor time."""
    p99 = {name: measures.point(one.took, 0.99) / 1e6 for name, one in took.items()}
    found = {name: p99[name] / one.ms for name, one in took.items()}
    busy = took["ours"].processor
    shown = {"samples": len(busy), "times": {f"{name} p99 ms": value for name, value in p99.items()}}
    note = f"the floor's own in the same run: {found['floor']:.2f}, the scan's {found['scan']:.2f}"
    yield _tail("p99 / p50, patient-view M, by the clock", found["ours"], BY_THE_CLOCK, note=note, **shown)
    if any(busy):
        of_processor = measures.point(busy, 0.99) / statistics.median(busy)
        yield _tail("p99 / p50, patient-view M, of processor time", of_processor, TAIL, samples=len(busy))


def _tail(name: str, value: float, goal: Goal, **more: Any) -> Measure:
    return Measure(GROUP, name, value, value, value, goal=goal, **more)


def out_of_scope(ours: Server, reference: Server, day: date, scale: float) -> Iterator[Measure]:
    """The usual patient, who has no cancer: read in full, and nothing to say."""
    call = Call(in_scope=False)
    sent = body(call, day)
    took = talk.interleaved((ours.call(call, sent), reference.constant(FLOOR, sent)), 6 * scale, LEAST["M"])
    times = _times(took)
    name = "patient-view M, patient without cancer / floor"
    yield measures.of_samples(GROUP, name, took["ours"], took["floor"], FLOOR_GOALS["M"], times=times)


def spoilt(ours: Server, day: date, scale: float) -> Iterator[Measure]:
    """One resource of 300 that cannot be read, against the same body with that resource in order."""
    named = {"one invalid": Call(spoilt=True), "clean": Call()}
    targets = [ours.call(call, body(call, day), name) for name, call in named.items()]
    took = talk.interleaved(targets, 8 * scale, 40)
    times = _times(took)
    name = "one invalid resource of 300 / none"
    yield measures.of_samples(GROUP, name, took["one invalid"], took["clean"], SPOILT, times=times)


def growth(ours: Server, day: date, scale: float) -> Iterator[Measure]:
    """Time per resource of the largest chart against that of the middle one. Below 1: fixed costs spread out."""
    middle_call, largest_call = (Call(resources=SIZES[size]) for size in ("M", "XL"))
    small, large = (ours.call(call, body(call, day)) for call in (middle_call, largest_call))
    few, one = Samples(), Samples()
    for _ in range(max(3, round(15 * scale))):
        middle = talk.interleaved((small,), 0, least=9, warm=1)["ours"]
        largest = talk.interleaved((large,), 0, least=1, warm=0)["ours"]
        few.add(*(statistics.median(found) / SIZES["M"] for found in (middle.took, middle.processor)))
        one.add(*(statistics.median(found) / SIZES["XL"] for found in (largest.took, largest.processor)))
    times = {"M each us": few.ms * 1e3, "XL each us": one.ms * 1e3}
    name = "time per resource, 5,000 / 300 resources"
    yield measures.of_samples(GROUP, name, one, few, GROWTH, times=times)


def against_healthchain(ours: Server, peer: Server, day: date, scale: float) -> Iterator[Measure]:
    sent = body(Call(), day)
    targets = (ours.call(Call(), sent), peer.diagnosis(sent))
    took = talk.interleaved(targets, 6 * scale, LEAST["M"])
    times = _times(took)
    yield measures.of_samples(GROUP, "patient-view M / HealthChain", took["ours"], took["HealthChain"], times=times)
