"""The companion as a clinician uses it: real Chromium, our server, a SMART login, and a real FHIR server behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests import smart_ehr
from tests.doctor import real_server
from tests.doctor.charts import SCT, Person, coded
from tests.doctor.real_server import RealServer
from tests.pages.conftest import NARROW, WIDE, Opened, Watch, assert_accessible
from tests.service.conftest import RunningServer
from tests.smart_ehr import Ehr

SINS = {  # the six items, and an answer of each: 3 + 3 + 2 + 0 + 3 + 3 = 14
    "Location": "Junctional",
    "Pain": "Mechanical:",
    "Bone lesion": "Lytic",
    "Radiographic spinal alignment": "Normal",
    "Vertebral body collapse": "Collapse of more than 50 %",
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
        one.register(served.url)
        yield one


Start = Callable[..., Page]


@pytest.fixture
def start(ehr: Ehr, behind: RealServer, served: RunningServer, open_page: Opened, watch: Watch) -> Start:
    """The companion of a patient, launched as the EHR launches it from a card's link."""
    watch.hosts.add(ehr.url.removeprefix("http://"))

    def started(
        name: str,
        family: str = "Muster",
        label: str = "spine mets",
        load: bool = True,
        framed: bool = False,
        size: tuple[int, int] = WIDE,
    ) -> Page:
        if load:
            behind.load(*person(name, family, label).resources)
        launch = ehr.launch(served.url, name)
        watch.hosts.add(served.url.removeprefix("http://"))
        return open_page(ehr.pane(launch) if framed else launch, size)

    return started


def fill_sins(page: Page, level: str = "T12") -> None:
    page.get_by_role("region", name="Spinal instability (SINS)").get_by_label("Level").select_option(level)
    page.get_by_label("Date of the images").fill(date.today().isoformat())
    for item, answer in SINS.items():
        page.get_by_role("group", name=item, exact=True).get_by_label(answer).check()


def sins_total(page: Page) -> Locator:
    return page.get_by_role("status", name="SINS total")


def kept(page: Page) -> None:
    """Waits until the server has what was filled in."""
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()


def codes(ehr: Ehr, patient: str) -> list[str]:
    return sorted(one["code"]["coding"][0]["code"] for one in ehr.observations(patient))


def test_a_gap_is_filled_and_the_advice_changes(start: Start, ehr: Ehr) -> None:
    page = start("gap")
    expect(page.get_by_role("group", name="Patient")).to_contain_text("Anna Muster")
    grid = page.get_by_role("region", name="What is known (NOMS)")
    expect(grid.get_by_role("row", name="Mechanical")).to_contain_text("SINS within 30 days")
    expect(grid.get_by_role("row", name="Oncologic")).to_contain_text("Condition/gap-1")
    expect(page.get_by_role("region", name="Advice")).not_to_contain_text("Unstable spine")
    expect(sins_total(page)).to_have_text("0 to 18 (6 of 6 items open)")
    fill_sins(page)
    expect(sins_total(page)).to_have_text("14, unstable")
    page.get_by_role("button", name="Review and write").click()
    expect(page.get_by_role("group", name="Patient")).to_contain_text("Anna Muster")
    expect(page.get_by_text("SINS at T12: 14, unstable")).to_be_visible()
    assert ehr.written == []
    assert_accessible(page)
    page.get_by_role("button", name="Write to the chart").click()
    expect(page.get_by_role("region", name="What was written")).to_contain_text("Written: SINS at T12")
    expect(page.get_by_role("region", name="Advice now")).to_contain_text("Unstable spine, SINS 14 at T12")
    expect(grid.get_by_role("row", name="Mechanical")).to_contain_text("Unstable")
    assert_accessible(page)
    (written,) = ehr.observations("gap")
    assert (written["valueInteger"], written["status"], len(written["component"])) == (14, "final", 6)
    assert written["bodySite"]["text"] == "T12"
    assert [one["performer"] for one in ehr.written] == [[{"reference": smart_ehr.USER}]]
    expect(sins_total(page)).to_have_text("0 to 18 (6 of 6 items open)")


