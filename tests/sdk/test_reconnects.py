"""Sends and subscriptions over forced reconnects: each once, in order, nothing missing."""

from __future__ import annotations

import asyncio

import pytest

from dossier_realtime.client import DeniedError, DossierRealtimeClient, ErrorCode, QueueFull, TimedOut
from dossier_realtime.client.state import session
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.commands import Auth, Subscribe
from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.inbound import InboundMessage
from dossier_realtime.protocol.responses import ErrorMessage
from tests.sdk.client_harness import Inbox, client_of, nothing_is_left, play, run, settle
from tests.sdk.samples import SA, update

ROUNDS = 5
EACH = 10  # in all fewer than may be on the wire at once


@pytest.mark.parametrize("lose_acks", [False, True])
def test_every_send_takes_effect_once_and_arrives_once_through_five_reconnects(lose_acks: bool) -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        seen = Inbox()
        await client.subscribe(SA, seen).ready()
        sends = []
        for number in range(ROUNDS):
            if lose_acks:  # the server commits, but nobody hears of it
                server.go_silent()
            sends += [asyncio.create_task(client.send(SA, update(f"{number}-{count}"))) for count in range(EACH)]
            before = len(server.history[SA])
            if lose_acks:
                await server.wait_until(lambda before=before: len(server.history[SA]) >= before + EACH)  # type: ignore[misc]
            await settle()
            server.drop()
            server.go_silent(silent=False)
            await server.seen(Auth, number + 2)
        acks = await asyncio.gather(*sends)
        count = ROUNDS * EACH
        assert sorted(ack.offset or 0 for ack in acks) == list(range(1, count + 1))
        assert len(server.history[SA]) == count
        arrived = await seen.take(count)
        assert [event.offset for event in arrived] == list(range(1, count + 1))
        assert len({event.payload.entity_id for event in arrived}) == count
        assert seen.empty()
        keys = {inbound.ref: inbound.idempotency_key for inbound in server.said(InboundMessage)}
        assert len(set(keys.values())) == count
        assert server.handshakes == ROUNDS + 1

    play(scene)


def test_channels_are_subscribed_again_from_where_each_was() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        seen = Inbox()
        names = [f"dossier:country:C{number}" for number in range(3)]
        for length, name in enumerate(names):
            await client.subscribe(name, seen).ready()
            for _ in range(length):
                server.publish(update(channel=name))
        await seen.take(0 + 1 + 2)
        server.refuse_handshakes(503)
        server.drop()
        for name in names:
            server.publish(update(channel=name))  # missed
        server.refuse_handshakes(None)
        missed = await seen.take(3)
        assert [(event.channel, event.offset) for event in missed] == list(zip(names, (1, 2, 3), strict=True))
        again = [(asked.channel, asked.params.since) for asked in server.said(Subscribe)[3:]]
        assert [(name, since and since.offset) for name, since in again] == list(zip(names, (0, 1, 2), strict=True))

    play(scene)


def test_what_is_sent_offline_goes_out_in_order_once_there_is_a_connection() -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            client = client_of(server)
            sends = [asyncio.create_task(client.send(SA, update(str(number)))) for number in range(200)]
            await settle()
            async with client:
                acks = await asyncio.gather(*sends)
            assert [ack.offset for ack in acks] == list(range(1, 201))
            assert [event.payload.entity_id for event in server.history[SA]] == [str(n) for n in range(200)]
            await nothing_is_left(server)

    run(scene())


def test_the_send_after_a_thousand_that_wait_is_refused_at_once() -> None:
    async def scene() -> None:
        async with FakeServer() as server:
            client = client_of(server)
            sends = [asyncio.create_task(client.send(SA, update())) for _ in range(1_000)]
            await settle()
            with pytest.raises(QueueFull):
                await client.send(SA, update())
            await client.close()
            outcomes = await asyncio.gather(*sends, return_exceptions=True)
            assert {type(outcome).__name__ for outcome in outcomes} == {"ConnectionClosed"}

    run(scene())


def test_a_refused_send_raises_what_the_server_said() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        server.replies[InboundMessage] = lambda inbound: [
            ErrorMessage(error_code=ErrorCode.PERMISSION_DENIED, message="no", timestamp=1, channel=SA, ref=inbound.ref)
        ]
        with pytest.raises(DeniedError) as refused:
            await client.send(SA, update())
        assert (refused.value.error_code, refused.value.channel) == (ErrorCode.PERMISSION_DENIED, SA)

    play(scene)


def test_a_rate_limited_send_is_sent_again_unless_the_caller_does_not_want_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "PAUSE_SECONDS", 0.01)

    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        def once(inbound: InboundMessage) -> list[Event]:
            del server.replies[InboundMessage]
            code = ErrorCode.RATE_LIMIT_EXCEEDED
            return [ErrorMessage(error_code=code, message="wait", timestamp=1, channel=SA, ref=inbound.ref)]

        server.replies[InboundMessage] = once
        assert (await client.send(SA, update())).offset == 1
        first, again = server.said(InboundMessage)
        assert first.idempotency_key == again.idempotency_key
        server.replies[InboundMessage] = once
        with pytest.raises(DeniedError) as refused:
            await client.send(SA, update(), wait_for_rate=False)
        assert refused.value.retry_after == pytest.approx(0.01)

    play(scene)


def test_a_send_that_is_never_answered_times_out() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        server.replies[InboundMessage] = lambda inbound: []
        with pytest.raises(TimedOut) as late:
            await client.send(SA, update(), idempotency_key="mine")
        assert late.value.idempotency_key == "mine"

    play(scene, send_timeout=0.05)


def test_a_cancelled_send_is_not_sent_again() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        server.replies[InboundMessage] = lambda inbound: []
        sending = asyncio.create_task(client.send(SA, update()))
        await server.seen(InboundMessage)
        sending.cancel()
        await asyncio.wait([sending])
        server.drop()
        await server.seen(Auth, 2)
        del server.replies[InboundMessage]
        await client.send(SA, update("after"))
        assert [inbound.event.payload.entity_id for inbound in server.said(InboundMessage)] == ["SA", "after"]  # type: ignore[union-attr]

    play(scene)
