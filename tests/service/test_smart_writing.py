"""What the companion says became of a write: whatever the FHIR server answers, however often it is pressed."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from fhir_mappings.patient_view import PREFETCH
from tests import smart_ehr
from tests.doctor.real_server import RealServer
from tests.fhir_stub import FhirServer
from tests.service.conftest import RunningServer, call_body, serving
from tests.smart_ehr import Ehr, Said

OWN = {"Sec-Fetch-Site": "same-origin"}
PATIENT = call_body()["context"]["patientId"]
JSON = {"Content-Type": "application/fhir+json"}
MONTHS = {"life-expectancy.months": "7"}
UNKNOWN = "Not known whether it was written"


@dataclass
class Desk:
    """A browser with the companion open, and what is pressed in it."""

    server: RunningServer
    browser: requests.Session
    launch: str

    def post(self, page: str, **form: str) -> requests.Response:
        form = {"s": self.launch, **form}
        return self.browser.post(f"{self.server.url}/smart/{page}", data=form, headers=OWN, timeout=60)

    def review(self, **answers: str) -> str:
        """What the page of confirmation stands for."""
        page = self.post("review", whole="yes", **(answers or MONTHS)).text
        return re.findall('name="shown" value="([0-9a-f]{64})"', page)[0]

    def write(self, shown: str) -> str:
        return told(self.post("write", shown=shown).text)

    def answers(self) -> str:
        """The form as it is kept."""
        page = self.browser.get(f"{self.server.url}/smart/app?s={self.launch}", timeout=60).text
        return re.findall(r'name="life-expectancy.months"[^>]* value="([^"]*)"', page)[0]


def told(page: str) -> str:
    """The text of the part that says what was written, else of the whole page."""
    found = re.search(r'<section aria-labelledby="outcome".*?</section>', page, re.DOTALL)
    return " ".join(re.sub("<[^>]*>", " ", found[0] if found else page).split())


def sit_down(ehr: Ehr, server: RunningServer) -> Desk:
    ehr.register(server.url)
    browser = requests.Session()
    page = browser.get(ehr.launch(server.url, PATIENT), timeout=60)
    assert page.status_code == 200, page.text
    return Desk(server, browser, page.url.rpartition("=")[2])


@pytest.fixture
def ehr(fhir_server: FhirServer) -> Iterator[Ehr]:
    """With the chart of the bundled example; what is written is only taken note of."""
    fhir_server.answer_all(call_body()["prefetch"], {key: PREFETCH[key] for key in ("patient", "conditions")})
    with smart_ehr.running(RealServer(fhir_server.url)) as one:
        one.says = lambda sent: (201, {**JSON, "Location": f"{one.fhir}/Observation/new-1/_history/1"}, b"")
        yield one


@pytest.fixture
def desk(ehr: Ehr, server: RunningServer) -> Desk:
    return sit_down(ehr, server)


# -- what counts as written


def test_a_result_that_was_created_is_written(desk: Desk) -> None:
    assert desk.write(desk.review()).startswith("What was written Written : Life expectancy: 7 months")
    assert desk.answers() == ""


def of_another_patient(sent: dict[str, Any]) -> bytes:
    return json.dumps({**sent, "id": "x", "subject": {"reference": "Patient/another"}}).encode()


@pytest.mark.parametrize("says", [
    lambda sent: (200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"),
    lambda sent: (200, JSON, b""),
    lambda sent: (200, JSON, b'{"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}'),
    lambda sent: (200, JSON, b'{"resourceType": "Observation", "id": "x"}'),
    lambda sent: (200, JSON, of_another_patient(sent)),
    lambda sent: (200, {**JSON, "Location": "/Observation/gone"}, b""),
    lambda sent: (202, JSON, b""),
    lambda sent: (204, JSON, b""),
    lambda sent: (302, {"Location": "https://ehr.example.org/login"}, b""),
    lambda sent: (412, JSON, b""),
    lambda sent: (500, JSON, b""),
    lambda sent: (504, JSON, b""),
], ids=lambda says: str(says({"resourceType": "Observation"})))  # fmt: skip
def test_any_other_answer_leaves_it_unknown_and_keeps_the_work(desk: Desk, ehr: Ehr, says: Any) -> None:
    ehr.says = says
    said = desk.write(desk.review())
    assert f"{UNKNOWN} : Life expectancy: 7 months" in said
    assert "Look in the chart before you try again." in said
    assert "Not written" not in said
    assert desk.answers() == "7"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 501, 503])
def test_a_refusal_is_said_to_be_one(desk: Desk, ehr: Ehr, status: int) -> None:
    ehr.says = lambda sent: (status, JSON, b"")
    assert "Not written : Life expectancy: 7 months" in desk.write(desk.review())
    assert desk.answers() == "7"


@pytest.mark.parametrize("where", ["", "absolute"])
def test_what_was_there_before_is_written_when_it_is_ours(desk: Desk, ehr: Ehr, where: str) -> None:
    def found(sent: dict[str, Any]) -> Said:
        subject = f"{ehr.fhir}/{sent['subject']['reference']}" if where else sent["subject"]["reference"]
        return 200, JSON, json.dumps({**sent, "id": "old-1", "subject": {"reference": subject}}).encode()

    ehr.says = found
    said = desk.write(desk.review())
    assert "Written : Life expectancy: 7 months" in said
    assert "(Observation/old-1)" in said
    assert desk.answers() == ""


def test_where_only_its_place_is_named_it_is_read_there(desk: Desk, ehr: Ehr, fhir_server: FhirServer) -> None:
    def found(sent: dict[str, Any]) -> Said:
        fhir_server.answer("Observation", {**sent, "id": "old-2"})
        return 200, {**JSON, "Location": f"{ehr.fhir}/Observation/old-2"}, b""

    ehr.says = found
    assert "(Observation/old-2)" in desk.write(desk.review())


# -- pressed again


@pytest.mark.parametrize(("status", "word"), [(201, "Written"), (403, "Not written"), (500, UNKNOWN)])
def test_the_second_of_two_presses_reads_what_became_of_the_first(desk: Desk, ehr: Ehr, status: int, word: str) -> None:
    ehr.says, ehr.write_seconds = lambda sent: (status, JSON, b""), 1
    shown = desk.review()
    with ThreadPoolExecutor(2) as hands:
        said = list(hands.map(desk.write, [shown, shown]))
    assert len(ehr.written) == 1
    assert [f"What was written {word} : Life expectancy: 7 months" in one for one in said] == [True, True]


def test_a_write_that_hangs_is_not_called_unwritten_and_blocks_nothing_for_long(ehr: Ehr, tmp_path: Path) -> None:
    """Nor does one whose worker was killed: it leaves a claim behind, which ends soon after its request would have."""
    with serving(tmp_path) as server:
        desk = sit_down(ehr, server)
        ehr.write_seconds = 9  # longer than a request may take
        shown = desk.review()
        with ThreadPoolExecutor(2) as hands:
            pressed = [hands.submit(desk.write, shown) for _ in range(2)]
            while not (found := claims(tmp_path / "store.db")):
                time.sleep(0.05)
            ((sealed, expires),) = found
            said = [one.result() for one in pressed]
        assert sealed == ""
        assert expires < (time.time() + 30) * 1000
        assert len(ehr.written) == 1
        assert [f"{UNKNOWN} : Life expectancy: 7 months" in one for one in said] == [True, True]
        ehr.write_seconds = 0
        claims(tmp_path / "store.db", f"UPDATE companion SET sealed = '', expires = {expires} - 30000")
        assert "Written : Life expectancy: 7 months" in desk.write(shown)


def claims(store: Path, first: str = "") -> list[tuple[str, int]]:
    with sqlite3.connect(store) as database:
        database.execute(f"{first} WHERE kind = 'write'" if first else "SELECT 1")
        return database.execute("SELECT sealed, expires FROM companion WHERE kind = 'write'").fetchall()


# -- whose work it is, and how it ends


def test_whom_nobody_knows_shares_work_with_nobody(ehr: Ehr, server: RunningServer) -> None:
    ehr.changed = {"id_token": None}
    first = sit_down(ehr, server)
    assert "kept for this session only" in first.post("save", whole="yes", **MONTHS).text
    assert first.answers() == "7"
    second = sit_down(ehr, server)
    assert second.answers() == ""
    second.post("save", whole="yes", **{"life-expectancy.months": "3"})
    assert (first.answers(), second.answers()) == ("7", "3")


def test_who_is_known_finds_it_again_and_nobody_else_does(ehr: Ehr, server: RunningServer) -> None:
    ehr.id_claims = {"fhirUser": f"{ehr.fhir}/Practitioner/again"}
    assert "kept for a week" in sit_down(ehr, server).post("save", whole="yes", **MONTHS).text
    assert sit_down(ehr, server).answers() == "7"
    ehr.id_claims = {"fhirUser": f"{ehr.fhir}/Practitioner/other"}
    assert sit_down(ehr, server).answers() == ""


@pytest.mark.parametrize("known", [True, False])
def test_a_session_ends_with_the_browser_or_by_its_button(ehr: Ehr, tmp_path: Path, known: bool) -> None:
    ehr.changed = {} if known else {"id_token": None}
    with serving(tmp_path) as server:
        desk = sit_down(ehr, server)
        (cookie,) = desk.browser.cookies
        assert cookie.expires is None  # not kept on disk, whatever the token allows
        secret = {cookie.name: str(cookie.value)}
        desk.post("save", whole="yes", **MONTHS)
        answer = desk.post("close")
        assert (answer.status_code, "This session has ended" in answer.text) == (200, True)
        assert not desk.browser.cookies
        again = requests.get(f"{server.url}/smart/app?s={desk.launch}", cookies=secret, timeout=20)
        assert again.status_code == 401  # the cookie alone, which somebody has kept, is nothing
        with sqlite3.connect(tmp_path / "store.db") as database:
            kept = database.execute("SELECT kind FROM companion").fetchall()
        assert kept == ([("work",)] if known else [])


@pytest.mark.parametrize(("content_type", "sent", "status"), [
    ("application/x-www-form-urlencoded", b"whole=yes&x=" + b"x" * 70_000, 413),
    ("application/json", b"{}", 415),
    ("multipart/form-data; boundary=x",
     b'--x\r\nContent-Disposition: form-data; name="whole"\r\n\r\nyes\r\n--x--', 415),
    ("application/x-www-form-urlencoded", b"&".join(b"f%d=" % one for one in range(2000)), 400),
    ("application/x-www-form-urlencoded", b"", 400),
    ("application/x-www-form-urlencoded", b"life-expectancy.months=", 400),
], ids=["large", "JSON", "multipart", "2000 fields", "empty", "cut short"])  # fmt: skip
@pytest.mark.parametrize("page", ["save", "review"])
def test_a_form_that_is_not_taken_empties_nothing(
    desk: Desk, page: str, content_type: str, sent: bytes, status: int
) -> None:
    desk.post("save", whole="yes", **MONTHS)
    headers = {**OWN, "Content-Type": content_type}
    url = f"{desk.server.url}/smart/{page}?s={desk.launch}"
    answer = desk.browser.post(url, data=sent, headers=headers, timeout=20)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Nothing was saved or written" in answer.text
    assert desk.answers() == "7"
    desk.post("save", whole="yes")
    assert desk.answers() == ""


# -- what is granted, and what is written down


def test_without_the_right_to_create_nothing_is_sent(ehr: Ehr, server: RunningServer) -> None:
    ehr.scope = "launch openid fhirUser patient/*.rs"
    desk = sit_down(ehr, server)
    answer = desk.post("write", shown=desk.review())
    assert (answer.status_code, "may not write" in answer.text) == (403, True)
    assert ehr.written == []
    desk.post("save", whole="yes")


def test_who_logged_in_and_wrote_what_is_in_the_audit_without_names(ehr: Ehr, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        desk = sit_down(ehr, server)
        desk.write(desk.review())
        ehr.says = lambda sent: (403, JSON, b"")
        desk.write(desk.review())
        login, first, second = [line for line in server.audit_lines() if "companion" in line]
        assert login["companion"] == "login"
        assert [one["companion"] for one in (first, second)] == ["write", "write"]
        assert [(one["kind"], one["state"], one["status"]) for one in (first, second)] == [
            ("life-expectancy", "written", 201), ("life-expectancy", "not written", 403),
        ]  # fmt: skip
        names = [one["identifier"][0]["value"] for one in ehr.written]
        assert [one["submission"] for one in (first, second)] == names
        assert len({(one["patient"], one["user"]) for one in (login, first, second)}) == 1
        assert [text for text in (PATIENT, smart_ehr.USER, "dr-1") if text in server.written()] == []


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "nothing"), ("POST", "a/b"), ("GET", "write")])
def test_what_is_not_there_is_a_page_too(server: RunningServer, method: str, path: str) -> None:
    answer = requests.request(method, f"{server.url}/smart/{path}", timeout=20)
    assert (answer.status_code, "There is no such page" in answer.text) == (404, True)
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
