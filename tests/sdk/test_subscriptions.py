"""Subscriptions: callbacks that fail, leave and close; iteration, and being too slow."""

from __future__ import annotations

import asyncio
import logging

import pytest

from dossier_realtime.client import (
    ConnectionClosed,
    DeniedError,
    DossierRealtimeClient,
    NotSubscribed,
    Overflowed,
    Position,
    PositionLost,
    UnknownMessage,
)
from dossier_realtime.client.io.subscription_state import MAX_WAITING_EVENTS
from dossier_realtime.client.subscription import Subscription
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.commands import Since, Subscribe, Unsubscribe
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import DossierUpdate, Event
from dossier_realtime.protocol.responses import ErrorMessage
from tests.sdk.client_harness import Inbox, client_of, play, run, settle
from tests.sdk.samples import SA, delivered, update


async def receive(subscription: Subscription, count: int) -> list[int | None]:
    """The offsets of the next events of an iteration."""
    offsets: list[int | None] = []
    async for event in subscription:
        assert isinstance(event, DossierUpdate)
        offsets.append(event.offset)
        if len(offsets) == count:
            break
    return offsets


# --- callbacks (K09, K15) --------------------------------------------------------------------------


def test_a_callback_that_throws_disturbs_neither_others_nor_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(event: Event) -> None:
        raise RuntimeError("the callback's own mistake")

    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        told, seen = Inbox(), Inbox()
        await client.subscribe(SA, fail, on_error=told).ready()
        await client.subscribe(SA, seen).ready()
        for _ in range(2):
            server.publish(update(channel=SA))
        assert [event.offset for event in await seen.take(2)] == [1, 2]
        assert [str(error) for error in await told.take(2)] == ["the callback's own mistake"] * 2
        assert server.handshakes == 1

    with caplog.at_level(logging.CRITICAL, "dossier_realtime.client"):
        play(scene)


def test_an_on_error_that_throws_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail(said: object) -> None:
        raise RuntimeError("again")

    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        await client.subscribe(SA, fail, on_error=fail).ready()
        seen = Inbox()
        await client.subscribe(SA, seen).ready()
        server.publish(update(channel=SA))
        await seen.get()
        await settle()

    with caplog.at_level(logging.ERROR, "dossier_realtime.client"):
        play(scene)
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "A callback failed",
        f"on_error of {SA} failed",
    ]


def test_async_callbacks_of_a_subscription_run_one_after_another_and_may_send() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        running, seen = 0, Inbox()

        async def answer(event: Event) -> None:
            nonlocal running
            running += 1
            assert running == 1
            if isinstance(event, DossierUpdate) and event.payload.entity_id == "question":
                await client.send(SA, update("answer"))
            running -= 1
            seen(event)

        await client.subscribe(SA, answer).ready()
        server.publish(update("question", SA))
        assert [event.payload.entity_id for event in await seen.take(2)] == ["question", "answer"]

    play(scene)


def test_the_position_inside_a_callback_is_that_of_its_event() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        positions = Inbox()
        subscription = client.subscribe(SA, lambda event: positions(subscription.position))
        await subscription.ready()
        for _ in range(3):
            server.publish(update(channel=SA))
        assert await positions.take(3) == [Position("epoch-1", offset) for offset in (1, 2, 3)]

    play(scene)


def test_unsubscribing_inside_a_callback_ends_it_there() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        seen = Inbox()

        def once(event: Event) -> None:
            seen(event)
            subscription.unsubscribe()
            subscription.unsubscribe()

        subscription = client.subscribe(SA, once)
        await subscription.ready()
        for _ in range(3):
            server.publish(update(channel=SA))
        await server.seen(Unsubscribe)
        await settle()
        assert seen.qsize() == 1
        with pytest.raises(NotSubscribed):
            await subscription.ready()

    play(scene)


def test_closing_the_client_inside_a_callback_leaves_nothing_behind() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        closed = asyncio.Event()

        async def close(event: Event) -> None:
            await client.close()
            closed.set()

        await client.subscribe(SA, close).ready()
        other = client.subscribe(SA)
        await other.ready()
        server.publish(update(channel=SA))
        await closed.wait()
        assert await receive(other, 1) == []
        with pytest.raises(ConnectionClosed):
            await client.send(SA, update())

    play(scene)


def test_a_callback_that_hangs_is_cancelled_when_the_client_closes() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        begun, cancelled = asyncio.Event(), Inbox()

        async def hang(event: Event) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled("cancelled")
                raise

        await client.subscribe(SA, hang).ready()
        server.publish(update(channel=SA))
        await begun.wait()
        await client.close()
        assert cancelled.qsize() == 1

    play(scene)


