"""P34 for commitments: what is classified above the channel of an alert stands nowhere below its level.

A marker is the title and the department of a commitment that is secret, on an MoU and on users that are internal. It
is raised, delegated, acknowledged and asked about; then readers below it read every surface.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.services import due_clock
from dashboard.live.feed import Feed
from dashboard.live.service_api import ServiceApi
from dashboard.screen.panes import PANES
from dashboard.state.store import DashboardState
from dossier_realtime.archive import open_journal
from dossier_realtime.protocol.classification import Clearance
from tests.harness.eventually import eventually_async
from tests.harness.wire import Client, Message
from tests.promises.marked_messages import MARK
from tests.promises.test_p34_no_surface_tells import page, paths, reading, shows_nothing
from tests.web.commitment_office import Office, office

MARKED: Message = {
    "classification": "secret",
    "title": {"en": f"{MARK} title", "ar": f"{MARK} عنوان"},
    "responsible_department": f"{MARK} department",
    "escalation": [["ali", "zed"], ["bea"], []],
}
SPAN = "from=2027-01-01&to=2028-01-01"
PEOPLE = ("ali", "bea", "dan", "omar")
BELOW: dict[str, tuple[str, tuple[str, ...], str]] = {
    "an administrator of all": ("eve", ("admin:*",), "confidential"),
    "a reader of all": ("rea", ("read:*",), "internal"),
    "a writer of all": ("wim", ("write:*",), "internal"),
    "the recipient, with another token": ("ali", ("read:*",), "internal"),
    "nobody in particular": ("nora", (), "public"),
}
"""Readers: their user, permissions and clearance."""


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service look at the wall clock, which the test sets, without the second in between."""
    monkeypatch.setattr(due_clock, "_LOOK_SECONDS", 0.01)


def test_p34_a_commitment_above_the_channels_of_its_alerts_is_told_nowhere_below(tmp_path: Path) -> None:
    async def run() -> None:
        async with office(tmp_path / "data", settings={"briefs.silence_seconds": 60}) as place:
            state, brief = await _planted(place)
            asked = _paths(place, brief)
            for name, (user, permissions, clearance) in BELOW.items():
                token = place.token(user, *permissions, clearance=clearance)
                async with reading(place.service, token) as read:
                    for path in asked:
                        shows_nothing((name, clearance, path), await read(path))
                shows_nothing((name, clearance, "socket"), await _heard(place, token))
                for pane, draw in PANES.items():
                    shows_nothing((name, clearance, pane), page(draw, state, permissions, clearance))
            await _shown_to_the_cleared(place)
        for level in ("public", "internal", "confidential"):
            recording = open_journal(tmp_path / "data" / "journal", clearance=level)
            shown = " ".join(f"{entry.header} {entry.frame!r}" for entry in recording.entries())
            shows_nothing(("journal", level, "entries"), shown)

    asyncio.run(run())


async def _planted(place: Office) -> tuple[DashboardState, str]:
    """Raise, delegate, snooze and acknowledge it; return a dashboard that heard it, and the id of a brief about it."""
    for user in PEOPLE:
        place.cleared(user, Clearance.SECRET)
    row = (await place.put("c1", **MARKED)).json()
    place.wall = row["levels"][1]["at"]
    await place.until_levels(ali=[1, 2], bea=[2], zed=[])
    (told, _) = await place.got("ali")
    assert told["payload"]["title"]["en"] == "Commitment of classification secret; open it to read"
    assert "سري للغاية" in told["payload"]["title"]["ar"]
    assert {*told["payload"]["responsible_department"]} == {"en", "ar"}
    state = DashboardState()
    token = place.token("dashboard", "admin:*", clearance="secret")
    feed = asyncio.ensure_future(_follow(place, token, state))
    try:
        await eventually_async(_there(lambda: bool(state.channels)))
        ali = place.token("ali", "read:*", clearance="secret")
        until = int(place.wall + 86_400)
        for act, body in (("delegate", {"to": "dan", "until": until}), ("snooze", {"until": until}), ("ack", None)):
            said: dict[str, Any] = {"headers": {"X-Reason": f"{MARK} reason"}}
            said |= {} if body is None else {"json": body}
            answer = await place.call("POST", f"commitments/c1/{act}", ali, **said)
            assert answer.status_code == 200, answer.text
        await place.until_levels(dan=[2])
        await eventually_async(_there(lambda: len(state.alerts) > 0))
        asked = {"type": "mou", "entity_type": "mou", "entity_id": "m1", "language": "en", "generator": "template"}
        # The dossier is dossier:mou:m1: its commitments and the reader's own alerts are facts about it.
        brief = (await place.call("POST", "briefs", ali, json=asked)).json()["request_id"]

        async def written() -> bool:
            return bool((await place.call("GET", f"briefs/{brief}", ali)).json()["state"] == "complete")

        await eventually_async(written)
        body = (await place.call("GET", f"briefs/{brief}", ali)).json()
        assert "open it to read" in str(body["sources"]), "the alert is no fact of the brief"
    finally:
        feed.cancel()
        await asyncio.wait([feed])
    return state, brief


async def _follow(place: Office, token: str, state: DashboardState) -> None:
    async with ServiceApi(f"http://127.0.0.1:{place.service.port}") as api:
        await Feed(api, token, state).run()


def _there(seen: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return seen()

    return look


def _paths(place: Office, brief: str) -> list[str]:
    names = {
        "channels/": [f"user:{user}" for user in PEOPLE] + ["dossier:mou:m1", f"document:{brief}"],
        "documents/": [brief],
        "commitments/": ["c1"],
        "briefs/": [brief],
    }
    queries = [
        "/v1/journal?context=true",
        f"/v1/commitments/dry-run?{SPAN}",
        f"/v1/commitments/dry-run?{SPAN}&policy=data-exchange:90/60/30",
        "/v1/commitments?mou=m1",
        *(f"/v1/tasks?assignee={user}" for user in PEOPLE),
    ]
    return [*paths(place.service, names), *queries]


async def _heard(place: Office, token: str) -> str:
    """Return everything that a socket gets: what went over the channels, from the beginning, and operators' rows."""
    client = await Client.connect(place.service, token)
    for channel in (*(f"user:{user}" for user in PEOPLE), "dossier:mou:m1"):
        for params in ({"since": {"offset": 0}}, {"last": 100}):
            await client.ask({"type": "subscribe", "channel": channel, "params": params})
    for topic in ("alerts", "briefs", "errors"):
        await client.ask({"type": "subscribe", "channel": f"ops:{topic}"})
    await client.ask({"type": "alert_ack", "payload": {"commitment_id": "c1"}})
    told = client.messages + await client.settle()
    await client.close()
    return msgspec.json.encode(told).decode()


async def _shown_to_the_cleared(place: Office) -> None:
    """The one place of its words is the commitment itself, for those who are cleared."""
    ali, operator = (place.token(user, "read:*", clearance="secret") for user in ("ali", "oda"))
    for token in (ali, operator):
        body = (await place.call("GET", "commitments/c1", token)).json()
        assert (body["title"], body["responsible_department"]) == (MARKED["title"], MARKED["responsible_department"])
        assert [hand["reason"] for hand in body["hands"]] == [f"{MARK} reason"] * 3
        assert MARK in (await place.call("GET", "commitments", token)).text
    await place.put("c2", **MARKED)  # open: it is what a dry run plans
    assert MARK in (await place.call("GET", f"commitments/dry-run?{SPAN}", ali)).text
