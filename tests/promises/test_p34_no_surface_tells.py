"""P34: no surface shows a fact above the viewer's clearance and rights.

A marker stands in every text of every message type, on channels of every namespace that were classified above the
viewer. Every role then reads every surface: the socket, operators' rows, each HTTP path of the routing table (a new
route joins by itself), the journal's export, and the pages of the dashboard as they are sent to the browser. A surface
that has the marker for somebody cleared, and for nobody else, is a surface that was really walked.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.routing import PathMatches

from app.bootstrap import Service
from dashboard.feed import Feed
from dashboard.panes import PANES
from dashboard.service_api import ServiceApi
from dashboard.store import DashboardState
from dashboard.viewer import Viewer
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from tests.harness import tokens
from tests.harness.figures import Report
from tests.harness.inside import running
from tests.harness.wire import Client, Message, Raw, request

MARK = "zzplanted"
EXAMPLES = Path(__file__).parents[1] / "contract" / "examples" / "client"
CHANNELS = {
    "dossier_update": f"dossier:secret:{MARK}",
    "task_update": f"workspace:{MARK}",
    "relationship_health_change": f"relationship:{MARK}",
    "notification": f"user:{MARK}",
    "task_assigned": f"user:{MARK}",
    "commitment_alert": f"user:{MARK}",
    "brief_generation_started": f"user:{MARK}",
    "brief_generation_progress": f"user:{MARK}",
    "brief_generation_failed": f"user:{MARK}",
    "edit_operation": f"document:{MARK}",
}
_FREE = {
    "title",
    "message",
    "name",
    "description",
    "old_value",
    "new_value",
    "responsible_department",
    "en",
    "ar",
}
_IDS = {"commitment_id", "mou_id", "relationship_id", "entity_id", "request_id", "task_id", "id", "brief_id"}
SETTINGS = {
    "channels.classification": [{"pattern": "dossier:secret:*", "level": "secret"}],
    **{f"limits.{name}": 1_000_000 for name in ("general", "edit", "cursor", "read")},
}
ROLES: dict[str, tuple[tuple[str, ...], str]] = {
    "nobody": ((), "public"),
    "reader": (("read:*",), "internal"),
    "writer": (("write:*",), "confidential"),
    "administrator of dossiers": (("admin:dossier:country:*",), "secret"),
    "administrator, public": (("admin:*",), "public"),
    "administrator, internal": (("admin:*",), "internal"),
    "administrator, confidential": (("admin:*",), "confidential"),
}
CLEARED = (("admin:*",), "secret")


def marked(value: Any, name: str = "") -> Any:
    """The example with the marker in each text that may say anything."""
    if isinstance(value, dict):
        return {key: marked(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [marked(inner, name) for inner in value]
    if isinstance(value, str) and name in _FREE:
        return f"{MARK} {value}"
    return MARK if isinstance(value, str) and name in _IDS else value


def event(kind: str, channel: str) -> Message:
    said: Message = json.loads((EXAMPLES / f"{kind}.json").read_text("utf-8"))
    for own in ("ref", "idempotency_key"):
        said.pop(own, None)
    made: Message = marked(said) | {"channel": channel}
    if kind == "edit_operation":
        made["payload"] = {"operation_type": "insert", "position": 0, "content": MARK, "version": 0}
    return made


async def plant(service: Service) -> Client:
    """Who may plants everything, on channels that are secret, and stays there, present and listed."""
    owner = await Client.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
    for channel in dict.fromkeys(CHANNELS.values()):
        for message in (
            {"type": "channel_settings", "channel": channel, "payload": {"classification": "secret"}},
            {"type": "subscribe", "channel": channel, "params": {"include_presence": True}},
        ):
            assert (await owner.ask(message))["type"] in ("channel_settings", "subscribed")
    for kind, channel in CHANNELS.items():
        answer = await owner.ask(event(kind, channel))
        assert answer["type"] in ("ack", "operation_ack"), (kind, answer)
    return owner


def paths(service: Service) -> list[str]:
    """Every path of the routing table, its places filled with the names that were planted."""
    found = []
    for rule in service._app.wildcard_router.rules:
        assert isinstance(rule.matcher, PathMatches)
        pattern = rule.matcher.regex.pattern.removesuffix("$")
        names = sorted(set(CHANNELS.values())) if "channels/" in pattern else [MARK]
        found += [re.sub(r"\([^)]*\)", name, pattern).replace("\\", "") for name in names]
    return [path for path in dict.fromkeys(found) if path != "/v1"]


async def read(service: Service, token: str, path: str) -> bytes:
    raw = await Raw.open(service)
    await raw.send(request("GET", path, ("Host", "localhost"), ("Authorization", f"Bearer {token}")))
    answer = await raw.response()
    await raw.close()
    return answer.body


async def heard(service: Service, token: str) -> list[Message]:
    """Everything that a socket of this role gets: subscriptions, recovery, operators' rows, acts on ids."""
    client = await Client.connect(service, token)
    for channel in dict.fromkeys(CHANNELS.values()):
        for params in ({}, {"last": 100}, {"since": {"offset": 0}}, {"include_presence": True, "hidden": True}):
            await client.ask({"type": "subscribe", "channel": channel, "params": params})
    for topic in ("nodes", "sessions", "limits", "alerts", "briefs", "errors"):
        await client.ask({"type": "subscribe", "channel": f"ops:{topic}"})
    await client.ask({"type": "alert_ack", "payload": {"commitment_id": MARK}})
    await client.ask({"type": "brief_cancel", "payload": {"request_id": MARK}})
    told = client.messages + await client.settle()
    await client.close()
    return told


