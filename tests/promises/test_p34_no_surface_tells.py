"""P34: no surface shows a fact above the viewer's clearance and rights.

A marker stands in every text of every message type, on channels of every namespace that were classified above the
viewer. Every role then reads every surface: the socket, operators' rows, each HTTP path of the routing table (a new
route joins by itself), the journal's export, and the pages of the dashboard as they are sent to the browser. A surface
that has the marker for somebody cleared, and for nobody else, is a surface that was really walked.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from tornado.routing import PathMatches

from app.lifecycle import Service
from dashboard.language.i18n import LANGUAGES
from dashboard.live.feed import Feed
from dashboard.live.service_api import ServiceApi
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState
from dossier_realtime.archive import open_export
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.namespaces import NAMESPACES
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.in_process import running
from tests.harness.measurements import Report
from tests.harness.service import ROOT
from tests.harness.wire import Client, Message
from tests.promises.marked_messages import MARK, NAME, TEXT, messages

CHANNELS = {
    "dossier": f"dossier:secret:{NAME}",
    "workspace": f"workspace:{NAME}",
    "relationship": f"relationship:{NAME}",
    "user": f"user:{NAME}",
    "document": f"document:{NAME}",
}
CLOSED = {
    "dossier_update $.payload.operation",
    "notification $.priority",
    "task_update $.payload.previous_status",
    "task_update $.payload.new_status",
    "task_assigned $.payload.due_date",
    "task_assigned $.payload.priority",
    "brief_generation_progress $.payload.stage",
    "commitment_alert $.priority",
    "relationship_health_change $.payload.previous_status",
    "relationship_health_change $.payload.new_status",
    "edit_operation $.payload.operation_type",
    "edit_operation $.payload.attributes.list",
    "edit_operation $.payload.attributes.highlight",
    "edit_operation $.payload.operations[].operation_type",
    "edit_operation $.payload.operations[].attributes.list",
    "edit_operation $.payload.operations[].attributes.highlight",
    "brief_request $.payload.language",
    "presence_update $.payload.status",
    "presence_update $.payload.activity",
}
"""Fields whose words are of a closed list, and dates: no marker fits in them."""
SETTINGS = {
    "channels.classification": [{"pattern": "dossier:secret:*", "level": "secret"}],
    **{f"limits.{name}": 1_000_000 for name in ("general", "edit", "cursor", "read", "ping", "strangers_per_second")},
    "limits.handshakes_per_second": 100_000,
    "limits.refusals_per_second": 1_000_000,
}
PERMISSIONS: dict[str, tuple[str, ...]] = {
    "nobody": (),
    "reader": ("read:*",),
    "writer": ("write:*",),
    "administrator of countries": ("admin:dossier:country:*",),
    "administrator": ("admin:*",),
}
CLEARANCES = ("public", "internal", "confidential", "secret")
REACHES = {"reader", "writer", "administrator"}
"""The readers of some of what was planted, once they are cleared for it."""
PAIRS = [
    (role, clearance)
    for role in PERMISSIONS
    for clearance in CLEARANCES
    if clearance != "secret" or role not in REACHES
]
CLEARED = (("admin:*",), "secret")


def channel_of(kind: str) -> str:
    """The planted channel that carries a message."""
    if kind in ("edit_operation", "cursor_position", "presence_update"):
        return CHANNELS["document"]
    space = next(name for name, row in NAMESPACES.items() if name in CHANNELS and kind in _tags(row.carries))
    return CHANNELS[space]


def _tags(structs: Iterable[type[msgspec.Struct]]) -> set[str]:
    return {str(struct.__struct_config__.tag) for struct in structs}


def test_every_text_of_every_message_holds_the_marker() -> None:
    """But for words of closed lists and dates; a new field of those kinds is named here."""
    unmarked = {
        f"{one.message['type']} {path}" for variant in (0, 1) for one in messages(variant) for path in one.unmarked
    }
    assert unmarked == CLOSED
    marked = {f"{one.message['type']} {path}" for variant in (0, 1) for one in messages(variant) for path in one.marked}
    assert len(marked) > 50


async def plant(service: Service) -> Client:
    """A user with all rights plants everything, on channels that are secret, and stays there, present and listed."""
    owner = await Client.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
    for channel in CHANNELS.values():
        for message in (
            {"type": "channel_settings", "channel": channel, "payload": {"classification": "secret"}},
            {"type": "subscribe", "channel": channel, "params": {"include_presence": True}},
        ):
            assert (await owner.ask(message))["type"] in ("channel_settings", "subscribed")
    await tell(owner)
    return owner


async def tell(owner: Client) -> None:
    """Send one of every message, twice over."""
    version = 0
    for variant in (0, 1):
        for one in messages(variant):
            kind = one.message["type"]
            if kind in ("alert_ack", "brief_request", "brief_cancel"):
                await owner.ask(one.message)  # refused: the journal has it
                continue
            message = one.message | {"channel": channel_of(kind)}
            if "idempotency_key" in message:
                message["idempotency_key"] = f"{TEXT}{kind}{variant}{time.monotonic_ns()}"[:64]
            if kind == "edit_operation":
                payload = message["payload"]
                message["payload"] = payload | {"op_id": f"{payload['op_id']}{time.monotonic_ns()}", "version": version}
            if kind in ("cursor_position", "presence_update"):
                await owner.send(message)
                continue
            answer = await owner.ask(message)
            assert answer["type"] in ("ack", "operation_ack"), (message, answer)
            version = answer["payload"]["version"] if kind == "edit_operation" else version


_NAMES = {
    "channels/": sorted(CHANNELS.values()),
    "documents/": [NAME],
    "commitments/": [f"{TEXT}0", f"{TEXT}1"],
    "briefs/": [f"{TEXT}0", f"{TEXT}1"],
}
"""The values in the places of a path: only what there is, for the journal keeps what was asked for."""


def paths(service: Service, planted: Mapping[str, Sequence[str]] = _NAMES) -> list[str]:
    """Every path of the routing table, its places filled with the names that were planted."""
    found = []
    for rule in service.listeners.app.wildcard_router.rules:
        assert isinstance(rule.matcher, PathMatches)
        pattern = rule.matcher.regex.pattern.removesuffix("$")
        names = next((named for word, named in planted.items() if word in pattern), ["somebody"])
        found += [re.sub(r"\([^)]*\)", name, pattern).replace("\\", "") for name in names]
    return [path for path in dict.fromkeys(found) if path != "/v1"]


async def act(service: Service, token: str) -> None:
    """Do what operators do to what was planted, over HTTP."""
    address, headers = f"http://127.0.0.1:{service.port}/v1", {"Authorization": f"Bearer {token}", "X-Reason": TEXT}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as caller:
        for answer in (
            await caller.post(f"/commitments/{TEXT}1/ack"),
            await caller.post(f"/briefs/{TEXT}1/cancel"),
            await caller.get(f"/channels/workspace:{NAME}/history"),
            await caller.put(f"/channels/workspace:{NAME}", json={"classification": "secret", "frozen": False}),
            await caller.get(f"/documents/{NAME}"),
            await caller.get(f"/explain?user=owner&action=read&channel=dossier:secret:{NAME}"),
        ):
            assert answer.status_code == 200, (answer.request.url, answer.text)


@asynccontextmanager
async def reading(service: Service, token: str) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Reads whole bodies, also those that come in pieces (an export does)."""
    address = f"http://127.0.0.1:{service.port}"
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as caller:

        async def read(path: str) -> str:
            return (await caller.get(path)).text

        yield read


