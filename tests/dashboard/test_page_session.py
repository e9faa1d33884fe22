"""What one open page is told, and when it is told nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.language.display_options import DisplayOptions
from dashboard.screen.blocks import Tone
from dashboard.screen.listing import ListQuery
from dashboard.site.page_session import LoginHooks, OpenPage, PageServices, PageSession
from dashboard.site.view_cache import ViewCache
from dashboard.state.store import DashboardState
from tests.dashboard.samples import NOW, busy, ops, session, viewer


class Acted:
    """Stands where actions are asked for."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def perform(self, asked: Any) -> tuple[str, str]:
        self.asked.append(asked)
        return "done", "good"


class Open:
    """A page that is open, with a clock and a login of the test's own."""

    def __init__(self, page: str = "overview", recordings: Any = None) -> None:
        self.state: DashboardState = busy()
        self.now = float(NOW)
        self.logged_in = True
        self.acted = Acted()
        self.views = ViewCache(self.state, lambda: self.now)
        self.session = PageSession(
            self.views,
            OpenPage(page, viewer(), DisplayOptions()),
            PageServices(self.acted, recordings),  # type: ignore[arg-type]  # all that a session asks of actions
            LoginHooks(lambda: self.logged_in, lambda: None),
        )
        self.told: list[dict[str, Any]] = []
        self.session.component.tell = self.told.append  # type: ignore[method-assign, assignment]  # instead of a socket

    def say(self, **message: Any) -> None:
        self.session.component.on_message(message)

    def tick(self, events: int = 1) -> list[dict[str, Any]]:
        """A second later, after so many events: what is told."""
        self.now += 1
        at = int(self.now)
        self.state.heard("ops:nodes", ops("nodes", {"ready": 1, "events_total": events}, at=at), at)
        before = len(self.told)
        self.session.tick()
        return self.told[before:]


@pytest.fixture
def page() -> Open:
    opened = Open()
    opened.say(ready=True)
    return opened


def news(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [json.loads(text) for message in told for text in message.get("news", [])]


class Queued:
    """Stands where recordings are asked for: one that waits in the queue first, and then cannot be had."""

    async def open(self, asked: Any, now: float, tell: Callable[[str, Tone], None]) -> tuple[str, Tone]:
        tell("your place is 2", "info")
        return "not available", "bad"


def test_that_a_recording_is_being_made_is_told_until_its_end_and_the_end_for_some_time() -> None:
    async def scene() -> None:
        page = Open("recordings", Queued())
        page.say(ready=True)
        page.say(open={"minutes": "5"})
        await asyncio.sleep(0)
        told = [message for message in page.tick() if "told" in message]
        assert told == [
            {"told": "your place is 2", "tone": "info", "lasts": True},
            {"told": "not available", "tone": "bad"},
        ]

    asyncio.run(scene())


def test_nothing_is_told_before_the_browser_is_ready() -> None:
    assert Open().tick() == []


def test_first_everything_is_told_and_then_what_changed(page: Open) -> None:
    (first,) = news(page.tick())
    assert [block["id"] for block in first["all"]] == ["banner", "figures", "actions", "codes", "errors", "nodes"]
    (change,) = news(page.tick(events=50))
    assert [block["id"] for block in change["blocks"]] == ["figures"]
    assert list(change["rows"]) == ["nodes"]


def test_a_browser_that_sleeps_is_told_nothing_until_it_wakes_and_then_all_at_once(page: Open) -> None:
    told = [page.tick(events=number) for number in range(30)]
    assert sum(map(len, told)) == 6
    page.say(seen=told[5][0]["count"])
    (woken,) = news(page.tick(events=99))
    assert 99 in [item["value"] for item in woken["blocks"][0]["items"]]


def test_a_browser_that_says_it_saw_the_future_is_believed_no_further_than_now(page: Open) -> None:
    page.tick()
    page.say(seen=10**9)
    assert sum(len(page.tick(events=number)) for number in range(2, 30)) == 6


def test_a_paused_page_is_told_nothing(page: Open) -> None:
    page.tick()
    page.say(pause=True)
    assert page.tick(events=5) == []
    page.say(pause=False)
    assert "all" in news(page.tick(events=6))[0]


def test_a_page_is_looked_at_while_its_browser_keeps_up_and_is_not_paused(page: Open) -> None:
    assert not page.views.is_viewed("overview")
    page.tick()
    assert page.views.is_viewed("overview")
    assert not page.views.is_viewed("audit")
    page.say(pause=True)
    for _ in range(6):
        page.tick()
    assert not page.views.is_viewed("overview")


def test_whoever_is_logged_out_is_sent_away_and_does_nothing_more(page: Open) -> None:
    page.tick()
    page.logged_in = False
    assert page.tick() == [{"bye": "?lang=en&theme=light"}]
    assert page.tick() == []
    page.say(act="disconnect_user", of="nora", given={"reason": "because"})
    assert page.acted.asked == []


def test_a_page_that_is_ready_after_its_login_ended_is_sent_away() -> None:
    page = Open()
    page.logged_in = False
    assert page.tick() == []
    page.say(ready=True)
    assert page.tick() == [{"bye": "?lang=en&theme=light"}]
    assert page.tick() == []


def rows_of(told: list[dict[str, Any]], name: str) -> list[str]:
    (first,) = news(told)
    (block,) = (block for block in first["all"] if block["id"] == name)
    return [row["key"] for row in block["rows"]]


def test_a_query_is_answered_over_all_that_is_known_and_once_also_while_paused() -> None:
    page = Open("connections")
    page.state.listed([session(f"p-{number:03}") for number in range(361)], [], NOW)
    page.say(ready=True)
    assert len(rows_of(page.tick(), "sessions")) == 100
    page.say(query={"filter": "user:p-330", "parts": {}})
    assert rows_of(page.tick(), "sessions") == ["s-p-330-1"]
    page.say(pause=True)
    page.say(query={"filter": "", "parts": {"sessions": 3}})
    assert len(rows_of(page.tick(), "sessions")) == 61
    assert page.tick() == []


def test_two_pages_with_one_query_share_a_view_and_what_was_typed_is_let_go() -> None:
    page = Open("connections")
    views = page.views
    for letters in range(1, 50):
        views.view("connections", viewer(), ListQuery("x" * letters))
    assert views.view("connections", viewer(), ListQuery("x")) is views.view("connections", viewer(), ListQuery("x"))
    page.now += 6
    views.view("connections", viewer(), ListQuery("y"))
    assert views.known == 1


@pytest.mark.parametrize(
    "message",
    [
        *({"query": wrong} for wrong in ({"filter": "x" * 201}, 1, {"parts": {"a": -1}}, {"more": 1})),
        {},
        {"act": 1},
        {"act": "revoke"},
        {"act": "revoke", "of": 1, "given": {}},
        {"seen": "x"},
        {"pause": 1},
        {"x": 1},
    ],
)
def test_what_our_page_never_says_is_ignored(page: Open, message: dict[str, Any]) -> None:
    page.say(**message)
    assert page.acted.asked == []
    assert len(page.tick()) == 1
