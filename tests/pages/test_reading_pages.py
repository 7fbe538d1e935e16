"""The pages that only tell: start, rules, one rule, intended use, ledger."""

from __future__ import annotations

import pytest

from tests.pages.conftest import NARROW, WIDE, Opened, Watch, assert_accessible
from tests.service.conftest import RunningServer

PATHS = ["/", "/rules", "/rules/suspected_cord_compression", "/rules/bone_modifying_agent", "/intended-use", "/ledger"]


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_accessible(path: str, size: tuple[int, int], served: RunningServer, open_page: Opened) -> None:
    page = open_page(served.url + path, size)
    assert page.get_by_role("heading", level=1).is_visible()
    assert_accessible(page)


def test_from_the_start_page_to_a_source_of_a_rule(served: RunningServer, open_page: Opened) -> None:
    page = open_page(served.url + "/")
    page.get_by_role("link", name="Rules", exact=True).first.click()
    page.get_by_role("link", name="Suspected spinal cord compression").first.click()
    assert page.locator("a[href*='doi.org']").first.is_visible()


@pytest.mark.parametrize("path", ["/rules/nonsense", "/nowhere", "/playground/charts/nobody"])
def test_an_address_that_there_is_not_is_a_page_for_people(
    path: str, served: RunningServer, open_page: Opened, watch: Watch
) -> None:
    watch.expected.append("404")
    page = open_page(served.url + path, NARROW)
    assert page.get_by_role("heading", level=1).inner_text() == "Not Found"
    assert_accessible(page)
    page.get_by_role("link", name="start page").click()
    assert page.url == served.url + "/"
    told = served.get(path, headers={"Accept": "*/*"})
    assert (told.status_code, told.headers["Content-Type"]) == (404, "application/fhir+json")
