"""Two nodes on one server: one sequence for all, whatever becomes of the hints."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from app.engine.ports.documents import Version
from app.engine.ports.errors import KeyConflict, TipMoved
from app.engine.redis.log import head_comparison
from tests.engine.events import CHANNEL, OTHER, event, key, numbers
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.nodes import OpenNode, opened_node


@asynchronous
async def test_publishers_on_two_nodes_make_one_sequence(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix = redis_server.url, tmp_path.name

    async def publish(node: OpenNode, name: str, acked: dict[int, str]) -> None:
        for n in range(150):
            (result,) = await node.publish(event(f"{name}/{n}"))
            assert result.offset is not None
            assert result.offset in {one.offset for one in node.received.on(CHANNEL)}, "acked before it was delivered"
            acked[result.offset] = f"{name}/{n}"

    async with (
        opened_node(url, prefix, "n1", joined=[CHANNEL]) as first,
        opened_node(url, prefix, "n2", joined=[CHANNEL]) as second,
    ):
        acked: dict[int, str] = {}
        lanes = [(first, "a"), (first, "b"), (second, "c"), (second, "d")]
        await asyncio.gather(*(publish(node, name, acked) for node, name in lanes))
        for node in (first, second):
            await node.has(CHANNEL, 600)
            delivered = node.received.on(CHANNEL)
            assert [one.offset for one in delivered] == list(range(1, 601))
            assert dict(enumerate(numbers(delivered), 1)) == acked
        assert [one.frame for one in first.received.on(CHANNEL)] == [one.frame for one in second.received.on(CHANNEL)]
        assert first.lost == second.lost == []


@asynchronous
async def test_what_no_hint_told_is_found_and_read(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_comparison, "WHOLE_SECONDS", math.inf)  # a look at all channels would find it as well
    url, prefix = redis_server.url, tmp_path.name
    async with (
        opened_node(url, prefix, "n1") as first,
        opened_node(url, prefix, "n2", joined=[CHANNEL, OTHER]) as second,
    ):
        await first.publish(event(1))
        first.engine._parts.lane.sharded = True  # its hints go where nobody listens
        await first.publish(event(2), event(3))
        await first.publish(event(9, OTHER))
        first.engine._parts.lane.sharded = False
        await first.publish(event(4))  # its hint shows the hole
        await eventually_async(lambda: second.numbers(CHANNEL) == [1, 2, 3, 4])
        await eventually_async(lambda: second.numbers(OTHER) == [9])  # found by what a beat says was changed
        assert [one.offset for one in second.received.on(CHANNEL)] == [1, 2, 3, 4]


@asynchronous
async def test_who_asks_for_the_head_after_an_ack_elsewhere_is_told_of_it(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with (
        opened_node(url, prefix, "n1") as first,
        opened_node(url, prefix, "n2", joined=[CHANNEL]) as second,
    ):
        first.engine._parts.lane.sharded = True  # no hint tells of it
        for n in range(1, 6):
            (acked,) = await first.publish(event(n))
            position = await second.engine.broker.position(CHANNEL)
            assert (position.epoch, position.offset) == (acked.epoch, n)
            assert second.numbers(CHANNEL) == list(range(1, n + 1)), "what comes after the position is told after it"
            assert len(await second.engine.broker.read(CHANNEL, 0, 10)) == n


@asynchronous
async def test_a_hole_before_an_own_event_is_filled_first(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with (
        opened_node(url, prefix, "n1") as first,
        opened_node(url, prefix, "n2", joined=[CHANNEL]) as second,
    ):
        first.engine._parts.lane.sharded = True
        await first.publish(event(1))
        await second.publish(event(2))
        assert second.numbers(CHANNEL) == [1, 2], "before the publisher's own call returned"


@asynchronous
async def test_a_long_batch_is_told_by_its_head_and_read(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with (
        opened_node(url, prefix, "n1") as first,
        opened_node(url, prefix, "n2", joined=[CHANNEL]) as second,
    ):
        await first.publish(*(event(n, padding=10_000) for n in range(20)))
        await eventually_async(lambda: second.numbers(CHANNEL) == list(range(20)))


@asynchronous
async def test_what_is_not_kept_reaches_other_nodes_once(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with (
        opened_node(url, prefix, "n1", joined=["ops:errors"]) as first,
        opened_node(url, prefix, "n2", joined=["ops:errors"]) as second,
    ):
        for n in range(5):
            await first.publish(event(n, "ops:errors", durable=False))
        await eventually_async(lambda: len(second.numbers("ops:errors")) >= 5)
        await second.publish(event("end", "ops:errors", durable=False))
        await eventually_async(lambda: first.numbers("ops:errors")[-1] == "end")
        assert first.numbers("ops:errors") == second.numbers("ops:errors") == [*range(5), "end"]


@asynchronous
async def test_a_key_is_known_on_every_node(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with opened_node(url, prefix, "n1") as first, opened_node(url, prefix, "n2") as second:
        (placed,) = await first.engine.broker.publish([event(1)], key("k"))
        (again,) = await second.engine.broker.publish([event(1)], key("k"))
        assert (again.offset, again.epoch, again.repeated) == (placed.offset, placed.epoch, True)
        with pytest.raises(KeyConflict):
            await second.engine.broker.publish([event(2)], key("k", digest=b"other"))


@asynchronous
async def test_of_two_nodes_one_appends_to_a_tip(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix, document = redis_server.url, tmp_path.name, "document:7"
    async with (
        opened_node(url, prefix, "n1", joined=[document]) as first,
        opened_node(url, prefix, "n2", joined=[document]) as second,
    ):
        tries = [
            node.engine.documents.append(document, 0, [Version(b'{"by":"%d"}' % n, "ali", f"o{n}")])
            for n, node in enumerate([first, second])
        ]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(one) for one in outcomes if one is not None] == [TipMoved]
        for node in (first, second):
            await node.has(document, 1)


@asynchronous
async def test_an_edit_of_a_text_that_went_with_its_store_is_not_taken(tmp_path: Path) -> None:
    """The new store has the same generation and the same tip."""
    document = "document:7"
    with RedisServer(tmp_path / "redis") as server:
        async with opened_node(server.url, "dossier", "n1", joined=[document]) as node:
            documents = node.engine.documents
            epoch = (await node.engine.broker.position(document)).epoch
            await documents.append(document, 0, [Version(b'{"of":"the old text"}', "ali", "o1")], epoch)
            server.command("FLUSHALL")  # the node learns of it by this edit, or by a beat
            with pytest.raises(TipMoved):
                await documents.append(document, 0, [Version(b'{"of":"the old text"}', "ali", "o2")], epoch)
            await eventually_async(lambda: node.lost == [document])
            with pytest.raises(TipMoved):
                await documents.append(document, 0, [Version(b'{"of":"the old text"}', "ali", "o3")], epoch)
            new = (await node.engine.broker.position(document)).epoch
            await documents.append(document, 0, [Version(b'{"of":"the new text"}', "ali", "o4")], new)


@asynchronous
async def test_a_new_epoch_is_followed_by_nodes_that_did_not_begin_it(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with (
        opened_node(url, prefix, "n1") as first,
        opened_node(url, prefix, "n2", joined=[CHANNEL]) as second,
    ):
        (old,) = await first.publish(event("old"))
        await first.engine.broker.renew_epoch(CHANNEL)
        (new,) = await first.publish(event("new"))
        await eventually_async(lambda: second.numbers(CHANNEL) == ["old", "new"])
        assert [(one.epoch, one.offset) for one in second.received.on(CHANNEL)] == [(old.epoch, 1), (new.epoch, 1)]
        assert (await second.engine.broker.position(CHANNEL)).epoch == new.epoch


@asynchronous
async def test_a_node_reads_back_its_own_commits_and_no_others(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with opened_node(url, prefix, "n1") as first, opened_node(url, prefix, "n2") as second:
        await first.publish(event(1), event(2, OTHER))
        await second.publish(event(3))
        await first.publish(event(4))
        assert numbers(await first.engine.broker.commits_after(0, 10)) == [1, 2, 4]
        assert numbers(await second.engine.broker.commits_after(0, 10)) == [3]
        commits = [one.commit for one in await first.engine.broker.commits_after(0, 10)]
        assert commits == [1, 2, 4]


@asynchronous
async def test_a_channel_that_began_elsewhere_is_known(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix = redis_server.url, tmp_path.name
    async with opened_node(url, prefix, "n1") as first, opened_node(url, prefix, "n2") as second:
        assert not second.engine.broker.is_begun(CHANNEL)
        await first.publish(event(1))
        await eventually_async(lambda: second.engine.broker.is_begun(CHANNEL))
        assert set(await second.engine.broker.channels()) == {CHANNEL}
