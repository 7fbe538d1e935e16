"""cql-execution, the reference engine of CQL, asked twelve simple questions of the same chart, in a Node process."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from tests.bench import expected, measures, talk
from tests.bench.bodies import PATIENT_VIEW, Call, body
from tests.bench.inside import Inside
from tests.bench.measures import Goal, Measure
from tests.bench.serving import ROOT
from tests.bench.talk import Samples

PACKAGES = ROOT / ".venv" / "cql"
PROGRAM = Path(__file__).parent / "cql" / "evaluate.cjs"
GOAL = Goal(50.0, at_least=True, reached=36.0)
WARM = 5


def missing() -> str:
    """Why it cannot be run here; empty when it can."""
    if shutil.which("node") is None:
        return "there is no node on this machine"
    return "" if (PACKAGES / "node_modules" / "cql-execution").is_dir() else "its packages are not installed (npm)"


def beside_ours(inside: Inside, folder: Path, day: date, seconds: float) -> Iterator[Measure]:
    """Parsing and twelve retrieves there; here what answers them, the body read and the whole chart mapped to facts.

    And beside it, without a goal, the whole call: with all rules, cards, validated orders and ledger. What comes first
    after the other's turn finds the processor's caches full of foreign things, so each runs once before it is timed.
    """
    sent = body(Call(), day)
    file = folder / "cql.json"
    file.write_bytes(sent)
    expected.of(Call())(inside.post(PATIENT_VIEW, sent))
    theirs, reading, whole = Samples(), Samples(), Samples()
    command = ["node", str(PROGRAM), str(PACKAGES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        for _ in range(WARM):  # Node compiles as it goes
            _evaluated(node, file)
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(whole.took) < 8:
            _evaluated(node, file)
            busy = talk.processor_ns((node.pid,))
            took = _evaluated(node, file)
            theirs.add(took * 1e6, talk.processor_ns((node.pid,)) - busy)
            _timed(reading, lambda: inside.facts(PATIENT_VIEW, sent, day))
            _timed(whole, lambda: inside.post(PATIENT_VIEW, sent))
    named = "cql-execution, 12 retrieves of M / ours"
    for what, ours, goal in (("body to facts", reading, GOAL), ("the whole call", whole, None)):
        times = {"cql-execution ms": theirs.ms, "ours ms": ours.ms}
        yield measures.of_samples("CQL", f"{named}, {what}", theirs, ours, goal, times=times)


def _timed(samples: Samples, call: Callable[[], object]) -> None:
    call()
    began, busy = time.perf_counter_ns(), time.thread_time_ns()
    call()
    samples.add(time.perf_counter_ns() - began, time.thread_time_ns() - busy)


def _evaluated(node: subprocess.Popen[str], file: Path) -> float:
    """Milliseconds of one evaluation, after a look at what it found."""
    if node.stdin is None or node.stdout is None:
        raise RuntimeError("node was started without its pipes")
    node.stdin.write(f"{file}\n")
    node.stdin.flush()
    line = node.stdout.readline()
    if not line:
        raise RuntimeError("node ended early")
    said = json.loads(line)
    if not said["found"]["asks spinal metastasis"] or said["found"]["asks cord compression"]:
        raise RuntimeError(f"the chart was not understood: {said['found']}")
    return float(said["milliseconds"])
