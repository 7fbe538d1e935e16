"""The playground in a real browser: a patient is picked, a hook fired, cards are read, accepted and overridden."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from cds_service import situations
from tests.pages.conftest import NARROW, WIDE, Opened, Watch, assert_accessible
from tests.service.conftest import RunningServer

SITUATIONS = situations.every()
CHART = "Chart as FHIR"
HOSTILE = (
    "<img src=x onerror=document.title='gone'> [x](javascript:document.title='gone') ![y](https://evil.example/y.png)"
)


@pytest.fixture
def page(served: RunningServer, open_page: Opened) -> Page:
    return open_page(f"{served.url}/playground")


def pick(page: Page, name: str) -> None:
    """Picks a patient as a user does, and waits for the chart to appear."""
    page.get_by_role("combobox", name="Patient").select_option(name)
    expect(page.locator("input[name=loaded]")).to_have_value(name)


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()


def cards(page: Page) -> Locator:
    return page.get_by_role("region", name="Cards", exact=True)


def rules(page: Page) -> Locator:
    return page.get_by_role("region", name="Rules", exact=True)


def said(page: Page, title: str) -> Locator:
    """The line of a rule in the region of rules."""
    return rules(page).get_by_role("listitem").filter(has=page.get_by_role("link", name=title, exact=True))


def typed(page: Page) -> dict[str, Any]:
    chart: dict[str, Any] = json.loads(page.get_by_label(CHART).input_value())
    return chart


def retype(page: Page, chart: Any) -> None:
    page.get_by_label(CHART).fill(chart if isinstance(chart, str) else json.dumps(chart, indent=1))


def title_of(served: RunningServer, rule: str) -> str:
    title: str = served.get(f"/rules/{rule}", headers={"Accept": "application/json"}).json()["title"]
    return title


@pytest.mark.parametrize("name", situations.NAMES)
def test_each_patient_shows_what_its_title_says(page: Page, served: RunningServer, name: str) -> None:
    one = SITUATIONS[name]
    pick(page, name)
    press(page, "Open chart")
    expect(cards(page)).to_contain_text(f"Chart opened: {one.who}")
    assert (cards(page).get_by_role("article").count() == 0) == one.silent_opening
    assert cards(page).get_by_text("Nothing to say.").count() == one.silent_opening
    for rule in one.opening:
        expect(said(page, title_of(served, rule))).to_contain_text(": recommend")
    press(page, "Select order")
    expect(cards(page)).to_contain_text("Order selected")
    expect(cards(page)).to_contain_text(one.who)
    assert not one.silent_ordering or cards(page).get_by_text("Nothing to say.").count() == 1
    for rule in one.ordering:
        expect(said(page, title_of(served, rule))).to_contain_text("shown on card")
    assert typed(page)["patient"]["name"][0]["family"] == one.rows["patient"]["family"]


@pytest.fixture
def tolerant(watch: Watch) -> None:
    """A request that a test has cut off is told of in the console."""
    watch.expected.append("net::ERR_FAILED")


@pytest.mark.usefixtures("tolerant")
def test_a_patient_is_opened_even_before_its_chart_has_come(page: Page) -> None:
    page.route("**/playground/charts/*", lambda route: route.abort())
    page.get_by_role("combobox", name="Patient").select_option("unstable_spine")
    press(page, "Open chart")
    expect(cards(page)).to_contain_text(f"Chart opened: {SITUATIONS['unstable_spine'].who}")
    assert typed(page)["patient"]["name"][0]["given"] == ["Lena"]


def test_cards_of_one_patient_never_stand_beside_the_name_of_another(page: Page) -> None:
    press(page, "Open chart")
    expect(cards(page).get_by_role("article").first).to_be_visible()
    pick(page, "no_cancer")
    expect(cards(page)).to_be_hidden()
    expect(page.get_by_role("region", name="Request and response")).to_be_hidden()


def test_what_was_typed_for_a_patient_is_there_when_one_comes_back(page: Page) -> None:
    chart = typed(page)
    chart["patient"]["gender"] = "male"
    retype(page, chart)
    pick(page, "no_cancer")
    assert typed(page)["patient"]["name"][0]["given"] == ["Max"]
    pick(page, "suspected_compression")
    assert typed(page) == chart


def test_a_changed_chart_changes_the_cards(page: Page) -> None:
    press(page, "Open chart")
    expect(cards(page)).to_contain_text("possible cord compression")
    chart = typed(page)
    conditions = chart["conditions"]["entry"]
    chart["conditions"]["entry"] = [one for one in conditions if one["resource"]["id"] != "leg-weakness"]
    retype(page, chart)
    press(page, "Open chart")
    expect(cards(page)).to_contain_text("Chart opened")
    expect(cards(page)).not_to_contain_text("possible cord compression")
    assert typed(page) == chart


def test_another_order_can_be_picked(page: Page) -> None:
    pick(page, "low_calcium")
    page.get_by_role("combobox", name="Order", exact=True).select_option(label="X-ray of the spine")
    press(page, "Select order")
    expect(cards(page)).to_contain_text("Order selected (XR Spine Views)")
    expect(page.get_by_role("combobox", name="Order", exact=True)).to_have_value("xray_spine")


def test_a_card_has_all_that_an_ehr_shows(page: Page) -> None:
    press(page, "Open chart")
    card = cards(page).get_by_role("article").first
    expect(card.get_by_text("critical", exact=True)).to_be_visible()
    expect(card.get_by_role("heading")).to_contain_text("possible cord compression")
    expect(card.locator(".detail strong", has_text="Found")).to_be_visible()
    assert card.locator(".detail li").count() > 3
    expect(card.get_by_role("link", name="NICE guideline NG234")).to_have_attribute(
        "href", "https://www.nice.org.uk/guidance/ng234"
    )
    expect(card.get_by_role("link", name="Why: Suspected spinal cord compression")).to_be_visible()
    expect(card.get_by_role("button", name="Accept: Order MRI of the whole spine")).to_be_visible()
    reasons = card.get_by_label("Reason for overriding").get_by_role("option").all_inner_texts()
    assert reasons == [
        "none given",
        "Action completed",
        "Patient refuses",
        "CDS not applicable",
        "Service not available",
    ]


def test_every_rule_of_the_hook_is_told_the_speaking_ones_first(page: Page, served: RunningServer) -> None:
    press(page, "Open chart")
    headings = rules(page).get_by_role("heading", level=3).all_inner_texts()
    assert [one.partition(" (")[0] for one in headings] == ["Said", "Cannot tell", "Not applicable"]
    asked = served.audit_lines()[-1]["rules"]
    expect(rules(page).get_by_role("link")).to_have_count(len(asked))
    first = rules(page).get_by_role("listitem").first
    expect(first).to_contain_text("Suspected spinal cord compression: recommend")
    expect(first).to_contain_text("used: Condition/leg-weakness")
    expect(said(page, "Spinal instability")).to_contain_text("not known: SINS, level by level")
    expect(said(page, "Spinal metastases of unknown primary")).to_contain_text("why not: a primary tumour is on record")


def test_accepting_sends_feedback_and_shows_the_answer(page: Page, served: RunningServer) -> None:
    press(page, "Open chart")
    card = cards(page).get_by_role("article").first
    card.get_by_role("button", name="Accept: Order MRI of the whole spine").click()
    heard = cards(page).get_by_role("article").first.get_by_role("status")
    expect(heard).to_contain_text("The service answered (HTTP 200): 1 recorded")
    expect(heard).to_contain_text("accepted")
    line = served.audit_lines()[-1]
    assert line["feedback"]["recorded"] == 1
    page.get_by_text("Feedback, as curl").click()
    expect(page.locator("#feedback-request")).to_contain_text('"acceptedSuggestions"')
    expect(page.locator("#feedback-request")).to_contain_text("/cds-services/spine-patient-view/feedback")


def test_an_overridden_card_is_silenced_and_says_why(page: Page) -> None:
    pick(page, "no_bone_agent")
    press(page, "Open chart")
    card = cards(page).get_by_role("article").filter(has_text="no recent bone agent")
    card.get_by_label("Reason for overriding").select_option(label="Patient refuses")
    card.get_by_role("button", name="Override").click()
    heard = cards(page).get_by_role("article").filter(has_text="no recent bone agent").get_by_role("status")
    expect(heard).to_contain_text("1 recorded")
    expect(heard).to_contain_text("overridden, Patient refuses")
    before = typed(page)
    press(page, "Open chart")
    expect(cards(page)).to_contain_text("Silenced: Bone-modifying agent. A user has overridden it (Patient refuses)")
    expect(cards(page).get_by_role("article").filter(has_text="no recent bone agent")).to_have_count(0)
    silenced = said(page, "Bone-modifying agent")
    expect(silenced).to_contain_text("not shown: a user overrode it, and the facts are the same")
    expect(silenced).to_contain_text("Patient refuses; rests until")
    expect(silenced).to_contain_text("ground for")
    assert typed(page) == before
    page.get_by_role("link", name="Start over").click()
    assert typed(page)["patient"]["id"] != before["patient"]["id"]
    press(page, "Open chart")
    expect(cards(page).get_by_role("article").filter(has_text="no recent bone agent")).to_have_count(1)


def test_an_emergency_is_not_silenced_by_an_override(page: Page) -> None:
    press(page, "Open chart")
    cards(page).get_by_role("article").first.get_by_role("button", name="Override").click()
    expect(cards(page)).to_contain_text("overridden, no reason given")
    press(page, "Open chart")
    expect(cards(page).get_by_role("article").first).to_contain_text("possible cord compression")


def test_wrong_json_names_the_place_and_loses_nothing(page: Page) -> None:
    wrong = page.get_by_label(CHART).input_value().replace('"gender": "female",', '"gender": "female"', 1)
    retype(page, wrong)
    line = wrong[: wrong.index('"birthDate"')].count("\n") + 1
    press(page, "Open chart")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(f"The chart is not JSON. Line {line}, column")
    expect(alert).to_contain_text('▸"birthDate"')
    expect(page.get_by_label(CHART)).to_have_value(wrong)
    assert page.get_by_label(CHART).get_attribute("aria-invalid") == "true"
    expect(cards(page)).to_contain_text("Nothing was asked.")
    assert_accessible(page)
    alert.get_by_role("link", name="To the chart").click()
    expect(page.get_by_label(CHART)).to_be_focused()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "The chart is empty"),
        ("[1, 2]", "must be a JSON object"),
        ('{"patient": {', "Line 1, column 14: it ends too early"),
        ('{"patient": {}}\n{}', "Line 2, column 1: trailing characters"),
        ("[" * 5000 + "]" * 5000, "nested"),
    ],
)
def test_what_is_no_chart_is_told_and_kept(page: Page, text: str, told: str) -> None:
    retype(page, text)
    press(page, "Open chart")
    expect(page.get_by_role("alert")).to_contain_text(told)
    expect(page.get_by_label(CHART)).to_have_value(text)


def test_a_refused_call_is_an_error_and_no_silence(page: Page) -> None:
    chart = typed(page)
    del chart["conditions"]
    retype(page, chart)
    press(page, "Open chart")
    expect(page.get_by_role("alert")).to_contain_text("The service refused the call (HTTP 412).")
    expect(page.get_by_role("alert")).to_contain_text("prefetch.conditions")
    expect(cards(page)).not_to_contain_text("Nothing to say")
    expect(rules(page)).to_contain_text("No rule was asked")
    page.get_by_text("Call: the response, HTTP 412").click()
    expect(page.locator("#call-response")).to_contain_text("OperationOutcome")


def test_markup_in_a_chart_stays_text(page: Page) -> None:
    chart = typed(page)
    chart["patient"]["name"] = [{"family": HOSTILE, "given": [HOSTILE]}]
    for entry in chart["conditions"]["entry"]:
        entry["resource"]["code"]["text"] = HOSTILE
    retype(page, chart)
    press(page, "Open chart")
    expect(cards(page)).to_contain_text("Chart opened")
    expect(cards(page)).to_contain_text("<img src=x onerror=")
    assert page.locator("main img, main iframe, main [onerror], a[href^=javascript]").count() == 0
    cards(page).get_by_role("article").first.get_by_role("button", name="Override").click()
    expect(cards(page)).to_contain_text("1 recorded")
    assert page.locator("main img, main [onerror], a[href^=javascript]").count() == 0
    assert page.title() == "Playground"
    assert_accessible(page)


def test_the_request_can_be_copied(page: Page, served: RunningServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(page, "Open chart")
    page.get_by_text("Call, as curl").click()
    page.get_by_role("button", name="Copy the command").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#call-request").text_content()
    assert copied.startswith("curl -sS -H 'Content-Type: application/json' --data-binary @-")
    assert f"{served.url}/cds-services/spine-patient-view" in copied


def test_with_the_keyboard_alone(page: Page) -> None:
    page.get_by_role("combobox", name="Patient").focus()
    page.keyboard.type("SINS")
    expect(page.locator("input[name=loaded]")).to_have_value("unstable_spine")
    for name in ("Order", "Open chart"):
        page.keyboard.press("Tab")
        assert page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).textContent") == name
    page.keyboard.press("Enter")
    expect(cards(page)).to_contain_text("Chart opened: Lena Exempel")
    expect(page.locator("#cards")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "accept":
            break
    page.keyboard.press("Space")
    expect(cards(page)).to_contain_text("1 recorded")
    expect(page.locator("#card-1")).to_be_focused()


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("name", ["suspected_compression", "low_calcium", "no_cancer"])
def test_it_is_accessible_and_fits(served: RunningServer, open_page: Opened, size: tuple[int, int], name: str) -> None:
    page = open_page(f"{served.url}/playground?patient={name}", size)
    assert_accessible(page)
    for button in ("Open chart", "Select order"):
        press(page, button)
        for summary in page.locator("summary").all():
            summary.click()
        assert_accessible(page)
    if name == "low_calcium":
        cards(page).get_by_role("button", name="Override").first.click()
        expect(cards(page)).to_contain_text("1 recorded")
        assert_accessible(page)


def test_it_works_without_its_script(served: RunningServer, browser: Any) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{served.url}/playground")
        page.get_by_role("combobox", name="Patient").select_option("no_bone_agent")
        press(page, "Open chart")
        expect(cards(page)).to_contain_text("Chart opened: Dora Exempel")
        assert typed(page)["patient"]["name"][0]["given"] == ["Dora"]
        card = cards(page).get_by_role("article").filter(has_text="no recent bone agent")
        card.get_by_label("Reason for overriding").select_option(label="Patient refuses")
        card.get_by_role("button", name="Override").click()
        expect(cards(page)).to_contain_text("1 recorded")
        press(page, "Open chart")
        expect(cards(page)).to_contain_text("Silenced: Bone-modifying agent")
        expect(page.get_by_role("button", name="Copy the command")).to_have_count(0)
