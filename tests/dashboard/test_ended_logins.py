"""A user who is shut out at the service is out here too within two seconds: pages, cookie, what is being fetched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.language.i18n import TRANSLATIONS
from tests.dashboard.browser_pages import show, tab
from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.measurements import Report
from tests.harness.service import Service

_TIMEOUT_MILLISECONDS = 1000 * HANG_SECONDS  # a fact is waited for, and what it took is printed

RECORDER = "dashboard.playback.recordings"
"""The module that the process of a recording runs."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Dashboard]]:
    folder = tmp_path_factory.mktemp("ended")
    with Service(folder / "data", {"limits.read": 10_000, "limits.general": 10_000}) as service:
        with Dashboard(service, folder) as dashboard:
            yield service, dashboard
            dashboard.assert_log_clean()
        service.assert_log_clean()


def _token(user: str, **claims: Any) -> str:
    return tokens.token(user, "admin:*", role="operator", clearance="secret", name=user.title(), **claims)


def _cookie(dashboard: Dashboard, token: str) -> str:
    status, headers, body = dashboard.login(token)
    assert status == 303, body
    return headers["Set-Cookie"].partition(";")[0]


def _open(browser: Browser, dashboard: Dashboard, cookie: str, language: str = "en") -> Page:
    page = tab(browser, dashboard, cookie)
    show(page, dashboard, "overview", language)
    return page


def _operator(service: Service, path: str, body: dict[str, str] | None = None) -> None:
    headers = {"Authorization": f"Bearer {tokens.operator('boss')}"}
    answer = httpx.post(f"{service.http}/v1{path}", json=body, headers=headers, timeout=HANG_SECONDS)
    assert answer.status_code == 200, answer.text


def _revoke_user(service: Service) -> None:
    _operator(service, "/tokens/revoke", {"user": "nora"})


def _revoke_token(service: Service) -> None:
    _operator(service, "/tokens/revoke", {"jti": "nora-1"})


def _disconnect(service: Service) -> None:
    _operator(service, "/users/nora/disconnect")


WAYS: dict[str, Callable[[Service], None]] = {
    "a revoked token": _revoke_token,
    "a disconnected user": _disconnect,
    "a revoked user": _revoke_user,
}


@pytest.mark.parametrize(("way", "language"), list(zip(WAYS, ("en", "ar", "en"), strict=True)))
def test_whoever_is_shut_out_is_logged_out_of_every_page(
    browser: Browser, watched: tuple[Service, Dashboard], way: str, language: str, report: Report
) -> None:
    service, dashboard = watched
    issued = int(time.time())
    cookie = _cookie(dashboard, _token("nora", jti="nora-1" if "token" in way else f"nora {way}", now=issued))
    other = _cookie(dashboard, _token("sami"))
    pages = [_open(browser, dashboard, cookie, language) for _ in range(2)]
    kept = _open(browser, dashboard, other)
    begun = time.monotonic()
    WAYS[way](service)
    ended = TRANSLATIONS["login.ended"][["en", "ar"].index(language)]
    for page in pages:
        expect(page.get_by_role("alert").filter(has_text=ended)).to_be_visible(timeout=_TIMEOUT_MILLISECONDS)
        assert "/login" in page.url
    took = time.monotonic() - begun
    report(f"{way}: two pages logged out {took:.1f} s later")
    assert dashboard.ask("/overview", Cookie=cookie)[0] == 302
    assert dashboard.ask("/overview", Cookie=other)[0] == 200
    expect(kept.locator(".blocks > :not(.charts)").first).to_be_visible()
    for page in (*pages, kept):
        page.context.close()


def test_a_revoked_token_opens_no_login(watched: tuple[Service, Dashboard]) -> None:
    service, dashboard = watched
    token = _token("gone")
    _operator(service, "/tokens/revoke", {"user": "gone"})
    assert dashboard.login(token)[0] == 401


def test_a_login_ends_with_its_token_without_anybody_looking(
    browser: Browser, watched: tuple[Service, Dashboard]
) -> None:
    _, dashboard = watched
    page = tab(browser, dashboard, _cookie(dashboard, _token("brief", ttl=45)))
    page.goto(f"{dashboard.url}/overview?lang=en", wait_until="commit")  # its socket opens before the end
    expect(page.get_by_role("alert").filter(has_text=TRANSLATIONS["login.ended"][0])).to_be_visible(
        timeout=_TIMEOUT_MILLISECONDS
    )
    page.context.close()


def test_what_is_fetched_for_a_login_ends_with_it(browser: Browser, tmp_path: Path) -> None:
    """The process that makes a recording is stopped where it stands, so that it is there when the login ends."""
    with Service(tmp_path / "data") as service, Dashboard(service, tmp_path) as dashboard:
        page = _open(browser, dashboard, _cookie(dashboard, _token("nora")))
        show(page, dashboard, "recordings")
        page.get_by_role("button", name=TRANSLATIONS["recordings.go"][0], exact=True).click()
        parent = psutil.Process(dashboard.process.pid)
        # Suspended before it executes its own program, it would hold the dashboard up, which waits for that (vfork).
        while not (
            children := [each for each in parent.children() if "dashboard.playback.recordings" in each.cmdline()]
        ):
            page.wait_for_timeout(5)
        children[0].suspend()
        _revoke_user(service)
        while parent.children():
            page.wait_for_timeout(50)
        page.context.close()


def test_many_logins_of_one_push_nobody_else_out(watched: tuple[Service, Dashboard]) -> None:
    _, dashboard = watched
    other = _cookie(dashboard, _token("quiet"))
    first = _cookie(dashboard, _token("loud"))
    *_, last = [_cookie(dashboard, _token("loud")) for _ in range(12)]
    assert dashboard.ask("/overview", Cookie=other)[0] == 200
    assert dashboard.ask("/overview", Cookie=last)[0] == 200
    assert dashboard.ask("/overview", Cookie=first)[0] == 302
