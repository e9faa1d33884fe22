"""Whatever people and programs write is shown as it is written, and runs nothing (P21)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Set
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard.language.i18n import LANGUAGES
from dashboard.screen.panes import PANES
from dossier_realtime.protocol.plain_text import inert, one_line
from tests.dashboard.background_clients import BackgroundClients
from tests.dashboard.browser_pages import logged_in, show
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.hostile_state import PAYLOADS, hostile_state
from tests.dashboard.samples import NOW, viewer
from tests.harness.eventually import eventually
from tests.harness.measurements import Report
from tests.harness.service import Service

CHANNEL = "dossier:country:EG"
MADE = {
    *(
        "b",
        "bdi",
        "br",
        "button",
        "circle",
        "dd",
        "dialog",
        "div",
        "dl",
        "dt",
        "form",
        "h2",
        "h3",
        "input",
        "label",
        "li",
        "nav",
    ),
    *("option", "p", "polyline", "pre", "progress", "section", "select", "span", "svg", "table", "tbody", "td"),
    *("textarea", "th", "thead", "time", "tr", "ul"),
}
"""What pages are made of. Nothing else may be there, nor any attribute that runs or loads something."""

NO_TEXT = {
    "presence": {"countries people", "by_channel people", "by_person since"},
    "limits": {"limits rate", "limits warnings", "limits refusals", "limits last", "limits ends"},
    "overview": {
        *("errors count", "codes code", "codes count"),  # codes are of a closed list
        *(f"nodes {key}" for key in ("ready", "connections", "sessions", "subscriptions", "delivery", "lag", "last")),
    },
    "briefs": {"briefs progress", "briefs since", "briefs eta", "briefs status"},
    "documents": {
        *(f"documents {key}" for key in ("version", "ops", "people", "level", "read_only")),
        *(f"threads {key}" for key in ("kind", "replies", "since")),
        "locks until",
    },
    "relationships": {f"relationships {key}" for key in ("score", "change", "history", "last")},
    "connections": {
        *(f"sessions {key}" for key in ("since", "channels", "queue", "returns")),
        *(f"channels {key}" for key in ("level", "people", "subscribers", "offset", "followed")),
    },
    "tasks": {f"tasks {key}" for key in ("status", "due", "days", "priority", "last")},
    "inbox": {"inbox kind", "inbox priority", "inbox received"},
    "tail": {"tail time", "tail type"},
    "alerts": {"board clock"},
    # There is one chain, so one payload stands there.
    "audit": {
        "acts time",
        "acts outcome",
        *(f"chain {key}" for key in ("node", "status", "link", "verified", "writable")),
    },
}
"""Columns that hold numbers, times and words of our own, and no text of anybody's."""


LATER = "recordings"
"""The page that shows nothing until it has fetched it: what it plays then is in test_player_text.py."""


def both(text: str) -> dict[str, str]:
    return {"en": text, "ar": text}


def events(number: int, text: str) -> list[dict[str, object]]:
    """Every event in which somebody may write what they like."""
    brief, user = str(uuid4()), "user:reader"
    alert = {
        "commitment_id": f"hostile-{number}",
        "mou_id": "mou-1",
        "title": text,
        "days_until_deadline": 3,
        "responsible_department": text,
        "alert_level": 1 + number % 3,
    }
    update = {"entity_type": "country", "entity_id": "EG", "operation": "update", "fields_changed": []}
    note = {"id": str(uuid4()), "title": both(text), "message": both(text)}
    failed = {"error": text, "fallback_available": False}
    return [
        {"type": "commitment_alert", "channel": user, "priority": "high", "payload": alert},
        {"type": "brief_generation_failed", "channel": user, "request_id": brief, "payload": failed},
        {"type": "dossier_update", "channel": CHANNEL, "payload": update},
        {"type": "notification", "channel": "global", "priority": "low", "payload": note},
    ]


_INSPECT = """() => {
    const TURNING = /[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff]/u
    const texts = (node) => node.nodeType === Node.TEXT_NODE ? [node.data] : [...node.childNodes].flatMap(texts)
    const find = (root) => root.querySelector(".page-root")
        ?? [...root.querySelectorAll("*")].map((e) => e.shadowRoot && find(e.shadowRoot)).find(Boolean)
    const top = find(document)
    const all = [...top.querySelectorAll(":scope > *, .blocks > :not(.charts), .blocks > :not(.charts) *, dialog *")]
    const bad = new Set(["src", "srcdoc", "href", "xlink:href", "action", "formaction", "style", "background", "data"])
    return {
        kinds: [...new Set(all.map((e) => e.localName))],
        attributes: all.flatMap((e) => e.getAttributeNames()).filter((name) => name.startsWith("on") || bad.has(name)),
        text: top.textContent,
        turning: [...texts(top), ...all.flatMap((e) => [e.title, e.ariaLabel].filter(Boolean))]
            .filter((text) => TURNING.test(text.replace(/\\u2068[^\\u2068\\u2069]*\\u2069/g, ""))),
    }
}"""


