"""Attempts of a hostile server, or a careless program, that must fail: one table of rows for both SDKs.

`sdk/typescript/test/hostile_rows.test.ts` plays the same rows with the other client. `rows` are scripts of a server,
each with what the client does in each step; `begins` names the steps that go before.
"""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from dossier_realtime.client import DossierRealtimeClient
from dossier_realtime.client.subscription import Subscription
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.events import Event
from tests.agreement.scripted_client import ScriptedClient, expanded
from tests.sdk.client_harness import Inbox, play, settle
from tests.sdk.samples import SA, update

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "hostile.json").read_text("utf-8"))
ROWS = {"K02", "K04", "K05", "K07", "K09", "K10", "K12", "K14", "K15"}
SCRIPTS = {path.stem[len("hostile_") :][:3].upper() for path in (Path(__file__).parent / "scripts").glob("hostile_*")}


def named(part: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", TABLE[part], ids=[row["id"] for row in TABLE[part]])


def test_the_table_has_every_row_once() -> None:
    every = [row["id"] for part in ("rows", "addresses", "handlers", "closed") for row in TABLE[part]]
    assert len(set(every)) == len(every)
    assert {name.partition(".")[0] for name in every} | SCRIPTS >= ROWS


@named("rows")
def test_a_hostile_server_achieves_nothing(row: dict[str, Any]) -> None:
    client = ScriptedClient(renewing=False)
    for step in TABLE["begins"][row["begins"]]:
        client.play(step)
    for number, step in enumerate(row["steps"], 1):
        assert client.play(step) == expanded(step.get("then", {})), f"{row['id']}, step {number}: {row['what']}"


@named("addresses")
def test_an_address_that_is_not_safe_is_refused(row: dict[str, Any]) -> None:
    if row["refused"]:
        with pytest.raises(ValueError, match=r"address|wss://"):
            DossierRealtimeClient("token", row["url"])
    else:
        DossierRealtimeClient("token", row["url"])


@named("handlers")
def test_a_handler_disturbs_nothing_else(row: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        noted = Inbox()
        subscriptions = [_subscribed(client, kind, noted) for kind in row["handlers"]]
        for subscription in subscriptions:
            await subscription.ready()
        for _ in range(2):
            server.publish(update(channel=SA))
        assert await noted.take(len(row["noted"])) == row["noted"]
        for _ in range(50):
            await settle()
        assert noted.empty()
        assert client.state == row["state"]

    with caplog.at_level(logging.CRITICAL, "dossier_realtime.client"):
        play(scene)


def _subscribed(client: DossierRealtimeClient, kind: str, noted: Inbox) -> Subscription:
    async def heard(event: Event) -> None:
        if kind == "throws later":
            await asyncio.sleep(0)
        if kind.startswith("throws"):
            raise RuntimeError("the program's own mistake")
        if "notes" in kind:
            noted(getattr(event, "offset", None))
        if "unsubscribes" in kind:
            subscription.unsubscribe()
        if "closes" in kind:
            await client.close()

    def failed(error: Exception) -> None:
        if kind == "throws everywhere":
            raise RuntimeError("another one") from error

    subscription = client.subscribe(SA, heard, on_error=failed)
    return subscription


@named("closed")
def test_a_call_after_the_end_says_so(row: dict[str, Any]) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        await client.close()
        said = await asyncio.gather(_called(client, row["call"]), return_exceptions=True)
        assert [None if error is None else type(error).__name__ for error in said] == [row["error"]]

    play(scene)


async def _called(client: DossierRealtimeClient, call: str) -> None:
    match call:
        case "send":
            await client.send(SA, update())
        case "subscribe":
            client.subscribe(SA)
        case "connect":
            await client.connect()
        case "document":
            client.document("paper")
        case "inbox":
            await anext(client.inbox())
        case _:
            await client.close()
