"""Comments, suggestions, locks and quiet edits in real Chromium: over a recording, and live, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.language.i18n import Language, say
from dashboard.playback.player import Player
from dossier_realtime.archive import open_journal
from tests.dashboard.background_clients import BackgroundClients
from tests.dashboard.browser_pages import listen, logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.test_accessibility import Inspection
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.recording.discussed_scenario import COUNSEL, DOCUMENT, WORDS, Discussed, Discussion, play

_AT_LEFT = """node => {
  const [cell, table] = [node, node.closest("table")].map((each) => each.getBoundingClientRect())
  return cell.left < table.left + 40
}"""
"""Returns whether a cell is the one at the left side of its table."""
LANGUAGES: tuple[Language, ...] = ("en", "ar")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Discussed:
    return play(tmp_path_factory.mktemp("discussed") / "data")


def _table(page: Page, name: str) -> Locator:
    """Return a table of a page, or of the same page in a player."""
    return page.locator(f'section.table:has([id="title-{name}"], [id="title-documents.{name}"])')


def _begins_at_its_side(cell: Locator, language: Language) -> bool:
    """Return whether a table is laid out from the side on which its language begins."""
    left: bool = cell.evaluate(_AT_LEFT)
    return left is (language == "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_player_shows_what_was_said_and_held_at_the_chosen_time(
    played: Discussed, browser: Browser, tmp_path: Path, language: Language
) -> None:
    recording = open_journal(played.service.data / "journal", clearance="secret")
    player = Player(recording, language=language, pages=["documents"])
    page = browser.new_page(viewport={"width": 1440, "height": 1200})
    page.set_default_timeout(1000 * HANG_SECONDS)
    wrong = listen(page, "file:")
    page.goto(player.save(tmp_path / "discussed.html").as_uri())
    begin = recording.span[0]

    def seek(moment: str) -> None:
        at = round(1000 * (played.moments[moment] - begin))
        page.locator(".time input").evaluate(
            "(slider, at) => { slider.value = at; slider.dispatchEvent(new Event('input')) }", at
        )

    threads, locks = _table(page, "threads"), _table(page, "locks")
    seek("commented")
    expect(threads.locator("tbody tr")).to_have_count(1)
    expect(threads).to_contain_text(COUNSEL)
    expect(threads).to_contain_text(WORDS)
    expect(locks).to_contain_text(say(language, "empty.locks"))
    seek("held")
    expect(threads.locator("tbody tr")).to_have_count(2)
    expect(locks).to_contain_text("clause.1")
    expect(locks).to_contain_text(say(language, "lock.quiet"))
    assert _begins_at_its_side(threads.locator("tbody td").first, language)
    inspection = Inspection(page)
    inspection.look(f"the player, {language}")
    seek("answered")
    expect(threads).to_contain_text(say(language, "empty.threads"))
    expect(locks).to_contain_text(say(language, "empty.locks"))
    seek("frozen")
    expect(_table(page, "documents")).to_contain_text(say(language, "edits.frozen"))
    assert (inspection.grave, wrong) == ([], [])
    page.close()


@pytest.fixture(scope="module")
def clients(service: Service) -> Iterator[BackgroundClients]:
    with BackgroundClients(service) as people:
        yield people


def test_the_live_page_shows_what_was_said_before_it_came_and_what_is_said_now(
    service: Service, clients: BackgroundClients, browser: Browser, tmp_path: Path
) -> None:
    discussion = Discussion(service, f"{DOCUMENT}-live")
    clients.run(discussion.begin())
    with Dashboard(service, tmp_path) as dashboard:
        with logged_in(browser, dashboard) as page:
            show(page, dashboard, "documents")
            expect(_table(page, "threads")).to_contain_text(COUNSEL)  # it was said before
            clients.run(discussion.go_on())
            for language in LANGUAGES:
                show(page, dashboard, "documents", language)
                threads, locks = _table(page, "threads"), _table(page, "locks")
                expect(threads).to_contain_text("June")
                expect(threads).to_contain_text("سارة")
                expect(locks).to_contain_text("clause.1")
                expect(locks).to_contain_text(say(language, "lock.quiet"))
                assert _begins_at_its_side(threads.locator("tbody td").first, language)
                inspection = Inspection(page)
                inspection.look(language)
                assert inspection.grave == []
            clients.run(discussion.end())
            expect(_table(page, "threads")).not_to_contain_text("June")
            expect(_table(page, "locks")).not_to_contain_text("clause.1")
        with logged_in(browser, dashboard, clearance="public") as page:
            show(page, dashboard, "documents")
            expect(_table(page, "threads")).to_contain_text(say("en", "empty.hidden"))
    clients.run(discussion.close())
