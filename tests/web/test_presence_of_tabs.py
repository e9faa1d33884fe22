"""A user with several tabs, over sockets: shown as the tab that changed last, and named by the newest token."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.service import Service
from tests.harness.wire import Client, Message

EDITING: Message = {"activity": "editing", "field": "title"}


def _token(name: str, role: str, age: int) -> str:
    claims = tokens.claims(sub="nasser", permissions=["read:*"], name=name, role=role, iat=int(time.time()) - age)
    return tokens.signed(claims)


async def _watching(service: Service, channel: str) -> Client:
    watcher = await Client.connect(service, service.token("watcher", "read:*"))
    await watcher.subscribe(channel, include_presence=True)
    return watcher


async def _shown(service: Service, channel: str, who: str) -> dict[str, Any]:
    async with await Client.connect(service, service.token("later", "read:*")) as later:
        users = (await later.subscribe(channel, include_presence=True))["presence"]["users"]
        return next(user for user in users if user["user_id"] == who)


@pytest.mark.parametrize("how", ["close", "drop", "unsubscribe"])
def test_who_edited_in_a_tab_that_is_gone_is_shown_as_the_other_tab(service: Service, how: str) -> None:
    @asynchronous
    async def play() -> None:
        channel = f"dossier:country:tabs-{how}"
        watcher = await _watching(service, channel)
        tabs = [await Client.connect(service, service.token("rami", "read:*")) for _ in range(2)]
        for tab in tabs:
            await tab.subscribe(channel)
        await tabs[0].send({"type": "presence_update", "channel": channel, "payload": EDITING})
        assert (await watcher.receive("presence_update"))["payload"]["activity"] == "editing"
        if how == "unsubscribe":
            await tabs[0].ask({"type": "unsubscribe", "channel": channel})
        else:
            await getattr(tabs[0], how)()
        update = await watcher.receive("presence_update")
        assert update["payload"] == {"user_id": "rami", "status": "online", "activity": "viewing", "field": None}
        assert (await _shown(service, channel, "rami"))["activity"] == "viewing"
        for client in (*tabs, watcher):
            await client.close()

    play()


@asynchronous
async def test_a_return_within_the_grace_begins_as_viewing_without_a_join(service: Service) -> None:
    channel = "dossier:country:tabs-return"
    watcher = await _watching(service, channel)
    tab = await Client.connect(service, service.token("rami", "read:*"))
    await tab.subscribe(channel)
    await tab.send({"type": "presence_update", "channel": channel, "payload": EDITING})
    assert (await watcher.receive("presence_update"))["payload"]["activity"] == "editing"
    again = await Client.connect(service, service.token("rami", "read:*"), tab.login["session_id"])
    await again.subscribe(channel)
    assert (await watcher.receive("presence_update"))["payload"]["activity"] == "viewing"
    types = [message["type"] for message in watcher.messages]
    assert types.count("presence_join") == 1
    assert "presence_leave" not in types
    for client in (tab, again, watcher):
        await client.close()


@asynchronous
async def test_name_and_role_are_those_of_the_newest_token_renewals_included(service: Service) -> None:
    channel = "dossier:country:tabs-names"
    watcher = await _watching(service, channel)
    old = await Client.connect(service, _token("Rami", "editor", 60))
    await old.subscribe(channel)
    assert (await watcher.receive("presence_join"))["payload"]["name"] == "Rami"
    new = await Client.connect(service, _token("Rami N.", "editor", 30))
    await new.subscribe(channel)
    assert (await watcher.receive("presence_update"))["payload"]["name"] == "Rami N."
    await old.send({"type": "auth", "payload": {"token": _token("Rami Nasser", "lead", 0)}})
    renewed = (await watcher.receive("presence_update"))["payload"]
    assert (renewed["name"], renewed["role"]) == ("Rami Nasser", "lead")
    shown = await _shown(service, channel, "nasser")
    assert (shown["name"], shown["role"]) == ("Rami Nasser", "lead")
    for client in (old, new, watcher):
        await client.close()
