"""Runs the bench: `make bench`, or `python -m tests.bench --help`."""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from cds_service import __version__
from tests.bench import cql_engine, fallback, inside, load, memory, one_connection, report, serving, stages, within
from tests.bench.bodies import SEED, SIZES, Call
from tests.bench.inside import HOOKS, Inside
from tests.bench.measures import Measure
from tests.bench.report import Report
from tests.bench.serving import Server
from tests.bench.stages import Profile

PARTS = ("one-connection", "load", "memory", "fallback", "rules", "tokens", "cql", "stages")
BRIEF = 0.2  # of the time of a full run
REQUESTS, FEWER_REQUESTS = 3_000, 500


@dataclass(frozen=True)
class Plan:
    """What to run, for how long, and where."""

    parts: frozenset[str]
    brief: bool
    requests: int
    out: Path
    folder: Path  # for what lives as long as the run
    day: date

    @property
    def scale(self) -> float:
        return BRIEF if self.brief else 1.0

    def wants(self, *parts: str) -> bool:
        return bool(self.parts & {*parts})


def main() -> int:
    """0, or 1 when something was worse than twice its goal or could not be measured."""
    parsed = _parser().parse_args()
    began, load_before = time.monotonic(), os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="spine-cds-bench-") as folder:
        plan = Plan(
            parts=frozenset(parsed.only or PARTS),
            brief=parsed.quick,
            requests=parsed.requests or (FEWER_REQUESTS if parsed.quick else REQUESTS),
            out=parsed.out,
            folder=Path(folder),
            day=date.today(),
        )
        run = _Run(plan)
        run.everything()
    about = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": [round(load_before[0], 2), round(os.getloadavg()[0], 2)],  # before and after, of one minute
        "seconds": round(time.monotonic() - began),
        "seed": SEED,
        "day": plan.day.isoformat(),
        "brief": plan.brief,
    }
    return _tell(Report(about, run.measures, run.profiles, run.not_run, run.broken), plan.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=sys.modules["tests.bench"].__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the time, without the peers; a guard for CI")
    parser.add_argument("--only", type=_parts, metavar=",".join(PARTS), help="some parts")
    parser.add_argument("--requests", type=int, help=f"of the search for leaks; {REQUESTS}")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where the report goes")
    return parser


def _parts(text: str) -> list[str]:
    """The named parts; a misspelt one would measure nothing, and fail nothing."""
    parts = text.split(",")
    if not {*PARTS}.issuperset(parts):
        raise argparse.ArgumentTypeError(f"parts are {', '.join(PARTS)}")
    return parts


class _Run:
    """Measures part after part, and says each figure as it comes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.measures: list[Measure] = []
        self.profiles: list[Profile] = []
        self.not_run: dict[str, str] = {}
        self.broken: dict[str, str] = {}

    def everything(self) -> None:
        gc.freeze()  # what the client has loaded by now is not looked through while it measures
        plan = self.plan
        if plan.brief:
            self.not_run |= dict.fromkeys(("HealthChain", "cql-execution"), "left out of a quick run")
        if plan.wants("one-connection"):
            self._attempt("one connection", self._one_worker)
        if plan.wants("load"):
            self._attempt("load", self._two_workers)
        if plan.wants("memory"):
            self._attempt("memory", self._fresh_worker)
        if plan.wants("fallback"):
            self._attempt("a hanging FHIR server", self._hanging)
        if plan.wants("fallback", "rules", "tokens", "cql", "stages"):
            self._attempt("in process", lambda: self._inside(inside.start(plan.folder)))

    def _attempt(self, name: str, part: Callable[[], None]) -> None:
        """A part that breaks down does not take the figures of the others with it; the run fails all the same."""
        try:
            part()
        except (RuntimeError, OSError) as error:
            self.broken[name] = f"{type(error).__name__}: {error}"
            print(f"BROKEN {name}: {self.broken[name]}", file=sys.stderr, flush=True)

    def _hanging(self) -> None:
        self._say(fallback.alive_while_hanging(self.plan.folder, self.plan.day, max(1.0, 4 * self.plan.scale)))

    def _one_worker(self) -> None:
        plan = self.plan
        with serving.ours(plan.folder) as ours, serving.references(plan.folder) as reference:
            self._say(one_connection.against_parsing(ours, reference, plan.day, plan.scale, plan.brief))
            self._say(one_connection.out_of_scope(ours, reference, plan.day, plan.scale))
            self._say(one_connection.spoilt(ours, plan.day, plan.scale))
            self._say(one_connection.growth(ours, plan.day, plan.scale))
            with self._peer(1) as peer:
                if peer:
                    self._say(one_connection.against_healthchain(ours, peer, plan.day, plan.scale))

    def _two_workers(self) -> None:
        plan = self.plan
        with (
            serving.ours(plan.folder, workers=2) as ours,
            serving.references(plan.folder, workers=2) as reference,
            self._peer(2) as peer,
        ):
            self._say(load.requests_per_second(ours, reference, peer, plan.day, plan.scale, plan.brief))

    def _fresh_worker(self) -> None:
        plan = self.plan
        if not Path("/proc/self/clear_refs").exists():
            self.not_run["memory"] = "this system has no /proc"
            return
        with serving.ours(plan.folder) as ours:
            self._say(memory.of_one_request(ours, plan.day))
            self._say(memory.of_many_requests(ours, plan.day, plan.requests))

    def _inside(self, service: Inside) -> None:
        plan = self.plan
        if plan.wants("fallback"):
            self._say(fallback.six_searches(service, plan.folder, plan.day, 6 * plan.scale))
        if plan.wants("rules"):
            self._say(within.more_rules(service, plan.day, 12 * plan.scale))
        if plan.wants("tokens"):
            self._say(within.tokens(service, plan.folder, plan.day, max(10, round(60 * plan.scale))))
        if plan.wants("cql") and not plan.brief:
            why = cql_engine.missing()
            if why:
                self.not_run["cql-execution"] = why
            else:
                self._say(cql_engine.beside_ours(service, plan.folder, plan.day, 8))
        if plan.wants("stages"):
            self._profile(service)

    def _profile(self, service: Inside) -> None:
        for hook in HOOKS:
            for size, repeats in (("M", 60), ("L", 8)):
                repeats = max(3, round(repeats * self.plan.scale))
                self.profiles.append(stages.profile(service, Call(hook, SIZES[size]), self.plan.day, repeats))

    @contextmanager
    def _peer(self, workers: int) -> Iterator[Server | None]:
        """HealthChain, where it is installed and there is time for it."""
        if self.plan.brief or not serving.HEALTHCHAIN.exists():
            self.not_run.setdefault("HealthChain", "its environment is not there (make .venv/.healthchain)")
            yield None
            return
        with serving.healthchain(self.plan.folder, workers) as server:
            yield server

    def _say(self, found: Iterable[Measure]) -> None:
        for one in found:
            self.measures.append(one)
            print(f"{one.group}: {one.name}: {one.value:.3g} {one.unit}", file=sys.stderr, flush=True)


def _tell(told: Report, out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    (out / "bench.txt").write_text(told.as_text() + "\n", encoding="utf-8")
    (out / "bench.json").write_text(told.as_json() + "\n", encoding="utf-8")
    for one in told.profiles:
        (out / f"functions-{one.hook}-{one.resources}.txt").write_text(one.functions + "\n", encoding="utf-8")
    report.plot(told, out / "bench.png")
    print(f"\n{told.as_text()}\n\nin {out}: bench.txt, bench.json, bench.png, functions-*.txt", flush=True)
    return 1 if told.failures or told.broken else 0


if __name__ == "__main__":
    sys.exit(main())
