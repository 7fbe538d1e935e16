"""The dashboard in a real browser: numbers of real calls, filters, a file, a proposal decided; nothing to strangers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug.security import generate_password_hash

from cds_service import config
from cds_service.app import create_app
from cds_service.dashboard import choices, periods, proposals
from cds_service.dashboard.settings import Dashboard
from cds_service.store.database import open_store
from hooks import knowledge
from tests.ledger_rows import ORDER_SIGN, Shown, accepted, overridden, write
from tests.pages.conftest import NARROW, WIDE, Watch, assert_accessible
from tests.service.conftest import RunningServer, call_body, serving

PASSWORD = "correct horse battery"
READERS = ("chair", "pharmacist")
HASH = generate_password_hash(PASSWORD)
TENANT = (
    'environment = "sandbox"\n[tenant]\nname = "here"\n'
    '[dashboard]\nfinest_period = "week"\napprover = "chair"\n[rules]\npsychosocial_assessment = "shadow"\n'
    + "".join(f'[[reader]]\nname = "{name}"\npassword_hash = "{HASH}"\n' for name in READERS)
)
HOSTILE = '=HYPERLINK("//elsewhere")<img src=x onerror=alert(1)>'
NOW = datetime.now(UTC).replace(tzinfo=None)
BEFORE, LAST = (
    datetime.combine(one.first, datetime.min.time()) + timedelta(hours=9)
    for one in proposals.complete(choices.at(Dashboard(finest_period="week")), int(NOW.timestamp() * 1000))
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A site with two readers, and a ledger of some weeks."""
    folder = tmp_path_factory.mktemp("dashboard")
    (folder / "tenant.toml").write_text(TENANT)
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    write(
        store,
        *(overridden("pain_team", at, 40, "cds-not-applicable") for at in (BEFORE, LAST)),
        *(accepted("pain_team", at, 2) for at in (BEFORE, LAST)),
        *(accepted("rehabilitation", at, 9) for at in (BEFORE, LAST)),
        overridden("rehabilitation", LAST, 6, "patient-refuses"),
        overridden("rehabilitation", LAST, 7, "action-completed"),
        Shown("rehabilitation", BEFORE, 8, fate="silenced"),
        Shown("psychosocial_assessment", LAST, 11, fate="shadow"),
        *(overridden("suspected_cord_compression", at, 90) for at in (BEFORE, LAST)),
        *(overridden("bone_scan_low_yield", at, 30, service=ORDER_SIGN) for at in (BEFORE, LAST)),
        Shown(HOSTILE, LAST, 9),
        Shown("pain_team", LAST, 500, tenant="elsewhere"),
    )
    store.engine.dispose()
    with serving(folder, "--tenant", str(folder / "tenant.toml")) as running:
        yield running