# --- iteration -------------------------------------------------------------------------------------


def test_iterating_gives_every_event_from_the_subscribe_on() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        subscription = client.subscribe(SA)
        await subscription.ready()
        for _ in range(3):
            server.publish(update(channel=SA))
        assert await receive(subscription, 2) == [1, 2]
        assert subscription.position == Position("epoch-1", 2)
        assert await receive(subscription, 1) == [3]

    play(scene)


def test_iterating_ends_with_the_subscription() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        subscription = client.subscribe(SA)
        reading = asyncio.create_task(receive(subscription, 1))
        await subscription.ready()
        subscription.unsubscribe()
        assert await reading == []

    play(scene)


def test_a_subscription_with_on_message_is_not_iterated() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        with pytest.raises(TypeError, match="without it"):
            aiter(client.subscribe(SA, print))

    play(scene)


def test_a_final_loss_is_raised_from_the_iteration() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        subscription = client.subscribe(SA)
        await subscription.ready()
        server.close(4501, "kicked")
        with pytest.raises(Exception, match="refused the token"):
            await receive(subscription, 1)
        assert await receive(subscription, 1) == []

    play(scene)


def test_who_reads_too_slowly_is_told_and_can_go_on_where_it_was() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        told = Inbox()
        slow = client.subscribe(SA, on_error=told)
        await slow.ready()
        for _ in range(MAX_WAITING_EVENTS + 5):
            server.publish(update(channel=SA))
        error = await told.first(Overflowed)
        assert error.position == Position("epoch-1", MAX_WAITING_EVENTS)
        await server.seen(Unsubscribe)
        with pytest.raises(Overflowed):
            await receive(slow, MAX_WAITING_EVENTS + 1)
        assert slow.position == error.position
        again = client.subscribe(SA, since=error.position)
        assert await receive(again, 5) == [MAX_WAITING_EVENTS + n for n in range(1, 6)]

    play(scene)


def test_a_slow_callback_is_told_too_and_a_presence_watcher_never_overflows() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        told, gate = Inbox(), asyncio.Event()

        async def slow(event: Event) -> None:
            await gate.wait()

        await client.subscribe(SA, slow, on_error=told).ready()
        watcher = client.subscribe(SA, on_presence=lambda presence: None, on_error=told)
        await watcher.ready()
        for _ in range(MAX_WAITING_EVENTS + 5):
            server.publish(update(channel=SA))
        seen = Inbox()
        await client.subscribe("dossier:country:EG", seen).ready()  # all of it has arrived by now
        gate.set()
        assert isinstance(await told.get(), Overflowed)
        await settle()
        assert told.empty()
        assert watcher.position == Position("epoch-1", MAX_WAITING_EVENTS + 5)

    play(scene)


# --- recovery (K05) ----------------------------------------------------------------------------------


def test_since_brings_what_was_missed() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for _ in range(5):
            server.publish(update(channel=SA))
        assert await receive(client.subscribe(SA, since=Position("epoch-1", 2)), 3) == [3, 4, 5]

    play(scene)


def test_repeats_are_dropped_and_gaps_filled() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        subscription = client.subscribe(SA)
        await subscription.ready()
        server.publish(update(channel=SA))
        for offset in (1, 1, 0):
            server.emit(delivered(offset))
        server.history[SA] += [server.history[SA][0].__class__(**_fields(server, offset)) for offset in (2, 3)]
        server.emit(delivered(3))  # 2 was never delivered
        assert await receive(subscription, 3) == [1, 2, 3]
        assert server.said(Subscribe)[-1].params.since is not None

    play(scene)


def _fields(server: FakeServer, offset: int) -> dict[str, object]:
    first = server.history[SA][0]
    return {"channel": SA, "payload": first.payload, "offset": offset}


def test_a_lost_position_is_raised_from_the_iteration_which_then_goes_on() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        told = Inbox()
        subscription = client.subscribe(SA, on_error=told)
        await subscription.ready()
        server.publish(update(channel=SA))
        assert await receive(subscription, 1) == [1]
        server.epoch = "epoch-2"
        server.history.clear()
        server.drop()
        await server.seen(Subscribe, 2)
        server.publish(update(channel=SA))
        with pytest.raises(PositionLost, match="load its state anew") as lost:
            await receive(subscription, 1)
        assert (lost.value.was, lost.value.now) == (Position("epoch-1", 1), Position("epoch-2", 0))
        assert subscription.position == lost.value.now
        assert await receive(subscription, 1) == [1]
        assert subscription.position == Position("epoch-2", 1)
        assert isinstance(await told.get(), PositionLost)

    play(scene)