def assert_nothing_was_made(page: Page) -> str:
    """No element and no attribute but our own; the text of the page."""
    found = page.evaluate(_INSPECT)
    assert set(found["kinds"]) <= MADE
    assert found["attributes"] == []
    assert found["turning"] == [], "a mark of data stands on the page as it came"
    return str(found["text"])


def watch_for_alerts(page: Page) -> None:
    """A payload that runs shows itself as an error in the console, and so fails the test."""
    page.add_init_script("for (const n of ['alert', 'confirm', 'prompt']) window[n] = () => console.error('it ran')")


def shown_in(thing: Any, text: str) -> bool:
    """Return whether the text stands somewhere in it, as it is or as JSON has it."""
    if isinstance(thing, str):
        return text in thing or json.dumps(text, ensure_ascii=False)[1:-1] in thing
    if isinstance(thing, dict):
        return any(shown_in(value, text) for value in thing.values())
    return isinstance(thing, list) and any(shown_in(value, text) for value in thing)


def fields(page: str) -> Iterator[tuple[str, list[Any]]]:
    """Every column of every table of a page and every part of its cards, with all that stands there."""
    for block in PANES[page](hostile_state(), viewer(clearance="secret", role="security_officer"), NOW):
        for number, (key, _) in enumerate(block.get("columns", []) if block["kind"] == "table" else []):
            yield f"{block['id']} {key}", [row["cells"][number] for row in block["rows"]]
        cards = [card for column in block.get("columns", []) if block["kind"] == "board" for card in column["cards"]]
        for key in cards[0] if cards else ():
            if key not in ("at", "since"):
                yield f"{block['id']} {key}", [card[key] for card in cards]


@pytest.mark.parametrize("page", PANES)
def test_every_text_of_a_page_is_under_test(page: str) -> None:
    """A new column says here whether it holds text: then the payloads must reach it."""
    without = {name for name, cells in fields(page) if not all(shown_in(cells, text) for text in PAYLOADS)}
    assert without == NO_TEXT.get(page, set())


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_dashboard_of_nothing_but_payloads_runs_none(
    browser: Browser, service: Service, report: Report, tmp_path: Path, language: str
) -> None:
    assert len(PAYLOADS) >= 40
    shown = 0
    with (
        Dashboard(service, tmp_path, program=("-m", "tests.dashboard.hostile_state")) as hostile,
        logged_in(browser, hostile) as page,
    ):
        watch_for_alerts(page)
        for name in PANES:
            show(page, hostile, name, language)
            text = assert_nothing_was_made(page)
            if name == LATER:
                continue
            assert all(shown_in(text, inert(payload)) for payload in PAYLOADS), f"{name} does not show every payload"
            shown += sum(len(cells) for _, cells in fields(name))
            asking = ".blocks button:not([aria-disabled])"
            if name == "inbox":  # the other marks are set at once
                asking += "[data-focus^=snooze_entry]"
            for button in page.locator(asking).all()[:3]:
                button.click()
                expect(page.get_by_role("dialog")).to_be_visible()
                assert_nothing_was_made(page)
                page.keyboard.press("Escape")
            page.get_by_role("searchbox").fill("<img src=x onerror=alert(1)>")
            assert_nothing_was_made(page)
    report(f"{len(PAYLOADS)} payloads in {shown} fields: none ran, no element was made of data")


def test_what_people_and_programs_write_reaches_the_pages_as_text(
    browser: Browser, dashboard: Dashboard, service: Service
) -> None:
    with BackgroundClients(service) as people, logged_in(browser, dashboard) as page:
        watch_for_alerts(page)
        for number, text in enumerate(PAYLOADS):
            people.connect(f"hostile-{number}", _as_name(text), CHANNEL)
            people.publish(*events(number, text), name=_as_name(text))
        show(page, dashboard, "alerts")
        cards = page.locator(".card h3")
        eventually(partial(_holds_all, cards), cards.all_inner_texts)
        for name, region in (("presence", "By person"), ("connections", "Open sessions")):
            show(page, dashboard, name)
            names = page.get_by_role("region", name=region).locator("tbody tr td:first-child")
            # Of a name the service keeps no mark that turns the direction of what stands around it.
            eventually(partial(_holds_all, names, {one_line(text) for text in PAYLOADS}), names.all_inner_texts)
        for name in PANES:
            show(page, dashboard, name)
            assert_nothing_was_made(page)


def _as_name(text: str) -> str:
    """A token's name holds no control character."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)


def _holds_all(shown: Locator, wanted: Set[str] = frozenset(map(inert, PAYLOADS))) -> bool:
    return wanted <= set(shown.all_inner_texts())
