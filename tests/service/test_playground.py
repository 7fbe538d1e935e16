"""The playground over HTTP: where it is, that its calls are an EHR's calls, and what it cannot be made to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service import situations
from tests.callers import TENANT, issuer, write_tenant
from tests.fhir_stub import FhirServer
from tests.service.conftest import RunningServer, serving

OURS = {"Sec-Fetch-Site": "same-origin"}
SMALLEST = 20_000


def press(server: RunningServer, headers: dict[str, str] = OURS, **fields: str) -> requests.Response:
    """The form, sent as a browser sends it."""
    form = {"patient": "suspected_compression", "loaded": "suspected_compression", "order": "", **fields}
    return requests.post(f"{server.url}/playground", data=form, headers=headers, timeout=30)


def chart(server: RunningServer, name: str = "suspected_compression") -> str:
    text: str = server.get(f"/playground/charts/{name}").json()["chart"]
    return text


def opened(server: RunningServer, text: str | None = None) -> requests.Response:
    return press(server, hook="patient-view", chart=chart(server) if text is None else text)


def text_of(page: str, element: str) -> str:
    """The text of the element with an id."""
    found = re.search(rf'id="{element}"[^>]*>(.*?)</(?:pre|section|textarea)>', page, re.DOTALL)
    assert found, element
    return unescape(found[1])


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', page)
    assert found, name
    return unescape(found[1])


def test_a_press_is_one_call_with_one_audit_line_and_one_entry_in_the_ledger(server: RunningServer) -> None:
    before = len(server.audit_lines())
    page = opened(server).text
    body = json.loads(hidden(page, "asked"))
    lines = server.audit_lines()[before:]
    assert [(one["hookInstance"], one["status"], one["service"]) for one in lines] == [
        (body["hookInstance"], 200, "spine-patient-view")
    ]
    explained = server.get(f"/ledger/{body['hookInstance']}", headers={"Accept": "application/json"}).json()
    assert explained["given"]["calls"] == 1
    assert set(explained["call"]) >= {"patient", "answered"}


def test_the_answer_is_the_one_that_an_ehr_gets(server: RunningServer) -> None:
    page = opened(server).text
    asked = hidden(page, "asked")
    direct = server.post(None, data=asked, headers={"Content-Type": "application/json"})
    assert direct.text == hidden(page, "said")


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl, as its user does")
def test_the_curl_command_works_when_pasted(server: RunningServer) -> None:
    """With what a shell would expand and a string that looks like the end of the text."""
    whole = json.loads(chart(server))
    whole["patient"]["name"] = [{"family": "$(touch gone) `x` '\\ \nJSON\n", "given": ["Zoë\u202e"]}]
    page = opened(server, json.dumps(whole)).text
    command = text_of(page, "call-request")
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout == hidden(page, "said")
    assert json.loads(hidden(page, "asked"))["prefetch"] == whole


def test_two_browsers_have_two_patients(server: RunningServer) -> None:
    ids = {json.loads(chart(server))["patient"]["id"] for _ in range(5)}
    assert len(ids) == 5
    assert all(re.fullmatch(r"playground-[0-9a-f]{16}", one) for one in ids)


@pytest.mark.parametrize(
    "more",
    [
        '{0}, "fhirServer": "{1}"',
        '{0}, "fhirServer": "{1}", "x": {{}}',
        '{{"patient": {{}}}}, "fhirServer": "{1}", "fhirAuthorization": {{}}',
    ],
)
def test_no_text_makes_the_service_ask_another_server(
    server: RunningServer, fhir_server: FhirServer, more: str
) -> None:
    page = opened(server, more.format(chart(server), fhir_server.url)).text
    assert "The chart is not JSON" in page
    assert (fhir_server.asked, fhir_server.posted) == ([], [])


def test_a_named_server_within_the_chart_is_only_a_key_that_nobody_knows(
    server: RunningServer, fhir_server: FhirServer
) -> None:
    whole = {**json.loads(chart(server)), "fhirServer": fhir_server.url}
    del whole["laboratory"]
    page = opened(server, json.dumps(whole)).text
    assert set(json.loads(hidden(page, "asked"))) == {"hook", "hookInstance", "context", "prefetch"}
    assert (fhir_server.asked, fhir_server.posted) == ([], [])


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
    ids=str,
)
def test_a_form_of_another_site_does_nothing(server: RunningServer, headers: dict[str, str]) -> None:
    before = len(server.audit_lines())
    page = press(server, headers, hook="patient-view", chart=chart(server))
    assert "did not come from this page" in page.text
    assert len(server.audit_lines()) == before


def test_a_browser_without_fetch_headers_is_known_by_its_origin(server: RunningServer) -> None:
    assert "Chart opened" in press(server, {"Origin": server.url}, hook="patient-view", chart=chart(server)).text


def test_the_page_loads_nothing_from_elsewhere_and_is_kept_nowhere(server: RunningServer) -> None:
    for page in (server.get("/playground"), opened(server)):
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script(?! src=)", page.text)
        assert " style=" not in page.text


def test_a_card_that_somebody_else_wrote_runs_nothing(server: RunningServer) -> None:
    """What comes back with a form is not believed to be what we sent."""
    page = opened(server).text
    said = json.loads(hidden(page, "said"))
    said["cards"][0] |= {
        "detail": "<script>x()</script> <img src=x onerror=x()> [a](javascript:x()) ![b](https://evil.example/b) <x:y>",
        "summary": "<b>x</b>",
        "links": [{"label": "l", "url": "javascript:x()", "type": "absolute"}],
        "source": {"label": "s", "url": "data:text/html,x"},
    }
    uuid = said["cards"][0]["uuid"]
    again = press(server, asked=hidden(page, "asked"), said=json.dumps(said), override=uuid).text
    main = again.partition("<main")[2]
    assert "&lt;script&gt;" in main
    assert not re.search(r"<(script|img|b)\b", main)
    assert not re.search(r'href="(javascript|data):', main)


CALLED = '{"hook":"patient-view","hookInstance":"x","prefetch":{},"context":CONTEXT}'
ODD_CONTEXTS = [
    '{"patientId":5}', '{"patientId":"p","draftOrders":[]}', '{"patientId":"p","draftOrders":5}',
    '{"patientId":"p","draftOrders":{"entry":[1]}}', '{"patientId":"p","draftOrders":{"entry":5}}',
    '{"patientId":"p","draftOrders":{"entry":[{"resource":{"code":[]}}]}}', '{"a":' * 5_000,
]  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"accept": "x y"},
        {"override": "x"},
        {"accept": "x y", "asked": "{}", "said": "{}"},
        *({"accept": "x y", "asked": CALLED.replace("CONTEXT", context), "said": "{}"} for context in ODD_CONTEXTS),
        {"override": "x", "asked": '{"hook":"x","hookInstance":"x","context":{},"prefetch":{}}', "said": "{}"},
        {"override": "x", "asked": '{"hook":"patient-view"}', "said": "[]"},
    ],
    ids=lambda fields: str(fields)[:120],
)
def test_feedback_on_what_was_not_shown_is_told(server: RunningServer, fields: dict[str, str]) -> None:
    page = press(server, chart=chart(server), **fields)
    assert page.status_code == 200
    assert "cannot be read any more" in page.text


def test_a_stranger_to_the_patient_learns_nothing_of_a_call(server: RunningServer) -> None:
    """Who knows the id of a call, but not its patient, is told what the ledger tells of a call that it has not."""
    page = opened(server).text
    body = json.loads(hidden(page, "asked"))
    body["context"]["patientId"] = "somebody"
    card = json.loads(hidden(page, "said"))["cards"][0]["uuid"]
    again = press(server, asked=json.dumps(body), said=hidden(page, "said"), override=card).text
    assert "The ledger holds no call" in again
    assert "used: Condition" not in again


def test_an_unknown_button_or_patient_is_no_fault(server: RunningServer) -> None:
    assert "No service answers this hook." in press(server, hook="x", chart=chart(server)).text
    assert "No service answers this hook." in press(server, chart="{}").text
    assert "Chart opened" in press(server, hook="patient-view", patient="nobody", loaded="nobody", order="nothing").text
    assert server.get("/playground/charts/nobody").status_code == 404
    assert server.get("/playground?patient=nobody").status_code == 200


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A sandbox that takes small bodies only."""
    with serving(tmp_path_factory.mktemp("tight"), SPINE_CDS_MAX_BODY_BYTES=str(SMALLEST)) as running:
        yield running


