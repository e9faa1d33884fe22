"""The strip of every page: it says that the service is dead, silent or back, also while the page is paused."""

from __future__ import annotations

import re
import signal
from itertools import cycle
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.language.i18n import LANGUAGES, TRANSLATIONS, Language, say
from dashboard.screen.panes import PANES
from dashboard.screen.service_strip import LATE_LIST_SECONDS, service_strip
from dashboard.state.service_link import SILENT_SECONDS, ServiceLink
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.samples import NOW
from tests.harness.service import Service

CLOCK = r"\d\d:\d\d:\d\d"


def strip(page: Page) -> Locator:
    return page.locator(".strip")


def told(language: Language, key: str) -> re.Pattern[str]:
    """The sentence of a status and, where something is wrong, the time since when."""
    return re.compile(re.escape(say(language, key)) + ("" if key == "strip.alive" else f".*{CLOCK}"))


def test_every_page_says_that_the_service_is_dead_paused_or_not(browser: Browser, tmp_path: Path) -> None:
    """A new page joins by standing in the table of pages; languages alternate, and the half of either is paused."""
    with (
        Service(tmp_path / "data") as service,
        Dashboard(service, tmp_path) as watching,
        logged_in(browser, watching) as first,
    ):
        tabs: dict[str, tuple[Page, Language]] = {}
        for (number, name), language in zip(enumerate(PANES), cycle(LANGUAGES), strict=False):
            page = first if not number else first.context.new_page()
            show(page, watching, name, language)
            tabs[name] = page, language
            expect(strip(page)).to_contain_text(told(language, "strip.alive"))
            pause = page.get_by_role("button", name=say(language, "js.pause"))
            if pause.is_visible() and number % 4 < 2:  # of each language half; a player has its own button
                pause.click()
                expect(strip(page)).to_contain_text(
                    re.compile(f"{TRANSLATIONS['js.paused_at'][number % 2][:6]}.*{CLOCK}")
                )
        service.kill()
        for page, language in tabs.values():
            expect(strip(page)).to_contain_text(told(language, "strip.unreachable"))
        service.start()
        for page, language in tabs.values():
            expect(strip(page)).to_contain_text(told(language, "strip.alive"))


def test_what_stands_still_is_said_also_on_a_paused_page(browser: Browser, tmp_path: Path) -> None:
    with (
        Service(tmp_path / "data") as service,
        Dashboard(service, tmp_path) as watching,
        logged_in(browser, watching) as page,
    ):
        show(page, watching, "connections")
        page.get_by_role("button", name="Pause").click()
        expect(strip(page)).to_contain_text("Paused: the page shows")
        service.signal(signal.SIGSTOP)
        expect(strip(page)).to_contain_text(told("en", "strip.silent"))
        service.signal(signal.SIGCONT)
        expect(strip(page)).to_contain_text("The service answers")
        watching.process.send_signal(signal.SIGSTOP)
        expect(strip(page)).to_contain_text(re.compile(f"No messages from the dashboard since .*{CLOCK}"))
        watching.process.send_signal(signal.SIGCONT)
        expect(strip(page)).to_contain_text("The service answers")
        expect(strip(page)).to_contain_text("Paused: the page shows")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_status_is_that_of_the_connection_and_of_what_it_brings(language: Language) -> None:
    link = ServiceLink()
    assert service_strip(link, language, NOW).text == say(language, "strip.connecting")
    assert service_strip(link, language, NOW).age is None
    assert link.linked(False, NOW)
    dead_from_the_start = service_strip(link, language, NOW + SILENT_SECONDS + 1)
    assert (dead_from_the_start.text, dead_from_the_start.since) == (say(language, "strip.unreachable"), NOW)
    assert link.linked(True, NOW)
    assert not link.linked(True, NOW + 1)
    link.heard_at = NOW + 2
    assert (service_strip(link, language, NOW + 3).tone, service_strip(link, language, NOW + 3).age) == ("good", 1)
    silent = service_strip(link, language, NOW + 3 + SILENT_SECONDS)
    assert (silent.text, silent.since) == (say(language, "strip.silent"), NOW + 2)
    assert link.linked(False, NOW + 9)
    dead = service_strip(link, language, NOW + 60)
    assert (dead.text, dead.since, dead.age) == (say(language, "strip.unreachable"), NOW + 9, 58)
    link.linked(True, NOW + 70)  # what came before is not taken for silence now
    assert link.status(NOW + 71) == "alive"


def test_lists_that_are_refused_or_old_are_said() -> None:
    link = ServiceLink(live=True, since=NOW, heard_at=NOW, listed_at=NOW - LATE_LIST_SECONDS)
    assert service_strip(link, "en", NOW).note == ""
    assert "lists of sessions and channels are 22 s old" in service_strip(link, "en", NOW + 2).note
    link.refused = 403
    assert "cannot be read (403)" in service_strip(link, "en", NOW).note
