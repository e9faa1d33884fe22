"""Very many sessions that an operator ends at once: nothing is delivered to any from then on, and the loop stays free.

The test holds back what is left for later turns, or counts how much of it one turn does: no clock is looked at.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.lifecycle import Service
from app.node.sockets.turns import Turns
from dossier_realtime.archive import open_journal
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.in_process import running
from tests.harness.wire import Client, Message

REVOKED = 4501
SESSIONS = 120
UNITS = 7  # a turn, of the turns that the ends are done in
CHANNEL = "dossier:country:SA"
EVENT = {
    "type": "dossier_update",
    "channel": CHANNEL,
    "payload": {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["name"]},
}
ROOM: dict[str, object] = {
    "limits.connections_per_user": 1_000,
    "limits.connections_per_address": 1_000,
    "limits.general": 10_000,
    "limits.handshakes_per_second": 10_000,
}
END = {
    "token": ("/tokens/revoke", {"jti": "nora-1"}),
    "user": ("/tokens/revoke", {"user": "nora"}),
    "disconnect": ("/users/nora/disconnect", None),
}


class _Held:
    """Turns in which nothing is done until the test says so."""

    def __init__(self) -> None:
        self.steps: list[Callable[[], bool]] = []

    def admit(self) -> bool:
        return False

    def later(self, step: Callable[[], bool]) -> None:
        self.steps.append(step)


@pytest.mark.parametrize("way", END)
def test_nothing_is_delivered_to_sessions_that_are_not_yet_told_that_they_ended(tmp_path: Path, way: str) -> None:
    async def play() -> None:
        async with running(tmp_path / "data", ROOM) as service, _operator(service) as operator:
            ended = await _sessions(service, 5)
            async with await Client.connect(service, tokens.token("sami", "read:*")) as kept:
                await kept.subscribe(CHANNEL, include_presence=True)
                held = _Held()
                service.node.disconnects._turns = held  # type: ignore[assignment]
                path, body = END[way]
                assert (await operator.post(path, json=body)).status_code == 200
                assert (await operator.post("/publish", json={"events": [EVENT]})).status_code == 200
                async with await Client.connect(service, tokens.token("late", "read:*")) as late:
                    await late.subscribe(CHANNEL)  # presence, which all of them watched
                    await kept.receive("dossier_update")
                    await kept.receive("presence_join", channel=CHANNEL)
                assert len(held.steps) == 1
                assert all(one.closed is None for one in ended)  # so far nobody was told
                while held.steps.pop()():
                    held.steps.append(service.node.disconnects._next)
                for one in ended:
                    await one.expect_close(REVOKED)
                    assert [message["type"] for message in one.messages][-1] == "error"
                    assert not [message for message in one.messages if _is_later(message)]
                assert not service.node.hub._shut_out
            for one in ended:
                await one.close()

    asyncio.run(play())
    recording = open_journal(tmp_path / "data" / "journal", clearance="secret")
    assert [reader.user for reader in recording.delivered_to(CHANNEL, 1)] == ["sami"]


@pytest.mark.parametrize("way", ["user", "disconnect"])
def test_many_sessions_are_ended_a_few_a_turn_of_the_loop(tmp_path: Path, way: str) -> None:
    async def play() -> None:
        async with running(tmp_path / "data", ROOM) as service, _operator(service) as operator:
            ended = await _sessions(service, SESSIONS)
            loop, turn, done = asyncio.get_running_loop(), 0, Counter[int]()
            service.node.disconnects._turns = Turns(loop, units=UNITS, clock=lambda: 0.0)
            through = service.node.ended

            def count(connection: Any) -> None:
                done[turn] += 1
                through(connection)

            def next_turn() -> None:
                nonlocal turn
                turn += 1
                if done.total() < SESSIONS:
                    loop.call_soon(next_turn)

            service.node.ended = count  # type: ignore[method-assign]
            next_turn()
            path, body = END[way]
            assert (await operator.post(path, json=body)).status_code == 200
            for one in ended:
                await one.expect_close(REVOKED)
            assert done.total() == SESSIONS
            assert max(done.values()) <= UNITS
            for one in ended:
                await one.close()

    asyncio.run(play())


def test_a_client_that_goes_before_it_is_told_is_forgotten_like_the_others(tmp_path: Path) -> None:
    async def play() -> None:
        async with running(tmp_path / "data", ROOM) as service, _operator(service) as operator:
            closing, lost = await _sessions(service, 2)
            held = _Held()
            service.node.disconnects._turns = held  # type: ignore[assignment]
            assert (await operator.post("/tokens/revoke", json={"user": "nora"})).status_code == 200
            await closing.close()
            await lost.drop()
            await eventually_async(lambda: not service.node.registry.connections)
            while held.steps.pop()():
                held.steps.append(service.node.disconnects._next)
            await service.node.background.settle(HANG_SECONDS)
            assert not service.node.hub._shut_out
            assert not service.node.registry.by_session
            assert service.node.hub.total() == 0
            assert await service.engine.sessions.sessions() == []

    asyncio.run(play())


def _is_later(message: Message) -> bool:
    """Return True when it tells of what happened after the end."""
    return "dossier_update" in str(message["type"]) or "late" in str(message.get("payload"))


async def _sessions(service: Service, count: int) -> list[Client]:
    """So many sessions of one user and one token, each receiving the channel and its presence."""
    token = tokens.token("nora", "read:*", jti="nora-1")
    clients = [await Client.connect(service, token) for _ in range(count)]
    for client in clients:
        await client.subscribe(CHANNEL, include_presence=True)
    return clients


def _operator(service: Service) -> httpx.AsyncClient:
    authorization = {"Authorization": f"Bearer {tokens.token('operator', 'admin:*', 'write:*', clearance='secret')}"}
    address = f"http://127.0.0.1:{service.port}/v1"
    return httpx.AsyncClient(base_url=address, headers=authorization, timeout=HANG_SECONDS)