@pytest.fixture
def signed_in(browser: Browser, watch: Watch, site: RunningServer) -> Iterator[Any]:
    """Opens an address as a reader."""
    contexts: list[BrowserContext] = []
    watch.hosts.add(site.url.removeprefix("http://"))

    def opened(path: str, name: str = "chair", size: tuple[int, int] = WIDE) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            http_credentials={"username": name, "password": PASSWORD},
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        context.on("page", watch.follow)
        page = context.new_page()
        page.goto(site.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()


def row(page: Page, title: str) -> Any:
    begins = page.get_by_role("rowheader", name=re.compile(f"^{re.escape(title)}"))
    return page.get_by_role("table", name="Rules", exact=True).get_by_role("row").filter(has=begins)


def cells(page: Page, title: str) -> dict[str, str]:
    """What stands in a row, by the label of its column."""
    found = row(page, title).get_by_role("cell").all()
    return {str(one.get_attribute("data-label")): one.inner_text().split("\n")[0].strip() for one in found}


# -- nothing to strangers


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard.csv", "/dashboard?rule=pain_team"])
def test_a_stranger_gets_nothing(site: RunningServer, path: str) -> None:
    for auth in (None, ("chair", "wrong password"), ("nobody", PASSWORD)):
        answer = requests.get(site.url + path, auth=auth, timeout=10)
        assert answer.status_code == 401
        assert "Pain team" not in answer.text
        assert "pain_team" not in answer.text
    assert requests.post(f"{site.url}/dashboard/decisions", timeout=10).status_code == 401


def test_it_is_not_there_where_nobody_may_read(tmp_path: Path) -> None:
    variables = {"SPINE_CDS_DATABASE": f"sqlite:///{tmp_path / 'store.db'}"}
    client = create_app(config.from_environment(variables)).test_client()
    for path in ("/dashboard", "/dashboard.csv"):
        assert client.get(path, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 404
        assert client.get(path, environ_base={"REMOTE_ADDR": "127.0.0.1"}).status_code == 200
    away = client.get("/", environ_base={"REMOTE_ADDR": "192.0.2.7"}).get_data(as_text=True)
    assert "/dashboard" not in away


def test_nobody_keeps_or_frames_it(site: RunningServer) -> None:
    answer = requests.get(f"{site.url}/dashboard", auth=("chair", PASSWORD), timeout=10)
    assert answer.headers["Cache-Control"] == "no-store"
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert " style=" not in answer.text
    assert "<script" not in answer.text


# -- the numbers


def test_numbers_of_the_ledger(signed_in: Any) -> None:
    page = signed_in("/dashboard?period=week")
    found = cells(page, "Rehabilitation")
    assert {name: found[name] for name in ("Shown", "Patients", "Ignored", "Waiting", "Suppressed", "Shadow")} == {
        "Shown": "31",
        "Patients": "31",
        "Ignored": "0",
        "Waiting": "0",
        "Suppressed": "8",
        "Shadow": "0",
    }
    assert found["Accepted"].startswith("18")
    assert found["Overridden"].startswith("13")
    assert "58 % (41 to 74 %)" in row(page, "Rehabilitation").inner_text()
    assert cells(page, knowledge.load("psychosocial_assessment").title)["Shadow"] == "11"
    reasons = page.get_by_role("table", name="Overridden cards by reason").get_by_role("row").filter(has_text="Rehab")
    assert "Action completed: 7" in reasons.inner_text()
    assert "Patient refuses: 6" in reasons.inner_text()


def test_what_is_small_is_hidden_and_cannot_be_taken_from_the_rest(signed_in: Any) -> None:
    page = signed_in("/dashboard?period=week")
    found = cells(page, "Pain team")
    assert found["Shown"] == "84"
    assert found["Accepted"] == "not shown"  # two weeks with fewer than five each
    assert found["Overridden"].startswith("76 or more")
    page.get_by_role("link", name="Pain team").click()
    weeks = page.get_by_role("table", name="By week").get_by_role("row")
    first = weeks.filter(has_text=periods.of(BEFORE.date(), "week").name)
    expect(first).to_contain_text("fewer than 5")
    expect(first).to_contain_text("38 or more")
    assert "40" not in first.inner_text().split()


def test_real_calls_and_their_answers(served: RunningServer, context: BrowserContext, watch: Watch) -> None:
    """Six patients are opened over HTTP; five cards are accepted, one is overridden."""
    watch.hosts.add(served.url.removeprefix("http://"))
    page = context.new_page()
    page.goto(f"{served.url}/dashboard?period=week&to={NOW.date()}")
    expect(page.get_by_text("The ledger is empty")).to_be_visible()
    expect(page.get_by_role("table", name="Rules", exact=True)).to_be_visible()
    assert_accessible(page)
    for number in range(6):
        body = call_body()
        patient = str(body["context"]["patientId"])
        body = json.loads(json.dumps(body).replace(patient, f"{patient}-{number}"))
        cards = served.post(body).json()["cards"]
        said = {
            "card": cards[0]["uuid"],
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": cards[0]["suggestions"][0]["uuid"]}],
        }
        if number == 5:
            said = {"card": cards[0]["uuid"], "outcome": "overridden"}
        moment = datetime.now(UTC).isoformat()
        report = {"feedback": [{**said, "outcomeTimestamp": moment}]}
        answer = requests.post(f"{served.url}/cds-services/spine-patient-view/feedback", json=report, timeout=10)
        assert answer.status_code == 200, answer.text
    page.reload()
    (rule,) = cards[0]["extension"]["org.spine-cds.rules"][:1]
    title = served.get(f"/rules/{rule['rule']}", headers={"Accept": "application/json"}).json()["title"]
    found = cells(page, title)
    assert (found["Shown"], found["Patients"]) == ("6", "6")
    assert found["Accepted"] == "not shown"  # 5 and 1 are 6: the one could be told from the five
    served.post(body)
    page.reload()
    assert cells(page, title)["Shown"] == "7"


def test_filters_by_keyboard(signed_in: Any, site: RunningServer) -> None:
    page = signed_in("/dashboard")
    page.get_by_label("Period").focus()
    page.keyboard.press("w")
    page.get_by_label("Hook").focus()
    page.keyboard.type("order-sign")
    page.get_by_label("Rule", exact=True).focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"hook=order-sign"))
    assert "period=week" in page.url
    table = page.get_by_role("table", name="Rules", exact=True)
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table).to_contain_text("order-sign, live")
    page.get_by_label("Hook").select_option("")
    page.get_by_label("Mode").select_option("shadow")
    page.get_by_role("button", name="Show").click()
    expect(table.get_by_role("row")).to_have_count(2)
    expect(table).to_contain_text("patient-view, shadow")