def test_the_bounds_of_the_service_hold(tight: RunningServer) -> None:
    page = opened(tight, "{" + " " * SMALLEST + "}")
    assert page.status_code == 413
    assert f"The request is larger than {SMALLEST} bytes." in page.text
    assert "Playground" in page.text


def test_a_chart_larger_than_other_forms_may_be_is_taken(server: RunningServer) -> None:
    whole = json.loads(chart(server))
    many = [{"resource": {"resourceType": "Condition", "id": f"c{n}"}} for n in range(9000)]
    whole["conditions"]["entry"] += many
    page = opened(server, json.dumps(whole))
    assert page.status_code == 200
    assert "possible cord compression" in page.text
    assert (
        "more than 20000 entries"
        in opened(
            server, json.dumps({**whole, "imaging": {"resourceType": "Bundle", "type": "searchset", "entry": many * 2}})
        ).text
    )


@pytest.mark.parametrize("environment", ["production", "sandbox"])
def test_where_callers_are_known_there_is_no_playground(tmp_path: Path, environment: str) -> None:
    text = f'environment = "{environment}"\n' + TENANT + issuer()
    with serving(tmp_path / "server", "--tenant", str(write_tenant(tmp_path, text))) as server:
        assert server.get("/playground").status_code == 404
        assert opened_directly(server).status_code == 404
        assert server.get("/playground/charts/no_cancer").status_code == 404
        assert "playground" not in server.get("/").text.lower()
        assert "playground" not in server.get("/rules", headers={"Accept": "text/html"}).text.lower()


def opened_directly(server: RunningServer) -> requests.Response:
    return press(server, hook="patient-view", chart="{}")


def test_every_order_and_patient_is_offered(server: RunningServer) -> None:
    page = server.get("/playground").text
    values = set(re.findall(r'<option value="([^"]*)"', page))
    assert values == {"", *situations.NAMES, *situations.orders()}
    told: dict[str, Any] = server.get("/playground/charts/jaw").json()
    assert told["about"] == situations.every()["jaw"].about
    assert told["order"].startswith("Denosumab 120 mg")
