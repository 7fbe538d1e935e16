"""What a large request holds beyond its body, and whether anything stays after very many."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from tests.bench import measures, talk
from tests.bench.bodies import SIZES, Call, body
from tests.bench.measures import Goal, Measure
from tests.bench.serving import Server, resident

GROUP = "Memory"
BEYOND = Goal(10.0)
GROWTH = Goal(1.05)
MB = 1e6


def of_one_request(ours: Server, day: date, repeats: int = 5) -> Iterator[Measure]:
    """The peak above what the idle worker held, without the body itself. The first of a fresh worker counts.

    Later ones find memory that the first left behind, which Python keeps; they are shown.
    """
    worker = ours.worker()
    few, many = Call(resources=SIZES["S"]), Call(resources=SIZES["L"])
    small, large = body(few, day), body(many, day)
    for _ in range(20):
        ours.call(few, small).looked_at()
    target, beyond = ours.call(many, large), []
    for _ in range(repeats):
        Path(f"/proc/{worker}/clear_refs").write_text("5")  # the peak is counted from here
        before = resident(worker)
        target.looked_at()
        beyond.append((resident(worker, "VmHWM") - before - len(large)) / MB)
    name = f"peak of the first {len(large) / MB:.1f} MB request beyond its body"
    later = ", ".join(f"{one:.1f}" for one in beyond[1:])
    yield measures.of_values(GROUP, name, beyond[:1], "MB", BEYOND, note=f"the next ones: {later} MB")


def of_many_requests(ours: Server, day: date, requests: int) -> Iterator[Measure]:
    """What the worker holds after `requests` small calls, against after the first fifth of them."""
    worker, target = ours.worker(), ours.call(Call(resources=SIZES["S"]), body(Call(resources=SIZES["S"]), day))
    first = _after(worker, target, requests // 5)
    last = _after(worker, target, requests - requests // 5)
    yield Measure(
        GROUP,
        f"held after {requests:,} requests / after {requests // 5:,}",
        last / first,
        last / first,
        last / first,
        samples=requests,
        goal=GROWTH,
        times={"first MB": first / MB, "last MB": last / MB},
    )


def _after(worker: int, target: talk.Target, requests: int) -> int:
    """Asks over four connections, then looks once the worker is idle."""
    talk.many(target, requests, connections=4)
    time.sleep(0.3)
    return resident(worker)
