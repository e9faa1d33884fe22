"""What an operator does in a real browser is what the service then has done, for the reason that was given."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dossier_realtime.recording.entry import Header
from tests.dashboard.background_clients import BackgroundClients
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.harness.eventually import eventually
from tests.harness.service import Service

DAY = 86_400


@pytest.fixture(scope="module")
def clients(service: Service) -> Iterator[BackgroundClients]:
    with BackgroundClients(service) as people:
        yield people


def alert(commitment: str, level: int = 1, **more: Any) -> dict[str, Any]:
    payload = {
        "commitment_id": commitment,
        "mou_id": "mou-1",
        "title": {"en": f"Report {commitment}", "ar": f"تقرير {commitment}"},
        "days_until_deadline": 30,
        "responsible_department": "Agreements",
        "alert_level": level,
    }
    return {"type": "commitment_alert", "channel": "user:nora", "priority": "high", "payload": payload | more}


def card(page: Page, text: str) -> Locator:
    return page.locator(".card", has_text=text)


def row(page: Page, text: str) -> Locator:
    return page.locator("tbody tr:visible", has_text=text)


def watch(page: Page, dashboard: Dashboard, name: str, language: str = "en") -> None:
    """Show a page of a dashboard that is surely connected."""
    show(page, dashboard, "overview")
    expect(page.locator(".banner.bad")).to_have_count(0)
    show(page, dashboard, name, language)


def act(page: Page, button: Locator, name: str, reason: str) -> None:
    """Press it, give a reason, and see that it was done."""
    button.click()
    dialog = page.get_by_role("dialog", name=name)
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text(f"Done: {name}")


def asked(service: Service, path: str) -> dict[str, Any]:
    """The call that the journal has of the operator."""

    def calls() -> list[Header]:
        headers = [entry.header for entry in service.journal()]
        return [header for header in headers if header.kind == "http" and header.detail["path"] == path]

    call = eventually(calls, f"the journal has no call of {path}")[0]
    assert call.user == "operator"
    return call.detail


def test_an_alert_is_acknowledged_and_loses_its_clock(
    browser: Browser, dashboard: Dashboard, service: Service, clients: BackgroundClients
) -> None:
    with logged_in(browser, dashboard) as page:
        watch(page, dashboard, "alerts")
        clients.publish(alert("c-ack", next_level_at=int(time.time()) + 2 * DAY + 3600))
        shown = card(page, "Report c-ack")
        expect(shown.get_by_role("timer")).to_have_text(re.compile(r"^in 2 days"))
        act(page, shown.get_by_role("button", name="Acknowledge"), "Acknowledge", "spoke with the ministry")
        expect(shown).to_contain_text("acknowledged by operator")
        expect(shown.get_by_role("timer")).to_have_count(0)
        expect(shown.get_by_role("button", name="Acknowledge")).to_have_count(0)
    path = "/v1/commitments/c-ack/ack"
    call = {"method": "POST", "path": path, "status": 200, "reason": "spoke with the ministry"}
    told = asked(service, path)
    assert {name: told[name] for name in call} == call
    assert (bool(told["token"]), told["address"]) == (True, "127.0.0.1")
    history = service.get("/v1/channels/user:nora/history", service.token("operator", "admin:*", clearance="secret"))
    assert b'"alert_state"' in history[1]
    assert b'"acknowledged_by":"operator"' in history[1]


def test_a_brief_is_cancelled(
    browser: Browser, dashboard: Dashboard, service: Service, clients: BackgroundClients
) -> None:
    started = {"type": "meeting", "entity_id": "SA", "estimated_time": 60_000}
    event = {"type": "brief_generation_started", "channel": "user:nora", "request_id": "brief-x", "payload": started}
    with logged_in(browser, dashboard) as page:
        watch(page, dashboard, "briefs")
        clients.publish(event)
        shown = row(page, "brief-x")
        act(page, shown.get_by_role("button", name="Cancel brief"), "Cancel brief", "the visit is off")
        expect(shown).to_contain_text("cancelled")
        expect(shown.get_by_role("button", name="Cancel brief")).to_have_count(0)
    assert asked(service, "/v1/briefs/brief-x/cancel")["reason"] == "the visit is off"
    history = service.get("/v1/channels/user:nora/history", service.token("operator", "admin:*", clearance="secret"))
    assert "ألغاه \u2068Omar Haddad\u2069" in history[1].decode()


@pytest.mark.parametrize("role", ["operator", "security_officer"])
def test_a_limit_is_lifted_for_a_quarter_of_an_hour_and_the_lift_ended(
    browser: Browser, dashboard: Dashboard, service: Service, clients: BackgroundClients, role: str
) -> None:
    user = f"busy.{role}"
    with logged_in(browser, dashboard, role=role) as page:
        watch(page, dashboard, "limits")
        clients.exceed_rate_limit(user, "Busy Person")
        talker = row(page, user).filter(has_text="messages")
        act(
            page,
            talker.get_by_role("button", name="Lift limits for 15 minutes"),
            "Lift limits for 15 minutes",
            "an import runs",
        )
        lifted = row(page, user).filter(has_text="every class")
        expect(lifted).to_contain_text("lifted")
        expect(lifted.get_by_role("timer")).to_have_text(re.compile(r"^in 1[45] minutes"))
        act(page, lifted.get_by_role("button", name="End the lift"), "End the lift", "it is over")
        expect(lifted).to_have_count(0)
    assert asked(service, f"/v1/users/{user}/limits/lift")["reason"] == "an import runs"

    def lifts() -> list[object]:
        headers = [entry.header for entry in service.journal()]
        return [header.detail for header in headers if (header.kind, header.user) == ("lifted", user)]

    eventually(lambda: len(lifts()) > 1, lifts)
    assert lifts() == [{"seconds": 900}, {"seconds": 0}]


def test_a_clock_runs_before_the_eyes_and_takes_no_focus(
    browser: Browser, dashboard: Dashboard, clients: BackgroundClients
) -> None:
    with logged_in(browser, dashboard) as page:
        watch(page, dashboard, "alerts")
        clients.publish(alert("c-run", next_level_at=int(time.time()) + 20), alert("c-rest"))
        clock = card(page, "Report c-run").get_by_role("timer")
        page.get_by_role("searchbox").focus()
        expect(clock).to_have_text(re.compile(r"^in \d+ seconds?$"))
        expect(clock).to_have_text(re.compile(r"^overdue by \d+ seconds?$"))
        expect(page.get_by_role("searchbox")).to_be_focused()
        expect(card(page, "Report c-rest").get_by_role("timer")).to_have_count(0)
        page.emulate_media(reduced_motion="reduce")
        expect(clock).to_have_text("overdue by 1 minute")


def test_a_clock_speaks_arabic(browser: Browser, dashboard: Dashboard, clients: BackgroundClients) -> None:
    with logged_in(browser, dashboard) as page:
        watch(page, dashboard, "alerts", "ar")
        clients.publish(alert("c-ar", next_level_at=int(time.time()) + 5 * DAY + 60))
        clock = card(page, "تقرير c-ar").get_by_role("timer")
        expect(clock).to_have_text(re.compile("^بعد 5 أيام"))
        expect(card(page, "تقرير c-ar")).to_contain_text("المستوى التالي:")


@pytest.mark.parametrize("role", ["observer", "auditor"])
def test_who_may_not_sees_why(browser: Browser, dashboard: Dashboard, clients: BackgroundClients, role: str) -> None:
    with logged_in(browser, dashboard, role=role) as page:
        watch(page, dashboard, "alerts")
        clients.publish(alert(f"c-{role}"))
        button = card(page, f"Report c-{role}").get_by_role("button", name="Acknowledge")
        expect(button).to_have_attribute("aria-disabled", "true")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Your role may not do this")
        expect(page.get_by_role("dialog")).to_have_count(0)
