"""A real browser (headless Chromium) in front of a real server. A page that complains in its console has failed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, sync_playwright

from tests.service.conftest import RunningServer, serving

NARROW, WIDE = (400, 900), (1280, 900)  # an EHR's side pane, and a desk
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


@dataclass
class Watch:
    """What went wrong in a page, as its browser tells it. `expected` are parts of messages that a test provokes."""

    hosts: set[str]
    expected: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def console(self, message: ConsoleMessage) -> None:
        # A violation of the Content-Security-Policy is an error in the console too.
        if message.type in ("error", "warning") and not any(part in message.text for part in self.expected):
            self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.netloc not in self.hosts:
            self.complaints.append(f"a request to another host: {request.url}")

    def follow(self, page: Page) -> None:
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self.request)


Opened = Callable[..., Page]


def chromium(playwright: Playwright) -> Browser:
    """Chromium of the system, or the one that Playwright brought (`make test` sees to either)."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium's own sandbox refuses to start as root
    return playwright.chromium.launch(executable_path=found, args=[*QUIET, *as_root])


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = chromium(playwright)
        yield started
        started.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The sandbox tenant with a store of its own, for the tests of one page."""
    with serving(tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test in the end when a page complained. Add hosts ("127.0.0.1:PORT") that it may ask."""
    watching = Watch(set())
    yield watching
    assert watching.complaints == []


@pytest.fixture
def context(browser: Browser, watch: Watch) -> Iterator[BrowserContext]:
    """A browser that nobody has used before: no cookies, nothing kept."""
    fresh = browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]})
    fresh.set_default_timeout(15_000)
    fresh.on("page", watch.follow)
    yield fresh
    fresh.close()


@pytest.fixture
def open_page(context: BrowserContext, watch: Watch) -> Opened:
    """Opens an address of a server in a new tab; `size` is NARROW or WIDE."""

    def opened(url: str, size: tuple[int, int] = WIDE) -> Page:
        watch.hosts.add(urlsplit(url).netloc)
        page = context.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(url)
        return page

    return opened


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing serious or critical, and nothing has to be scrolled sideways."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    grave = [
        f"{one['id']} ({one['impact']}): {one['help']}: {[node['html'][:200] for node in one['nodes']]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
