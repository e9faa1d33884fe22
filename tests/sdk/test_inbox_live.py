"""The inbox of the SDK against the real service: absences, devices, snoozing, tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dossier_realtime import Backoff, DossierRealtimeClient, Publisher
from dossier_realtime.protocol.domain.inbox_ids import entry_id
from tests.harness import tokens
from tests.harness.service import Service
from tests.sdk.client_harness import Inbox, run


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data") as running:
        yield running
    running.assert_log_clean()


def notice(user: str, name: str) -> dict[str, Any]:
    texts = {"title": {"en": "Due", "ar": "موعد"}, "message": {"en": "Soon", "ar": "قريباً"}}
    return {"type": "notification", "channel": f"user:{user}", "priority": "high", "payload": {"id": name, **texts}}


def device_of(service: Service, user: str, *permissions: str) -> DossierRealtimeClient:
    return DossierRealtimeClient(service.token(user, *permissions), service.url, backoff=Backoff(base=0.02, cap=0.1))


async def publish(service: Service, *events: dict[str, Any]) -> None:
    token = tokens.token("program", "write:user:*", "write:workspace:*", role="service")
    async with Publisher(token, service.http) as publisher:
        for start in range(0, len(events), 100):
            await publisher.publish(events[start : start + 100])


def test_whoever_was_away_for_a_week_finds_all_in_order_and_once(tmp_path: Path) -> None:
    """The history of the channel keeps fewer events than came; the service was restarted meanwhile."""

    async def scene(service: Service) -> None:
        async with device_of(service, "away") as phone:
            inbox = phone.inbox()
            await publish(service, notice("away", "seen"))
            assert entry_id(await anext(inbox)) == "seen"
            await phone.mark_read("seen")
            await inbox.aclose()
        await publish(service, *(notice("away", f"n{number}") for number in range(450)))
        await asyncio.to_thread(service.restart)
        await publish(service, notice("away", "n7"), notice("away", "last"))
        async with device_of(service, "away") as phone:
            assert await phone.unread() == 451
            inbox = phone.inbox()
            names = [entry_id(await anext(inbox)) for _ in range(451)]
            assert names == [*(f"n{number}" for number in range(450)), "last"]
            await publish(service, notice("away", "live"))
            assert entry_id(await anext(inbox)) == "live"
            await inbox.aclose()

    with Service(tmp_path / "s", {"history.events": 100}) as service:
        run(scene(service))
        service.stop()
        service.assert_log_clean()


def test_what_came_while_the_connection_was_lost_comes_once(tmp_path: Path) -> None:
    """The service was restarted, and more came than its history keeps, before the client was back."""

    async def scene(service: Service) -> None:
        async with device_of(service, "ali") as ali:
            inbox = ali.inbox()
            await publish(service, *(notice("ali", f"a{number}") for number in range(3)))
            names = [entry_id(await anext(inbox)) for _ in range(3)]
            for name in ("b", "c"):
                await asyncio.to_thread(service.restart)
                await publish(service, *(notice("ali", f"{name}{number}") for number in range(150)))
                names += [entry_id(await anext(inbox)) for _ in range(150)]
            expected = [
                f"{name}{number}" for name, count in (("a", 3), ("b", 150), ("c", 150)) for number in range(count)
            ]
            assert names == expected
            await inbox.aclose()

    with Service(tmp_path / "s", {"history.events": 100}) as service:
        run(scene(service))
        service.stop()


def test_seen_on_one_device_is_seen_on_all(service: Service) -> None:
    async def scene() -> None:
        user = "two-devices"
        await publish(service, *(notice(user, f"n{number}") for number in range(4)))
        async with device_of(service, user) as phone, device_of(service, user) as tablet:
            told = {name: Inbox() for name in ("phone", "tablet")}
            phone.on_inbox(told["phone"])
            tablet.on_inbox(told["tablet"])
            inbox = phone.inbox()
            events = [await anext(inbox) for _ in range(4)]
            await phone.mark_read(events[3])
            await tablet.mark_read(up_to=events[1].offset)
            for states in told.values():
                while (state := await states.get()).payload.unread != 1:
                    pass
                assert state.payload.up_to == events[1].offset
            other = tablet.inbox()
            assert entry_id(await anext(other)) == "n2"
            until = int(time.time()) + 6  # it must not be past when it arrives
            await tablet.snooze("n2", until)
            assert entry_id(await anext(other)) == "n2", "it is back"
            assert entry_id(await anext(inbox)) == "n2", "on the other device too"
            assert time.time() >= until
            await inbox.aclose()
            await other.aclose()

    run(scene())


def test_tasks_are_listed(service: Service) -> None:
    async def scene() -> None:
        channel = "workspace:sdk-tasks"
        steps = [
            {
                "type": "task_update",
                "channel": channel,
                "payload": {
                    "task_id": f"t{number}",
                    "previous_status": "pending",
                    "new_status": "in_progress",
                    "assigned_to": "bea",
                },
            }
            for number in range(250)
        ]
        await publish(service, *steps)
        async with device_of(service, "bea", f"read:{channel}") as bea:
            rows = [row async for row in bea.tasks(channel=channel)]
            assert len({row.task_id for row in rows}) == len(rows) == 250
            assert {row.status for row in rows} == {"in_progress"}
            assert len([row async for row in bea.tasks(assignee="bea", channel=channel)]) == 250

    run(scene())