@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_the_page_is_accessible_and_fits(start: Start, size: tuple[int, int]) -> None:
    page = start("fits", size=size)
    for closed in page.get_by_role("group").and_(page.locator("form details")).all():
        closed.locator("summary").click()
    assert_accessible(page)
    for image in page.get_by_role("img").all():
        assert image.evaluate("one => one.complete && one.naturalWidth > 0")
        assert (image.get_attribute("alt") or "").startswith("Sketch: ")


def test_the_form_is_filled_by_keyboard_alone(start: Start, ehr: Ehr) -> None:
    page = start("keys")
    level = page.get_by_role("region", name="Spinal instability (SINS)").get_by_label("Level")
    level.focus()
    page.keyboard.type("T12")  # sets the location too
    page.keyboard.press("Tab")
    page.keyboard.type(date.today().strftime("%m%d%Y"))
    expect(page.get_by_role("group", name="Location").get_by_label("Junctional")).to_be_checked()
    for item in list(SINS)[1:]:
        page.get_by_role("group", name=item).get_by_label("Not assessed").focus()
        page.keyboard.press("ArrowDown")  # round to the first answer, which has the most points
    expect(sins_total(page)).to_have_text("18, unstable")
    page.get_by_role("button", name="Review and write").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Write to the chart").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="What was written")).to_contain_text("SINS at T12: 18")
    assert codes(ehr, "keys") == ["sins"]


def test_all_that_it_takes_is_written_at_once(start: Start, ehr: Ehr) -> None:
    page = start("all")
    page.get_by_role("region", name="Epidural compression (ESCC)").get_by_label("Level").select_option("T5")
    page.get_by_role("group", name="ESCC grade").get_by_label("ESCC grade 1c").check()
    page.get_by_label("MRI of").fill((date.today() - timedelta(days=3)).isoformat())
    page.get_by_text("Frankel", exact=True).click()
    page.get_by_role("group", name="Frankel grade").get_by_label("Frankel grade E").check()
    page.get_by_label("Months, as you and the team see it").fill("7.5")
    page.get_by_text("Tomita", exact=False).and_(page.locator("summary")).click()
    for item, answer in (
        ("Growth of the primary", "Slow"),
        ("Visceral metastases", "None"),
        ("Bone metastases", "Solitary"),
    ):
        page.get_by_role("region", name="Prognosis").locator("details[open]").get_by_role(
            "group", name=item
        ).get_by_label(answer).check()
    expect(page.get_by_role("status", name="Tomita total")).to_have_text(
        "2, historical strategy: wide or marginal excision"
    )
    page.get_by_role("button", name="Review and write").click()
    page.get_by_role("button", name="Write to the chart").click()
    told = page.get_by_role("region", name="What was written").get_by_role("listitem")
    expect(told).to_have_text([re.compile("^Written: ")] * 4)
    assert codes(ehr, "all") == ["escc", "frankel", "life-expectancy", "tomita"]
    by_code = {one["code"]["coding"][0]["code"]: one for one in ehr.observations("all")}
    assert by_code["escc"]["effectiveDateTime"] == (date.today() - timedelta(days=3)).isoformat()
    assert by_code["escc"]["valueCodeableConcept"]["coding"][0]["code"] == "escc-1c"
    assert by_code["life-expectancy"]["valueQuantity"]["code"] == "mo"
    grid = page.get_by_role("region", name="What is known (NOMS)")
    expect(grid.get_by_role("row", name="Neurologic")).to_contain_text("ESCC 1c, no deficit")
    expect(grid.get_by_role("row", name="Systemic")).to_contain_text("life expectancy estimate 7.5 months")


@pytest.mark.parametrize(("status", "words"), [(403, "does not allow you"), (422, "does not accept the content"),
                                               (503, "is busy")])  # fmt: skip
