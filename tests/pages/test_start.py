"""The start page in a real browser: from it to the first card in three presses."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.pages.conftest import NARROW, WIDE, Opened, assert_accessible
from tests.service.conftest import RunningServer


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_it_is_accessible_and_fits(served: RunningServer, open_page: Opened, size: tuple[int, int]) -> None:
    page = open_page(served.url, size)
    expect(page.get_by_role("heading", level=1)).to_have_text("Decision support for metastatic spine disease")
    expect(page.get_by_text("This is a sandbox.")).to_be_visible()
    assert_accessible(page)


def test_the_first_card_is_two_presses_away(served: RunningServer, open_page: Opened) -> None:
    page = open_page(served.url)
    page.get_by_role("link", name="Open the playground").click()
    page.get_by_role("button", name="Open chart").click()
    first = page.get_by_role("region", name="Cards").get_by_role("article").first
    expect(first.get_by_role("heading")).to_contain_text("possible cord compression")


def test_it_leads_to_everything_that_there_is(served: RunningServer, open_page: Opened) -> None:
    page = open_page(served.url)
    main = page.get_by_role("main")
    for name in ("Playground", "Rules", "Intended use", "Ledger", "Discovery"):
        link = main.get_by_role("link", name=name, exact=True)
        assert served.get(link.get_attribute("href") or "").status_code == 200, name
    for service in ("spine-patient-view", "spine-order-select", "spine-order-sign"):
        expect(main.get_by_text(f"POST /cds-services/{service}")).to_be_visible()