def sightings(text: str, asked: str = "") -> int:
    """How often the marker stands there, the names that the question itself held left out."""
    for own in sorted({asked, *CHANNELS.values()}, key=len, reverse=True):
        text = text.replace(f'"channel":"{own}"', "") if own else text
    return text.count(MARK)


@pytest.mark.parametrize("role", ROLES)
def test_p34_no_surface_shows_what_its_reader_may_not_see(role: str, tmp_path: Path, report: Report) -> None:
    async def scene() -> tuple[int, int]:
        async with running(tmp_path / "data", SETTINGS) as service:
            owner = await plant(service)
            permissions, clearance = ROLES[role]
            token = tokens.token("eve", *permissions, clearance=clearance)
            everything = tokens.token("cleared", *CLEARED[0], clearance=CLEARED[1])
            walked = seen = 0
            for path in paths(service):
                for query in ("", "?context=true") if path == "/v1/journal" else ("",):
                    body = (await read(service, token, path + query)).decode()
                    assert not body.count(MARK), (path, body[max(0, body.find(MARK) - 300) : body.find(MARK) + 100])
                    seen += (await read(service, everything, path + query)).count(MARK.encode())
                    walked += 1
            told = msgspec.json.encode(await heard(service, token)).decode()
            assert not sightings(told), told[max(0, told.find(MARK) - 300) : told.find(MARK) + 200]
            seen += await pages(service, role)
            await owner.close()
            return walked, seen

    walked, seen = asyncio.run(asyncio.wait_for(scene(), 120))
    report(f"{role}: {walked} HTTP surfaces, {len(PANES)} pages, the socket: 0 sightings; {seen} by who is cleared")
    assert seen > 20, "nothing was planted where it could be seen"


async def pages(service: Service, role: str) -> int:
    """The dashboard's pages for this role; how often who is cleared sees the marker there."""
    state = DashboardState()
    feed = Feed(ServiceApi(f"http://127.0.0.1:{service.port}"), tokens.operator("dashboard"), state)
    running_feed = asyncio.ensure_future(feed.run())
    try:
        async with asyncio.timeout(30):
            while not state.channels:  # noqa: ASYNC110  the feed tells nobody
                await asyncio.sleep(0.05)
        teller = await Client.connect(service, tokens.token("teller", "admin:*", clearance="secret"))
        for kind in ("commitment_alert", "brief_generation_progress"):
            await teller.ask(event(kind, CHANNELS[kind]))
        await teller.close()
        async with asyncio.timeout(30):
            while not len(state.alerts):  # noqa: ASYNC110  likewise
                await asyncio.sleep(0.05)
    finally:
        running_feed.cancel()
    cleared = 0
    for name, pane in PANES.items():
        text = page(pane, state, *ROLES[role])
        assert MARK not in text, (name, text[max(0, text.find(MARK) - 300) : text.find(MARK) + 100])
        cleared += page(pane, state, *CLEARED).count(MARK)
    return cleared


def page(pane: Any, state: DashboardState, permissions: tuple[str, ...], clearance: str) -> str:
    grants = Grant.parse_all(permissions)
    viewer = Viewer("en", "observer", Identity("eve", "Eve", "", None, grants, Clearance.parse(clearance), 0))
    return msgspec.json.encode(pane(state, viewer, 0.0)).decode()
