"""A dashboard that is started over a service where things stand knows all of it, each viewer as far as allowed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.service import Service
from tests.web.test_actions import alert, call

RAISED = 45


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service where all was published, requested, registered and lifted."""
    with Service(tmp_path_factory.mktemp("ground") / "data", {"limits.general": 100_000}) as service:
        operator = tokens.token("operator", "admin:*", clearance="secret")
        program = tokens.token("program", "write:user:*", "write:dossier:mou:*", role="service", clearance="secret")
        assert call(service, operator, "PUT", "/v1/channels/dossier:mou:hidden", {"classification": "secret"})[0] == 200
        events = [raised(f"c{number}", f"Report {number}", "m1") for number in range(RAISED)]
        events.append(raised("secret-one", "Covert matter", "hidden"))
        assert call(service, program, "POST", "/v1/publish", {"events": events})[0] == 200
        body = {
            "mou_id": "m1",
            "title": {"en": "Overdue submission", "ar": "تسليم متأخر"},
            "due_date": time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400)),
            "mou_type": "data-exchange",
            "responsible_department": "Agreements",
            "owner": "omar",
            "escalation": [["ali"], ["bea"], ["cy"]],
        }
        assert call(service, program, "PUT", "/v1/commitments/registered", body)[0] == 200
        assert call(service, operator, "POST", "/v1/users/nora/limits/lift", {"seconds": 900})[0] == 200
        asker = tokens.token("ali", "read:dossier:*")
        asked = {"type": "country", "entity_id": "SA", "language": "en"}
        assert call(service, asker, "POST", "/v1/briefs", asked)[0] == 202
        yield service
    service.assert_log_clean()


@pytest.fixture(scope="module")
def stands(ground: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Return a dashboard that was started after all that."""
    with Dashboard(ground, tmp_path_factory.mktemp("restarted")) as dashboard:
        yield dashboard
    dashboard.assert_log_clean()


def raised(commitment: str, title: str, mou: str) -> dict[str, Any]:
    both = {"en": title, "ar": f"تقرير {title}"}
    return alert(commitment, 3, "ali", mou_id=mou, title=both)


def cards(page: Page) -> Any:
    return page.locator(".card")


def test_it_says_what_is_escalated_and_shows_all_of_it(browser: Browser, stands: Dashboard) -> None:
    with logged_in(browser, stands) as page:
        show(page, stands, "overview")
        expect(page.locator(".banner.warn")).to_contain_text(f"level 3: {RAISED + 2}")
        for language, title in (("en", "Overdue submission"), ("ar", "تسليم متأخر")):
            show(page, stands, "alerts", language)
            expect(cards(page)).to_have_count(RAISED + 2)
            expect(page.locator(".card", has_text=title)).to_be_visible()
        expect(page.locator(".notice", has_text="قُرئت كلها آخر مرة في")).to_be_visible()
        show(page, stands, "limits")
        expect(page.locator("tbody tr", has_text="nora")).to_contain_text("lifted")
        show(page, stands, "briefs")
        expect(page.locator("tbody tr", has_text="SA")).to_have_count(1)


def test_a_viewer_below_it_does_not_see_it_nor_count_it(browser: Browser, stands: Dashboard) -> None:
    with logged_in(browser, stands, clearance="internal") as page:
        show(page, stands, "alerts")
        expect(cards(page)).to_have_count(RAISED + 1)
        expect(page.get_by_text("Covert matter")).to_have_count(0)
        assert "Covert" not in page.content()
        show(page, stands, "overview")
        expect(page.locator(".banner.warn")).to_contain_text(f"level 3: {RAISED + 1}")


def test_a_restart_of_the_service_loses_nothing(browser: Browser, ground: Service, tmp_path: Path) -> None:
    with Dashboard(ground, tmp_path) as another:
        ground.restart()
        with logged_in(browser, another) as page:
            show(page, another, "alerts")
            expect(cards(page)).to_have_count(RAISED + 2)
        another.assert_log_clean()
