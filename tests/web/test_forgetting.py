"""Channels that have neither kept events nor people nor settings of their own leave nothing in the service's memory.

What is counted are the entries of every dict, set and sequence of the process that name such a channel: a table that is
added later is found as well.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from pathlib import Path

import pytest

from app.services.editing import documents
from dossier_realtime.protocol import authorization
from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.in_process import running
from tests.harness.wire import Client, Reachable

MARK = "forgotten-"
CHANNELS = 40  # of each namespace
NAMESPACES = ("dossier:country:", "workspace:", "relationship:", "document:", "user:")


def _names(thing: object) -> bool:
    if isinstance(thing, tuple):
        return any(map(_names, thing))
    return (isinstance(thing, str) and MARK in thing) or (isinstance(thing, bytes) and MARK.encode() in thing)


def _entries() -> dict[str, int]:
    """How many entries name a channel that is to be forgotten, by what the first one is in."""
    found: dict[str, int] = {}
    for thing in gc.get_objects():
        if isinstance(thing, (dict, set, frozenset, list, deque)) and thing is not globals():
            count = sum(map(_names, list(thing)))
            if isinstance(thing, dict):
                count += sum(map(_names, list(thing.values())))
            if count:
                where = f"{type(thing).__name__} of {count}: {next(str(one)[:60] for one in thing)}"
                found[where] = found.get(where, 0) + count
    return found


def test_channels_without_history_and_people_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        limits: dict[str, object] = {f"limits.roles.service.{name}": 1_000_000 for name in ("general", "ping")}
        async with running(tmp_path / "data", {"presence.grace": 0.0, **limits}) as service:
            for number in range(CHANNELS):
                await _visit(service, number)

            def is_forgotten() -> bool:
                service._documents.sweep()  # as the service itself does once a minute
                authorization._held.cache_clear()  # bounded by itself
                gc.collect()
                return not _entries()

            await eventually_async(is_forgotten, _entries)

    monkeypatch.setattr(documents, "IDLE_SECONDS", 0.0)
    asyncio.run(scene())


async def _visit(service: Reachable, number: int) -> None:
    """Do what leaves nothing to keep on one channel of each namespace; every other visitor ends without leaving."""
    token = tokens.token(f"u-{number}", "admin:*", role="service", clearance="secret")
    async with await Client.connect(service, token) as client:
        for namespace in NAMESPACES:
            channel = f"{namespace}{MARK}{number}"
            for frozen in (True, False):
                await client.ask({"type": "channel_settings", "channel": channel, "payload": {"frozen": frozen}})
            await client.subscribe(channel, include_presence=True, hidden=number % 3 == 0)
            if namespace != "user:":
                await client.send({"type": "presence_update", "channel": channel, "payload": {"activity": "editing"}})
            if namespace == "document:":
                moved = {"position": 0, "selection_length": 0, "version": 0}
                await client.send({"type": "cursor_position", "channel": channel, "payload": moved})
            if number % 2:
                await client.ask({"type": "unsubscribe", "channel": channel})
        await client.settle()