def test_a_refused_write_is_told_and_loses_nothing(
    start: Start, ehr: Ehr, watch: Watch, status: int, words: str
) -> None:
    page = start(f"refused{status}")
    fill_sins(page)
    page.get_by_role("button", name="Review and write").click()
    ehr.refuse = status
    page.get_by_role("button", name="Write to the chart").click()
    told = page.get_by_role("region", name="What was written")
    expect(told).to_contain_text("Not written: SINS at T12")
    expect(told).to_contain_text(words)
    expect(told).to_contain_text("What you have filled in is kept.")
    assert codes(ehr, f"refused{status}") == []
    ehr.refuse = 0
    expect(sins_total(page)).to_have_text("14, unstable")
    page.get_by_role("button", name="Review and write").click()
    page.get_by_role("button", name="Write to the chart").click()
    expect(told).to_contain_text("Written: SINS at T12")
    assert codes(ehr, f"refused{status}") == ["sins"]


def test_an_answer_that_is_lost_leads_to_no_second_entry(start: Start, ehr: Ehr) -> None:
    """It was written, but nobody heard. The second time the server finds the first by its identifier."""
    page = start("lost")
    fill_sins(page)
    page.get_by_role("button", name="Review and write").click()
    ehr.lose_answers = True
    page.get_by_role("button", name="Write to the chart").click()
    told = page.get_by_role("region", name="What was written")
    expect(told).to_contain_text("Not known whether it was written: SINS at T12")
    assert codes(ehr, "lost") == ["sins"]
    ehr.lose_answers = False
    page.get_by_role("button", name="Review and write").click()
    page.get_by_role("button", name="Write to the chart").click()
    expect(told).to_contain_text("Written: SINS at T12")
    assert codes(ehr, "lost") == ["sins"]


def test_what_was_written_is_told_even_when_the_chart_cannot_be_read_again(start: Start, ehr: Ehr) -> None:
    page = start("unread")
    fill_sins(page)
    page.get_by_role("button", name="Review and write").click()
    ehr.unreadable = True
    page.get_by_role("button", name="Write to the chart").click()
    expect(page.get_by_role("region", name="What was written")).to_contain_text("Written: SINS at T12")
    expect(page.get_by_role("alert")).to_contain_text("The chart could not be read again")
    assert codes(ehr, "unread") == ["sins"]


def test_sending_it_again_writes_nothing_more(start: Start, ehr: Ehr) -> None:
    page = start("twice")
    fill_sins(page)
    page.get_by_role("button", name="Review and write").click()
    page.get_by_role("button", name="Write to the chart").click()
    expect(page.get_by_role("region", name="What was written")).to_contain_text("Written: SINS at T12")
    page.reload()  # sends the same form once more
    expect(page.get_by_text("There is nothing left to write")).to_be_visible()
    assert codes(ehr, "twice") == ["sins"]


@pytest.mark.parametrize("script", [True, False])
def test_a_second_press_sends_nothing_more_and_reads_that_it_was_written(
    browser: Browser, ehr: Ehr, behind: RealServer, served: RunningServer, script: bool
) -> None:
    """Without the script two requests come, and the page that stays is that of the second."""
    name = f"clicks{script}"
    behind.load(*person(name, "Muster", "spine mets").resources)
    impatient = browser.new_context(java_script_enabled=script)
    page, posted = impatient.new_page(), []
    page.on("request", lambda one: posted.append(one.url) if one.url.endswith("/smart/write") else None)
    page.goto(ehr.launch(served.url, name))
    fill_sins(page)
    page.get_by_role("button", name="Review and write").click()
    ehr.write_seconds = 2
    box = page.get_by_role("button", name="Write to the chart").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 5, box["y"] + 5)  # by the hand: what finds buttons waits until a page is whole
    while not ehr.written:
        page.wait_for_timeout(50)
    page.mouse.click(box["x"] + 5, box["y"] + 5)
    expect(page.get_by_role("region", name="What was written")).to_contain_text("Written: SINS at T12", timeout=15_000)
    expect(page.get_by_text("Not written")).to_have_count(0)
    assert len(posted) == (1 if script else 2)
    assert len(ehr.written) == 1
    assert codes(ehr, name) == ["sins"]
    impatient.close()


