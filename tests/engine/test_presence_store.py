"""The guarantees that every backend of the PresenceStore gives.

The rules of the roster are tested in tests/core/test_presence.py.
"""

from __future__ import annotations

import asyncio

from msgspec import UNSET

from app.core.field_locks import WatchedEvent
from app.core.presence import Member, Profile
from app.engine.ports.engine import Engine
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.events import PresenceJoin, PresenceLeave, PresenceUpdate
from tests.engine.conftest import Clock, Opener
from tests.engine.events import CHANNEL, OTHER
from tests.harness.eventually import HANG_SECONDS


def _member(connection: str, user: str = "u1", *, hidden: bool = False) -> Member:
    return Member(connection, user, Profile(f"Name of {user}", "editor", None), hidden)


class _Told:
    """The messages to others, as a queue to wait on."""

    def __init__(self, engine: Engine) -> None:
        self.queue: asyncio.Queue[WatchedEvent] = asyncio.Queue()
        engine.presence.start(self.queue.put_nowait)

    async def next(self) -> WatchedEvent:
        return await asyncio.wait_for(self.queue.get(), HANG_SECONDS)


def test_coming_doing_and_going_is_told_in_order(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            told = _Told(engine)
            await engine.broker.join(CHANNEL)
            roster = await engine.presence.enter(CHANNEL, _member("c1"))
            assert (roster.count, [user.user_id for user in roster.users]) == (1, ["u1"])
            await engine.presence.enter(CHANNEL, _member("c2"))
            await engine.presence.update(CHANNEL, "c1", PresenceChange(activity="editing", field="title"))
            assert (await engine.presence.roster(CHANNEL)).users[0].field == "title"
            await engine.presence.leave(CHANNEL, "c1")
            assert (await engine.presence.roster(CHANNEL)).users[0].field is None
            await engine.presence.renew("c2", Profile("New name", "admin", None, (1.0, 0.0)))
            await engine.presence.leave(CHANNEL, "c2")
            join, update, other, renewed, leave = [await told.next() for _ in range(5)]
            assert isinstance(join, PresenceJoin)
            assert isinstance(update, PresenceUpdate)
            assert (update.payload.status, update.payload.activity) == ("online", "editing")
            assert isinstance(other, PresenceUpdate)
            assert (other.payload.activity, other.payload.name) == ("viewing", UNSET)
            assert isinstance(renewed, PresenceUpdate)
            assert (renewed.payload.name, renewed.payload.role) == ("New name", "admin")
            assert isinstance(leave, PresenceLeave)
            assert told.queue.empty()
            assert await engine.presence.counts() == {}

    asyncio.run(scenario())


def test_a_lost_connection_leaves_all_its_channels_after_the_grace(opened: Opener, clock: Clock) -> None:
    async def scenario() -> None:
        async with opened(grace=0.05) as engine:
            for channel in (CHANNEL, OTHER):
                await engine.broker.join(channel)
                await engine.presence.enter(channel, _member("c1"))
            told = _Told(engine)
            clock.stop()
            await engine.presence.lost("c1")
            assert await engine.presence.counts() == {CHANNEL: 1, OTHER: 1}
            clock.go_on()
            left = {(await told.next()).channel, (await told.next()).channel}
            assert left == {CHANNEL, OTHER}
            assert (await engine.presence.roster(CHANNEL)).count == 0

    asyncio.run(scenario())


def test_a_return_within_the_grace_is_silent(opened: Opener, clock: Clock) -> None:
    async def scenario() -> None:
        async with opened(grace=0.1) as engine:
            await engine.broker.join(CHANNEL)
            await engine.presence.enter(CHANNEL, _member("c1"))
            await engine.presence.enter(CHANNEL, _member("c2", "u2"))
            told = _Told(engine)
            clock.stop()
            await engine.presence.lost("c1")
            await engine.presence.enter(CHANNEL, _member("c3"))
            clock.passed += 0.05
            await engine.presence.lost("c2")
            clock.go_on()
            # u2's leave comes after the moment at which that of u1 would have come.
            leave = await told.next()
            assert isinstance(leave, PresenceLeave)
            assert leave.payload.user_id == "u2"
            assert [user.user_id for user in (await engine.presence.roster(CHANNEL)).users] == ["u1"]

    asyncio.run(scenario())


def test_the_hidden_are_neither_told_of_nor_listed(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            told = _Told(engine)
            await engine.broker.join(CHANNEL)
            roster = await engine.presence.enter(CHANNEL, _member("c1", hidden=True))
            assert (roster.count, roster.users) == (0, [])
            await engine.presence.update(CHANNEL, "c1", PresenceChange(status="busy"))
            await engine.presence.leave(CHANNEL, "c1")
            assert told.queue.empty()

    asyncio.run(scenario())


def test_a_channel_that_is_not_joined_tells_nothing(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            told = _Told(engine)
            await engine.presence.enter(OTHER, _member("c1"))
            await engine.broker.join(CHANNEL)
            await engine.presence.enter(CHANNEL, _member("c1"))
            assert (await told.next()).channel == CHANNEL
            assert told.queue.empty()

    asyncio.run(scenario())


def test_a_list_is_cut_and_its_count_is_exact(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened(roster_cap=3) as engine:
            await engine.broker.join(CHANNEL)
            for n in range(4):
                await engine.presence.enter(CHANNEL, _member(f"c{n}", f"u{n}"))
            own = await engine.presence.enter(CHANNEL, _member("c4", "u4"))
            assert (own.count, own.truncated, len(own.users)) == (5, True, 3)
            assert "u4" in [user.user_id for user in own.users]

    asyncio.run(scenario())
