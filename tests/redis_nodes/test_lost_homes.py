"""A node whose lease was lost: it enters everything again under a new one, whatever is under way or fails meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from app.core.instant import Instant
from app.engine.ports.errors import Unavailable
from app.engine.redis import connection
from app.engine.redis.engine import RedisEngine
from app.engine.redis.scripts.loader import script
from dossier_realtime.protocol.commands import PresenceChange
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.cutting_proxy import cutting_proxy
from tests.redis_nodes.nodes import CHANNEL, Node, Nodes, member, session

CALLS: dict[str, Callable[[Node], Awaitable[object]]] = {
    "enter": lambda node: node.engine.presence.enter(CHANNEL, member("c2", "u1")),
    "update": lambda node: node.engine.presence.update(CHANNEL, "c1", PresenceChange(status="busy")),
    "lock": lambda node: node.engine.presence.lock(CHANNEL, "c1", "f1", 60.0),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_finds_the_home_lost_is_answered(nodes: Nodes, shared_server: RedisServer, call: str) -> None:
    ahead = [0.0]
    nodes.clock = lambda: Instant(time.monotonic() + ahead[0], time.time())

    async def scenario() -> None:
        async with nodes.opened("a") as (a,):
            await a.engine.presence.enter(CHANNEL, member("c1", "u1"))
            shared_server.command("DEL", f"{{{nodes.prefix}:live}}:homes")
            ahead[0] += 4.0  # the lease must be renewed before the call is done
            await asyncio.wait_for(CALLS[call](a), HANG_SECONDS)
            (user,) = (await a.engine.presence.roster(CHANNEL)).users
            assert user.user_id == "u1"

    asyncio.run(scenario())


@pytest.mark.parametrize("lost", ["person_put", "presence_put", "session_again"])
def test_what_could_not_be_entered_again_is_entered_a_little_later(own_server: RedisServer, lost: str) -> None:
    users = [f"u{number}" for number in range(5)]

    async def scenario() -> None:
        async with cutting_proxy(own_server.port) as proxy:
            by_proxy = Nodes(f"redis://127.0.0.1:{proxy.port}/0", "again")
            async with by_proxy.opened("a") as (a,):
                for user in users:
                    await a.engine.presence.enter(CHANNEL, member(f"c-{user}", user))
                    await a.engine.sessions.open(session(f"s-{user}", user, "a"), None, 1)
                proxy.lose_answer_to = script(lost).digest.encode()
                own_server.command("FLUSHALL")

                async def is_whole() -> bool:
                    there = (await a.engine.presence.counts()).get(CHANNEL)
                    return there == len(users) and len(await a.engine.sessions.sessions()) == len(users)

                await eventually_async(is_whole)
                assert proxy.lost_answers == 1

    asyncio.run(scenario())


def test_more_calls_at_once_than_there_are_connections_are_all_answered(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "CALL_SECONDS", HANG_SECONDS)  # a call may wait long for a connection
    monkeypatch.setattr(connection.asked, "__defaults__", (HANG_SECONDS,))  # and for its answer

    async def scenario() -> None:
        async with nodes.opened("a") as (a,):
            rosters = await asyncio.gather(*(a.engine.presence.roster(f"workspace:{number}") for number in range(200)))
            assert [roster.count for roster in rosters] == [0] * 200

    asyncio.run(scenario())


def test_work_that_fails_for_any_reason_stays_owed_and_holds_up_no_other(own_server: RedisServer) -> None:
    done: list[str] = []

    async def broken() -> None:
        done.append("broken")
        if done.count("broken") == 1:
            raise ValueError

    async def other() -> None:
        done.append("other")

    async def scenario() -> None:
        async with Nodes(own_server.url, "owed").opened("a") as (a,):
            assert isinstance(a.engine, RedisEngine)
            for work in (broken, other):
                a.engine.live.homes.owe(work)
            await eventually_async(lambda: done.count("broken") == 2, done)
            assert done == ["broken", "other", "broken"]

    asyncio.run(scenario())


def test_work_of_a_second_that_the_store_refuses_holds_no_other_work_up(nodes: Nodes) -> None:
    async def refused() -> None:
        raise Unavailable("this server is away")

    async def scenario() -> None:
        done = asyncio.Event()

        async def work() -> None:
            done.set()

        async with nodes.opened("a") as (a,):
            assert isinstance(a.engine, RedisEngine)
            a.engine.live.homes.ticks[:] = [refused, work]
            await asyncio.wait_for(done.wait(), HANG_SECONDS)

    asyncio.run(scenario())
