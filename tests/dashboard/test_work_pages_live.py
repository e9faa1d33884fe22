"""The pages of tasks and of the viewer's inbox in a real browser, beside a second device of the same user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.test_accessibility import Inspection
from tests.harness import tokens
from tests.harness.service import Service
from tests.harness.wire import Message
from tests.web.test_actions import call
from tests.web.test_inboxes import inbox, notice, step

READER = "reader"  # of an inbox that one test marks; each test has a user of its own


def told(service: Service, *events: Message) -> None:
    token = tokens.token("office", "write:user:*", "write:workspace:*", role="service", clearance="secret")
    status, answer = call(service, token, "POST", "/v1/publish", {"events": list(events)})
    assert status == 200, answer


def assigned(task: str, user: str, due: str, title: str) -> Message:
    payload = {"task_id": task, "title": {"en": title, "ar": f"{title} (ع)"}, "due_date": due, "priority": "high"}
    return {"type": "task_assigned", "channel": f"user:{user}", "payload": payload}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Dashboard]]:
    """Return a service where tasks and an inbox stand before its dashboard starts."""
    folder = tmp_path_factory.mktemp("work")
    with Service(folder / "data", {"limits.general": 100_000, "limits.read": 100_000}) as service:
        told(
            service,
            assigned("t1", "ali", "2024-01-02", "Figures of the year"),
            step("workspace:w1", "t1", "pending", "in_progress", assigned_to="ali"),
            step("workspace:w1", "t2", "pending", "pending", assigned_to="bea"),
            assigned("t9", READER, "2024-01-02", "Check the figures"),
            *(notice(READER, f"n{number}") for number in range(3)),
        )
        with Dashboard(service, folder) as dashboard:
            yield service, dashboard
        dashboard.assert_log_clean()
    service.assert_log_clean()


def row(page: Page, text: str) -> Locator:
    return page.locator("tbody tr", has_text=text)


def test_tasks_of_before_the_start_are_there_and_change_as_they_are_told(
    browser: Browser, office: tuple[Service, Dashboard]
) -> None:
    service, dashboard = office
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "tasks")
        whole = row(page, "Figures of the year")
        expect(whole).to_contain_text("in progress")
        expect(whole).to_contain_text("overdue")
        expect(whole).to_contain_text("workspace:w1")
        expect(row(page, "t2")).to_contain_text("pending")
        told(service, step("workspace:w1", "t1", "in_progress", "completed", assigned_to="ali"))
        expect(whole).to_contain_text("completed")
        expect(whole).not_to_contain_text("overdue")
        told(service, assigned("t3", "cy", "2099-01-02", "Later"))
        page.get_by_role("searchbox").fill("status:pending")
        expect(page.locator("tbody tr:visible")).to_have_count(1)
        page.get_by_role("searchbox").fill("user:ali")
        expect(page.locator("tbody tr:visible")).to_have_count(1)
    with logged_in(browser, dashboard, clearance="public") as page:
        show(page, dashboard, "tasks")
        expect(page.get_by_text("Some rows need other permissions")).to_be_visible()
        expect(row(page, "t2")).to_have_count(0)


def test_a_mark_on_the_page_is_one_on_all_devices_and_the_other_way_round(
    browser: Browser, office: tuple[Service, Dashboard]
) -> None:
    service, dashboard = office
    unread = inbox(service, READER)["unread"]
    with logged_in(browser, dashboard, role="observer", user=READER) as page:
        show(page, dashboard, "inbox")
        expect(row(page, "Soon")).to_have_count(3)
        expect(row(page, "Check the figures")).to_contain_text("assigned by")
        row(page, "Soon").first.get_by_role("button", name="Mark as read").click()
        expect(row(page, "Soon")).to_have_count(2)
        left = inbox(service, READER)
        assert left["unread"] == unread - 1
        assert [entry["id"] for entry in left["entries"] if entry["read"]] == ["n2"]
        other_device = call(service, tokens.token(READER), "POST", "/v1/inbox/ack", {"ids": ["n0"]})
        assert other_device[0] == 200
        expect(row(page, "Soon")).to_have_count(1)
        row(page, "Soon").get_by_role("button", name="Snooze").click()
        form = page.get_by_role("dialog", name="Snooze")
        expect(form.get_by_label("Reason")).to_have_count(0)
        form.get_by_label("For").select_option("4")
        form.get_by_role("button", name="Confirm").click()
        expect(row(page, "Soon")).to_have_count(0)
        (snoozed,) = [entry for entry in inbox(service, READER)["entries"] if "snoozed_until" in entry]
        assert snoozed["id"] == "n1"
        told(service, notice(READER, "fresh"))
        expect(row(page, "Soon")).to_have_count(1)
        page.get_by_role("button", name="Mark all as read").click()
        expect(page.get_by_text("Nothing waits for you")).to_be_visible()
        assert inbox(service, READER)["unread"] == 0


@pytest.mark.parametrize("language", ["en", "ar"])
def test_both_pages_are_accessible_in_both_directions(
    browser: Browser, office: tuple[Service, Dashboard], language: str
) -> None:
    service, dashboard = office
    told(service, notice(f"reader-{language}", f"for-{language}"))
    with logged_in(browser, dashboard, user=f"reader-{language}") as page:
        for name in ("tasks", "inbox"):
            show(page, dashboard, name, language)
            expect(page.locator("tbody tr").first).to_be_visible()
            inspection = Inspection(page)
            inspection.look(f"{name} in {language}")
            assert inspection.grave == []
        heading = {"en": "Unread, newest first", "ar": "غير المقروء، الأحدث أولاً"}[language]
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