async def heard(service: Service, token: str) -> list[Message]:
    """Everything that a socket of this role gets: subscriptions, recovery, operators' rows, acts on ids."""
    client = await Client.connect(service, token)
    for channel in CHANNELS.values():
        for params in ({}, {"last": 100}, {"since": {"offset": 0}}, {"include_presence": True, "hidden": True}):
            await client.ask({"type": "subscribe", "channel": channel, "params": params})
    for topic in ("nodes", "sessions", "limits", "alerts", "briefs", "errors"):
        await client.ask({"type": "subscribe", "channel": f"ops:{topic}"})
    await client.ask({"type": "alert_ack", "payload": {"commitment_id": f"{TEXT}0"}})
    await client.ask({"type": "brief_cancel", "payload": {"request_id": f"{TEXT}0"}})
    told = client.messages + await client.settle()
    await client.close()
    return told


def without_questions(text: str) -> str:
    """Return everything that a socket was sent, the names that the questions themselves held left out."""
    for own in sorted(CHANNELS.values(), key=len, reverse=True):
        text = text.replace(f'"channel":"{own}"', "")
    return text


def test_p34_no_surface_shows_what_its_reader_may_not_see(tmp_path: Path, report: Report) -> None:
    async def scene() -> tuple[int, int]:
        async with running(tmp_path / "data", SETTINGS) as service:
            owner = await plant(service)
            state = await watched(service, owner)
            everything = tokens.token("cleared", *CLEARED[0], clearance=CLEARED[1])
            asked = [
                path + query
                for path in paths(service)
                for query in (("", "?context=true") if path == "/v1/journal" else ("",))
            ]
            await act(service, everything)
            seen = sum(page(pane, state, *CLEARED).count(MARK) for pane in PANES.values())
            for role, clearance in PAIRS:
                token = tokens.token("eve", *PERMISSIONS[role], clearance=clearance)
                async with reading(service, token) as read:
                    bodies = {path: await read(path) for path in asked}
                for path, body in bodies.items():
                    # To who may create documents an absent one is empty, and has the name that was asked for.
                    empty = f'{{"document":"{path.rpartition("/")[2]}","version":0,"content":"","format":[]}}'
                    shows_nothing((role, clearance, path), body.replace(empty, ""))
                told = msgspec.json.encode(await heard(service, token)).decode()
                shows_nothing((role, clearance, "socket"), without_questions(told))
                for name, pane in PANES.items():
                    text = page(pane, state, PERMISSIONS[role], clearance)
                    shows_nothing((role, clearance, name), text)
            # Last, for what is read is recorded too: also what there is not, under the name that was asked for.
            async with reading(service, everything) as read:
                found = {path: (await read(path)).count(MARK) for path in asked}
            assert found["/v1/journal"] > 100, "the export was not read"
            await owner.close()
            return len(asked), seen + sum(found.values())

    walked, seen = asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))
    exported = exports(tmp_path)
    report(
        f"{len(PAIRS)} pairs of role and clearance: {walked} HTTP surfaces, {len(PANES)} pages, the socket, "
        f"{exported} exports: 0 sightings; {seen} by who is cleared"
    )
    assert seen > 200, "nothing was planted where it could be seen"


