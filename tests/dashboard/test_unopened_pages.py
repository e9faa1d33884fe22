"""A page whose socket is refused, or does not get through, says so and offers a way on; one that opens says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import LANGUAGES, Language, say
from tests.dashboard.browser_pages import tab
from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import Service

_SOCKETS = re.compile(r"/overview/ws(\?|$)")
_OPENING_TIMEOUT = "00:15"  # of the page, by its own clock


@contextmanager
def _tab(browser: Browser, dashboard: Dashboard, cookie: str) -> Iterator[Page]:
    """Open a tab with a login, on a clock that the test sets forward."""
    page = tab(browser, dashboard, cookie)
    page.clock.install()
    yield page
    page.context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_without_a_socket_says_so_and_can_be_loaded_again(
    browser: Browser, dashboard: Dashboard, language: Language
) -> None:
    path, is_away = f"/overview{DisplayOptions(language).query}", True

    def connect(socket: WebSocketRoute) -> None:
        if is_away:
            socket.close()
        else:
            socket.connect_to_server()

    with _tab(browser, dashboard, dashboard.cookie()) as page:
        page.route_web_socket(_SOCKETS, connect)
        answer = page.goto(dashboard.url + path)
        assert answer is not None
        assert say(language, "shell.opening") in answer.text()
        page.clock.fast_forward(_OPENING_TIMEOUT)
        expect(page.get_by_role("alert")).to_contain_text(say(language, "shell.unopened"))
        is_away = False
        page.get_by_role("link", name=say(language, "shell.again")).click()
        page.locator(".blocks > :not(.charts)").first.wait_for()
        expect(page.locator("#opening")).to_have_count(0)
        assert page.url == dashboard.url + path


def test_a_login_that_ends_while_its_page_opens_leads_to_the_login(
    browser: Browser, service: Service, dashboard: Dashboard
) -> None:
    """The page is answered, and its socket refused."""
    cookie = dashboard.cookie(user="leaves")

    def end_login(route: Route) -> None:
        """Revoke the user's tokens after the page came, before its scripts run."""
        headers, path = {"Authorization": f"Bearer {tokens.operator('boss')}"}, "/v1/tokens/revoke"
        told = httpx.post(service.http + path, json={"user": "leaves"}, headers=headers, timeout=HANG_SECONDS)
        assert told.status_code == 200
        eventually(lambda: dashboard.ask("/overview", Cookie=cookie)[0] == 302, "the login did not end")
        route.continue_()

    with _tab(browser, dashboard, cookie) as page:
        page.route("**/bokeh.min.js*", end_login)
        page.goto(f"{dashboard.url}/overview{DisplayOptions('en').query}")
        page.clock.fast_forward(_OPENING_TIMEOUT)
        page.get_by_role("alert").get_by_role("link").click()
        page.wait_for_url("**/login?*")