def test_what_cannot_be_understood_is_said_beside_the_form(signed_in: Any) -> None:
    page = signed_in("/dashboard?from=2026-13-01&rule=nothing")
    expect(page.get_by_role("alert").first).to_contain_text("From: A day as YYYY-MM-DD, please.")
    expect(page.get_by_text("Rule: There is no such rule.")).to_be_visible()
    expect(page.get_by_label("From")).to_have_attribute("aria-invalid", "true")


def test_one_rule_has_its_trend_as_a_plot_and_as_a_table(signed_in: Any) -> None:
    page = signed_in("/dashboard?period=week")
    expect(page.get_by_role("img", name=re.compile("Shown in each week, oldest first: .*22"))).to_be_visible()
    page.get_by_role("link", name="Rehabilitation").click()
    expect(page.get_by_role("heading", name="Rehabilitation, patient-view")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Override rate of Rehabilitation"))).to_be_visible()
    week = (
        page.get_by_role("table", name="By week")
        .get_by_role("row")
        .filter(has_text=periods.of(LAST.date(), "week").name)
    )
    expect(week).to_contain_text("59 %")  # 13 of 22
    page.get_by_role("link", name="What this rule asks and says").click()
    expect(page).to_have_url(re.compile(r"/rules/rehabilitation$"))


def test_the_file(signed_in: Any) -> None:
    page = signed_in("/dashboard?period=week")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download as CSV").click()
    text = Path(started.value.path()).read_text(encoding="utf-8")
    assert started.value.suggested_filename.endswith(".csv")
    found = list(csv.DictReader(io.StringIO(text)))
    pain = next(one for one in found if one["rule"] == "pain_team" and one["first_day"] == BEFORE.date().isoformat())
    assert (pain["shown"], pain["accepted"], pain["overridden"]) == ("42", "fewer than 5", "38 or more")
    assert not any(value.lstrip().startswith(("=", "+", "-", "@")) for one in found for value in one.values())
    assert any(one["rule"] == f"'{HOSTILE}" for one in found)


def test_two_files_do_not_differ_by_what_is_hidden(site: RunningServer) -> None:
    """With a week more or less, by week or month, filtered or not: the line of a hidden week stays the same."""

    def lines(**asked: str) -> dict[tuple[str, str, str], dict[str, str]]:
        answer = requests.get(f"{site.url}/dashboard.csv", params=asked, auth=("chair", PASSWORD), timeout=10)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        read = csv.DictReader(io.StringIO(answer.text))
        return {(one["period"], one["rule"], one["hook"]): one for one in read}

    early, late = (BEFORE - timedelta(days=21)).date().isoformat(), (LAST + timedelta(days=6)).date().isoformat()
    whole = lines(period="week", **{"from": early, "to": late})
    day = (BEFORE + timedelta(days=2)).date().isoformat()
    for asked in (
        {"period": "week", "from": early, "to": day},
        {"period": "week", "from": day, "to": day},
        {"period": "week", "from": early, "to": late, "hook": "patient-view"},
        {"period": "week", "from": early, "to": late, "rule": "pain_team"},
    ):
        part = lines(**asked)
        assert part
        assert all(whole[key] == one for key, one in part.items())
    month = lines(period="month", **{"from": early, "to": late})
    assert not any(
        re.fullmatch("[1-4]", one[column]) for one in month.values() for column in ("accepted", "overridden")
    )
    assert {one["accepted"] for key, one in month.items() if key[1] == "pain_team"} <= {
        "fewer than 5",
        "not shown",
        "0",
    }


def test_a_wrong_question_is_refused_for_the_file(site: RunningServer) -> None:
    answer = requests.get(f"{site.url}/dashboard.csv?from=x", auth=("chair", PASSWORD), timeout=10)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["from"]


# -- proposals


def test_only_the_approver_decides_and_the_rule_stays_as_it_is(signed_in: Any, site: RunningServer) -> None:
    other = signed_in("/dashboard", name="pharmacist")
    proposal = other.get_by_role("region", name="Pain team")
    expect(proposal).to_contain_text("Proposed to chair")
    expect(proposal).to_contain_text('"pain_team" = "shadow"')
    expect(other.get_by_role("button", name="Record decision")).to_have_count(0)
    exempt = other.get_by_role("region", name="Suspected spinal cord compression")
    expect(exempt).to_have_count(0)
    other.get_by_text("Never proposed:").click()
    expect(other.get_by_role("listitem").filter(has_text="Suspected spinal cord compression")).to_be_visible()

    page = signed_in("/dashboard")
    assert_accessible(page)
    proposal = page.get_by_role("region", name="Pain team")
    expect(proposal).to_contain_text("38 or more of 42 cards overridden for reasons that speak against the card")
    expect(proposal).to_contain_text("shown to 42 patients: ")
    expect(proposal).to_contain_text("CDS not applicable: not shown")
    expect(page.get_by_role("region", name="Bone scan")).to_contain_text("No reason given: 30")
    proposal.get_by_label("Declined").check()
    proposal.get_by_role("button", name="Record decision").press("Enter")
    page.wait_for_url(f"{site.url}/dashboard")
    proposal = page.get_by_role("region", name="Pain team")
    expect(proposal).to_contain_text("chair declined")
    expect(proposal.get_by_role("button")).to_have_count(0)

    title = knowledge.load("bone_scan_low_yield").title
    bone_scan = page.get_by_role("region", name=title)
    bone_scan.get_by_label("Agreed").check()
    bone_scan.get_by_role("button", name="Record decision").click()
    expect(page.get_by_role("region", name=title)).to_contain_text("The tenant file still shows the rule.")
    mode = site.get("/rules/bone_scan_low_yield", headers={"Accept": "application/json"}).json()["mode"]
    assert mode == "live"
    later = str(NOW.date() + timedelta(days=9))
    again = post(site, headers=PROGRAM, rule="pain_team", decided="agreed", until=later)
    assert again.status_code == 400
    assert again.json()["issue"][0]["diagnostics"] == "This rule is not proposed now."


OURS = {"Sec-Fetch-Site": "same-origin"}
PROGRAM = {**OURS, "Accept": "application/json"}


def post(site: RunningServer, name: str = "chair", headers: dict[str, str] | None = None, **fields: str) -> Any:
    return requests.post(
        f"{site.url}/dashboard/decisions",
        data=fields,
        auth=(name, PASSWORD),
        headers=OURS if headers is None else headers,
        allow_redirects=False,
        timeout=10,
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_form_of_another_page_decides_nothing(site: RunningServer, headers: dict[str, str]) -> None:
    later = str(NOW.date() + timedelta(days=9))
    answer = post(site, headers=headers, rule="bone_scan_low_yield", decided="agreed", until=later)
    assert answer.status_code == 400
    assert "Not recorded. This form was not sent from the dashboard." in answer.text


@pytest.mark.parametrize(
    ("name", "fields", "complaint"),
    [
        ("pharmacist", {}, "Only the approver"),
        ("chair", {"rule": "suspected_cord_compression"}, "not proposed now"),
        ("chair", {"rule": "rehabilitation"}, "not proposed now"),
        ("chair", {"rule": HOSTILE}, "not proposed now"),
    ],
)
def test_what_cannot_be_decided(site: RunningServer, name: str, fields: dict[str, str], complaint: str) -> None:
    later = str(NOW.date() + timedelta(days=9))
    answer = post(site, name, **{"rule": "pain_team", "decided": "agreed", "until": later, **fields})
    assert answer.status_code == 400
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Not recorded." in answer.text
    assert complaint in answer.text
    assert HOSTILE not in answer.text


# -- how it looks and what stands in it


def test_text_of_the_ledger_is_text(signed_in: Any) -> None:
    page = signed_in("/dashboard?period=week")
    expect(page.get_by_role("rowheader", name=HOSTILE)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert page.get_by_role("table", name="Rules", exact=True).get_by_text("500").count() == 0


@pytest.mark.parametrize("size", [NARROW, WIDE])
@pytest.mark.parametrize("path", ["/dashboard?period=week", "/dashboard?period=week&rule=rehabilitation"])
def test_everybody_can_use_it(signed_in: Any, path: str, size: tuple[int, int]) -> None:
    assert_accessible(signed_in(path, size=size))


# -- the application itself, for a fresh ledger each


def browse(folder: Path, *shown: Shown, **variables: str) -> Any:
    (folder / "tenant.toml").write_text(TENANT)
    database = f"sqlite:///{folder / 'store.db'}"
    store = open_store(database)
    write(store, *shown)
    store.engine.dispose()
    given = {"TENANT": str(folder / "tenant.toml"), "DATABASE": database, **variables}
    return create_app(config.from_environment({f"SPINE_CDS_{name}": one for name, one in given.items()})).test_client()


PROPOSED = [overridden("pain_team", at, 40) for at in (BEFORE, LAST)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"decided": ""}, "decided"),
        ({"decided": "shadow"}, "decided"),
        ({"until": ""}, "until"),
        ({"until": "soon"}, "until"),
        ({"until": str(NOW.date())}, "until"),
        ({"until": str(NOW.date() + timedelta(days=400))}, "until"),
        ({"rule": ""}, "rule"),
    ],
)
def test_a_decision_that_cannot_be_kept_names_its_field(tmp_path: Path, changes: dict[str, str], field: str) -> None:
    client = browse(tmp_path, *PROPOSED)
    later = str(NOW.date() + timedelta(days=30))
    form = {"rule": "pain_team", "decided": "declined", "until": later}
    send: Any = {"auth": ("chair", PASSWORD), "headers": {"Sec-Fetch-Site": "same-origin"}}
    said = client.post("/dashboard/decisions", data={**form, **changes}, **send)
    assert said.status_code == 400
    named = {"decided": "Decision", "until": "Until", "rule": "Rule"}[field]
    assert f'role="alert">Not recorded. {named}: ' in said.get_data(as_text=True)
    assert "Record decision" in said.get_data(as_text=True)  # it can be said again
    program = {**send, "headers": PROGRAM}
    refused = client.post("/dashboard/decisions", data={**form, **changes}, **program)
    assert refused.status_code == 400
    assert refused.get_json()["issue"][0]["expression"] == [field]
    kept = client.post("/dashboard/decisions", data=form, **send)
    assert (kept.status_code, kept.headers["Location"]) == (303, "/dashboard")
    assert kept.headers["Cache-Control"] == "no-store"
    page = client.get("/dashboard", auth=("chair", PASSWORD)).get_data(as_text=True)
    assert f"not proposed again until {later}" in page
    assert "Record decision" not in page