def shows_nothing(where: tuple[str, str, str], text: str) -> None:
    at = text.find(MARK)
    assert at < 0, (where, text[max(0, at - 700) : at + 200])


def exports(folder: Path) -> int:
    """The command's export, opened at each clearance, and with everything redacted; how many were looked at."""
    data, whole, redacted = folder / "data", folder / "whole.ndjson", folder / "redacted.ndjson"
    command = [sys.executable, "run.py", "export", "--data", str(data)]
    patterns = [part for space in CHANNELS for part in ("--redact", f"{space}:*")]
    for to, more in ((whole, []), (redacted, patterns)):
        made = subprocess.run([*command, "--to", str(to), *more], cwd=ROOT, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
    assert TEXT in whole.read_text("utf-8")
    for clearance in CLEARANCES[:-1]:
        recording = open_export(whole, clearance=clearance)
        shown = " ".join(str(entry) for entry in recording.entries())
        shown += " ".join(str(event) for event in recording.events().to_dict("records"))
        at = shown.find(MARK)
        assert at < 0, (clearance, shown[max(0, at - 300) : at + 200])
    return len(CLEARANCES)


async def watched(service: Service, owner: Client) -> DashboardState:
    """Return the state of the dashboard, once it has heard everything."""
    state = DashboardState()
    api = ServiceApi(f"http://127.0.0.1:{service.port}")
    running_feed = asyncio.ensure_future(Feed(api, tokens.operator("dashboard"), state).run())
    try:
        async with asyncio.timeout(60):
            while not state.channels:  # noqa: ASYNC110  the feed tells nobody
                await asyncio.sleep(0.05)
            await tell(owner)
            while not len(state.alerts):  # noqa: ASYNC110  likewise
                await asyncio.sleep(0.05)
    finally:
        running_feed.cancel()
        await asyncio.wait([running_feed])
        await api.close()
    return state


def page(pane: Any, state: DashboardState, permissions: tuple[str, ...], clearance: str) -> str:
    """A page as it is sent to browsers, in both languages."""
    identity = Identity("eve", "Eve", "", None, Grant.parse_all(permissions), Clearance.parse(clearance), 0)
    viewers = [Viewer(language, "observer", identity) for language in LANGUAGES]
    return " ".join(msgspec.json.encode(pane(state, viewer, 0.0)).decode() for viewer in viewers)
