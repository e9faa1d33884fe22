"""The audit's page in a real browser: it agrees with the journal, names who did what, and tells of tampering."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dossier_realtime.archive.folder import read_lines, segment_paths, verify_folder
from tests.dashboard.background_clients import BackgroundClients
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.eventually import eventually
from tests.harness.service import Service

UPDATE = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["summary_en"]}


def banner(page: Page) -> Locator:
    return page.locator(".blocks > [role=alert]")


def acts(page: Page) -> Locator:
    return page.get_by_role("region", name=re.compile("^Actions")).locator("tbody tr")


def verified(page: Page) -> int:
    """Through which entry the page says that the journal is intact."""
    expect(banner(page)).to_contain_text("intact through entry")
    return int(re.sub(r"\D", "", banner(page).inner_text()))


@pytest.mark.usefixtures("demo_run")
def test_the_page_agrees_with_the_journal(browser: Browser, dashboard: Dashboard, service: Service) -> None:
    with logged_in(browser, dashboard) as page:
        before = verify_folder(service.data / "journal")["test"]
        show(page, dashboard, "audit")
        eventually(lambda: verified(page) >= before.entries)
        chain = page.get_by_role("region", name=re.compile("Hash chain")).locator("tbody tr td")
        verified_entries, link = verified(page), chain.nth(2).inner_text().removesuffix("…")
        after = verify_folder(service.data / "journal")["test"]
        assert after.ok
        assert before.entries <= verified_entries <= after.entries
        links = [line[:16] for path in segment_paths(service.data / "journal", "test") for line in read_lines(path)]
        assert link.encode() in links
        lost = page.locator(".figure", has=page.get_by_text("Entries lost", exact=True)).locator("dd")
        expect(lost).to_have_text(str(after.lost))
        tried = acts(page).filter(has_text="Tried to exceed the clearance")
        expect(tried.first).to_be_visible()


def test_an_operators_act_is_there_with_its_reason(browser: Browser, dashboard: Dashboard, service: Service) -> None:
    with BackgroundClients(service) as people, logged_in(browser, dashboard) as page:
        people.connect("dismissed", "Soon Gone", "dossier:country:JP")
        show(page, dashboard, "connections")
        session = page.get_by_role("region", name=re.compile("Open sessions")).locator("tbody tr")
        session = session.filter(has_text="Soon Gone")
        session.get_by_role("button", name="Disconnect user").click()
        page.get_by_role("dialog").get_by_label("Reason").fill("غادر المكتب")
        page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("status")).to_contain_text("Done")
        show(page, dashboard, "audit")
        row = acts(page).filter(has_text="Disconnected a user").filter(has_text="dismissed")
        for told in ("operator", "غادر المكتب", "done"):
            expect(row).to_contain_text(told)
        expect(
            acts(page).filter(has_text="Session was ended by an operator").filter(has_text="dismissed")
        ).to_be_visible()


def test_a_byte_that_was_changed_on_the_disk_is_told(browser: Browser, tmp_path: Path) -> None:
    with (
        Service(tmp_path / "data") as service,
        Dashboard(service, tmp_path) as watching,
        BackgroundClients(service) as people,
        logged_in(browser, watching) as page,
    ):
        show(page, watching, "audit")
        verified(page)
        people.connect("nora", "Nora", "dossier:country:SA")
        watching.process.send_signal(signal.SIGSTOP)  # it reads nothing meanwhile
        people.publish({"type": "dossier_update", "channel": "dossier:country:SA", "payload": UPDATE})
        (path,) = segment_paths(service.data / "journal", "test")
        while (place := path.read_bytes().find(b"summary_en")) < 0:
            page.wait_for_timeout(100)
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"S")
        found = verify_folder(service.data / "journal")["test"].fault
        assert found is not None
        watching.process.send_signal(signal.SIGCONT)
        expect(banner(page)).to_contain_text(
            f"The journal is not intact: entry {found.seq:,}: the journal is not intact here"
        )
        show(page, watching, "audit", "ar")
        expect(banner(page)).to_contain_text("السجل غير سليم")


def test_a_token_below_the_highest_clearance_is_said_in_words(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(tokens.token("dashboard", "admin:*", role="service", clearance="confidential"))
    with (
        Service(tmp_path / "data") as service,
        Dashboard(service, tmp_path, {"DOSSIER_DASHBOARD__TOKEN_FILE": str(file)}) as narrow,
        logged_in(browser, narrow) as page,
    ):
        show(page, narrow, "audit")
        expect(banner(page)).to_contain_text("give it admin:* and the highest clearance")
