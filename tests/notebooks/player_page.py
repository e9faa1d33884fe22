"""A page with a player on it; whatever leaves the machine or goes wrong fails the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from tests.dashboard.browser_pages import listen
from tests.harness.eventually import HANG_SECONDS

HERE = (
    "http://127.0.0.1:",
    "ws://127.0.0.1:",
    "http://localhost:",
    "ws://localhost:",
    "file:",
    "data:",
    "blob:",
    "about:",
)
CLOCK = re.compile(r"(\d{1,2} \w+, )?(?P<time>\d\d:\d\d:\d\d\.\d{3}( UTC)?)")  # a recording of two days names the day

Place = Page | FrameLocator


@contextmanager
def tab(browser: Browser, *, width: int = 1440, errors: bool = True) -> Iterator[Page]:
    """Open a tab east of UTC; at its end no request has left, and with `errors` its console has no error."""
    context = browser.new_context(viewport={"width": width, "height": 1000}, timezone_id="Asia/Riyadh")
    page = context.new_page()
    page.set_default_timeout(1000 * HANG_SECONDS)
    wrong = listen(page, *HERE, errors=errors)
    try:
        yield page
    finally:
        context.close()
    assert wrong == []


def framed(page: Page) -> FrameLocator:
    """Return the player's frame, scrolled into view."""
    frame = page.locator('iframe[title="Recording"]').first
    frame.scroll_into_view_if_needed()
    return page.frame_locator('iframe[title="Recording"]').first


def button(player: Place, name: str) -> Locator:
    return player.get_by_role("button", name=name, exact=True)


def clock(player: Place) -> str:
    """Return the time of day that the player shows."""
    text = player.locator("output.clock").inner_text()
    found = CLOCK.fullmatch(text)
    assert found, text
    return found["time"]


def place(player: Place) -> int:
    """Return the milliseconds since the beginning at which the player is."""
    return int(player.get_by_role("slider").input_value())


def press_to(player: Place, key: Literal["Home", "End"]) -> None:
    """Move the cursor to the beginning or the end."""
    player.get_by_role("slider").press(key)


def entries(player: Place) -> tuple[int, int]:
    """Return the number of entries that are shown, and of all."""
    shown, among = re.findall(r"\d[\d,]*", player.get_by_role("status").filter(has_text="entries").inner_text())
    return int(shown.replace(",", "")), int(among.replace(",", ""))


def plays(player: Place) -> None:
    """Play, pause, step, filter, turn to a page, speak Arabic: with a mouse and a keyboard."""
    expect(button(player, "Play")).to_be_visible()
    press_to(player, "Home")
    before = player.locator("output.clock").inner_text()
    assert CLOCK.fullmatch(before), before
    button(player, "Play").click()
    expect(player.locator("output.clock")).not_to_have_text(before)
    button(player, "Pause").click()
    paused = place(player)
    assert paused > 0
    button(player, "Next entry").click()
    assert place(player) > paused
    _, among = entries(player)
    search = player.get_by_role("searchbox", name="Filter")
    search.fill("type:commitment_alert")
    shown, of = entries(player)
    assert 0 < shown < of == among
    search.fill("")
    assert entries(player) == (among, among)
    press_to(player, "End")
    button(player, "Alerts").click()
    expect(player.locator(".board .card").first).to_be_visible()
    button(player, "العربية").click()
    expect(player.locator(".player")).to_have_attribute("dir", "rtl")
    expect(button(player, "تشغيل")).to_be_visible()
    expect(button(player, "التنبيهات")).to_have_attribute("aria-pressed", "true")
    button(player, "English").click()
    expect(button(player, "Alerts")).to_be_visible()
