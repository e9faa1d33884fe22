"""Where a subscription begins, and whether everything up to now has come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dossier_realtime.client import DossierRealtimeClient, Position, PositionLost
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.commands import Since, Subscribe
from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.responses import Subscribed
from tests.sdk.client_harness import play
from tests.sdk.samples import SA, update
from tests.sdk.test_subscriptions import receive


def test_since_takes_an_offset_of_the_present_epoch() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for _ in range(5):
            server.publish(update(channel=SA))
        subscription = client.subscribe(SA, since=2)
        assert await receive(subscription, 3) == [3, 4, 5]
        assert subscription.position == Position("epoch-1", 5)
        assert (await server.seen(Subscribe)).params.since == Since(offset=2)
        server.drop()
        assert (await server.seen(Subscribe, 2)).params.since == Since(epoch="epoch-1", offset=5)

    play(scene)


def test_an_offset_that_the_present_epoch_does_not_have_is_a_loss() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        subscription = client.subscribe(SA, since=7)
        with pytest.raises(PositionLost):
            await receive(subscription, 1)
        server.publish(update(channel=SA))
        assert await receive(subscription, 1) == [1]

    play(scene)


@pytest.mark.parametrize(("there", "expected"), [(0, []), (1, [1]), (3, [1, 2, 3]), (5, [3, 4, 5])])
def test_last_begins_with_the_latest_events_and_goes_on_over_reconnects(there: int, expected: list[int]) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for _ in range(there):
            server.publish(update(channel=SA))
        subscription = client.subscribe(SA, last=3)
        await subscription.ready()
        server.publish(update(channel=SA))
        assert await receive(subscription, len(expected) + 1) == [*expected, there + 1]
        server.refuse_handshakes(503)
        server.drop()
        await server.wait_until(lambda: not server.connections)
        for _ in range(5):
            server.publish(update(channel=SA))
        server.refuse_handshakes(None)
        assert await receive(subscription, 5) == [there + 2 + number for number in range(5)]

    play(scene)


def test_the_last_of_a_history_that_keeps_fewer_are_no_loss() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for _ in range(10):
            server.publish(update(channel=SA))
        kept = server.history[SA][8:]

        def answer(command: Subscribe) -> list[Event]:
            return [Subscribed(channel=SA, ref=command.ref, position=Position("epoch-1", 10)), *kept]

        server.replies[Subscribe] = answer
        assert await receive(client.subscribe(SA, last=5), 2) == [9, 10]

    play(scene)


@pytest.mark.parametrize(
    "place", [{"last": 0}, {"last": 101}, {"since": -1}, {"since": Position("e", -1)}, {"since": 1, "last": 1}]
)
def test_a_place_that_cannot_be_is_refused_at_once(place: dict[str, Any]) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        with pytest.raises(ValueError, match="since"):
            client.subscribe(SA, **place)

    play(scene)


def test_what_is_not_whole_yet_is_said_by_the_client_and_by_each_subscription() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        names = [f"dossier:country:C{number}" for number in range(60)]
        subscriptions = [client.subscribe(name, lambda _: None) for name in names]
        assert client.recovering == set(names)
        assert {one.status for one in subscriptions} == {"waiting"}
        for one in subscriptions:
            await one.ready()
        assert (client.recovering, {one.status for one in subscriptions}) == (frozenset(), {"live"})
        server.replies[Subscribe] = lambda command: []
        server.drop()
        last = await server.seen(Subscribe, 120)
        del server.replies[Subscribe]
        assert client.recovering == set(names)
        server.publish(update(channel=names[0]))
        server.emit(Subscribed(channel=last.channel, ref=last.ref, position=Position("epoch-1", 0), recovered=True))
        while client.recovering == set(names):  # noqa: ASYNC110  nothing else says so
            await asyncio.sleep(0)
        assert client.recovering == set(names) - {last.channel}
        subscriptions[0].unsubscribe()
        assert subscriptions[0].status == "ended"

    play(scene)
