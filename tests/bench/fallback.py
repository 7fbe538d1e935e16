"""When the prefetch lacks something: six searches beside one, and the health check while a FHIR server hangs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from cds_service import fhir_client, routes
from cds_service.hook_request import parse
from fhir_mappings.answers import Given
from tests.bench import measures, serving, slow_fhir, talk
from tests.bench.bodies import PATIENT_VIEW, Call, body
from tests.bench.inside import Inside
from tests.bench.measures import Goal, Measure
from tests.bench.talk import Target

GROUP = "FHIR fallback"
DELAY = 0.05  # seconds, of every search
SIX = {  # key that does not come with the call -> what it asks for
    "conditions": "Condition",
    "laboratory": "Observation",
    "imaging": "ImagingStudy",
    "medicationRequests": "MedicationRequest",
    "serviceRequests": "ServiceRequest",
    "procedures": "Procedure",
}
SLOWEST = "Observation"  # the largest answer; all wait equally long
SEARCHES = Goal(1.25)
ALIVE_MS = Goal(50.0)
HANGING_CALLS = 12  # three times as many as have a thread
HANG_SECONDS = 20
SITE = f"""environment = "sandbox"
[tenant]
name = "bench"
[fhir]
allowed_servers = ["loopback"]
timeout_seconds = {HANG_SECONDS}.0
"""


def six_searches(inside: Inside, folder: Path, day: date, seconds: float) -> Iterator[Measure]:
    """fhir_client.complete for six missing keys of M, against one search for the largest of them by itself."""
    whole = json.loads(body(Call(), day))
    lacking = {key: whole["prefetch"].pop(key) for key in SIX}
    with _fhir_server(folder, DELAY, {SIX[key]: value for key, value in lacking.items()}) as port:
        whole["fhirServer"] = f"http://{talk.HOST}:{port}"
        row, settings = inside.row(PATIENT_VIEW), inside.running.settings
        request = parse(json.dumps(whole).encode(), row)
        access = routes.fhir_access(settings.tenant, settings.max_body_bytes)
        single = Target("one search", port, talk.get(f"/{SLOWEST}?patient=1"))
        all_six: list[float] = []
        one: list[float] = []
        end = time.monotonic() + seconds
        with talk.Line(port) as line:
            while time.monotonic() < end or len(one) < 10:
                began = time.perf_counter_ns()
                answers = fhir_client.complete(request, row.prefetch, access, inside.running.connections)
                all_six.append(time.perf_counter_ns() - began)
                if not all(isinstance(answers[key], Given) for key in SIX):
                    raise RuntimeError("a search was not answered")
                began = time.perf_counter_ns()
                line.ask(single.request)
                one.append(time.perf_counter_ns() - began)
    times = {"six ms": measures.milliseconds(all_six[2:]), "one ms": measures.milliseconds(one[2:])}
    yield measures.of_pairs(GROUP, "six searches / the slowest single one", all_six[2:], one[2:], SEARCHES, times=times)


def alive_while_hanging(folder: Path, day: date, seconds: float) -> Iterator[Measure]:
    """GET /health/live of one worker, while more calls than it has threads wait for a FHIR server that hangs."""
    whole = json.loads(body(Call(resources=50), day))
    for key in SIX:
        whole["prefetch"].pop(key)
    site = folder / "hanging.toml"
    site.write_text(SITE)
    with _fhir_server(folder, -1, {}) as port, serving.ours(folder, tenant=site) as server:
        whole["fhirServer"] = f"http://{talk.HOST}:{port}"
        call = server.call(Call(resources=50), json.dumps(whole).encode())
        lines = [talk.Line(server.port) for _ in range(HANGING_CALLS)]
        waiting = [threading.Thread(target=_ask_in_vain, args=(line, call), daemon=True) for line in lines]
        for thread in waiting:
            thread.start()
        time.sleep(1)
        took = talk.interleaved((Target("live", server.port, talk.get("/health/live")),), seconds, least=20)[
            "live"
        ].took
        if not all(thread.is_alive() for thread in waiting):
            raise RuntimeError("the calls were answered, and nothing hung")
        for line in lines:
            line.hang_up()
    values = [one / 1e6 for one in took]
    note = f"the longest of {len(values)} took {max(values):.1f} ms"
    yield measures.of_values(GROUP, f"/health/live while {HANGING_CALLS} calls hang", values, "ms", ALIVE_MS, note=note)


def _ask_in_vain(line: talk.Line, call: Target) -> None:
    try:
        line.ask(call.request)
    except OSError:  # hung up on, at the end
        return


@contextmanager
def _fhir_server(folder: Path, seconds: float, answers: dict[str, object]) -> Iterator[int]:
    """Its port. It serves until the block ends."""
    content = folder / f"fhir{seconds}"
    content.mkdir()
    for kind, bundle in answers.items():
        (content / f"{kind}.json").write_text(json.dumps(bundle))
    with serving.listening("slow FHIR server", slow_fhir.__name__, (str(seconds), str(content)), folder) as port:
        yield port
