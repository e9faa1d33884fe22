"""The whole way in a real browser, with the provider on another site than the dashboard (P18)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboard.site.login_sessions import COOKIE
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.identity_provider import Manners, Provider
from tests.dashboard.oidc_logins import OPERATOR
from tests.harness.eventually import HANG_SECONDS


@pytest.fixture
def context(browser: Browser, provider: Provider) -> Iterator[BrowserContext]:
    """A browser of its own, and a provider that knows operators."""
    provider.manners = Manners(claims=dict(OPERATOR))
    opened = browser.new_context()
    opened.set_default_timeout(1000 * HANG_SECONDS)
    yield opened
    opened.close()
    provider.manners = Manners()


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A tab, and every address that became the address of a page in it."""
    page, addresses = context.new_page(), list[str]()
    page.on("framenavigated", lambda frame: addresses.append(frame.url))
    return page, addresses


@pytest.mark.parametrize(
    ("language", "direction", "button", "out", "left"),
    [
        ("en", "ltr", "Log in with Office <Account>", "Log out", "Log out there too"),
        ("ar", "rtl", "الدخول عبر \u2068حساب المكتب\u2069", "تسجيل الخروج", "تسجيل الخروج هناك أيضاً"),
    ],
)
def test_one_logs_in_at_the_provider_and_out_again(
    language: str,
    direction: str,
    button: str,
    out: str,
    left: str,
    context: BrowserContext,
    oidc_dashboard: Dashboard,
    provider: Provider,
) -> None:
    page, addresses = watched(context)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(f"{oidc_dashboard.url}/overview?lang={language}&theme=dark")
    expect(page.locator("html")).to_have_attribute("dir", direction)
    page.get_by_role("link", name=button, exact=True).click()
    page.wait_for_url(f"{provider.issuer}/**")
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.get_by_label("User").fill("omar")
    page.get_by_role("button", name="Yes").click()
    page.wait_for_url(f"{oidc_dashboard.url}/overview?lang={language}&theme=dark")
    expect(page.locator("header bdi")).to_have_text("Omar")
    page.locator(".blocks > *").first.wait_for()  # the socket of the page is open too

    assert f"{oidc_dashboard.url}/login/done?lang={language}&theme=dark" in addresses
    (cookie,) = context.cookies(oidc_dashboard.url)
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, "Strict")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    for secret in provider.handed_out:
        assert not any(secret in place for place in (page.content(), kept, cookie["value"], *addresses))
    page.go_back()
    page.wait_for_url(f"{provider.issuer}/**")  # the page before the dashboard is the provider's own
    page.go_forward()
    expect(page.locator("header bdi")).to_have_text("Omar")

    page.get_by_role("button", name=out, exact=True).click()
    page.get_by_role("link", name=left, exact=True).click()
    expect(page.get_by_role("heading")).to_have_text("Goodbye from the provider")
    page.goto(f"{oidc_dashboard.url}/overview")
    page.wait_for_url("**/login")
    assert wrong == []


def test_one_who_says_no_at_the_provider_reads_our_words(
    context: BrowserContext, oidc_dashboard: Dashboard, provider: Provider
) -> None:
    page, addresses = watched(context)
    page.goto(f"{oidc_dashboard.url}/login?lang=en")
    page.get_by_role("link", name="Log in with").click()
    page.get_by_role("button", name="No").click()
    expect(page.get_by_role("alert")).to_contain_text("The login was cancelled or refused")
    assert "never mind" not in page.content()
    assert not any("state=" in address for address in addresses if address.startswith(oidc_dashboard.url))


def test_a_link_from_the_provider_finds_the_login_it_left(
    context: BrowserContext, oidc_dashboard: Dashboard, provider: Provider
) -> None:
    """The session cookie is Strict: a foreign page that links here shows the login, and ours shows the dashboard."""
    page, _ = watched(context)
    page.goto(f"{oidc_dashboard.url}/login/oidc?lang=en")
    page.get_by_label("User").fill("omar")
    page.get_by_role("button", name="Yes").click()
    page.wait_for_url("**/overview?**")
    page.goto(f"{provider.issuer}/logout?client_id=dossier+dashboard")
    page.evaluate("address => { location.href = address }", f"{oidc_dashboard.url}/overview")
    page.wait_for_url("**/login")
    page.goto(f"{oidc_dashboard.url}/overview")
    expect(page.locator("header bdi")).to_have_text("Omar")