# --- types that a later version has added ------------------------------------------------------------


def later(offset: int, channel: str | None = SA) -> dict[str, object]:
    return {"type": "a_later_message", "channel": channel, "offset": offset, "payload": {"count": offset}}


def test_an_unknown_message_is_handed_out_in_order_and_its_place_is_kept() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        said, heard = Inbox(), Inbox()
        client.on_unknown(heard)
        subscription = client.subscribe(SA, said, on_unknown=said)
        await subscription.ready()
        server.emit(delivered(1))
        server.emit(later(2))
        server.emit(delivered(3))
        first, unknown, third = await said.take(3)
        assert isinstance(unknown, UnknownMessage)
        assert (first.offset, unknown.offset, third.offset) == (1, 2, 3)
        assert unknown.members() == later(2)
        assert await heard.get() == unknown
        server.emit(later(4))
        await said.get()
        assert subscription.position == Position("epoch-1", 4)
        server.drop()
        await server.seen(Subscribe, 2)
        assert server.said(Subscribe)[-1].params.since == Since(epoch="epoch-1", offset=4)
        assert len(server.said(Unsubscribe)) == 0

    play(scene)


def test_an_iteration_passes_over_unknown_messages_and_keeps_their_place() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        said = Inbox()
        subscription = client.subscribe(SA, on_unknown=said)
        await subscription.ready()
        for offset in range(1, MAX_WAITING_EVENTS - 1):
            server.emit(later(offset))
        server.emit(delivered(MAX_WAITING_EVENTS - 1))
        assert await receive(subscription, 1) == [MAX_WAITING_EVENTS - 1]
        assert [message.offset for message in await said.take(MAX_WAITING_EVENTS - 2)][-1] == MAX_WAITING_EVENTS - 2

    play(scene)


def test_who_has_no_handler_for_unknown_messages_misses_nothing_else() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        seen, present = Inbox(), Inbox()
        subscription = client.subscribe(SA, seen)
        idle = client.subscribe(SA, on_presence=present)
        await subscription.ready()
        await idle.ready()
        server.emit(later(1))
        server.emit(later(9, "user:ali"))
        server.emit(delivered(2))
        assert (await seen.get()).offset == 2
        assert subscription.position == idle.position == Position("epoch-1", 2)

    play(scene)


# --- refusals, and several at once -------------------------------------------------------------------


def test_a_refused_subscription_raises_from_ready_and_goes_to_on_error() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        text = "Insufficient permissions to subscribe to channel"
        server.replies[Subscribe] = lambda command: [
            ErrorMessage(
                error_code=ErrorCode.SUBSCRIPTION_FAILED,
                message=text,
                timestamp=1,
                channel=command.channel,
                ref=command.ref,
            )
        ]
        told = Inbox()
        subscription = client.subscribe(SA, on_error=told)
        with pytest.raises(DeniedError) as denied:
            await subscription.ready()
        step = "; ask GET /v1/explain which right is missing"
        assert (str(denied.value), denied.value.message) == (f"{SA}: SUBSCRIPTION_FAILED: {text}{step}", text)
        assert (await told.get()).error_code is ErrorCode.SUBSCRIPTION_FAILED
        with pytest.raises(DeniedError):
            await receive(subscription, 1)

    play(scene)


def test_the_channel_is_left_with_its_last_subscription() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        first, second = client.subscribe(SA), client.subscribe(SA)
        await second.ready()
        first.unsubscribe()
        server.publish(update(channel=SA))
        assert await receive(second, 1) == [1]
        assert server.said(Unsubscribe) == []
        second.unsubscribe()
        await server.seen(Unsubscribe)
        assert len(server.said(Subscribe)) == 1

    play(scene)


def test_a_channel_that_is_subscribed_takes_no_other_since() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        client.subscribe(SA)
        for options in ({"since": Position("e", 1)}, {"hidden": True}):
            with pytest.raises(ValueError, match="unsubscribe before"):
                client.subscribe(SA, **options)

    play(scene)


@pytest.mark.parametrize("name", ["", "dossier", "dossier:a:b:c", "nowhere:x", "dossier:country:السعودية"])
def test_a_name_that_is_no_channel_is_refused_at_once(name: str) -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            with pytest.raises(ValueError, match=r"segments|namespace"):
                client_of(server).subscribe(name)

    run(scene())