def test_what_was_changed_meanwhile_is_not_written_unseen(start: Start, ehr: Ehr, context: BrowserContext) -> None:
    page = start("changed")
    fill_sins(page)
    kept(page)
    other = context.new_page()
    other.goto(page.url)
    page.get_by_role("button", name="Review and write").click()
    other.get_by_role("group", name="Pain", exact=True).get_by_label("Pain-free").check()
    expect(sins_total(other)).to_have_text("11, potentially unstable (indeterminate)")
    kept(other)
    page.get_by_role("button", name="Write to the chart").click()
    expect(page.get_by_role("alert")).to_contain_text("The form was changed meanwhile")
    assert ehr.written == []
    page.get_by_role("button", name="Write to the chart").click()
    expect(page.get_by_role("region", name="What was written")).to_contain_text("SINS at T12: 11")


def test_unfinished_work_is_there_when_one_comes_back(start: Start, ehr: Ehr) -> None:
    page = start("later")
    page.get_by_role("group", name="Pain", exact=True).get_by_label("Mechanical:").check()
    page.get_by_label("Months, as you and the team see it").fill("9")
    page.get_by_label("Months, as you and the team see it").blur()
    kept(page)
    page.context.clear_cookies()
    again = start("later", load=False)
    expect(again.get_by_role("group", name="Pain", exact=True).get_by_label("Mechanical:")).to_be_checked()
    expect(again.get_by_label("Months, as you and the team see it")).to_have_value("9")
    nobody_else = start("someone")
    expect(nobody_else.get_by_role("group", name="Pain", exact=True).get_by_label("Not assessed")).to_be_checked()
    again.get_by_role("button", name="Review and write").click()
    expect(again.get_by_text("SINS: Location;")).to_be_visible()  # what is not complete is named, and kept
    again.get_by_role("button", name="Write to the chart").click()
    expect(again.get_by_role("group", name="Pain", exact=True).get_by_label("Mechanical:")).to_be_checked()
    expect(again.get_by_label("Months, as you and the team see it")).to_have_value("")
    assert codes(ehr, "later") == ["life-expectancy"]


def test_two_patients_in_two_tabs_are_never_mixed(start: Start, ehr: Ehr) -> None:
    first, second = start("left", family="Links"), start("right", family="Rechts")
    fill_sins(first)
    first.get_by_role("button", name="Review and write").click()
    expect(first.get_by_role("group", name="Patient")).to_contain_text("Links")
    first.get_by_role("button", name="Write to the chart").click()
    expect(first.get_by_role("region", name="What was written")).to_contain_text("Written")
    second.reload()
    expect(second.get_by_role("group", name="Patient")).to_contain_text("Rechts")
    expect(sins_total(second)).to_have_text("0 to 18 (6 of 6 items open)")
    assert (codes(ehr, "left"), codes(ehr, "right")) == (["sins"], [])


EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>[x](javascript:alert(3)) {{ 7*7 }}"


def test_text_of_the_record_is_only_text(start: Start) -> None:
    page = start("evil", family=EVIL, label=EVIL)
    asked: list[str] = []
    page.on("dialog", lambda box: (asked.append(box.message), box.dismiss()))
    expect(page.get_by_role("group", name="Patient")).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("img[src=x], main script, a[href^='javascript']").count() == 0
    page.reload()
    page.wait_for_load_state("networkidle")
    assert asked == []


def test_what_speaks_of_another_patient_is_never_shown(start: Start, ehr: Ehr, behind: RealServer) -> None:
    page = start("mine")
    stranger = person("stranger", "Fremd", "secret of a stranger")
    behind.load(*stranger.resources)
    ehr.mix = "stranger"  # the FHIR server answers with another patient's resources beside ours
    page.reload()
    expect(page.get_by_role("group", name="Patient")).to_contain_text("Muster")
    assert "secret of a stranger" not in page.content()
    assert "Fremd" not in page.content()


