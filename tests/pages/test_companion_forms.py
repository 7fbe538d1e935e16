"""What the companion says and asks before anything is written: a real browser, a SMART login, a real FHIR server."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cds_service import pages
from fhir_mappings import assessments
from fhir_mappings.assessments import Filled
from tests import smart_ehr
from tests.doctor import real_server
from tests.doctor.charts import SCT, coded
from tests.doctor.real_server import RealServer
from tests.pages.conftest import NARROW, Opened, Watch, assert_accessible
from tests.pages.test_companion import SINS, fill_sins, person
from tests.service.conftest import RunningServer
from tests.smart_ehr import Ehr

SKETCHES = Path(pages.__file__).parent / "static" / "companion"
SYSTEMIC = re.compile("^Systemic")
YESTERDAY = (date.today() - timedelta(days=1)).isoformat()
LONG_AGO = (date.today() - timedelta(days=400)).isoformat()
SINS_14 = (("location", 3), ("pain", 3), ("lesion", 2), ("alignment", 0), ("collapse", 3), ("posterolateral", 3))


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with real_server.running(tmp_path_factory.mktemp("fhir")) as server:
        yield server


@pytest.fixture
def ehr(behind: RealServer, served: RunningServer, watch: Watch) -> Iterator[Ehr]:
    with smart_ehr.running(behind) as one:
        one.register(served.url)
        watch.hosts |= {one.url.removeprefix("http://"), served.url.removeprefix("http://")}
        yield one


def load(behind: RealServer, name: str, *recorded: tuple[Filled, str]) -> None:
    """A patient with breast cancer, spinal metastases, and what was recorded on some days."""
    one = person(name, "Muster", "spine mets")
    for number, (filled, day) in enumerate(recorded):
        resource = assessments.observation(filled, name, "", day, str(uuid.uuid4()))
        one.resources.append({**resource, "id": f"{name}-old{number}"})
    behind.load(*one.resources)


def review(page: Page) -> None:
    page.get_by_role("button", name="Review and write").click()


def write(page: Page) -> None:
    page.get_by_role("button", name="Write to the chart").click()


def fill_stable(page: Page) -> None:
    """SINS 3 at T12: nothing but its location."""
    fill_sins(page)
    for item, answer in (
        ("Pain", "Pain-free"),
        ("Bone lesion", "Blastic"),
        ("Vertebral body collapse", "None of these"),
        ("Posterolateral involvement of spinal elements", "None"),
    ):
        page.get_by_role("group", name=item, exact=True).get_by_label(answer).check()


def test_a_stable_score_does_not_replace_an_unstable_one_unasked(
    behind: RealServer, ehr: Ehr, served: RunningServer, open_page: Opened
) -> None:
    load(behind, "calmer", (Filled("sins", 14, "T12", SINS_14), YESTERDAY))
    page = open_page(ehr.launch(served.url, "calmer"))
    fill_stable(page)
    review(page)
    entry = page.get_by_role("listitem").filter(has_text="SINS at T12: 3, stable")
    expect(entry).to_contain_text(f"In the chart now: SINS 14 at T12, {YESTERDAY}, unstable (Observation/calmer-old0)")
    sure = page.get_by_role("checkbox", name=f"The chart says worse: SINS 14 at T12, {YESTERDAY}, unstable")
    expect(sure).not_to_be_checked()
    assert_accessible(page)
    write(page)
    expect(page.get_by_role("heading", name="Confirm what is written")).to_be_visible()  # the browser asks for it
    assert ehr.written == []
    sure.check()
    write(page)
    expect(page.get_by_role("region", name="What was written")).to_contain_text("Written: SINS at T12: 3, stable")
    mechanical = page.get_by_role("region", name="What is known (NOMS)").get_by_role("row", name="Mechanical")
    expect(mechanical).to_contain_text("Stable now, unstable before")
    expect(mechanical).to_contain_text(f"earlier, graver: SINS 14 at T12, {YESTERDAY} Observation/calmer-old0")


def test_the_server_asks_too_where_the_browser_does_not(
    behind: RealServer, ehr: Ehr, served: RunningServer, open_page: Opened
) -> None:
    load(behind, "unasked", (Filled("frankel", "frankel-c"), YESTERDAY))
    page = open_page(ehr.launch(served.url, "unasked"))
    page.get_by_text("Frankel", exact=True).click()
    page.get_by_role("group", name="Frankel grade").get_by_label("Frankel grade E").check()
    review(page)
    page.locator("form#write").evaluate("form => { form.noValidate = true; }")
    write(page)
    expect(page.get_by_role("alert")).to_contain_text("Nothing was written. Confirm each point")
    assert ehr.written == []
    page.get_by_role("checkbox", name="The chart says worse: Frankel grade C").check()
    write(page)
    expect(page.get_by_role("region", name="What was written")).to_contain_text(
        "Written: Frankel grade: Frankel grade E"
    )


def test_a_graver_score_is_written_without_a_question(
    behind: RealServer, ehr: Ehr, served: RunningServer, open_page: Opened
) -> None:
    load(behind, "graver", (Filled("sins", 5, "T12"), YESTERDAY))
    page = open_page(ehr.launch(served.url, "graver"))
    fill_sins(page)
    review(page)
    expect(page.get_by_role("listitem").filter(has_text="SINS at T12: 14")).to_contain_text("In the chart now: SINS 5")
    expect(page.get_by_role("checkbox")).to_have_count(0)
    expect(page.get_by_role("alert")).to_contain_text("call the spine surgeon now")
    write(page)
    expect(page.get_by_role("region", name="What was written")).to_contain_text("Written: SINS at T12: 14")


def test_an_unstable_score_with_an_open_item_is_written_and_changes_the_advice(
    behind: RealServer, ehr: Ehr, served: RunningServer, open_page: Opened
) -> None:
    load(behind, "partial")
    page = open_page(ehr.launch(served.url, "partial"))
    fill_sins(page)
    page.get_by_role("group", name="Radiographic spinal alignment").get_by_label("Not assessed").check()
    expect(page.get_by_role("status", name="SINS total")).to_have_text("14 to 18, unstable (1 of 6 items open)")
    review(page)
    expect(page.get_by_role("alert")).to_contain_text("call the spine surgeon now")
    expect(page.get_by_text("Radiographic spinal alignment: not assessed, not written")).to_be_visible()
    write(page)
    expect(page.get_by_role("region", name="Advice now")).to_contain_text("Unstable spine, SINS 14 to 18 at T12")
    (written,) = ehr.observations("partial")
    assert "valueInteger" not in written
    assert len(written["component"]) == 5


def test_a_sacral_lesion_can_be_scored(behind: RealServer, ehr: Ehr, served: RunningServer, open_page: Opened) -> None:
    load(behind, "sacral")
    page = open_page(ehr.launch(served.url, "sacral"))
    fill_sins(page, "S2")
    page.get_by_role("group", name="Location", exact=True).get_by_label("Rigid: S2").check()
    review(page)
    write(page)
    expect(page.get_by_role("region", name="What was written")).to_contain_text("Written: SINS at S2: 11")
    (written,) = ehr.observations("sacral")
    assert written["bodySite"]["coding"][0]["code"] == "11808007"
    mechanical = page.get_by_role("region", name="What is known (NOMS)").get_by_role("row", name="Mechanical")
    expect(mechanical).to_contain_text("SINS 11 at S2")


def test_the_systemic_axis_can_be_filled_and_shows_what_was_recorded(
    behind: RealServer, ehr: Ehr, served: RunningServer, open_page: Opened
) -> None:
    load(behind, "systemic", (Filled("tokuhashi", 9), YESTERDAY), (Filled("kps", 90), LONG_AGO))
    page = open_page(ehr.launch(served.url, "systemic"))
    systemic = page.get_by_role("region", name="What is known (NOMS)").get_by_role("row", name=SYSTEMIC)
    expect(systemic).to_contain_text(f"recorded: revised Tokuhashi score 9, {YESTERDAY} (0 to 15, higher is better)")
    expect(systemic).to_contain_text(f"too old to count: Karnofsky 90, {LONG_AGO}")
    expect(systemic).to_contain_text("performance status within 30 days")
    page.get_by_text("ECOG performance status").first.click()
    page.get_by_role("group", name="ECOG performance status").get_by_label("1: Restricted").check()
    page.get_by_label("Months, as you and the team see it").fill("12")
    review(page)
    write(page)
    expect(page.get_by_role("region", name="What was written").get_by_role("listitem")).to_have_count(2)
    expect(systemic).to_contain_text("Fit for surgery")
    expect(systemic).to_contain_text("ECOG 1")


def test_an_answer_that_contradicts_the_chart_is_flagged_on_form_and_review(
    behind: RealServer, ehr: Ehr, served: RunningServer, open_page: Opened
) -> None:
    load(behind, "against")
    page = open_page(ehr.launch(served.url, "against"))
    page.get_by_text("Modified Bauer", exact=False).and_(page.locator("summary")).click()
    bauer = page.get_by_role("region", name="Prognosis").locator("details[open]")
    lung = bauer.get_by_role("group", name="Primary tumour is not lung cancer")
    expect(lung.get_by_text("contradicts the chart")).to_be_hidden()
    lung.get_by_label("It is lung cancer").check()
    expect(lung.get_by_text("contradicts the chart")).to_be_visible()
    for item, answer in (
        ("No visceral", "There are some"),
        ("Breast, kidney", "No 0"),
        ("Solitary skeletal", "No 0"),
    ):
        bauer.get_by_role("group", name=item).get_by_label(answer).check()
    expect(page.get_by_role("status", name="Modified Bauer total")).to_have_text(
        "0, historical strategy: supportive care, no surgery"
    )
    expect(bauer.get_by_text("no reason by itself to refuse treatment")).to_be_visible()
    assert_accessible(page)
    review(page)
    expect(page.get_by_text("no reason by itself to refuse treatment")).to_be_visible()
    expect(page.get_by_role("checkbox", name="It is lung cancer. By the chart (breast cancer)")).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(2)
    assert_accessible(page)


def test_a_score_that_was_not_made_for_the_disease_says_so(
    behind: RealServer, ehr: Ehr, served: RunningServer, open_page: Opened
) -> None:
    one = person("myeloma", "Muster", "spine mets")
    one.condition(coded(SCT, "109989006", text="myeloma"), recordedDate="2025-03-01")
    one.resources = [r for r in one.resources if r.get("code", {}).get("text") != "breast cancer"]
    behind.load(*one.resources)
    page = open_page(ehr.launch(served.url, "myeloma"))
    page.get_by_text("Revised Tokuhashi", exact=False).and_(page.locator("summary")).click()
    tokuhashi = page.get_by_role("region", name="Prognosis").locator("details[open]")
    expect(tokuhashi.get_by_text("Not calibrated for this disease.")).to_be_visible()
    expect(tokuhashi.get_by_text("mostly too pessimistic")).to_be_visible()


def test_function_that_no_patient_can_have_is_asked_about(
    behind: RealServer, ehr: Ehr, served: RunningServer, open_page: Opened
) -> None:
    load(behind, "function")
    page = open_page(ehr.launch(served.url, "function"))
    page.get_by_text("Frankel", exact=True).click()
    page.get_by_role("group", name="Frankel grade").get_by_label("Frankel grade E").check()
    page.get_by_text("ASIA impairment scale", exact=True).first.click()
    page.get_by_role("group", name="ASIA impairment scale").get_by_label("AIS grade A").check()
    page.get_by_label("Months, as you and the team see it").fill("0")
    review(page)
    expect(
        page.get_by_role("checkbox", name="Frankel grade E does not go with ASIA impairment scale A")
    ).to_be_visible()
    expect(page.get_by_role("checkbox", name="Life expectancy: 0 months.")).to_be_visible()


GREY = """svg => new Promise(done => {
  const picture = new Image();
  picture.onload = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 56, height: 42 });
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const column = x => Array.from({ length: 42 }, (_, y) => context.getImageData(x, y, 1, 1).data[2]);
    done([column(15), column(28), column(34)]);
  };
  picture.src = "data:image/svg+xml;base64," + btoa(svg);
})"""


def columns(page: Page, name: str) -> list[list[int]]:
    """The blue of three columns of a sketch, from top to bottom: paper is nearly white, bone and tumour are not."""
    found: list[list[int]] = page.evaluate(GREY, (SKETCHES / f"{name}.svg").read_text(encoding="utf-8"))
    return found


def test_the_sketches_show_what_images_show(browser: Browser) -> None:
    """Blastic is bright and lytic dark, as on CT; a collapse of more than half leaves less than half."""
    page = browser.new_page()
    lytic, blastic = columns(page, "sins-lesion-2")[1][14], columns(page, "sins-lesion-0")[1][14]
    bone = columns(page, "sins-lesion-2")[0][14]
    assert lytic < bone / 4
    assert blastic > bone * 1.5
    height = {n: sum(blue < 225 for blue in columns(page, f"sins-collapse-{n}")[1][3:38]) for n in range(4)}
    assert height[0] >= 30
    assert height[1] >= 30
    assert height[0] / 2 < height[2] < height[0] * 0.95
    assert 0 < height[3] < height[0] * 0.45
    page.close()


def test_without_the_script_open_items_are_named_too(
    browser: Browser, behind: RealServer, ehr: Ehr, served: RunningServer
) -> None:
    load(behind, "plain")
    page = browser.new_context(java_script_enabled=False, viewport={"width": NARROW[0], "height": NARROW[1]}).new_page()
    page.goto(ehr.launch(served.url, "plain"))
    page.get_by_role("group", name="Pain", exact=True).get_by_label(SINS["Pain"]).check()
    page.get_by_text("NESMS", exact=False).and_(page.locator("summary")).click()
    page.get_by_role("region", name="Prognosis").locator("details[open]").get_by_role(
        "group", name="Walking"
    ).get_by_label("Without help").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status", name="SINS total")).to_have_text("3 to 18 (5 of 6 items open)")
    expect(page.get_by_role("status", name="NESMS total")).to_have_text("1 to 3 (2 of 3 items open)")
    page.context.close()
