"""Every page in a real browser, after a day at the office: what it says, and that its figures are the service's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.language.i18n import TRANSLATIONS
from dashboard.screen.panes import PANES
from dossier_realtime.protocol.explanations.explanation import explain_rule, needed
from tests.dashboard.background_clients import BackgroundClients
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.harness.eventually import eventually
from tests.harness.service import Service

pytestmark = pytest.mark.usefixtures("demo_run")

HEADINGS = {
    "overview": ["table.codes", "table.errors", "table.nodes"],
    "presence": ["chart.map", "table.countries", "table.by_channel", "table.by_person"],
    "limits": ["table.limits"],
    "alerts": ["alert.3", "alert.2", "alert.1"],
    "briefs": ["table.briefs"],
    "documents": ["table.documents"],
    "relationships": ["table.relationships"],
    "tasks": ["table.tasks"],
    "inbox": ["table.inbox"],
    "connections": ["table.sessions", "table.channels"],
    "tail": ["table.tail"],
    "recordings": ["recordings.title"],
    "audit": ["table.chain", "table.acts"],
}
LANGUAGES = ["en", "ar"]
DISPLAYS = [("en", "light", 1440), ("en", "dark", 400), ("ar", "dark", 1440), ("ar", "light", 400)]


@pytest.fixture(scope="module")
def clients(service: Service) -> Iterator[BackgroundClients]:
    """Two people who stay while the pages are looked at."""
    with BackgroundClients(service) as people:
        people.connect("nora.alqahtani", "نورة القحطاني", "dossier:country:SA", "document:brief-1", field="summary_ar")
        people.connect("omar.haddad", "Omar Haddad", "dossier:country:SA", "dossier:country:FR")
        yield people


def rows(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=re.compile(re.escape(title))).locator("tbody tr:visible")


def figure(page: Page, label: str) -> Locator:
    return page.locator(".figure", has=page.get_by_text(label, exact=True)).locator("dd")


def test_every_page_has_its_headings() -> None:
    assert HEADINGS.keys() == PANES.keys()


@pytest.mark.parametrize(("language", "theme", "width"), DISPLAYS)
def test_every_page_shows_itself(
    browser: Browser, dashboard: Dashboard, clients: BackgroundClients, language: str, theme: str, width: int
) -> None:
    at = LANGUAGES.index(language)
    with logged_in(browser, dashboard, width=width) as page:
        for name, headings in HEADINGS.items():
            show(page, dashboard, name, language, theme)
            here = page.get_by_role("navigation").get_by_role("link", name=TRANSLATIONS[f"page.{name}"][at], exact=True)
            expect(here).to_have_attribute("aria-current", "page")
            for key in headings:
                expect(
                    page.get_by_role("heading", level=2, name=re.compile(re.escape(TRANSLATIONS[key][at])))
                ).to_be_visible()
            root = page.locator("html")
            expect(root).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
            expect(root).to_have_attribute("data-theme", theme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than the screen"


def test_the_overview_agrees_with_the_metrics(browser: Browser, dashboard: Dashboard, service: Service) -> None:
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "overview")
        # Asked again as a whole: an alert that escalates meanwhile is one event more, and the page shows it soon.
        eventually(lambda: not _differences(page, service), lambda: _differences(page, service))
        of_sessions = dict(row.split("\t") for row in rows(page, "Errors by rule").all_inner_texts()).keys()
        assert {"format", "clearance", "grant.read", "grant.write", "identity"} <= of_sessions
        codes = dict(row.split("\t") for row in rows(page, "Errors by code").all_inner_texts())
        assert {"INVALID_MESSAGE_FORMAT", "PERMISSION_DENIED", "RATE_LIMIT_EXCEEDED"} <= codes.keys()
        # The limit of connections has the same code.
        assert float(codes["RATE_LIMIT_EXCEEDED"]) >= float(figure(page, "Refused by limits").inner_text())


def _differences(page: Page, service: Service) -> dict[str, tuple[str, str]]:
    """Return figures of the overview that the metrics say otherwise: as shown, and as counted."""
    counted = service.metrics()
    refused = {name.split('"')[1]: n for name, n in counted.items() if name.startswith("dossier_refusals_total")}
    by_rule = refused | {"token_refused": counted["dossier_tokens_refused_total"]}
    limited = sum(count for rule, count in refused.items() if rule.startswith("rate."))
    expected = {
        "Events published": f"{counted['dossier_events_published_total']:,.0f}",
        "Sessions": f"{counted['dossier_sessions']:.0f}",
        "Refused by limits": f"{limited:.0f}",
    }
    shown = {label: figure(page, label).inner_text() for label in expected}
    for row in rows(page, "Errors by rule").all_inner_texts():
        rule, shown[rule] = row.split("\t")
        expected[rule] = f"{by_rule[rule]:.0f}" if rule in by_rule else "no such rule"
    return {name: (shown[name], expected[name]) for name in expected if shown[name] != expected[name]}


def test_presence_shows_who_is_where_and_what_they_do(
    browser: Browser, dashboard: Dashboard, clients: BackgroundClients
) -> None:
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "presence")
        expect(rows(page, "Countries").filter(has_text="SA")).to_contain_text("2")
        there = rows(page, "By person").filter(has_text="nora.alqahtani").filter(has_text="dossier:country:SA")
        expect(there).to_contain_text("نورة القحطاني")
        expect(there).to_contain_text("editing")
        expect(there).to_contain_text("summary_ar")


def test_a_filter_takes_columns_words_and_their_opposite(
    browser: Browser, dashboard: Dashboard, clients: BackgroundClients
) -> None:
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "presence")
        people = rows(page, "By person")
        search = page.get_by_role("searchbox")
        expect(people).to_have_count(4)
        for terms, count in (("user:omar", 2), ("user:omar channel:FR", 1), ("-editing", 2), ("نورة -channel:sa", 1)):
            search.fill(terms)
            expect(people).to_have_count(count)


@pytest.mark.parametrize(("language", "at"), [("en", 0), ("ar", 1)])
def test_a_filter_that_nothing_matches_says_so(
    language: str, at: int, browser: Browser, dashboard: Dashboard, clients: BackgroundClients
) -> None:
    nothing = TRANSLATIONS["js.no_match"][at]
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "presence", language)
        section = page.locator("section.table", has=page.get_by_text("نورة القحطاني")).first
        expect(section).to_be_visible()
        expect(page.get_by_text(nothing)).to_have_count(0)
        page.get_by_role("searchbox").fill("nobody-is-called-so")
        expect(page.get_by_text(nothing).first).to_be_visible()
        page.get_by_role("searchbox").fill("")
        expect(section).to_be_visible()
        expect(page.get_by_text(nothing)).to_have_count(0)


def test_a_paused_page_stands_still_and_catches_up(
    browser: Browser, dashboard: Dashboard, clients: BackgroundClients
) -> None:
    update = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["commitments"]}
    event = {"type": "dossier_update", "channel": "dossier:country:SA", "payload": update}

    def publish(user: str) -> str:
        """Publish as that user, and return it: the tail has messages of other tests too."""
        clients.publish(event, user=user)
        return user

    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "tail")
        messages = rows(page, "Messages")
        expect(messages.filter(has_text=publish("svc.before"))).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status")).to_contain_text("Paused")
        behind = publish("svc.behind")
        with logged_in(browser, dashboard) as beside:  # told at the same ticks, and not paused
            show(beside, dashboard, "tail")
            other = rows(beside, "Messages")
            expect(other.filter(has_text=behind)).to_be_visible()
            before = messages.all_inner_texts()  # what was told before the pause has come by now
            last = publish("svc.last")
            expect(other.filter(has_text=last)).to_be_visible()
        assert messages.all_inner_texts() == before
        expect(messages.filter(has_text=behind)).to_have_count(0)
        page.get_by_role("button", name="Resume").click()
        newest = messages.filter(has_text=last)
        expect(newest).to_be_visible()
        newest.get_by_role("button", name="Inspect").click()
        expect(page.get_by_role("dialog")).to_contain_text('"fields_changed": [')


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_says_why(browser: Browser, dashboard: Dashboard, service: Service, language: str) -> None:
    with BackgroundClients(service) as people, logged_in(browser, dashboard) as page:
        show(page, dashboard, "audit", language)
        channel = f"dossier:country:why-{language}"
        people.subscribe_without_right("curious", channel)
        row = page.get_by_role("row").filter(has_text=channel)
        row.get_by_role("button", name=TRANSLATIONS["js.why"][LANGUAGES.index(language)]).click()
        for told in (explain_rule("grant.read", channel), needed("grant.read", channel)):
            expect(page.get_by_role("dialog")).to_contain_text(told.ar if language == "ar" else told.en)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_session_is_ended_with_a_reason_by_keyboard(browser: Browser, dashboard: Dashboard, service: Service) -> None:
    with BackgroundClients(service) as people, logged_in(browser, dashboard) as page:
        people.connect("leaving", "About To Leave", "dossier:country:JP")
        show(page, dashboard, "connections")
        session = rows(page, "Open sessions").filter(has_text="About To Leave")
        session.get_by_role("button", name="Disconnect session").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Disconnect session")
        dialog.get_by_label("Reason").fill("left the laptop open")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Done: Disconnect session")
        expect(session).to_have_count(0)


def test_what_the_role_may_not_do_says_so(browser: Browser, dashboard: Dashboard, clients: BackgroundClients) -> None:
    with logged_in(browser, dashboard, role="observer") as page:
        show(page, dashboard, "connections")
        button = rows(page, "Open sessions").first.get_by_role("button", name="Disconnect user")
        expect(button).to_have_attribute("aria-disabled", "true")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Your role may not do this")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_announcement_reaches_everybody_in_both_languages(browser: Browser, dashboard: Dashboard) -> None:
    with logged_in(browser, dashboard) as page:
        show(page, dashboard, "overview")
        page.get_by_role("button", name="Announce").click()
        dialog = page.get_by_role("dialog")
        words = {
            "English title": "Maintenance",
            "Arabic title": "صيانة",
            "English text": "At six",
            "Arabic text": "في السادسة",
        }
        for label, text in (words | {"Reason": "planned work"}).items():
            dialog.get_by_label(label).fill(text)
        dialog.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("status")).to_contain_text("Done: Announce")
        show(page, dashboard, "tail")
        expect(rows(page, "Messages").filter(has_text="notification").filter(has_text="global").first).to_be_visible()


def test_a_security_officer_raises_a_classification(browser: Browser, dashboard: Dashboard, service: Service) -> None:
    with BackgroundClients(service) as people, logged_in(browser, dashboard, role="security_officer") as page:
        people.connect("careful", "Careful One", "dossier:country:ZA")
        show(page, dashboard, "connections")
        channel = rows(page, "Channels").filter(has_text="dossier:country:ZA")
        channel.get_by_role("button", name="Raise classification").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Classification").select_option("confidential")
        dialog.get_by_label("Reason").fill("sensitive visit")
        dialog.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("status")).to_contain_text("Done: Raise classification")
        expect(channel).to_contain_text("confidential")  # with the next look at the list


def test_idle_visitors_are_sent_to_the_login(
    browser: Browser, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("idle")
    with (
        Dashboard(service, folder, {"DOSSIER_DASHBOARD__IDLE_MINUTES": "0.75"}) as hasty,
        logged_in(browser, hasty) as page,
    ):
        page.goto(f"{hasty.url}/overview?lang=en", wait_until="commit")  # its socket opens before the end
        page.wait_for_url("**/login?*said=ended")
