"""The pages of the service in Chromium: guests come in by links, and meet in the room."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from app.web.pages.page_handlers import page_files
from tests.dashboard.chromium import chromium
from tests.dashboard.test_accessibility import Inspection
from tests.harness.eventually import eventually
from tests.harness.measurements import Report
from tests.harness.service import Service
from tests.typescript.conftest import run, tool
from tests.web.test_room import printed_key

pytestmark = pytest.mark.long

NOTE_LEVELS = """() => {
  window.levels = [];
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes)
      for (const { dataset } of addedNodes)
        if (dataset?.level && dataset.level !== levels.at(-1)) levels.push(dataset.level);
  }).observe(document.querySelector("#alert"), { childList: true });
}"""
"""Let the page note each level that it shows: it stands for three seconds, in which a look from here may not come."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("room") / "data", {"server.drain_seconds": 0.2}) as running:
        yield running
        running.assert_log_clean()


class Visit:
    """A guest in a browser of their own, which notes errors and every request to another host."""

    def __init__(self, browser: Browser, service: Service, language: str) -> None:
        self.context: BrowserContext = browser.new_context(locale=language)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self._own = {f"{host}:{service.port}" for host in ("localhost", "127.0.0.1")}
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme != "data" and address.netloc not in self._own:
            self.foreign.append(request.url)

    def enter(self, link: str, button: str) -> Page:
        self.page.goto(link)
        self.page.get_by_role("button", name=button).click()
        expect(self.page.locator("#state")).to_have_attribute("data-state", "authenticated")
        return self.page

    def close(self) -> None:
        self.context.close()
        assert not self.errors
        assert not self.foreign


def test_the_bundles_are_those_of_the_sources(tmp_path: Path) -> None:
    tool("tsc", "-p", "tsconfig.room.json")
    run("node", "scripts/room.mjs", str(tmp_path))
    for made in sorted(tmp_path.iterdir()):
        assert made.read_bytes() == page_files()[made.name], f"node sdk/typescript/scripts/room.mjs: {made.name} is old"


def test_two_guests_meet_and_the_service_acts_before_their_eyes(
    browser: Browser, service: Service, report: Report
) -> None:
    first, second = Visit(browser, service, "en-GB"), Visit(browser, service, "ar-SA")
    here = first.enter(f"{service.http}/#{printed_key(service)}", "Enter the room")
    here.locator("#invite").click()
    expect(here.locator("#link")).to_have_attribute("href", re.compile("#."))  # it is asked of the service first
    link = here.locator("#link").get_attribute("href") or ""
    there = second.enter(link.replace("localhost", "127.0.0.1"), "ادخل الغرفة")
    assert there.locator("html").get_attribute("dir") == "rtl"
    for page in (here, there):
        expect(page.locator("#present li")).to_have_count(2)

    here.locator("#text").press_sequentially("Dear colleagues, ")
    expect(there.locator("#text")).to_have_value("Dear colleagues, ")
    there.locator("#text").focus()
    there.locator("#text").press("Control+End")
    there.locator("#text").press_sequentially("السلام عليكم")
    expect(here.locator("#text")).to_have_value("Dear colleagues, السلام عليكم")

    here.locator("#update").click()
    expect(there.locator("#dossier li").first).to_contain_text("غيّر")
    here.locator("#assign").click()
    expect(there.locator("#tasks li").first).to_contain_text("منجزة")
    here.evaluate(NOTE_LEVELS)
    here.locator("#commit").click()
    eventually(lambda: "3" in here.evaluate("levels"), lambda: here.evaluate("levels"))
    assert [*dict.fromkeys(here.evaluate("levels"))] == ["1", "2", "3"]  # each new deadline begins them anew
    expect(here.locator("#alert .level")).to_have_attribute("data-level", "3")
    here.locator("#acknowledge").click()
    expect(here.locator("#alert")).to_contain_text("Acknowledged by")
    there.locator("#ask").click()
    expect(there.locator("#brief")).to_contain_text("اكتملت الإحاطة")
    expect(here.locator("#inbox li").first).to_contain_text("level 3 of 3")

    here.locator("#break").click()
    expect(here.locator("#state")).not_to_have_attribute("data-state", "authenticated")
    here.locator("#text").press("Control+End")
    here.locator("#text").press_sequentially(" – written without a network")
    there.locator("#text").press_sequentially("!")
    expect(here.locator("#state")).to_have_attribute("data-state", "authenticated")
    # Both wrote at one place: either order is right, as long as both see the same one and no word is torn.
    own, others = re.escape(" – written without a network"), re.escape("!")
    either = re.compile(f"^Dear colleagues, السلام عليكم({own}{others}|{others}{own})$")
    for page in (here, there):
        expect(page.locator("#text")).to_have_value(either)
    assert here.locator("#text").input_value() == there.locator("#text").input_value()

    seen = Inspection(here)
    seen.look("room, en")
    there_seen = Inspection(there)
    there_seen.look("room, ar")
    assert not seen.grave + there_seen.grave
    seen.say(report)
    first.close()
    second.close()


def test_a_link_that_was_used_says_so_in_both_languages(browser: Browser, service: Service) -> None:
    visit = Visit(browser, service, "en-GB")
    visit.page.goto(f"{service.http}/#{printed_key(service)}x")
    visit.page.get_by_role("button", name="Enter the room").click()
    expect(visit.page.get_by_role("alert")).to_have_count(2)
    expect(visit.page.get_by_role("alert").first).to_contain_text("was used or is too old")
    expect(visit.page.get_by_role("alert").last).to_contain_text("استُعمل")
    found = Inspection(visit.page)
    found.look("landing")
    assert not found.grave
    visit.close()


def test_without_a_link_the_page_says_where_to_find_one(browser: Browser, service: Service) -> None:
    visit = Visit(browser, service, "en-GB")
    visit.page.goto(f"{service.http}/room")  # sent back to the door
    expect(visit.page.get_by_text("open the link that make run printed")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Enter the room")).to_be_hidden()
    visit.close()