def test_a_form_that_cannot_be_read_is_answered_with_the_page(tmp_path: Path) -> None:
    client = browse(tmp_path, *PROPOSED)
    for more, status in (({"json": {}}, 415), ({"data": {"rule": "x" * 100_000}}, 413)):
        answer = client.post("/dashboard/decisions", auth=("chair", PASSWORD), headers=OURS, **more)
        assert answer.status_code == status
        assert 'role="alert">Not recorded. ' in answer.get_data(as_text=True)


def test_the_running_period_is_seen_only_by_who_asks_for_it(tmp_path: Path) -> None:
    """Who loads the usual view twice, with a call in between, sees the same numbers."""
    client = browse(tmp_path, overridden("pain_team", LAST, 12), Shown("pain_team", NOW, 7))

    def text(**asked: str) -> str:
        answer = client.get("/dashboard", query_string={"period": "week", **asked}, auth=("chair", PASSWORD))
        return str(answer.get_data(as_text=True))

    usual, whole = text(), text(to=str(NOW.date()))
    assert '<td data-label="Shown">12</td>' in usual
    assert '<td data-label="Shown">19</td>' in whole
    assert "its numbers change with each call" in whole
    assert "The running week is left out" in usual
    assert f"to={NOW.date()}" in usual


def test_a_time_of_which_calls_were_deleted_is_left_out(tmp_path: Path) -> None:
    """A week of which only a part is kept would look quieter than it was."""
    old = datetime.combine(periods.of((NOW - timedelta(days=20)).date(), "week").first, datetime.min.time())
    shown = [Shown("pain_team", old + timedelta(days=6, hours=1), 50), Shown("pain_team", NOW, 7)]
    asked = {"period": "week", "from": str((NOW - timedelta(days=30)).date()), "to": str(NOW.date())}
    for days, total, left_out in (("400", "57", False), ("17", "7", True)):
        client = browse(tmp_path, *(shown if days == "400" else []), RETENTION_DAYS=days)
        answer = client.get("/dashboard", query_string=asked, auth=("chair", PASSWORD)).get_data(as_text=True)
        assert f'<td data-label="Shown">{total}</td>' in answer
        assert ("calls of that time have been deleted" in answer) == left_out


def test_without_an_approver_nobody_decides(tmp_path: Path) -> None:
    client = browse(tmp_path, *PROPOSED)
    named = (tmp_path / "tenant.toml").read_text()
    (tmp_path / "tenant.toml").write_text(named.replace('approver = "chair"\n', ""))
    variables = {"TENANT": str(tmp_path / "tenant.toml"), "DATABASE": f"sqlite:///{tmp_path / 'store.db'}"}
    client = create_app(
        config.from_environment({f"SPINE_CDS_{name}": one for name, one in variables.items()})
    ).test_client()
    page = client.get("/dashboard", auth=("chair", PASSWORD)).get_data(as_text=True)
    assert "Nobody is named who could decide" in page
    assert "Record decision" not in page
    refused = client.post(
        "/dashboard/decisions",
        data={"rule": "pain_team", "decided": "agreed", "until": str(NOW.date() + timedelta(days=3))},
        auth=("", ""),
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert refused.status_code == 401
