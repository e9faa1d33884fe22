"""Live state while the server is away, stopped or emptied: refused in time, and whole again by itself."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator

import pytest

from app.engine.ports.errors import Unavailable
from app.engine.ports.sessions import NodeRecord
from app.services.briefs.ownership import BriefOwners
from dossier_realtime.protocol.commands import PresenceChange
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis_nodes.nodes import CHANNEL, Node, Nodes, member, now, session

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
"""A connection that is being made when the server dies is closed by the collector."""

OTHER = "workspace:7"


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


async def _present(node: Node, channel: str = CHANNEL) -> list[str]:
    return sorted(one.user_id for one in (await node.engine.presence.roster(channel)).users)


async def _is_back(node: Node) -> bool:
    try:
        await node.engine.presence.enter(OTHER, member("probe", "probe"))
    except Unavailable:
        return False
    return True


def test_an_outage_refuses_what_must_be_stored_and_what_ended_meanwhile_is_told_after_it(
    own_server: RedisServer,
) -> None:
    async def scenario() -> None:
        async with Nodes(own_server.url, "outage").opened("a", "b", grace=0.05) as (a, b):
            for node, user in ((a, "u1"), (a, "u2"), (a, "u3"), (b, "u4")):
                await node.engine.presence.enter(CHANNEL, member(f"c-{user}", user))
            await a.engine.sessions.open(session("s1", node="a"), None, 1)
            await asyncio.to_thread(own_server.kill)
            with pytest.raises(Unavailable):
                await a.engine.presence.enter(OTHER, member("c-u5", "u5"))
            with pytest.raises(Unavailable):
                await a.engine.presence.update(CHANNEL, "c-u1", PresenceChange(status="busy"))
            with pytest.raises(Unavailable):
                await a.engine.sessions.open(session("s2", "u2", "a"), None, 1)
            await a.engine.presence.leave(CHANNEL, "c-u1")
            await a.engine.presence.lost("c-u2")
            await a.engine.sessions.close("s1", 0)
            with pytest.raises(Unavailable):
                await _present(a)
            await a.engine.rates.cover("u1", "editor", "general")
            assert a.engine.rates.covered("u1", "editor", "general", 0.0)
            await asyncio.to_thread(own_server.start)
            await eventually_async(lambda: _is_back(a))
            await eventually_async(lambda: sorted(b.left()) == ["u1", "u2"], b.left)
            for node in (a, b):
                await eventually_async(lambda node=node: _same(node, ["u3", "u4"]))  # type: ignore[misc]

            async def none_open() -> bool:
                return await b.engine.sessions.sessions() == []

            await eventually_async(none_open)
            assert "u5" not in [*a.joined(OTHER), *b.joined(OTHER)]

    asyncio.run(scenario())


async def _same(node: Node, users: list[str]) -> bool:
    try:
        return await _present(node) == users
    except Unavailable:
        return False


def test_nodes_that_cannot_be_asked_for_do_not_count_as_ended(own_server: RedisServer) -> None:
    async def scenario() -> None:
        async with Nodes(own_server.url, "asked").opened("a", "b") as (a, b):
            b.engine.nodes.report(NodeRecord("b", now().timestamp, {"ready": 1.0}))

            async def knows_both() -> bool:
                a.engine.nodes.report(NodeRecord("a", now().timestamp, {"ready": 1.0}))
                return [one.node for one in await a.engine.nodes.nodes()] == ["a", "b"]

            await eventually_async(knows_both)
            assert await a.engine.nodes.others() == await b.engine.nodes.others() == 1
            owners = BriefOwners("a", a.engine.nodes, now, HANG_SECONDS)  # b reports once
            assert await owners.look() == {"b"}
            own_server.signal(signal.SIGSTOP)
            with pytest.raises(Unavailable):
                await a.engine.nodes.nodes()
            with pytest.raises(Unavailable):
                await a.engine.nodes.others()
            with pytest.raises(Unavailable):
                await owners.look()
            own_server.signal(signal.SIGCONT)
            await eventually_async(lambda: _is_back(a))
            assert await owners.look() == {"b"}

    asyncio.run(scenario())


def test_a_server_that_stands_still_for_longer_than_leases_makes_nobody_leave(own_server: RedisServer) -> None:
    async def scenario() -> None:
        async with Nodes(own_server.url, "still").opened("a", "b") as (a, b):
            await a.engine.presence.enter(CHANNEL, member("c1", "u1"))
            await b.engine.presence.enter(CHANNEL, member("c2", "u2"))
            own_server.signal(signal.SIGSTOP)
            await asyncio.sleep(7)  # longer than a lease: the length is the matter of the test
            own_server.signal(signal.SIGCONT)
            await eventually_async(lambda: _is_back(a))
            await eventually_async(lambda: _is_back(b))
            await asyncio.sleep(7)  # in which a node that was taken for dead would be cleared
            assert a.left() == b.left() == []
            assert await _present(a) == await _present(b) == ["u1", "u2"]

    asyncio.run(scenario())


def test_an_emptied_server_is_filled_again_by_the_nodes(own_server: RedisServer) -> None:
    async def scenario() -> None:
        async with Nodes(own_server.url, "emptied").opened("a", "b") as (a, b):
            await a.engine.presence.enter(CHANNEL, member("c1", "u1"))
            await a.engine.presence.update(CHANNEL, "c1", PresenceChange(activity="editing"))
            await b.engine.presence.enter(CHANNEL, member("c2", "u2"))
            await a.engine.sessions.open(session("s1", node="a"), None, 1)
            await a.engine.revocations.revoke(token_id="t1", user_id=None, at=1000.0)
            own_server.command("FLUSHALL")
            for node in (a, b):
                await eventually_async(lambda node=node: _counted(node, 2))  # type: ignore[misc]
                await eventually_async(lambda node=node: _same(node, ["u1", "u2"]))  # type: ignore[misc]
            (user, _) = sorted((await b.engine.presence.roster(CHANNEL)).users, key=lambda one: one.user_id)
            assert user.activity == "editing"

            async def is_listed() -> bool:
                return [one.session_id for one in await b.engine.sessions.sessions()] == ["s1"]

            await eventually_async(is_listed)
            later = await Nodes(own_server.url, "emptied").open("c")
            await eventually_async(lambda: later.engine.revocations.is_revoked("u1", "t1", None))
            await later.engine.close()

    asyncio.run(scenario())


async def _counted(node: Node, count: int) -> bool:
    return (await node.engine.presence.counts()).get(CHANNEL) == count