def test_without_the_right_to_write_it_says_so_from_the_start(start: Start, ehr: Ehr) -> None:
    ehr.scope = "launch openid fhirUser patient/*.rs"
    page = start("reader")
    expect(page.get_by_role("alert")).to_contain_text("has not allowed this page to write")
    fill_sins(page)
    page.get_by_role("button", name="Review and write").click()
    expect(page.get_by_role("button", name="Write to the chart")).to_have_count(0)


def test_it_works_in_a_frame_of_the_ehr(start: Start, ehr: Ehr) -> None:
    page = start("framed", framed=True)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("group", name="Patient")).to_contain_text("Anna Muster")


def test_without_a_script_it_works_by_its_buttons(
    browser: Browser, ehr: Ehr, behind: RealServer, served: RunningServer
) -> None:
    behind.load(*person("plain", "Muster", "spine mets").resources)
    plain = browser.new_context(java_script_enabled=False)
    page = plain.new_page()
    page.goto(ehr.launch(served.url, "plain"))
    expect(sins_total(page)).to_have_text("0 to 18 (6 of 6 items open)")
    expect(page.get_by_text("As last saved: press Save").first).to_be_visible()
    fill_sins(page)
    page.get_by_role("button", name="Save").click()
    expect(sins_total(page)).to_have_text("14, unstable")
    page.get_by_role("button", name="Review and write").click()
    page.get_by_role("button", name="Write to the chart").click()
    expect(page.get_by_role("region", name="What was written")).to_contain_text("Written: SINS at T12: 14")
    plain.close()


def test_a_level_fills_the_location_only_where_nobody_has(start: Start, ehr: Ehr) -> None:
    page = start("level")
    location = page.get_by_role("group", name="Location")
    level = page.get_by_role("region", name="Spinal instability (SINS)").get_by_label("Level")
    level.select_option("T5")
    expect(location.get_by_label("Semirigid")).to_be_checked()
    location.get_by_label("Rigid: S2 to S5").check()
    level.select_option("L5")
    expect(location.get_by_label("Rigid: S2 to S5")).to_be_checked()
    expect(location.get_by_text("the level L5 scores 3, not 0")).to_be_visible()
    location.get_by_label("Junctional").check()
    expect(location.get_by_text("the level L5 scores")).to_have_count(0)


def test_a_wrong_entry_is_told_at_its_field(start: Start) -> None:
    page = start("wrong")
    months = page.get_by_label("Months, as you and the team see it")
    months.fill("abc")
    months.blur()
    expect(page.get_by_text("Months as a number")).to_be_visible()
    expect(months).to_have_attribute("aria-invalid", "true")
    assert_accessible(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Months as a number")).to_be_visible()
    expect(months).to_have_attribute("aria-invalid", "true")
    months.fill("7")
    months.blur()
    expect(page.get_by_text("Months as a number")).to_have_count(0)
    expect(months).not_to_have_attribute("aria-invalid", "true")


def test_a_day_before_birth_is_not_written(start: Start, ehr: Ehr) -> None:
    page = start("unborn")
    page.get_by_text("Frankel", exact=True).click()
    page.get_by_role("group", name="Frankel grade").get_by_label("Frankel grade C").check()
    page.locator("details[open]").get_by_label("Assessed on").fill("1899-12-31")
    page.get_by_role("button", name="Review and write").click()
    expect(page.get_by_text("Date: lies before the patient was born")).to_be_visible()
    expect(page.get_by_role("button", name="Write to the chart")).to_have_count(0)
    page.get_by_role("link", name="Back to the form").click()
    expect(page.get_by_text("Date: lies before the patient was born")).to_be_visible()


def test_it_is_closed_by_its_button(start: Start, watch: Watch) -> None:
    page = start("closed")
    address = page.url
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name="Closed")).to_be_visible()
    assert page.context.cookies() == []
    watch.expected.append("401")
    page.goto(address)
    expect(page.get_by_role("heading", name="This session has ended")).to_be_visible()
