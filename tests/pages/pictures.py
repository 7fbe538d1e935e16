"""Takes the pictures of the real pages in deploy/pictures: python -m tests.pages.pictures. Needs the extra `bench`."""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from cds_service.store.database import open_store
from tests import smart_ehr
from tests.doctor import real_server
from tests.ledger_rows import ORDER_SIGN, PATIENT_VIEW, Shown, accepted, overridden, write
from tests.pages.conftest import chromium
from tests.pages.test_companion import fill_sins, person
from tests.service.conftest import serving

FOLDER = Path(__file__).parents[2] / "deploy" / "pictures"
LARGEST = 150_000  # bytes
COLOURS = 96  # enough for text and four signal colours, and a third of the size


def opened_chart(page: Page, url: str) -> None:
    """A cord in danger, and beside the cards what each rule said."""
    page.goto(f"{url}/playground")
    page.get_by_role("button", name="Open chart").click()
    page.evaluate("window.scrollTo(0, document.getElementById('playground').offsetTop - 8)")


def refused_order(page: Page, url: str) -> None:
    """An order that would harm, in an EHR's side pane."""
    page.goto(f"{url}/playground")
    page.get_by_role("combobox", name="Patient").select_option("kidneys_failing")
    page.get_by_role("button", name="Select order").click()
    page.get_by_role("article").first.wait_for()


def committee(page: Page, url: str) -> None:
    """Half a year of made-up numbers, by week."""
    page.goto(f"{url}/dashboard?period=week")


def patients_of_a_rule(page: Page, url: str) -> None:
    """The vignettes on a rule's page."""
    page.goto(f"{url}/rules/bone_scan_low_yield")
    page.evaluate("window.scrollTo(0, document.getElementById('patients').offsetTop - 8)")


def scored(page: Page, launch: str) -> None:
    """SINS filled in, as an EHR's launch opens it."""
    page.goto(launch)
    fill_sins(page)
    page.get_by_role("group", name="Location", exact=True).scroll_into_view_if_needed()
    page.evaluate("window.scrollBy(0, document.querySelector('fieldset').getBoundingClientRect().top - 150)")


@contextmanager
def launched(folder: Path, url: str) -> Iterator[str]:
    """The address by which an EHR opens the companion of a made-up patient."""
    with real_server.running(folder / "fhir") as behind, smart_ehr.running(behind) as ehr:
        ehr.register(url)
        behind.load(*person("picture", "Beispiel", "spine mets").resources)
        yield ehr.launch(url, "picture")


def counted(folder: Path) -> None:
    """A ledger to look at: twelve weeks of made-up cards and answers."""
    chance = random.Random(5)
    store = open_store(f"sqlite:///{folder / 'store.db'}")
    for week in range(12):
        at = datetime.now(UTC).replace(tzinfo=None) - timedelta(weeks=week, hours=1)
        for rule, service, over in SHOWN:
            number = chance.randrange(18, 46)
            refused = round(number * over)
            write(
                store,
                overridden(rule, at, refused - 5, "cds-not-applicable", service, tenant="sandbox"),
                overridden(rule, at, 5, "patient-refuses", service, tenant="sandbox"),
                accepted(rule, at, round((number - refused) * 0.7), service, tenant="sandbox"),
                Shown(rule, at, round((number - refused) * 0.3) + 5, service=service, tenant="sandbox"),
            )
    store.engine.dispose()


SHOWN = (
    ("suspected_cord_compression", PATIENT_VIEW, 0.3),
    ("multidisciplinary_review", PATIENT_VIEW, 0.35),
    ("bone_modifying_agent", PATIENT_VIEW, 0.3),
    ("symptom_screening", PATIENT_VIEW, 0.55),
    ("pain_team", PATIENT_VIEW, 0.4),
    ("whole_spine_mri", ORDER_SIGN, 0.35),
)
PICTURES = {
    "dashboard": (committee, (1280, 820)),
    "rule": (patients_of_a_rule, (1280, 700)),
    "playground": (opened_chart, (1280, 1000)),
    "playground-narrow": (refused_order, (400, 900)),
}
COMPANION = (1280, 900)


def take(url: str, launch: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        shown = [(name, show, size, url) for name, (show, size) in PICTURES.items()]
        for name, show, (width, height), address in (*shown, ("companion", scored, COMPANION, launch)):
            page = browser.new_page(viewport={"width": width, "height": height})
            show(page, address)
            path = FOLDER / f"{name}.png"
            Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS).save(path, optimize=True)
            size = path.stat().st_size
            assert size <= LARGEST, f"{path.name} has {size} bytes"
            print(f"{path.relative_to(FOLDER.parents[1])}: {size} bytes")
        browser.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        counted(Path(folder))
        with serving(Path(folder)) as server, launched(Path(folder), server.url) as launch:
            take(server.url, launch)


if __name__ == "__main__":
    main()
