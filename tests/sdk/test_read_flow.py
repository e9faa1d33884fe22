"""Back-pressure: what was missed is read as fast as it is taken; presence is conflated."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dossier_realtime.client import DossierRealtimeClient, ErrorCode, Overflowed, Position, PresenceState, Subscription
from dossier_realtime.client.callbacks import Callbacks
from dossier_realtime.client.io.subscription_state import SubscriptionState
from dossier_realtime.client.state import read_flow
from dossier_realtime.client.state.read_flow import PAUSE_READING_AT, RESUME_READING_AT, STALLED_AFTER_SECONDS, ReadFlow
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Ping, Subscribe
from dossier_realtime.protocol.responses import ErrorMessage
from tests.sdk.client_harness import Inbox, client_of, play, run, settle
from tests.sdk.samples import SA, delivered, update

MISSED = 5_000


@dataclass(eq=False)
class Reading:
    """A subscription as ReadFlow sees it."""

    backlog: int = 0
    taken: int = 0


def test_reading_stops_at_one_mark_and_goes_on_at_a_lower_one() -> None:
    changes = Inbox()
    subject, one, other = ReadFlow(lambda: changes(subject.full)), Reading(), Reading()
    for backlog, full in [
        (PAUSE_READING_AT - 1, False),
        (PAUSE_READING_AT, True),
        (RESUME_READING_AT, True),
        (RESUME_READING_AT - 1, False),
    ]:
        one.backlog = backlog
        subject.look(one)
        assert bool(subject.full) is full
    for reader in (one, other):
        reader.backlog = PAUSE_READING_AT
        subject.look(reader)
    one.backlog = 0
    subject.look(one)
    assert changes.qsize() == 3
    other.backlog = 0
    subject.look(other)
    assert [changes.get_nowait() for _ in range(changes.qsize())] == [True, False, True, False]


def test_a_full_reader_that_takes_nothing_holds_up_nobody_for_long() -> None:
    subject, reader = ReadFlow(lambda: None), Reading(PAUSE_READING_AT)
    subject.look(reader)
    assert subject.deadline() == 0
    subject.tick(10)
    assert subject.deadline() == 10 + STALLED_AFTER_SECONDS
    reader.taken = 1
    subject.tick(10 + STALLED_AFTER_SECONDS)
    assert subject.deadline() is not None
    subject.tick(10 + 2 * STALLED_AFTER_SECONDS)
    assert (subject.full, subject.is_stalled(reader), subject.deadline()) == (False, True, None)
    subject.look(reader)
    assert not subject.full
    reader.backlog = 0
    subject.look(reader)
    assert not subject.is_stalled(reader)


def _status(subscription: Subscription) -> str:
    return subscription.status


def miss(server: FakeServer, count: int = MISSED) -> None:
    for _ in range(count):
        server.publish(update(channel=SA))


async def cut(server: FakeServer, client: DossierRealtimeClient) -> None:
    """Let the client miss events, and come back."""
    server.refuse_handshakes(503)
    server.drop()
    await server.wait_until(lambda: not server.connections)
    miss(server)
    server.refuse_handshakes(None)
    await client.connect()


@pytest.mark.parametrize("sends", [False, True])
def test_what_was_missed_waits_in_the_socket_for_a_slow_async_callback(sends: bool) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        offsets: list[int] = []
        most, done, told = 0, asyncio.Event(), Inbox()

        async def slow(event: Any) -> None:
            nonlocal most
            most = max(most, subscription._subscription.backlog)
            offsets.append(event.offset)
            await asyncio.sleep(0)
            if sends and event.offset % 500 == 1:  # the answer stands behind what is to be read
                await client.send("dossier:country:EG", update())
            if event.offset == MISSED:
                done.set()

        subscription = client.subscribe(SA, slow, on_error=told)
        await subscription.ready()
        await cut(server, client)
        await done.wait()
        assert (offsets, told.empty()) == (list(range(1, MISSED + 1)), True)
        assert sends or most < MISSED / 4

    play(scene)


def test_what_was_missed_waits_in_the_socket_for_an_iteration_that_begins_late() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        miss(server)
        subscription = client.subscribe(SA, since=0)
        await subscription.ready()
        await settle()
        assert _status(subscription) == "recovering"
        offsets: list[int | None] = []
        async for event in subscription:
            offsets.append(event.offset)  # type: ignore[union-attr]
            await asyncio.sleep(0)
            if len(offsets) == MISSED:
                break
        assert offsets == list(range(1, MISSED + 1))
        assert _status(subscription) == "live"

    play(scene)


def test_while_nothing_is_read_pings_go_out_and_the_server_is_not_taken_for_dead() -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            server.heartbeat_interval = 1
            gate, seen = asyncio.Event(), Inbox()

            async def wait(event: Any) -> None:
                await gate.wait()
                seen(event.offset)

            async with client_of(server) as client:
                miss(server)
                client.subscribe(SA, wait, since=0)
                await server.seen(Ping, 5)  # twice as long as a silent server would be borne
                gate.set()
                assert await seen.take(MISSED) == list(range(1, MISSED + 1))
                assert server.handshakes == 1

    run(scene())


def test_a_subscription_that_nobody_reads_holds_up_the_others_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(read_flow, "STALLED_AFTER_SECONDS", 0.05)

    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        other, told = Inbox(), Inbox()
        await client.subscribe("dossier:country:EG", other).ready()
        miss(server)
        unread = client.subscribe(SA, since=0, on_error=told)
        await server.seen(Subscribe, 2)
        server.publish(update(channel="dossier:country:EG"))
        assert (await other.get()).offset == 1
        assert isinstance(await told.get(), Overflowed)
        assert unread.status == "ended"

    play(scene)


def test_a_slow_presence_callback_is_called_with_the_latest_and_costs_no_event() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        gate, shown, seen, told = asyncio.Event(), Inbox(), Inbox(), Inbox()

        async def slow(presence: PresenceState) -> None:
            shown(presence.count)
            await gate.wait()

        await client.subscribe(SA, seen, slow, on_error=told).ready()
        assert await shown.get() == 1
        for number in range(2_000):
            person = {
                "user_id": f"u{number}",
                "name": "N",
                "role": "r",
                "status": "online",
                "activity": "viewing",
                "avatar": None,
            }
            server.emit({"type": "presence_join", "channel": SA, "payload": person})
        for _ in range(10):
            server.publish(update(channel=SA))
        mark = Inbox()
        await client.subscribe("dossier:country:EG", mark).ready()  # everything has arrived by now
        gate.set()
        assert await shown.get() == 2_001
        assert len(await seen.take(10)) == 10
        assert (shown.empty(), told.empty()) == (True, True)

    play(scene)


def test_a_subscription_that_ended_holds_up_nobody() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        other = Inbox()
        await client.subscribe("dossier:country:EG", other).ready()
        for left in (True, False):
            miss(server)
            unread = client.subscribe(SA, since=len(server.history[SA]) - MISSED)
            await unread.ready()
            await settle()
            if left:
                unread.unsubscribe()
            else:
                no = ErrorMessage(error_code=ErrorCode.SUBSCRIPTION_FAILED, message="no", timestamp=1, channel=SA)
                client._runner.perform(client._session.received(no, 0))
            assert unread.status == "ended"
            server.publish(update(channel="dossier:country:EG"))
            assert await other.get()

    play(scene)


EVENTS = st.lists(st.sampled_from(["recovered", "live", "take"]), max_size=200)


@settings(deadline=None)
@given(EVENTS)
def test_only_live_events_that_nobody_takes_end_a_subscription(steps: list[str]) -> None:
    few = 5

    async def scene() -> None:
        subject = SubscriptionState(SA, lambda work: work.close(), Callbacks())
        subject.ready(Position("e", 0))
        waiting: deque[bool] = deque()
        for offset, step in enumerate(steps, 1):
            if step == "take" and waiting:
                waiting.popleft()
                await subject.next()
            elif step != "take":
                event = codec.decode_event(msgspec.json.encode(delivered(offset)))
                recovered = step == "recovered"
                fits = waiting.count(False) < few
                assert subject.event(event, Position("e", offset), recovered=recovered) is fits
                if not fits:
                    assert subject.ended
                    return
                waiting.append(recovered)
            assert subject.backlog == waiting.count(True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dossier_realtime.client.io.subscription_state.MAX_WAITING_EVENTS", few)
        asyncio.run(scene())
