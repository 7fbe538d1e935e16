"""What a clinician sees of the companion when it is not answered in time: a page that says what can have been sent."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from connections import until
from slow_server import SlowServer, serving_slowly

from cds_service.front import COMPANION_ANSWERING

TENANT = 'environment = "sandbox"\n[tenant]\nname = "here"\n[fhir]\ntimeout_seconds = 0.5\n[smart]\nclient_id = "x"\n'
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlowServer]:
    """A sandbox with a companion, where a request waits for the test, and has two seconds."""
    folder = tmp_path_factory.mktemp("late")
    (folder / "tenant.toml").write_text(TENANT)
    given = {"SPINE_CDS_CALL_SECONDS": "2", "SPINE_CDS_TENANT": str(folder / "tenant.toml")}
    with serving_slowly(folder, **given) as server:
        yield server


def ask(server: SlowServer, method: str, path: str, gate: str, accept: str = BROWSER) -> requests.Response:
    headers = {"Accept": accept, "X-Until": gate}
    return requests.request(method, server.url + path, headers=headers, timeout=60)


@pytest.mark.parametrize(("method", "path", "words"), [
    ("POST", "/smart/write", "it is not known yet whether your results were written"),
    ("POST", "/smart/save", "Nothing was written to the chart. Whether your last change was saved is not known"),
    ("GET", "/smart/app?s=x", "Nothing was written to the chart."),
])  # fmt: skip
def test_a_request_that_was_begun(hurried: SlowServer, method: str, path: str, words: str) -> None:
    gate = f"begun-{path.partition('?')[0].rpartition('/')[2]}"
    answer = ask(hurried, method, path, gate)
    hurried.open(gate)
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert words in answer.text
    assert answer.headers["Content-Security-Policy"].endswith("http://127.0.0.1:*")
    assert answer.headers["Cache-Control"] == "no-store"
    assert requests.get(f"{hurried.url}/static/pages.css", timeout=20).status_code == 200
    assert f'href="{hurried.url}/static/pages.css"' in answer.text


def test_a_write_that_was_not_begun_was_not_sent(hurried: SlowServer) -> None:
    with ThreadPoolExecutor(COMPANION_ANSWERING) as hands:
        for _ in range(COMPANION_ANSWERING):
            hands.submit(ask, hurried, "GET", "/smart/app?s=x", "held")
        until(lambda: hurried.held("held") == COMPANION_ANSWERING)
        answer = ask(hurried, "POST", "/smart/write", "none")
        hurried.open("held")
    assert answer.status_code == 503
    assert "has not begun with it. Nothing was written to the chart." in answer.text


def test_a_program_reads_what_it_always_read(hurried: SlowServer) -> None:
    answer = ask(hurried, "POST", "/smart/save", "program", accept="*/*")
    hurried.open("program")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/fhir+json")
    assert answer.json()["resourceType"] == "OperationOutcome"
