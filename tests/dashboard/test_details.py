"""One thing in full, in a real browser: its clock, its history, and the hands that take it with the viewer's token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.screen.details.alert import alert_details
from dashboard.screen.details.brief import brief_details
from dashboard.screen.details.relationship import ShownReasons, relationship_details
from dossier_realtime.protocol.http.commitments import CommitmentAnswer
from dossier_realtime.protocol.http.forms import BriefAnswer
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.samples import NOW, viewer
from tests.dashboard.test_accessibility import Inspection
from tests.dashboard.test_standing import brief
from tests.dashboard.test_standing import commitment as commitment_row
from tests.harness import tokens
from tests.harness.eventually import eventually
from tests.harness.service import Service
from tests.web.test_actions import alert, call

DAY = 86_400


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Dashboard]]:
    """Return a service with commitments and a brief, and its dashboard."""
    folder = tmp_path_factory.mktemp("details")
    with Service(folder / "data", {"limits.general": 100_000}) as service:
        program = tokens.token("program", "write:user:*", "write:dossier:mou:*", role="service", clearance="secret")
        for name in ("c-take", "c-hold", "c-done"):
            body = {
                "mou_id": "m1",
                "title": {"en": f"Submission {name}", "ar": f"تسليم {name}"},
                "due_date": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 40 * DAY)),
                "mou_type": "data-exchange",
                "responsible_department": "Agreements",
                "owner": "omar",
                "escalation": [["ali"], ["bea"], ["cy"]],
            }
            assert call(service, program, "PUT", f"/v1/commitments/{name}", body)[0] == 200
        assert call(service, program, "POST", "/v1/publish", {"events": [alert("c-told", 3, "ali")]})[0] == 200
        scorer = tokens.token("scorer", "write:relationship:*", clearance="secret")
        for score in (70, 45):
            assert call(service, scorer, "POST", "/v1/relationships/SA-FR/score", {"score": score})[0] == 200
        asked = {"type": "country", "entity_id": "SA", "language": "en"}
        assert call(service, tokens.token("ali", "read:dossier:*"), "POST", "/v1/briefs", asked)[0] == 202
        eventually(lambda: commitment(service, "c-done")["alert_level"], "nothing was raised")
        with Dashboard(service, folder) as dashboard:
            yield service, dashboard
        dashboard.assert_log_clean()
    service.assert_log_clean()


def commitment(service: Service, name: str) -> dict[str, Any]:
    operator = tokens.token("operator", "admin:*", clearance="secret")
    status, row = call(service, operator, "GET", f"/v1/commitments/{name}")
    assert status == 200, row
    found: dict[str, Any] = row
    return found


def look(page: Page, where: Locator) -> Locator:
    where.get_by_role("button", name="Details").click()
    dialog = page.get_by_role("dialog", name="Details")
    expect(dialog.locator(".details > *").first).to_be_visible()
    return dialog


def act(page: Page, dialog: Locator, name: str, why: str = "the office moved", **given: str) -> None:
    dialog.get_by_role("button", name=name, exact=True).click()
    form = page.get_by_role("dialog", name=name, exact=True)
    form.get_by_label("Reason").fill(why)
    for label, value in given.items():
        field = form.get_by_label(label.replace("_", " "))
        if field.evaluate("node => node.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    form.get_by_role("button", name="Confirm").click()


def test_an_alert_shows_its_clock_its_history_and_its_hands(
    browser: Browser, office: tuple[Service, Dashboard]
) -> None:
    service, dashboard = office
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "alerts")
        dialog = look(page, page.locator(".card", has_text="Submission c-hold"))
        hands = dialog.locator("table[aria-labelledby=title-detail-hands] tbody tr")
        expect(dialog.get_by_text("Nobody has done anything about it")).to_be_visible()
        expect(dialog.locator(".countdown")).to_be_visible()
        levels = dialog.locator("table", has_text="Raised to").locator("tbody tr")
        expect(levels).to_have_count(3)
        expect(levels.first).to_contain_text("ali")
        act(page, dialog, "Delegate", For="24", User_id_of_the_delegate="dan")
        expect(dialog.locator("table[aria-labelledby=title-detail-delegations]")).to_contain_text("dan")
        expect(hands.first).to_contain_text("the office moved")
        act(page, dialog, "Snooze", why="", For="4")
        expect(hands.first).to_contain_text("snoozed")
        expect(dialog.locator(".facts")).to_contain_text("Snoozed until")
        row = commitment(service, "c-hold")
        assert [(one["user"], one["to"]) for one in row["delegations"]] == [("omar", "dan")]
        assert row["snoozed_until"] > time.time()
        act(page, dialog, "Acknowledge")
        expect(dialog.locator(".facts")).to_contain_text("operator")
        expect(dialog.locator(".countdown")).to_have_count(0)
        act(page, dialog, "Complete")
        expect(dialog.locator(".facts")).to_contain_text("completed")
        expect(hands).to_have_count(4)
        row = commitment(service, "c-hold")
        assert row["state"] == "completed"
        given = [(one["user"], one["act"], one.get("reason")) for one in row["hands"]]
        moved = "the office moved"
        assert given == [
            ("operator", "delegate", moved),
            ("operator", "snooze", None),
            ("operator", "acknowledge", moved),
            ("operator", "complete", moved),
        ]
        calls = [entry.header for entry in service.journal() if entry.header.kind == "http"]
        by = {one.user for one in calls if str(one.detail["path"]).startswith("/v1/commitments/c-hold/")}
        assert by == {"operator"}, "each with the viewer's own token"


def test_a_step_that_is_refused_says_why_in_the_dialog(browser: Browser, office: tuple[Service, Dashboard]) -> None:
    _, dashboard = office
    grants = ("read:dossier:mou:*", "read:user:*")
    with logged_in(browser, dashboard, grants=grants) as page:
        show(page, dashboard, "alerts")
        dialog = look(page, page.locator(".card", has_text="Submission c-done"))
        act(page, dialog, "Complete")
        expect(dialog.get_by_role("status")).to_contain_text("Refused (403): Insufficient permissions for this call")
        expect(dialog.get_by_text("Nobody has done anything about it")).to_be_visible()


def test_an_alert_of_a_program_can_be_acknowledged_there(browser: Browser, office: tuple[Service, Dashboard]) -> None:
    _, dashboard = office
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "alerts")
        dialog = look(page, page.locator(".card", has_text="Report due"))
        expect(dialog.get_by_role("button", name="Complete")).to_have_count(0)
        act(page, dialog, "Acknowledge")
        expect(dialog.locator(".facts")).to_contain_text("operator")


def test_a_relationship_of_before_the_start_shows_what_moved_it(
    browser: Browser, office: tuple[Service, Dashboard]
) -> None:
    _, dashboard = office
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "relationships")
        dialog = look(page, page.locator("tbody tr", has_text="SA-FR"))
        expect(dialog.locator("svg.line")).to_be_visible()
        moved = dialog.locator("table", has_text="Change").locator("tbody tr")
        expect(moved.first).to_contain_text("45")
        expect(moved.first).to_contain_text("scorer")


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_dialog_is_accessible_in_both_directions(
    browser: Browser, office: tuple[Service, Dashboard], language: str
) -> None:
    _, dashboard = office
    label = {"en": "Details", "ar": "التفاصيل"}[language]
    with logged_in(browser, dashboard) as page:
        for name, where in (("alerts", ".card"), ("briefs", "tbody tr"), ("relationships", "tbody tr")):
            show(page, dashboard, name, language)
            page.locator(where).first.get_by_role("button", name=label).click()
            dialog = page.get_by_role("dialog", name=label)
            expect(dialog.locator(".details .facts")).to_be_visible()
            assert dialog.evaluate("node => getComputedStyle(node).direction") == ("rtl" if language == "ar" else "ltr")
            inspection = Inspection(page)
            inspection.look(f"the details of {name} in {language}")
            assert inspection.grave == []


def test_a_viewer_is_told_of_nothing_above_the_clearance(browser: Browser, office: tuple[Service, Dashboard]) -> None:
    """A page that asks for a thing by its id gets what the service tells its viewer."""
    service, dashboard = office
    operator = tokens.token("operator", "admin:*", clearance="secret")
    with logged_in(browser, dashboard, clearance="internal") as page:
        show(page, dashboard, "alerts")
        dialog = look(page, page.locator(".card", has_text="Submission c-take"))
        expect(dialog.locator(".facts")).to_contain_text("Submission c-take")
        secret = {"classification": "secret"}
        assert call(service, operator, "PUT", "/v1/channels/dossier:mou:m1", secret)[0] == 200
        expect(dialog.locator(".banner")).to_contain_text("The service does not tell this to you")
        expect(dialog.get_by_text("Submission")).to_have_count(0)
    assert call(service, operator, "PUT", "/v1/channels/dossier:mou:m1", {"classification": "internal"})[0] in (
        200,
        409,
    )


def test_a_finished_brief_opens_the_document_that_it_became(
    browser: Browser, office: tuple[Service, Dashboard]
) -> None:
    service, dashboard = office
    reader = tokens.token("ali", "read:*")
    (row,) = call(service, reader, "GET", "/v1/briefs")[1]["briefs"]
    eventually(lambda: call(service, reader, "GET", f"/v1/briefs/{row['request_id']}")[1]["state"] == "complete", row)
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "briefs")
        dialog = look(page, page.locator("tbody tr", has_text="SA"))
        expect(dialog).to_contain_text("A template repeats facts")
        dialog.get_by_role("button", name="Open the document").click()
        document = page.get_by_role("dialog", name="Open the document")
        expect(document.locator(".facts")).to_contain_text(f"document:{row['request_id']}")
        document.get_by_role("button", name="Inspect").click()
        expect(page.get_by_role("dialog", name="Inspect").get_by_role("heading", level=3).first).to_contain_text("SA")
        page.keyboard.press("Escape")
        document.get_by_role("button", name="Close").click()
        expect(document).to_have_count(0)
        expect(dialog).to_be_visible()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_confidence_of_a_brief_is_explained(language: Any) -> None:
    scores = {"language": (1.0, 0.9), "length": (1.0, 1.0), "repetition": (0.8, 1.0)}
    checks = [
        {"language": name, "name": check, "score": score}
        for check, both in scores.items()
        for name, score in zip(("en", "ar"), both, strict=True)
    ]

    def shown(**more: Any) -> dict[str, Any]:
        answer = msgspec.convert(brief("b1", "complete", progress=100, **more), BriefAnswer)
        return {block["id"]: block for block in brief_details(answer, viewer(language))}

    checked = shown(confidence_score=0.8, generator="chat", checks=checks)
    assert [row["cells"][1:] for row in checked["detail-checks"]["rows"]] == [
        ["100 %", "90 %"],
        ["100 %", "100 %"],
        ["80 %", "100 %"],
    ]
    said = {
        checked["detail-why"]["text"],
        shown(confidence_score=1.0, generator="template")["detail-why"]["text"],
        shown(confidence_score=0.7, generator="worker")["detail-why"]["text"],
    }
    assert len(said) == 3, "each way to a confidence has its own words"
    assert "detail-why" not in {
        block["id"] for block in brief_details(msgspec.convert(brief("b2"), BriefAnswer), viewer())
    }


def test_only_what_can_climb_is_snoozed() -> None:
    def offered(**more: Any) -> list[str]:
        row = commitment_row("c1", **more)
        blocks = {block["id"]: block for block in alert_details(msgspec.convert(row, CommitmentAnswer), viewer())}
        return [act["act"] for act in blocks["detail-actions"]["acts"]]

    assert offered(level=2) == ["acknowledge", "snooze", "delegate", "complete"]
    assert offered(level=3) == ["acknowledge", "delegate", "complete"]
    assert offered(level=2, state="acknowledged") == ["delegate", "complete"]
    assert offered(level=3, state="completed") == []


def test_a_brief_says_at_which_stage_it_is_or_ended() -> None:
    def stages(**more: Any) -> list[str]:
        answer = msgspec.convert(brief("b1", **more), BriefAnswer)
        blocks = {block["id"]: block for block in brief_details(answer, viewer())}
        return [row["cells"][1]["badge"] for row in blocks["detail-stages"]["rows"]]

    assert stages() == ["done", "now", "to come", "to come"]
    assert stages(state="failed", stage="reviewing") == ["done", "done", "ended here", "to come"]
    assert stages(state="complete", stage="finalizing") == ["done"] * 4


def test_a_relationship_shows_the_curve_and_the_facts_that_moved_it() -> None:
    moved = [
        {"at": NOW, "score": 41, "trigger": "no_interaction_90_days", "points": -20, "before": 61},
        {
            "at": NOW - DAY,
            "score": 61,
            "trigger": "engagement",
            "points": 6,
            "before": 55,
            "text": {"en": "A visit", "ar": "زيارة"},
            "by": "omar",
        },
    ]
    answer = {
        "relationship": {
            "score": 41,
            "status": "at_risk",
            "since": NOW,
            "recommendations": [{"en": "Call", "ar": "اتصل"}],
        },
        "components": [{"name": "engagement", "weight": 0.4, "facts": 3, "points": 20}],
        "moved": moved,
        "unknown": [],
    }
    for language, told, advice in (("en", "A visit", "Call"), ("ar", "زيارة", "اتصل")):
        blocks = relationship_details(msgspec.convert(answer, ShownReasons), viewer(language))
        found = {block["id"]: block for block in blocks}
        cells = [item["cell"] for item in found["detail-facts"]["items"]]
        assert {"line": [55, 61, 41], "text": "55 → 41"} in cells
        assert advice in cells
        assert [row["cells"][2] for row in found["detail-moved"]["rows"]] == ["-20", "+6"]
        assert found["detail-moved"]["rows"][1]["cells"][1] == told
