"""The companion as a clinician uses it: real Chromium, our server, a SMART login, and a real FHIR server behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import smart_ehr
from tests.doctor import real_server
from tests.doctor.charts import SCT, Person, coded
from tests.doctor.real_server import RealServer
from tests.pages.conftest import NARROW, Opened, Watch, assert_accessible
from tests.service.conftest import RunningServer
from tests.smart_ehr import Ehr

SINS = {  # the six items, and an answer of each: 3 + 3 + 2 + 0 + 3 + 3 = 14
    "Location": "Junctional",
    "Pain": "Mechanical:",
    "Bone lesion": "Lytic",
    "Radiographic spinal alignment": "Normal",
    "Vertebral body collapse": "Collapse of 50 % or more",
    "Posterolateral involvement of spinal elements": "Both sides",
}


def person(name: str, family: str, label: str) -> Person:
    """An adult with breast cancer and a metastasis of the spine, on record since this year."""
    one = Person(name)
    one.id = name
    one.resources[0] |= {"id": name, "name": [{"family": family, "given": ["Anna"]}]}
    active = coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")
    one.condition(coded(SCT, "254837009", text="breast cancer"), clinicalStatus=active, recordedDate="2025-03-01")
    one.condition(coded(SCT, "94602001", text=label), clinicalStatus=active, recordedDate="2026-10-01")
    return one


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with real_server.running(tmp_path_factory.mktemp("fhir")) as server:
        yield server


@pytest.fixture
def ehr(behind: RealServer, served: RunningServer) -> Iterator[Ehr]:
    with smart_ehr.running(behind) as one:
        one.redirect_uri = f"{served.url}/smart/callback"
        yield one


def opened(ehr: Ehr, behind: RealServer, served: RunningServer, open_page: Opened, watch: Watch, name: str, **more: Any) -> Page:
    """A new patient's companion, launched as the EHR launches it."""
    behind.load(*person(name, "Muster", "spine mets").resources)
    watch.hosts.add(ehr.url.removeprefix("http://"))
    return open_page(ehr.launch(served.url, name), **more)


def fill_sins(page: Page, level: str = "T12") -> None:
    page.get_by_role("region", name="Spinal instability (SINS)").get_by_label("Level").select_option(level)
    for item, answer in SINS.items():
        page.get_by_role("group", name=item, exact=True).get_by_label(answer).check()


def test_a_gap_is_filled_and_the_advice_changes(
    ehr: Ehr, behind: RealServer, served: RunningServer, open_page: Opened, watch: Watch
) -> None:
    page = opened(ehr, behind, served, open_page, watch, "gap")
    expect(page.get_by_role("group", name="Patient")).to_contain_text("Anna Muster")
    expect(page.get_by_role("status", name="SINS total")).to_contain_text("0 to 18")
    fill_sins(page)
    expect(page.get_by_role("status", name="SINS total")).to_have_text("14, unstable")
    page.get_by_role("button", name="Review and write").click()
    page.screenshot(path="/tmp/shots/companion-review.png", full_page=True)
    expect(page.get_by_text("SINS at T12: 14, unstable")).to_be_visible()
    page.get_by_role("button", name="Write to the chart").click()
    expect(page.get_by_role("region", name="What was written")).to_contain_text("Written: SINS at T12")
    expect(page.get_by_role("region", name="Advice now")).to_contain_text("Unstable spine, SINS 14 at T12")
    page.screenshot(path="/tmp/shots/companion-after.png", full_page=True)
    (written,) = [one for one in ehr.observations("gap") if one["code"]["coding"][0]["code"] == "sins"]
    assert written["valueInteger"] == 14
    assert written["status"] == "final"
    assert len(written["component"]) == 6
    assert [one["performer"] for one in ehr.written] == [[{"reference": smart_ehr.USER}]]
