"""Recordings on the dashboard: as far as the viewer's own rights go, and fetched where nobody waits for it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.language.i18n import TRANSLATIONS
from tests.dashboard.background_clients import BackgroundClients
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.harness.eventually import eventually
from tests.harness.service import Service

pytestmark = pytest.mark.usefixtures("demo_run")


def replay(page: Page, dashboard: Dashboard, language: str = "en", minutes: int = 60, **fields: str) -> None:
    """Ask for the last minutes, by default for all that there is, and wait for the player."""
    at = ["en", "ar"].index(language)
    show(page, dashboard, "recordings", language)
    page.get_by_label(TRANSLATIONS["recordings.time"][at]).select_option(str(minutes))
    for name, text in fields.items():
        page.get_by_label(TRANSLATIONS[f"recordings.{name}"][at]).fill(text)
    page.get_by_role("button", name=TRANSLATIONS["recordings.go"][at], exact=True).click()
    expect(page.get_by_role("button", name=TRANSLATIONS["player.play"][at], exact=True)).to_be_visible()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_last_minutes_are_replayed(browser: Browser, dashboard: Dashboard, service: Service, language: str) -> None:
    at = ["en", "ar"].index(language)
    with logged_in(browser, dashboard) as page:
        published = _published(service)
        show(page, dashboard, "overview", language)
        figure = page.locator(".figure", has=page.get_by_text(TRANSLATIONS["figure.events_total"][at], exact=True))
        eventually(lambda: _number(figure) >= published)  # what the service reports each second is recorded as far
        replay(page, dashboard, language)
        player = page.locator(".player")
        expect(player).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
        expect(player.get_by_text(TRANSLATIONS["player.proven"][at])).to_be_visible()
        slider = player.get_by_role("slider", name=TRANSLATIONS["player.time"][at])
        slider.focus()
        page.keyboard.press("ArrowUp")
        expect(slider).to_have_value("1000")
        page.keyboard.press("End")
        figure = player.locator(".figure", has=page.get_by_text(TRANSLATIONS["figure.events_total"][at], exact=True))
        eventually(lambda: _number(figure) >= published)
        assert _number(figure) <= _published(service)  # an alert may have escalated after the recording was made
        player.get_by_role("button", name=TRANSLATIONS["page.alerts"][at], exact=True).click()
        expect(
            player.get_by_role("heading", level=2, name=re.compile(re.escape(TRANSLATIONS["alert.3"][at])))
        ).to_be_visible()


def _published(service: Service) -> float:
    return service.metrics()["dossier_events_published_total"]


def _number(figure: Locator) -> float:
    return float(figure.locator("dd").inner_text().replace(",", ""))


def test_a_user_can_be_asked_for_and_frames_be_stepped_through(browser: Browser, dashboard: Dashboard) -> None:
    with logged_in(browser, dashboard) as page:
        replay(page, dashboard, user="sarah.johnson")
        frames = page.get_by_role("region", name=re.compile("Entries up to this moment")).locator("tbody tr")
        page.locator(".player").get_by_role("searchbox").fill("type:subscribe kind:sent")
        count = page.locator(".player").get_by_text(re.compile(r"^[1-9]\d* of [\d,]+ entries$"))
        expect(count).to_be_visible()
        known = frames.count()
        page.get_by_role("button", name="Next entry").click()
        expect(frames.nth(known)).to_contain_text("subscribe")
        page.get_by_role("button", name="Previous entry").click()
        expect(frames).to_have_count(known)
        page.get_by_role("button", name="Next entry").click()
        frames.first.get_by_role("button", name="Inspect").click()
        expect(page.get_by_role("dialog")).to_contain_text('"type": "subscribe"')


def test_playing_goes_on_to_the_end_and_stops(browser: Browser, dashboard: Dashboard) -> None:
    with logged_in(browser, dashboard) as page:
        replay(page, dashboard, minutes=5)
        page.get_by_label("Speed").select_option("64")
        slider = page.get_by_role("slider")
        end = slider.get_attribute("max") or ""
        assert slider.input_value() != end
        page.get_by_role("button", name="Play", exact=True).click()
        expect(slider).to_have_value(end)  # by itself; for how long it says "Pause" is up to the machine
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_what_is_above_the_viewers_clearance_is_not_in_it(
    browser: Browser, dashboard: Dashboard, service: Service
) -> None:
    secret = {"type": "dossier_update", "channel": "dossier:secret:heron"}
    payload = {"entity_type": "country", "entity_id": "heron", "operation": "update", "fields_changed": ["cover"]}
    with BackgroundClients(service) as people:
        people.publish({**secret, "payload": payload})
    for clearance, seen in (("secret", True), ("internal", False)):
        with logged_in(browser, dashboard, clearance=clearance) as page:
            replay(page, dashboard, minutes=5)
            page.locator(".player").get_by_role("searchbox").fill("heron")
            count = page.locator(".player").get_by_text(re.compile(r"^[\d,]+ of [\d,]+ entries"))
            expect(count).to_have_text(
                re.compile(r"^[1-9].*entries$" if seen else r"^0 of .*: nothing matches the filter")
            )
