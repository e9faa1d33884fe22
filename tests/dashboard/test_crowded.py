"""More people and channels than one part of a list, in a real browser: counted, found, led through, and said."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.language.i18n import LANGUAGES, TRANSLATIONS, Language, say
from dashboard.live.feed import MAX_FOLLOWED
from tests.dashboard.background_clients import BackgroundClients
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.harness.service import Service

PEOPLE = 130
SESSIONS = PEOPLE + 1  # the dashboard's own


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard over 130 people, each on a channel of their own: 90 channels are followed."""
    folder = tmp_path_factory.mktemp("crowded")
    with (
        Service(folder / "data", {"limits.handshakes_per_second": 1_000}) as service,
        BackgroundClients(service) as people,
    ):
        for number in range(PEOPLE):
            people.connect(f"person-{number:03}", f"Person {number:03}", f"dossier:country:X{number:03}")
        with Dashboard(service, folder) as watching:
            yield watching
        watching.assert_log_clean()


def region(page: Page, title: str) -> Locator:
    return page.locator("section.table").filter(has=page.get_by_role("heading", name=re.compile(re.escape(title))))


def part(language: Language, first: int, last: int) -> str:
    return say(language, "js.part", first=first, last=last, all=SESSIONS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_is_beyond_the_first_part_is_counted_and_found(
    browser: Browser, crowded: Dashboard, language: Language
) -> None:
    with logged_in(browser, crowded) as page:
        show(page, crowded, "connections", language)
        sessions = region(page, say(language, "table.sessions"))
        heading, rows = sessions.get_by_role("heading"), sessions.locator("tbody tr:visible")
        expect(heading).to_contain_text(part(language, 1, 100))
        expect(rows).to_have_count(100)
        search = page.get_by_role("searchbox")
        search.fill("user:person-129")
        expect(heading).to_contain_text(say(language, "js.found", found=1, all=SESSIONS))
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("Person 129")
        search.fill("")
        expect(heading).to_contain_text(part(language, 1, 100))
        later = sessions.get_by_role("button", name=say(language, "js.later"))
        later.focus()
        page.keyboard.press("Enter")
        expect(heading).to_contain_text(part(language, 101, SESSIONS))
        expect(rows).to_have_count(SESSIONS - 100)
        expect(later).to_have_attribute("aria-disabled", "true")
        page.get_by_role("button", name=say(language, "js.pause")).click()
        sessions.get_by_role("button", name=say(language, "js.earlier")).click()  # a paused page answers, as of now
        expect(heading).to_contain_text(part(language, 1, 100))


@pytest.mark.parametrize("language", LANGUAGES)
def test_channels_that_are_not_followed_are_said_and_named(
    browser: Browser, crowded: Dashboard, language: Language
) -> None:
    told = re.compile(
        re.sub(r"\\{\w+\\}", r"([\\d,]+)", re.escape(TRANSLATIONS["unfollowed"][LANGUAGES.index(language)]))
    )
    with logged_in(browser, crowded) as page:
        for name in ("presence", "tail"):
            show(page, crowded, name, language)
            expect(page.locator(".banner").filter(has_text=told)).to_be_visible()
        found = told.search(page.locator(".banner").inner_text())
        assert found is not None
        missing, count = (int(number.replace(",", "")) for number in found.groups())
        assert 0 < PEOPLE - MAX_FOLLOWED <= missing < count
        show(page, crowded, "connections", language)
        page.get_by_role("searchbox").fill(f"followed:{say(language, 'no')}")
        channels = region(page, say(language, "table.channels"))
        expect(channels.get_by_role("heading")).to_contain_text(say(language, "js.found", found=missing, all=count))
        expect(channels.locator("tbody tr:visible").first).to_contain_text(say(language, "no"))
