"""The heads that a node asks for: of the channels that it may be behind on, not of all that it has joined."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.engine.ports.errors import Unavailable
from app.engine.redis.log import head_comparison
from app.engine.redis.log.history import ChannelHead
from tests.engine.events import event
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.nodes import OpenNode, opened_node

CHANNELS = [f"workspace:{number}" for number in range(60)]


@pytest.fixture(autouse=True, scope="module")
def _no_look_at_all_by_the_clock() -> Iterator[None]:
    """Let no node look at all channels because time has passed: it would heal what is to be found otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head_comparison, "WHOLE_SECONDS", math.inf)
        yield


def asked_heads(node: OpenNode) -> list[str]:
    """Return a list to which the channels are added whose heads the node compares from now on."""
    reader, asked = node.engine._pulse._heads._reader, list[str]()
    heads = reader.heads

    async def counted(channels: Sequence[str]) -> tuple[str, list[ChannelHead]]:
        asked.extend(channels)
        return await heads(channels)

    reader.heads = counted  # type: ignore[method-assign]
    return asked


def let_hints_be_lost(node: OpenNode, *, lost: bool) -> None:
    """Let the hints of a node go where nobody listens."""
    node.engine._parts.lane.sharded = lost


async def beat_of_its_own(*nodes: OpenNode) -> None:
    """Let a node beat only where the test does it."""
    for node in nodes:
        task = node.engine._pulse._task
        assert task is not None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynchronous
async def test_heads_are_asked_of_channels_whose_hints_did_not_come(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with opened_node(url, prefix, "n1", joined=CHANNELS) as node, opened_node(url, prefix, "n2") as other:
        await beat_of_its_own(node, other)
        asked = asked_heads(node)
        await other.publish(event(0, CHANNELS[0]))
        await node.has(CHANNELS[0], 1)
        await node.engine._pulse._beat()
        asked.clear()
        for number, channel in enumerate([*CHANNELS[:5], *CHANNELS[:5], "workspace:elsewhere"]):
            await other.publish(event(number, channel))
        await node.publish(event("own", CHANNELS[7]))
        await eventually_async(lambda: all(len(node.numbers(channel)) >= 2 for channel in CHANNELS[:5]))
        await node.engine._pulse._beat()
        assert asked == [], "all hints came"
        let_hints_be_lost(other, lost=True)
        await other.publish(event("lost", CHANNELS[3]), event("lost too", CHANNELS[4]))
        await node.engine._pulse._beat()
        assert sorted(asked) == CHANNELS[3:5]
        await eventually_async(lambda: node.numbers(CHANNELS[3])[-1] == "lost")
        await eventually_async(lambda: node.numbers(CHANNELS[4])[-1] == "lost too")


@asynchronous
async def test_many_commits_on_many_channels_cost_no_more_than_a_look_at_all(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with opened_node(url, prefix, "n1", joined=CHANNELS) as node, opened_node(url, prefix, "n2") as other:
        await beat_of_its_own(node, other)
        await other.publish(event(0, CHANNELS[0]))
        await node.engine._pulse._beat()
        asked = asked_heads(node)
        let_hints_be_lost(other, lost=True)
        elsewhere = [event(number, f"workspace:e{number}") for number in range(len(CHANNELS))]
        await other.publish(event(1, CHANNELS[9]), *elsewhere)
        await node.engine._pulse._beat()
        assert sorted(asked) == sorted(CHANNELS)
        await eventually_async(lambda: node.numbers(CHANNELS[9]) == [1])


@asynchronous
async def test_an_epoch_whose_hint_was_lost_is_found_without_other_traffic(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with opened_node(url, prefix, "n1", joined=CHANNELS[:1]) as node, opened_node(url, prefix, "n2") as other:
        await beat_of_its_own(node, other)
        (old,) = await other.publish(event(1, CHANNELS[0]))
        await node.has(CHANNELS[0], 1)
        await node.engine._pulse._beat()
        asked = asked_heads(node)
        let_hints_be_lost(other, lost=True)
        await other.engine.broker.renew_epoch(CHANNELS[0])
        cursor = node.engine._parts.cursors.find(CHANNELS[0])
        assert cursor is not None
        assert (cursor.place, asked) == ((0, 1), []), "something else than the beat told of it"
        await node.engine._pulse._beat()
        assert (cursor.place, asked) == ((1, 0), CHANNELS[:1])
        assert (await node.engine.broker.position(CHANNELS[0])).epoch != old.epoch


@asynchronous
async def test_a_channel_that_was_being_joined_is_looked_at_again(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with opened_node(url, prefix, "n1") as node, opened_node(url, prefix, "n2") as other:
        await beat_of_its_own(node, other)
        await other.publish(event(0, CHANNELS[1]))
        await node.engine._pulse._beat()
        cursors, go_on, came = node.engine._parts.cursors, asyncio.Event(), asyncio.Event()
        head = cursors.head

        async def held(channel: str) -> ChannelHead:
            found = await head(channel)
            came.set()
            await go_on.wait()
            return found

        cursors.head = held  # type: ignore[method-assign]
        joining = asyncio.ensure_future(node.engine.broker.join(CHANNELS[0]))
        await came.wait()
        let_hints_be_lost(other, lost=True)
        await other.publish(event("between", CHANNELS[0]))
        await node.engine._pulse._beat()
        go_on.set()
        assert (await joining).offset == 0
        await node.engine._pulse._beat()
        await eventually_async(lambda: node.numbers(CHANNELS[0]) == ["between"])


@asynchronous
async def test_a_look_that_fails_is_made_up_for_where_nobody_commits_any_more(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """The heads of channels that were being joined, and the channels that began."""
    url, prefix = redis_server.url, tmp_path.name
    async with opened_node(url, prefix, "n1", joined=CHANNELS[:1]) as node, opened_node(url, prefix, "n2") as other:
        await beat_of_its_own(node, other)
        pulse = node.engine._pulse
        await pulse._beat()
        asked, reader = asked_heads(node), pulse._heads._reader
        heads = reader.heads
        let_hints_be_lost(other, lost=True)
        await other.publish(event("new", "workspace:new"))
        pulse._heads._joining.add(CHANNELS[0])

        async def failed(channels: Sequence[str]) -> tuple[str, list[ChannelHead]]:
            raise Unavailable(f"no heads of {len(channels)} channels")

        reader.heads = failed  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await pulse._beat()
        reader.heads = heads  # type: ignore[method-assign]
        find_begun = pulse._broker.find_begun
        pulse._broker.find_begun = _refused  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            await pulse._beat()
        assert asked == CHANNELS[:1]
        pulse._broker.find_begun = find_begun  # type: ignore[method-assign]
        assert "workspace:new" not in pulse._broker._begun
        await pulse._beat()
        assert "workspace:new" in pulse._broker._begun


async def _refused() -> None:
    raise Unavailable("no")
