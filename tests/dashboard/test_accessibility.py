"""What axe-core finds on every page, in both languages and themes, on a desk and on a phone: nothing that hinders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.screen.panes import PANES
from tests.dashboard.background_clients import BackgroundClients
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.harness.eventually import HANG_SECONDS
from tests.harness.measurements import Report
from tests.harness.service import Service

AXE = Path(__file__).parents[1] / "node" / "node_modules" / "axe-core" / "axe.min.js"
RUN = "async () => (await axe.run({resultTypes: ['violations']})).violations"  # the rest is not prepared to be read
GRAVE = ("serious", "critical")
DESK, PHONE = 1440, 400
DISPLAYS = [("en", "light", DESK), ("en", "dark", PHONE), ("ar", "dark", DESK), ("ar", "light", PHONE)]
"""Each language with each theme and each width: all pairs, in half of the looks."""


class Inspection:
    """The findings of axe, page by page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.grave: list[str] = []
        self.lesser: Counter[str] = Counter()
        self.looked = 0

    def look(self, where: str) -> None:
        """Inspect what is shown now, shadow roots included."""
        if not self._page.evaluate("'axe' in window"):
            self._page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = self._page.evaluate(RUN)
        self.looked += 1
        for rule in found:
            if rule["impact"] in GRAVE:
                self.grave += [f"{where}: {rule['id']} ({rule['help']}): {node['html']}" for node in rule["nodes"]]
            else:
                self.lesser[f"{rule['id']} ({rule['impact']})"] += len(rule["nodes"])

    def say(self, report: Report) -> None:
        """How much was found, the lesser by name."""
        report(f"{self.looked} looks: {len(self.grave)} grave; lesser: {dict(self.lesser) or 'none'}")


@pytest.fixture(scope="module")
def clients(service: Service) -> Iterator[BackgroundClients]:
    """People who are there while the pages are looked at."""
    with BackgroundClients(service) as people:
        people.connect("nora.alqahtani", "نورة القحطاني", "dossier:country:SA", "document:brief-1", field="summary_ar")
        people.connect("omar.haddad", "Omar Haddad", "dossier:country:SA", "relationship:SA-FR")
        yield people


@pytest.mark.usefixtures("demo_run", "clients")
@pytest.mark.parametrize(("language", "theme", "width"), DISPLAYS)
def test_nothing_hinders_anybody_on_any_page(
    browser: Browser, dashboard: Dashboard, report: Report, language: str, theme: str, width: int
) -> None:
    with logged_in(browser, dashboard, width=width, role="security_officer") as page:
        inspection = Inspection(page)
        for name in PANES:
            show(page, dashboard, name, language, theme)
            inspection.look(name)
            # Not one of a long list's pager: that opens no dialog.
            buttons = page.locator(".blocks :not(.pager) > button:not([aria-disabled]):not([type=submit])")
            for button in buttons.all()[:1]:
                button.click()
                expect(page.get_by_role("dialog")).to_be_visible()
                inspection.look(f"{name}, with a dialog")
                page.keyboard.press("Escape")
            if name == "recordings":
                page.locator(".blocks button[type=submit]").click()
                page.locator(".player").wait_for()
                for tab in page.locator(".player .tab").all():
                    tab.click()
                    inspection.look(f"the player, {tab.inner_text()}")
    inspection.say(report)
    assert inspection.grave == []


@pytest.mark.parametrize(("language", "theme", "width"), DISPLAYS)
def test_nothing_hinders_anybody_at_the_door(
    browser: Browser, dashboard: Dashboard, report: Report, language: str, theme: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(1000 * HANG_SECONDS)
    inspection = Inspection(page)
    page.goto(f"{dashboard.url}/login?lang={language}&theme={theme}")
    inspection.look("login")
    page.get_by_role("textbox").fill("no token")
    page.locator("form button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    inspection.look("login, after a token that is none")
    page.close()
    inspection.say(report)
    assert inspection.grave == []


def test_nothing_hinders_anybody_where_nothing_is_known_yet(browser: Browser, report: Report, tmp_path: Path) -> None:
    with (
        Service(tmp_path / "data") as service,
        Dashboard(service, tmp_path) as quiet,
        logged_in(browser, quiet, role="observer") as page,
    ):
        inspection = Inspection(page)
        for name in PANES:
            show(page, quiet, name)
            inspection.look(name)
    inspection.say(report)
    assert inspection.grave == []
