"""The guarantees that every backend of the Broker gives."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.engine.ports.errors import KeyConflict
from app.engine.ports.events import Broker, Publication, PublishResult
from tests.engine.conftest import Opener
from tests.engine.events import CHANNEL, OTHER, Received, event, frame, key, numbers


async def _all_of(broker: Broker, channel: str, after: int = 0) -> list[Publication]:
    found: list[Publication] = []
    while page := await broker.read(channel, found[-1].offset if found else after, 700):
        found += page
    return found


def test_events_are_numbered_from_one_within_the_epoch_of_their_channel(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            before = await engine.broker.position(CHANNEL)
            results = [(await engine.broker.publish([event(n)]))[0] for n in range(3)]
            (other,) = await engine.broker.publish([event(0, OTHER)])
            assert results == [PublishResult(CHANNEL, n, before.epoch) for n in (1, 2, 3)]
            assert other == PublishResult(OTHER, 1, (await engine.broker.position(OTHER)).epoch)
            assert other.epoch != before.epoch
            assert (await engine.broker.position(CHANNEL)).offset == 3

    asyncio.run(scenario())


def test_a_batch_is_delivered_as_one_before_its_publisher_goes_on(opened: Opener) -> None:
    async def scenario() -> None:
        received = Received()
        async with opened() as engine:
            engine.broker.start(received)
            await engine.broker.join(CHANNEL)
            await engine.broker.join(OTHER)
            results = await engine.broker.publish([event(1), event(2, OTHER), event(3)])
            (batch,) = received.batches
            assert [(p.channel, p.offset, p.epoch) for p in batch] == [(p.channel, p.offset, p.epoch) for p in results]
            assert [frame(p) | {"padding": ""} for p in batch] == [
                {"offset": 1, "type": "test", "channel": CHANNEL, "number": 1, "padding": ""},
                {"offset": 1, "type": "test", "channel": OTHER, "number": 2, "padding": ""},
                {"offset": 2, "type": "test", "channel": CHANNEL, "number": 3, "padding": ""},
            ]

    asyncio.run(scenario())


def test_what_this_node_commits_is_delivered_also_where_it_did_not_join(opened: Opener) -> None:
    async def scenario() -> None:
        received = Received()
        async with opened() as engine:
            engine.broker.start(received)
            await engine.broker.publish([event(1)])
            await engine.broker.join(CHANNEL)
            await engine.broker.publish([event(2), event(2, OTHER)])
            await engine.broker.leave(CHANNEL)
            await engine.broker.publish([event(3)])
            assert [numbers(batch) for batch in received.batches] == [[1], [2, 2], [3]]

    asyncio.run(scenario())


def test_four_publishers_at_once_make_one_order_without_hole(opened: Opener) -> None:
    async def publish(broker: Broker, name: int, acked: dict[int, str]) -> None:
        for n in range(200):
            (result,) = await broker.publish([event(f"{name}/{n}")])
            assert result.offset is not None
            acked[result.offset] = f"{name}/{n}"

    async def scenario() -> None:
        received, acked = Received(), dict[int, str]()
        async with opened() as engine:
            engine.broker.start(received)
            await engine.broker.join(CHANNEL)
            await asyncio.gather(*(publish(engine.broker, name, acked) for name in range(4)))
            delivered = received.on(CHANNEL)
            assert [p.offset for p in delivered] == list(range(1, 801))
            assert dict(zip(range(1, 801), numbers(delivered), strict=True)) == acked
            for name in range(4):  # and each publisher's own order is kept
                own = [n for n in numbers(delivered) if n.startswith(f"{name}/")]
                assert own == [f"{name}/{n}" for n in range(200)]
            assert await _all_of(engine.broker, CHANNEL) == delivered

    asyncio.run(scenario())


def test_calls_that_do_not_wait_for_each_other_are_committed_in_their_order(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await asyncio.gather(*(engine.broker.publish([event(n)]) for n in range(500)))
            assert numbers(await _all_of(engine.broker, CHANNEL)) == list(range(500))

    asyncio.run(scenario())


def test_the_next_delivery_after_joining_is_the_next_offset(opened: Opener) -> None:
    async def scenario() -> None:
        received = Received()
        async with opened() as engine:
            engine.broker.start(received)
            under_way = [asyncio.ensure_future(engine.broker.publish([event(n)])) for n in range(1, 101)]
            await under_way[0]
            position = await engine.broker.join(CHANNEL)
            received.batches.clear()  # what was delivered before is this node's own
            await asyncio.gather(*under_way)
            before = [p.offset for p in await engine.broker.read(CHANNEL, 0, position.offset)]
            assert before + [p.offset for p in received.on(CHANNEL)] == list(range(1, 101))

    asyncio.run(scenario())


def test_a_publisher_that_gave_up_does_not_keep_its_event_from_others(opened: Opener) -> None:
    async def scenario() -> None:
        received = Received()
        async with opened() as engine:
            engine.broker.start(received)
            await engine.broker.join(CHANNEL)
            given_up = asyncio.ensure_future(engine.broker.publish([event(1)]))
            await asyncio.sleep(0)  # it is with the engine now
            given_up.cancel()
            await engine.broker.publish([event(2)])
            assert numbers(received.on(CHANNEL)) == [1, 2]

    asyncio.run(scenario())


def test_what_is_not_durable_has_no_offset_and_keeps_its_place_in_the_order(opened: Opener) -> None:
    async def scenario() -> None:
        received = Received()
        async with opened() as engine:
            engine.broker.start(received)
            await engine.broker.join(CHANNEL)
            await engine.broker.join("ops:errors")
            results = await engine.broker.publish([event(1), event(2, "ops:errors", durable=False), event(3)])
            assert results[1] == PublishResult("ops:errors", None, None)
            assert [numbers(batch) for batch in received.batches] == [[1, 2, 3]]
            told = received.on("ops:errors")[0]
            assert (told.offset, told.commit) == (0, 0)
            assert "offset" not in frame(told)
            assert (await engine.broker.position("ops:errors")).offset == 0
            assert list(await engine.broker.channels()) == [CHANNEL]

    asyncio.run(scenario())


# Idempotency keys


def test_a_key_used_again_gets_the_first_result_and_has_no_second_effect(opened: Opener) -> None:
    async def scenario() -> None:
        received = Received()
        batch = [event(1), event(2, OTHER), event(3, "ops:errors", durable=False)]
        async with opened() as engine:
            engine.broker.start(received)
            await engine.broker.join(CHANNEL)
            results = await asyncio.gather(*(engine.broker.publish(batch, key("k")) for _ in range(5)))
        async with opened() as engine:
            results.append(await engine.broker.publish(batch, key("k")))
            again = [replace(place, repeated=True) for place in results[0]]
            assert results == [results[0], *[again] * 5]
            assert len(received.batches) == 1
            assert len(await engine.broker.read(CHANNEL, 0, 10)) == 1

    asyncio.run(scenario())


def test_a_key_used_with_another_body_is_refused_and_harms_nobody(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([event(1)], key("k"))
            refused, fine = await asyncio.gather(
                engine.broker.publish([event(2), event(3)], key("k", digest=b"other")),
                engine.broker.publish([event(4)], key("l", digest=b"other")),
                return_exceptions=True,
            )
            assert isinstance(refused, KeyConflict)
            assert not isinstance(fine, BaseException)
            assert numbers(await engine.broker.read(CHANNEL, 0, 10)) == [1, 4]

    asyncio.run(scenario())


def test_the_same_key_of_another_user_is_another_key(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([event(1)], key("k", user="u1"))
            await engine.broker.publish([event(2)], key("k", user="u2", digest=b"other"))
            assert numbers(await engine.broker.read(CHANNEL, 0, 10)) == [1, 2]

    asyncio.run(scenario())


# History


def test_history_numbers_and_epochs_survive_a_restart(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([event(n) for n in range(1, 6)])
            before = await engine.broker.position(CHANNEL)
            quiet = await engine.broker.position("user:nobody")
            history = await engine.broker.read(CHANNEL, 2, 10)
            assert [p.offset for p in history] == [3, 4, 5]
        async with opened() as engine:
            assert set(await engine.broker.channels()) == {CHANNEL}
            assert await engine.broker.position(CHANNEL) == before
            assert await engine.broker.position("user:nobody") == quiet
            assert await engine.broker.read(CHANNEL, 2, 10) == history
            (result,) = await engine.broker.publish([event(6)])
            assert result == PublishResult(CHANNEL, 6, before.epoch)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("after", "limit", "offsets"),
    [
        (0, 3, [1, 2, 3]),
        (0, 100, [1, 2, 3, 4, 5]),
        (4, 100, [5]),
        (5, 100, []),
        (6, 100, []),
        (2**53, 100, []),
        (-1, 100, []),
    ],
)
def test_reading_goes_on_after_an_offset(opened: Opener, after: int, limit: int, offsets: list[int]) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.broker.publish([event(n) for n in range(1, 6)])
            assert [p.offset for p in await engine.broker.read(CHANNEL, after, limit)] == offsets
            assert await engine.broker.read(OTHER, after, limit) == []

    asyncio.run(scenario())


def test_what_was_delivered_and_what_is_read_later_are_the_same(opened: Opener) -> None:
    async def scenario() -> None:
        received = Received()
        async with opened() as engine:
            engine.broker.start(received)
            await engine.broker.join(CHANNEL)
            await engine.broker.join(OTHER)
            await engine.broker.publish([event(1), event("ما", OTHER)])
            await engine.broker.publish([event(2, OTHER)])
            for channel in (CHANNEL, OTHER):
                assert await engine.broker.read(channel, 0, 10) == received.on(channel)
            log = [p for batch in received.batches for p in batch]
            assert await engine.broker.commits_after(0, 10) == log
            assert await engine.broker.commits_after(log[0].commit, 1) == log[1:2]
            assert await engine.broker.commits_after(log[-1].commit, 10) == []

    asyncio.run(scenario())


def test_history_is_trimmed_from_its_old_end_and_never_leaves_a_hole(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened(history_events=300, history_seconds=0) as engine:
            for first in range(1, 4001, 50):
                await engine.broker.publish([event(n) for n in range(first, first + 50)])
                oldest = (await engine.broker.position(CHANNEL)).oldest
                page = await engine.broker.read(CHANNEL, oldest - 1, 60)
                # It may have been trimmed again meanwhile: then it is none of it, never a part.
                assert [p.offset for p in page] in ([], list(range(oldest, min(oldest + 60, first + 50))))
            position = await engine.broker.position(CHANNEL)
            assert position.offset == 4000
            assert 1000 < position.oldest <= 3701  # trimmed, and the last 300 are there
            kept = await _all_of(engine.broker, CHANNEL, position.oldest - 1)
            assert [p.offset for p in kept] == list(range(position.oldest, 4001))
            assert await engine.broker.read(CHANNEL, 0, 10) == []
            assert await engine.broker.read(CHANNEL, position.oldest - 2, 10) == []
        async with opened(history_events=300, history_seconds=0) as engine:
            again = await engine.broker.position(CHANNEL)
            assert (again.epoch, again.offset, again.oldest) == (position.epoch, 4000, position.oldest)

    asyncio.run(scenario())


def test_what_is_young_is_kept_however_much_it_is(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened(history_events=10, history_seconds=900) as engine:
            await engine.broker.publish([event(n) for n in range(1, 2001)])
            await engine.broker.publish([event(2001)])
            assert (await engine.broker.position(CHANNEL)).oldest == 1
            assert len(await _all_of(engine.broker, CHANNEL)) == 2001

    asyncio.run(scenario())


@pytest.mark.parametrize("published", [0, 3])
def test_a_renewed_epoch_voids_every_position_of_before(opened: Opener, published: int) -> None:
    async def scenario() -> None:
        received = Received()
        async with opened() as engine:
            engine.broker.start(received)
            old = await engine.broker.join(CHANNEL)
            for n in range(published):
                await engine.broker.publish([event(n)])
            assert await engine.broker.has_events(CHANNEL) is bool(published)
            await engine.broker.renew_epoch(CHANNEL)
            assert not await engine.broker.has_events(CHANNEL)
            new = await engine.broker.position(CHANNEL)
            assert new.epoch != old.epoch
            assert new.offset == 0
            assert await engine.broker.read(CHANNEL, 0, 10) == []
            await engine.broker.publish([event("new")])
            assert (received.on(CHANNEL)[-1].epoch, received.on(CHANNEL)[-1].offset) == (new.epoch, 1)
            # What the journal may lack is not lost with the epoch.
            assert await engine.broker.commits_after(0, 10) == received.on(CHANNEL)
        async with opened() as engine:
            assert await engine.broker.has_events(CHANNEL)
            after = await engine.broker.position(CHANNEL)
            assert (after.epoch, after.offset) == (new.epoch, 1)
            assert numbers(await engine.broker.read(CHANNEL, 0, 10)) == ["new"]

    asyncio.run(scenario())
