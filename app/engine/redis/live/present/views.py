"""The views of the channels that this node follows, kept up by hints, and by the store where hints are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import islice
from typing import Final

import structlog

from app.core.field_locks import WatchedEvent
from app.engine.ports.errors import Unavailable
from app.engine.redis.bus import Bus
from app.engine.redis.connection import ended
from app.engine.redis.live.access import LiveAccess, pairs
from app.engine.redis.live.present.stored import NumberedChange, PresenceSnapshot, changes_of, hinted, snapshot_of
from app.engine.redis.live.present.view import ChannelView
from app.engine.redis.together import AT_ONCE, SharedWork, all_done

CHECKED: Final = 500  # views a second whose numbers are compared with the store's: all of them within 5 s, up to 2,500
_KEPT_IDLE: Final = 2  # checks for which a view is kept that nobody needs

_log = structlog.get_logger("redis")


class ChannelViews:
    """The views, by channel. `joined`: the channels whose changes are delivered."""

    def __init__(self, access: LiveAccess, bus: Bus, joined: Collection[str]) -> None:
        self._access, self._bus, self._joined = access, bus, joined
        self.deliver: Callable[[WatchedEvent], None] = lambda event: None
        self.locked: Callable[[str, str, str], None] = lambda channel, field, stored: None
        """Called for each change of a lock: the channel, the field, and the value as stored."""
        self._views: dict[str, ChannelView] = {}
        self._opening = SharedWork[str, ChannelView]()
        self._filling = SharedWork[str, None]()
        self._behind: set[str] = set()  # channels of which more may be missing than what is being read brings
        self._may_fill = asyncio.Semaphore(AT_ONCE)  # all views are filled at once when hints are heard again
        self._idle: dict[str, int] = {}
        self._checked = 0
        bus.connected = self._heard_again

    def get(self, channel: str) -> ChannelView | None:
        """Return the view of a channel that is followed."""
        return self._views.get(channel)

    async def follow(self, channel: str) -> ChannelView:
        """Return the view of a channel, which is kept up from now on. Raises Unavailable."""
        view = self._views.get(channel)
        if view is not None:
            return view
        return await asyncio.shield(self._opening.started(channel, lambda: self._open(channel)))

    async def is_behind(self, view: ChannelView) -> bool:
        """Return whether the store has changes that a view has not. Raises Unavailable."""
        epoch, number = await self._access.ask("HMGET", self.names(view.channel)[2], "epoch", "n")
        return (epoch or b"").decode() != view.epoch or int(number or 0) > view.number

    async def snapshot(self, channel: str) -> PresenceSnapshot:
        """Return what is kept of a channel now. Raises Unavailable."""
        users, locks, meta, _ = self.names(channel)
        return snapshot_of(await self._access.run("presence_load", [users, locks, meta]))

    async def snapshot_of_locks(self, channel: str) -> dict[str, str]:
        """Return the locks of a channel as stored. Raises Unavailable."""
        return pairs(await self._access.ask("HGETALL", self.names(channel)[1]))

    def names(self, channel: str) -> tuple[str, str, str, str]:
        """Return the keys of a channel: users, locks, meta, changes."""
        keys = self._access.keys
        users, locks = keys.of_channel(channel, "users"), keys.of_channel(channel, "locks")
        return users, locks, keys.of_channel(channel, "meta"), keys.of_channel(channel, "changes")

    def hint(self, channel: str) -> str:
        """Return the pub/sub channel of a channel's hints."""
        return self._access.keys.of_channel(channel, "hint")

    def heard(self, change: NumberedChange, channel: str) -> None:
        """Take a change that the store has, in its turn."""
        view = self._views.get(channel)
        if view is None:
            if self._opening.under_way(channel) is not None:
                self._behind.add(channel)  # the snapshot that is being read may be of before it
            return
        events = view.take(change, self._access.clocks.unix())
        if events is None:
            self.fill(channel)
        else:
            self._tell(view, events)

    async def reached(self, channel: str, change: NumberedChange) -> None:
        """Wait until the view has a change that was heard, as far as the store can be reached."""
        view = self._views.get(channel)
        if view is not None and view.number < change.number and view.epoch == change.epoch:
            filling = self._filling.under_way(channel)
            if filling is not None:
                await asyncio.shield(filling)

    def fill(self, channel: str) -> None:
        """Read what a view has missed."""
        self._behind.add(channel)
        self._filling.started(channel, lambda: self._fill(channel))

    async def check(self, needed: Collection[str]) -> None:
        """Compare some views with the store, and drop those that nobody needs. Raises Unavailable."""
        channels = list(self._views)
        for channel in channels:
            is_needed = channel in self._joined or channel in needed or self._filling.under_way(channel) is not None
            self._idle[channel] = 0 if is_needed else self._idle.get(channel, 0) + 1
            if self._idle[channel] > _KEPT_IDLE:
                del self._views[channel], self._idle[channel]
                await self._bus.unsubscribe(self.hint(channel))
        if not self._views:
            return
        start = self._checked % len(self._views)
        some = list(islice(self._views, start, start + CHECKED))
        await all_done(partial(self._check_one, channel) for channel in some)
        self._checked = 0 if start + CHECKED >= len(self._views) else start + CHECKED

    async def close(self) -> None:
        """End what is under way."""
        await ended(*self._opening.all(), *self._filling.all())

    async def _check_one(self, channel: str) -> None:
        view = self._views.get(channel)
        if view is not None and await self.is_behind(view):
            self.fill(channel)

    async def _open(self, channel: str) -> ChannelView:
        await self._bus.subscribe(self.hint(channel), lambda _, payload: self.heard(hinted(payload), channel))
        snapshot = await self.snapshot(channel)
        view = self._views[channel] = ChannelView(channel, snapshot)
        self._tell(view, [])
        if channel in self._behind:
            self.fill(channel)
        return view

    async def _fill(self, channel: str) -> None:
        while channel in self._behind:  # a change may be heard before an answer that was given without it
            async with self._may_fill:
                self._behind.discard(channel)
                await self._fill_now(channel)

    async def _fill_now(self, channel: str) -> None:
        view, (_, _, meta, changes) = self._views[channel], self.names(channel)
        before = view.number
        try:
            epoch, last, entries = await self._access.run("presence_changes", [meta, changes], before)
            if epoch.decode() == view.epoch and last >= before:
                found = changes_of(view.epoch, entries)
                if last == before or (found and found[0].number == before + 1):
                    for change in found:
                        self.heard(change, channel)
                    return
            _log.info("presence_loaded_again", number=view.number, last=last)
            snapshot = await self.snapshot(channel)
            self._tell(view, view.replace(snapshot, self._access.clocks.unix()))
        except Unavailable:
            pass  # the next hint, or the next check, tries again

    def _heard_again(self) -> None:
        """Look at all views: hints were lost while the pub/sub connection was down."""
        for channel in self._views:
            self.fill(channel)

    def _tell(self, view: ChannelView, events: Sequence[WatchedEvent]) -> None:
        turned, view.turned = view.turned, []
        for field, stored in turned:
            self.locked(view.channel, field, stored)
        for event in events:
            if event.channel in self._joined:
                self.deliver(event)
