"""A page of the dashboard in a real browser; whatever goes wrong in it fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, ViewportSize

from tests.dashboard.dashboard_process import Dashboard
from tests.harness.eventually import HANG_SECONDS


def listen(page: Page, *here: str, errors: bool = True) -> list[str]:
    """Return a list that collects a page's exceptions, requests that leave `here`, and with `errors` console errors."""
    wrong: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if errors and message.type == "error":
            wrong.append(message.text)

    def left(request: Request) -> None:
        if not request.url.startswith(here):
            wrong.append(f"a request left for {request.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", left)
    return wrong


def tab(browser: Browser, dashboard: Dashboard, cookie: str, viewport: ViewportSize | None = None) -> Page:
    """Open a tab with the cookie of a login; its context is the caller's to close."""
    context = browser.new_context(viewport=viewport)
    name, _, value = cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": dashboard.url, "httpOnly": True, "sameSite": "Strict"}])
    page = context.new_page()
    page.set_default_timeout(1000 * HANG_SECONDS)
    return page


@contextmanager
def logged_in(
    browser: Browser,
    dashboard: Dashboard,
    *,
    width: int = 1440,
    role: str = "operator",
    clearance: str = "secret",
    grants: tuple[str, ...] = ("admin:*",),
    user: str = "operator",
) -> Iterator[Page]:
    """Open a tab with a login, and assert at its end that its console has no error and no request left."""
    cookie = dashboard.cookie(role, clearance, grants, user)
    page = tab(browser, dashboard, cookie, {"width": width, "height": 900})
    wrong = listen(page, dashboard.url, dashboard.url.replace("http", "ws"), "blob:", "data:")
    try:
        yield page
    finally:
        page.context.close()
    assert wrong == []


def show(page: Page, dashboard: Dashboard, name: str, language: str = "en", theme: str = "light") -> None:
    """Open a page and wait until it shows what it knows."""
    page.goto(f"{dashboard.url}/{name}?lang={language}&theme={theme}")
    page.locator(".blocks > :not(.charts)").first.wait_for()
