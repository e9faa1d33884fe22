"""Presence over all nodes: what this node's connections do, told to the store, and the store's changes told here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from msgspec import UNSET

from app.core import presence_record
from app.core.field_locks import WatchedEvent
from app.core.presence import Member, Profile
from app.core.presence_record import PresenceRecord
from app.engine.limits import EngineLimits
from app.engine.ports.errors import Unavailable
from app.engine.redis.bus import Bus
from app.engine.redis.live.access import LiveAccess
from app.engine.redis.live.homes import Homes
from app.engine.redis.live.present.due import DueWork
from app.engine.redis.live.present.held import HeldFields
from app.engine.redis.live.present.people import People, PlaceName
from app.engine.redis.live.present.places import PlaceWriter
from app.engine.redis.live.present.view import ChannelView
from app.engine.redis.live.present.views import ChannelViews
from app.engine.redis.together import all_done
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.documents.field_locks import LockState
from dossier_realtime.protocol.responses import Roster


@dataclass(slots=True)
class _Mine:
    """A visible connection of this node on a channel.

    `home`: the newest under which it may be known; `entered`: that under which it surely is; `change`: all that it
    said of its state.
    """

    member: Member
    home: str
    entered: str = ""
    change: PresenceChange | None = None

    def said(self, change: PresenceChange) -> None:
        """Keep what the connection said last of each part of its state."""
        before = self.change or PresenceChange()
        parts = {
            name: getattr(before if getattr(change, name) is UNSET else change, name)
            for name in ("status", "activity", "field")
        }
        self.change = PresenceChange(**parts)


class RedisPresence:
    """`ports.PresenceStore`. A leave that comes in an outage is told after it; the other calls raise Unavailable."""

    def __init__(
        self, access: LiveAccess, homes: Homes, bus: Bus, joined: Collection[str], limits: EngineLimits
    ) -> None:
        self._access, self._homes = access, homes
        self._grace, self._cap = limits.grace, limits.roster_cap
        self._views = ChannelViews(access, bus, joined)
        self._places = PlaceWriter(access, self._views)
        self._people = People(access)
        self._due = DueWork(access.clocks.steady)
        self._fields = HeldFields(access, self._views, self._places, self._due, homes)
        self._mine: dict[str, dict[str, _Mine]] = {}  # connection → channel → what it is there
        homes.sweeps.append(self._sweep)
        homes.moved.append(self._enter_again)
        homes.ticks.append(self._check)

    def start(self, deliver: Callable[[WatchedEvent], None]) -> None:
        self._views.deliver = deliver

    async def enter(self, channel: str, member: Member) -> Roster:
        user_id, connection = member.user_id, member.connection
        view = self._views.get(channel)
        if view is not None and self._is_in(view, member):
            return self._roster(view, user_id)  # without waiting: what changes from here on is told
        view = await self._views.follow(channel)
        if member.hidden:
            await self.leave(channel, connection)
            return self._roster(view, user_id)
        async with self._places.lane(channel, user_id):
            home = await self._homes.assure()
            mine = self._mine.setdefault(connection, {}).setdefault(channel, _Mine(member, home))
            mine.member, mine.home = member, home
            try:
                newest, elsewhere = await self._people.enter(channel, member, home)
                step = partial(presence_record.entered, member=newest, home=home)
                await self._places.change(channel, user_id, step)
                mine.entered = home
            except BaseException:  # it may have come in all the same
                self._forget(channel, connection)
                self._due.at(self._access.clocks.steady(), partial(self._remove, channel, user_id, connection, home))
                raise
        await self._describe(user_id, newest.profile, elsewhere)
        return self._roster(await self._views.follow(channel), user_id)

    async def leave(self, channel: str, connection: str) -> None:
        mine = self._forget(channel, connection)
        if mine is None:
            return
        user_id = mine.member.user_id
        try:
            await self._remove(channel, user_id, connection, mine.home)
        except Unavailable:
            self._due.at(self._access.clocks.steady(), partial(self._remove, channel, user_id, connection, mine.home))

    async def lost(self, connection: str) -> None:
        over = self._access.clocks.steady() + self._grace
        there = self._mine.pop(connection, {})
        for channel, mine in there.items():
            self._due.at(over, partial(self._gone, channel, mine.member.user_id, connection, mine.home))
        await all_done(partial(self._mark_lost, channel, mine) for channel, mine in there.items())

    async def renew(self, connection: str, profile: Profile) -> None:
        there = self._mine.get(connection, {})
        for mine in there.values():
            mine.member = Member(connection, mine.member.user_id, profile, hidden=False)
        if there:
            user_id = next(iter(there.values())).member.user_id
            newest, channels = await self._people.describe(user_id, profile)
            await self._describe(user_id, newest, channels)

    async def update(self, channel: str, connection: str, change: PresenceChange) -> None:
        mine = self._mine.get(connection, {}).get(channel)
        if mine is None:
            return
        async with self._places.lane(channel, mine.member.user_id):
            await self._homes.assure()
            mine.said(change)
            step = partial(presence_record.updated, connection=connection, change=change)
            await self._places.change(channel, mine.member.user_id, step, tell=True)

    async def lock(self, channel: str, connection: str, field: str, seconds: float) -> LockState | None:
        mine = self._mine.get(connection, {}).get(channel)
        if mine is None:
            return None
        user_id = mine.member.user_id
        async with self._places.lane(channel, user_id):
            await self._homes.assure()
            view = await self._views.follow(channel)
            record = view.record(user_id)
            if channel not in self._mine.get(connection, {}) or record is None:
                return None
            return await self._fields.take(channel, connection, record.user, field, seconds)

    async def unlock(self, channel: str, connection: str, field: str) -> LockState | None:
        mine = self._mine.get(connection, {}).get(channel)
        if mine is None:
            return None
        async with self._places.lane(channel, mine.member.user_id):
            await self._views.follow(channel)
            return await self._fields.release(channel, mine.member.user_id, field)

    async def roster(self, channel: str) -> Roster:
        view = self._views.get(channel)
        if view is None or await self._views.is_behind(view):  # asked each time: in an outage nobody knows who is there
            view = ChannelView(channel, await self._views.snapshot(channel))
        return self._roster(view, None)

    async def counts(self) -> Mapping[str, int]:
        channels: dict[str, None] = {}
        for home in await self._access.ask("ZRANGE", self._homes.names[0], 0, -1):
            cursor = -1
            while cursor:
                cursor, some = await self._people.some_of(home.decode(), max(0, cursor))
                channels |= {one.channel: None for one in some}
        found: dict[str, int] = {}
        for channel in channels:
            count = int(await self._access.ask("HLEN", self._views.names(channel)[0]))
            if count:
                found[channel] = count
        return found

    async def close(self) -> None:
        """Tell nothing any more. What is still there leaves when the grace is over."""
        await self._due.close()
        await self._views.close()

    @property
    def is_empty(self) -> bool:
        """Return whether no connection of this node is present anywhere."""
        return not self._mine

    def _roster(self, view: ChannelView, including: str | None) -> Roster:
        return view.roster(self._cap, self._access.clocks.unix(), including)

    def _is_in(self, view: ChannelView, member: Member) -> bool:
        """Return whether a connection that enters again changes nothing."""
        mine = self._mine.get(member.connection, {}).get(view.channel)
        if mine is None or member.hidden:
            return mine is None and member.hidden
        record = view.record(member.user_id)
        place = None if record is None else record.places.get(member.connection)
        return mine.member == member and place is not None and not place.is_ghost

    def _forget(self, channel: str, connection: str) -> _Mine | None:
        there = self._mine.get(connection, {})
        mine = there.pop(channel, None)
        if not there:
            self._mine.pop(connection, None)
        return mine

    def _is_mine(self, channel: str, connection: str) -> bool:
        return channel in self._mine.get(connection, {})

    async def _describe(self, user_id: str, profile: Profile, channels: Collection[str]) -> None:
        """Show the user as a newer token describes them on each of the channels."""

        def step(record: PresenceRecord | None) -> PresenceRecord | None:
            return None if record is None else presence_record.described(record, profile)

        for channel in channels:
            async with self._places.lane(channel, user_id):
                await self._places.change(channel, user_id, step)

    async def _mark_lost(self, channel: str, mine: _Mine) -> None:
        user_id, connection = mine.member.user_id, mine.member.connection
        try:
            async with self._places.lane(channel, user_id):
                await self._fields.lost(channel, connection, self._grace)
                await self._places.change(channel, user_id, partial(presence_record.lost, connection=connection))
        except Unavailable:
            pass  # the connection is shown as open until its grace is over

    async def _gone(self, channel: str, user_id: str, connection: str, home: str) -> None:
        """End a connection whose grace is over, whether its loss could be told or not."""
        await self._remove(channel, user_id, connection, home)

    async def _remove(self, channel: str, user_id: str, connection: str, home: str) -> None:
        """Take a connection off a channel, unless it entered again meanwhile. Raises Unavailable."""
        async with self._places.lane(channel, user_id):
            if self._is_mine(channel, connection):
                return
            await self._fields.left(channel, connection)
            await self._places.change(channel, user_id, partial(presence_record.left, connection=connection))
        await self._people.leave(PlaceName(channel, user_id, connection), home)

    async def _check(self) -> None:
        await self._views.check({channel for there in self._mine.values() for channel in there})

    async def _enter_again(self) -> None:
        """Enter everything under the node's new home: what it had entered before was cleared, or will be.

        Raises Unavailable where not all of it is entered yet.
        """
        mine = [(channel, one) for there in self._mine.values() for channel, one in there.items()]
        await all_done(partial(self._again, channel, one) for channel, one in mine)

    async def _again(self, channel: str, mine: _Mine) -> None:
        user_id, connection = mine.member.user_id, mine.member.connection
        async with self._places.lane(channel, user_id):
            home = self._homes.current
            if not self._is_mine(channel, connection) or mine.entered == home:
                return
            mine.home = home
            newest, _ = await self._people.enter(channel, mine.member, home)

            def step(record: PresenceRecord | None) -> PresenceRecord | None:
                entered = presence_record.entered(record, newest, home)
                was_there = record is not None and connection in record.places
                change = None if was_there else mine.change
                return entered if change is None else presence_record.updated(entered, connection, change)

            await self._places.change(channel, user_id, step)
            mine.entered = home

    async def _sweep(self, home: str) -> None:
        """Let all leave who were there over a dead home, and free the fields that they held."""
        cursor = -1
        while cursor:
            cursor, some = await self._people.some_of(home, max(0, cursor))
            await all_done(partial(self._clear, one, home) for one in some)

    async def _clear(self, place: PlaceName, home: str) -> None:
        channel, user_id, connection = place
        async with self._places.lane(channel, user_id):
            await self._fields.swept(channel, connection, home)
            step = partial(presence_record.swept, connection=connection, home=home)
            await self._places.change(channel, user_id, step)
        await self._people.leave(place, home)
