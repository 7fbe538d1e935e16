"""What a large request holds beyond its body, and whether anything stays after very many."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from itertools import cycle
from pathlib import Path
from uuid import UUID

from tests.bench import measures, talk
from tests.bench.bodies import HOOK_INSTANCE, SIZES, Call, body
from tests.bench.measures import Goal, Measure
from tests.bench.serving import Server, resident
from tests.bench.talk import Target
from tests.bench.us_core import PATIENT

GROUP = "Memory"
BEYOND = Goal(10.0)
LEAK_KB = 0.02  # for each call; a hook instance that is kept takes 0.09 or more, an entry of a cache 0.3
# Python asks for memory by the MiB: one such piece more or less is no leak. So 500 calls show 4.5 kB each, 3,000 show
# 0.8, and only 100,000 what is small; a run fails at twice that.
NOISE_KB = 1_500.0
PATIENTS = 50
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
    """What the worker holds more after `requests` small calls than after the first third of them, for each call.

    Every call is of another hook instance, and of one of many patients: what is kept for either would be seen.
    """
    call = Call(resources=SIZES["S"])
    worker, target = ours.worker(), ours.call(call, body(call, day))
    asking = changing(target.request)
    first = _after(worker, target, asking, requests // 3)
    counted = requests - requests // 3
    last = _after(worker, target, asking, counted)
    grown = (last - first) / 1e3 / counted
    name = f"held more after {requests:,} requests than after {requests // 3:,}, for each"
    times = {"first MB": first / MB, "last MB": last / MB}
    yield Measure(GROUP, name, grown, grown, grown, "kB", samples=counted, goal=growth(counted), times=times)


def growth(counted: int) -> Goal:
    """Nothing may be kept, and what cannot be told from noise is allowed."""
    return Goal(max(LEAK_KB, NOISE_KB / counted))


def changing(request: bytes) -> Iterator[bytes]:
    """The same request without end, each with a hook instance of its own and one of `PATIENTS` patients in turn."""
    width = len(PATIENT)
    pieces = request.split(HOOK_INSTANCE.encode())
    of_patients = [
        [piece.replace(PATIENT.encode(), f"{number:0{width}}"[-width:].encode()) for piece in pieces]
        for number in range(PATIENTS)
    ]
    for number, of_patient in enumerate(cycle(of_patients)):
        yield str(UUID(int=number)).encode().join(of_patient)


def _after(worker: int, target: Target, asking: Iterator[bytes], requests: int) -> int:
    """Asks over four connections, then looks once the worker is idle."""
    talk.many(target, requests, connections=4, bodies=asking)
    time.sleep(0.3)
    return resident(worker)
