"""The inbox of a user: unread events in order, then live ones, each once; marks that every device shares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dossier_realtime.client import DeniedError, DossierRealtimeClient, InboxEvent, PublishError
from dossier_realtime.client.io.endpoint import http_address
from dossier_realtime.client.testing import FakeServer
from dossier_realtime.protocol.commands import AcknowledgeNotifications, Unsubscribe
from dossier_realtime.protocol.domain.inbox_ids import entry_id
from dossier_realtime.protocol.http.inbox_forms import TaskRow
from tests.sdk.client_harness import Inbox, client_of, play

OWN = "user:tester"


def notice(name: str, channel: str = OWN) -> dict[str, Any]:
    texts = {"title": {"en": "a", "ar": "ب"}, "message": {"en": "a", "ar": "ب"}}
    return {"type": "notification", "channel": channel, "priority": "low", "payload": {"id": name, **texts}}


async def take(client: DossierRealtimeClient, count: int) -> list[str]:
    names: list[str] = []
    async for event in client.inbox():
        names.append(name_of(event))
        if len(names) == count:
            break
    return names


def name_of(event: InboxEvent) -> str:
    return entry_id(event) or ""


def test_an_entry_of_a_later_version_is_passed_over() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for name in ("one", "two"):
            server.publish(notice(name))
        first, second = server.inbox.entries
        later = {"type": "a_later_message", "channel": OWN, "offset": 1, "payload": {"id": "one"}}
        server.inbox.entries[first].event = later
        assert await take(client, 1) == [second]

    play(scene)


def test_what_came_before_the_first_connection_is_there_then_what_comes() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for number in range(3):
            server.publish(notice(f"n{number}"))
        seen = Inbox()
        inbox = client.inbox()
        for _ in range(3):
            seen(name_of(await anext(inbox)))
        server.publish(notice("live"))
        seen(name_of(await anext(inbox)))
        server.refuse_handshakes(503)
        server.drop()
        await server.wait_until(lambda: not server.connections)
        server.publish(notice("away"))
        server.publish(notice("n1"))  # the same id again is no second entry
        server.publish(notice("last"))
        server.refuse_handshakes(None)
        for _ in range(2):
            seen(name_of(await anext(inbox)))
        assert await seen.take(6) == ["n0", "n1", "n2", "live", "away", "last"]

    play(scene)


@pytest.mark.parametrize("renewed", [False, True])
def test_what_the_history_lost_during_an_absence_comes_from_the_inbox(*, renewed: bool) -> None:
    """More came than the channel keeps, or its positions are void: all is there, in order, once."""

    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        server.history_limit, server.inbox.page_size = 5, 7
        for number in range(20):
            server.publish(notice(f"old{number}"))
        inbox = client.inbox()
        names = [name_of(await anext(inbox)) for _ in range(20)]
        server.publish(notice("live"))
        names.append(name_of(await anext(inbox)))
        server.refuse_handshakes(503)
        server.drop()
        await server.wait_until(lambda: not server.connections)
        for number in range(30):
            server.publish(notice(f"away{number}"))
        if renewed:
            server.epoch = "epoch-2"
        server.refuse_handshakes(None)
        names += [name_of(await anext(inbox)) for _ in range(30)]
        server.publish(notice("back"))
        names.append(name_of(await anext(inbox)))
        away = [f"away{number}" for number in range(30)]
        assert names == [*(f"old{number}" for number in range(20)), "live", *away, "back"]

    play(scene)


def test_a_reader_that_falls_behind_goes_on_from_the_inbox() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        inbox = client.inbox()
        server.publish(notice("first"))
        assert name_of(await anext(inbox)) == "first"
        count = 1_500  # more than may wait for a slow subscriber
        for number in range(count):
            server.publish(notice(f"n{number}"))
        await server.seen(Unsubscribe)
        names = [name_of(await anext(inbox)) for _ in range(count)]
        assert names == [f"n{number}" for number in range(count)]

    play(scene)


def test_what_was_read_or_snoozed_does_not_come_and_what_returns_comes_again() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        placed = [server.publish(notice(f"n{number}")) for number in range(6)]
        await client.mark_read(up_to=placed[1].offset)
        await client.mark_read(placed[2])
        await client.mark_read(["n3", "not there"])
        await client.snooze("n4", datetime.now(UTC) + timedelta(hours=1))
        assert await client.unread() == 1
        inbox = client.inbox()
        assert name_of(await anext(inbox)) == "n5"
        server.inbox.wake("n4")
        assert name_of(await anext(inbox)) == "n4"
        await client.snooze(placed[5], 1_900_000_000)
        server.inbox.wake("n5")
        assert name_of(await anext(inbox)) == "n5", "it was snoozed after it had come, so it comes again"
        assert server.inbox.unread == ["n4", "n5"]

    play(scene)


def test_one_device_clears_the_other() -> None:
    async def scene(server: FakeServer, phone: DossierRealtimeClient) -> None:
        placed = [server.publish(notice(f"n{number}")) for number in range(5)]
        async with client_of(server) as tablet:
            states = Inbox()
            for device in (phone, tablet):
                device.on_inbox(states)
            await phone.mark_read(up_to=placed[2].offset)
            for state in await states.take(2):
                assert (state.payload.unread, state.payload.up_to) == (2, placed[2].offset)
            assert await take(tablet, 2) == ["n3", "n4"]
            await tablet.subscribe(OWN).ready()  # by the subscription too, and once
            await phone.mark_read("n3")
            assert [state.payload.unread for state in await states.take(2)] == [1, 1]
            assert states.empty()

    play(scene)


def test_the_inbox_and_a_subscription_of_the_channel_go_side_by_side() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        seen = Inbox()
        server.publish(notice("before"))
        client.subscribe(OWN, seen, since=0)
        inbox = client.inbox()
        assert name_of(await anext(inbox)) == "before"
        server.publish(notice("live"))
        assert name_of(await anext(inbox)) == "live"
        assert [event.payload.id for event in await seen.take(2)] == ["before", "live"]

    play(scene)


def test_many_ids_go_in_several_messages() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        for number in range(250):
            server.publish(notice(f"n{number}"))
        await client.mark_read([f"n{number}" for number in range(250)])
        marked = server.said(AcknowledgeNotifications)
        assert [len(command.payload.ids or ()) for command in marked] == [100, 100, 50]
        assert server.inbox.unread == []

    play(scene)


def test_a_wrong_call_says_what_to_give() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        with pytest.raises(ValueError, match="Give the ids of entries, or up_to"):
            await client.mark_read()
        with pytest.raises(ValueError, match="Give the ids of entries, or up_to"):
            await client.mark_read("n1", up_to=1)
        with pytest.raises(ValueError, match="no time zone"):
            await client.snooze("n1", datetime(2030, 1, 1))  # noqa: DTZ001  the mistake
        with pytest.raises(ValueError, match=r"payload\.ids"):
            await client.mark_read("x" * 129)
        with pytest.raises(DeniedError, match="GET /v1/inbox"):
            await client.mark_read("none")
        with pytest.raises(DeniedError, match="GET /v1/inbox"):
            await client.snooze("none", 1_900_000_000)
        with pytest.raises(ValueError, match="Name a channel"):
            await anext(client.tasks())
        server.refusal = (404, None)
        with pytest.raises(PublishError, match="404"):
            await client.unread()

    play(scene)


def test_tasks_are_listed_by_channel_and_assignee() -> None:
    async def scene(server: FakeServer, client: DossierRealtimeClient) -> None:
        server.inbox.tasks = [
            TaskRow(task_id="t1", channel="workspace:w", changed=1, assigned_to="ali"),
            TaskRow(task_id="t2", channel="workspace:w", changed=2, assigned_to="bea"),
            TaskRow(task_id="t3", channel="workspace:x", changed=3, assigned_to="ali"),
        ]
        assert [row.task_id async for row in client.tasks(channel="workspace:w")] == ["t1", "t2"]
        assert [row.task_id async for row in client.tasks(assignee="ali")] == ["t1", "t3"]
        assert [row.task_id async for row in client.tasks(channel="workspace:w", assignee="ali")] == ["t1"]

    play(scene)


@pytest.mark.parametrize(
    ("socket", "http"),
    [
        ("ws://127.0.0.1:8080/v1", "http://127.0.0.1:8080"),
        ("wss://host/v1", "https://host"),
        ("wss://host/realtime/v1/", "https://host/realtime"),
        ("wss://[::1]:9/v1?x=1", "https://[::1]:9"),
        ("wss://ws.example/v1", "https://ws.example"),
    ],
)
def test_the_http_api_is_beside_the_socket(socket: str, http: str) -> None:
    assert http_address(socket) == http
