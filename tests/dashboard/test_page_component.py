"""The component of a page in a real browser: a press and a logout, while the dashboard goes on telling it things."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, WebSocket, expect

from dashboard.language.i18n import translations_for
from dashboard.screen.assets import PAGE_SCRIPTS, read
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.samples import NOW, viewer
from tests.harness.eventually import HANG_SECONDS

Way = Literal["mouse", "touch", "space bar"]
WAYS: tuple[Way, ...] = ("mouse", "touch", "space bar")
_OPEN = """(words) => {
    const calls = {}
    window.tell = (message) => calls["msg:custom"](message)
    const shown = { words, levels: [], locale: "en-GB", direction: "ltr", look: "light", served: false, charts: null }
    const on = (name, call) => { calls[name] = call }
    document.body.replaceChildren(render({ model: { ...shown, on, send_msg: () => {} } }))
}"""


@pytest.fixture
def component(browser: Browser) -> Iterator[Page]:
    """Yield the component alone, in a page whose clock the test moves."""
    page = browser.new_page(has_touch=True)
    page.set_default_timeout(1000 * HANG_SECONDS)
    page.clock.install()
    page.set_content("<!DOCTYPE html><body></body>")
    page.add_script_tag(content=f"{read(PAGE_SCRIPTS)}\nwindow.render = render", type="module")
    page.wait_for_function("() => window.render")
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))
    page.evaluate(_OPEN, translations_for("en", "js."))
    yield page
    page.close()


def tell(page: Page, message: dict[str, Any]) -> None:
    """Tell the component what a dashboard would."""
    page.evaluate("(message) => tell(message)", {"strip": None, **message})


def tell_alert(page: Page, badge: str) -> None:
    """Tell it of a board with one alert, whose card has that badge."""
    acts = [viewer().look("alert", "c-1"), viewer().action("acknowledge", "c-1")]
    texts = {"key": "c-1", "title": "Report", "badge": badge, "lines": [], "since": "since"}
    column = {
        "id": "level-1",
        "title": "Level",
        "tone": "info",
        "cards": [{**texts, "at": NOW, "clock": None, "acts": acts}],
    }
    board = {"id": "board", "kind": "board", "columns": [column], "empty": "none", "kept": ""}
    tell(page, {"news": [json.dumps({"blocks": [board]})], "count": 1})


def tell_details(page: Page, *acts: str) -> None:
    """Tell it which acts the details of that alert offer."""
    block = {"id": "acts", "kind": "actions", "acts": [viewer().action(act, "c-1") for act in acts]}
    tell(page, {"details": [block], "kind": "alert", "of": "c-1"})


def press(page: Page, button: Locator, way: Way) -> Callable[[], None]:
    """Begin to press the button; return a function that ends the press. The click of a touch comes a moment later."""
    if way == "mouse":
        button.hover()
        page.mouse.down()
        return page.mouse.up
    if way == "space bar":
        button.focus()
        page.keyboard.down("Space")
        return lambda: page.keyboard.up("Space")
    box, fingers = button.bounding_box(), page.context.new_cdp_session(page)
    assert box is not None
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})

    def lift() -> None:
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    return lift


def until(page: Page, holds: Callable[[], object]) -> None:
    """Wait until that is true, while the browser's own messages are taken in."""
    deadline = time.monotonic() + HANG_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        page.wait_for_timeout(5)


@pytest.mark.parametrize("way", WAYS)
def test_a_button_that_is_pressed_as_its_board_changes_gets_its_click(component: Page, way: Way) -> None:
    tell_alert(component, "normal")
    release = press(component, component.get_by_role("button", name="Acknowledge"), way)
    tell_alert(component, "urgent")
    release()
    expect(component.get_by_role("dialog", name="Acknowledge")).to_be_visible()
    component.clock.run_for(500)
    expect(component.locator(".card")).to_contain_text("urgent")


@pytest.mark.parametrize("way", WAYS)
def test_a_button_that_is_pressed_as_the_details_change_gets_its_click(component: Page, way: Way) -> None:
    tell_alert(component, "normal")
    component.get_by_role("button", name="Details").click()
    component.clock.run_for(1)
    tell_details(component, "snooze")
    details = component.get_by_role("dialog", name="Details")
    release = press(component, details.get_by_role("button", name="Snooze"), way)
    tell_details(component, "snooze", "acknowledge")
    release()
    expect(component.get_by_role("dialog", name="Snooze")).to_be_visible()
    component.clock.run_for(500)
    expect(details.locator(".act")).to_have_count(2)


@pytest.mark.parametrize("way", WAYS)
def test_a_press_without_an_end_holds_no_board_back_for_long(component: Page, way: Way) -> None:
    tell_alert(component, "normal")
    press(component, component.get_by_role("button", name="Acknowledge"), way)
    tell_alert(component, "urgent")
    assert "normal" in component.locator(".card").inner_text()
    component.clock.run_for(5_000)
    expect(component.locator(".card")).to_contain_text("urgent")


def test_a_user_who_logs_out_is_not_told_that_the_session_ended(browser: Browser, dashboard: Dashboard) -> None:
    """The login ends before the browser has the answer to its form, and the page is told so."""
    frames: list[str] = []
    held: list[Route] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: frames.append(str(frame)))

    def hold(route: Route) -> None:
        held.append(route)

    with logged_in(browser, dashboard) as page:
        page.on("websocket", listen)
        page.route("**/logout?*", hold)
        show(page, dashboard, "overview")
        page.get_by_role("button", name="Log out").click(no_wait_after=True)
        until(page, lambda: held)
        (cookie,) = page.context.cookies()
        assert (
            dashboard.ask("/logout", "POST", Cookie=f"{cookie['name']}={cookie['value']}", Origin=dashboard.url)[0]
            == 303
        )
        until(page, lambda: any('"bye"' in frame for frame in frames))
        page.wait_for_timeout(100)  # for what the page makes of it; a slow page hides a fault here
        held[0].continue_()
        page.wait_for_url("**/login?*")
        assert "said=" not in page.url
