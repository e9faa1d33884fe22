"""Fields that users hold, over all nodes: first come by compare-and-set, for a lease that any node can end."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec

from app.core.field_locks import MAX_LOCKS, TooManyLocksError
from app.engine.redis.live.access import LiveAccess
from app.engine.redis.live.homes import Homes
from app.engine.redis.live.present.due import DueWork
from app.engine.redis.live.present.places import PlaceWriter
from app.engine.redis.live.present.stored import HeldField, free, held_of
from app.engine.redis.live.present.views import ChannelViews
from dossier_realtime.protocol.documents.field_locks import LockState
from dossier_realtime.protocol.responses import PresentUser

PATIENCE_SECONDS: Final = 1.5  # that a node leaves to the one that serves the holder


class HeldFields:
    """The locks of this node's connections, and the ends of all leases. Times are Unix seconds."""

    def __init__(
        self, access: LiveAccess, views: ChannelViews, places: PlaceWriter, due: DueWork, homes: Homes
    ) -> None:
        self._access, self._views, self._places, self._due, self._homes = access, views, places, due, homes
        views.locked = self._watch

    async def take(self, channel: str, connection: str, user: PresentUser, field: str, seconds: float) -> LockState:
        """Give a field to a user if no other has it, or for longer; return its state.

        Raises TooManyLocksError and Unavailable.
        """
        now = self._access.clocks.unix()
        mine = HeldField(connection, user.user_id, user.name, now + seconds, self._homes.current)
        view = self._views.get(channel)

        def step(before: HeldField | None) -> HeldField | None:
            is_free = before is None or before.expires <= now
            if before is not None and not is_free and before.user_id != user.user_id:
                return before
            if is_free and view is not None and view.held_by(user.user_id, now) >= MAX_LOCKS:
                raise TooManyLocksError
            return mine

        held = await self._places.change_lock(channel, field, step)
        return free(channel, field) if held is None else held.state(channel, field, now)

    async def release(self, channel: str, user_id: str, field: str) -> LockState:
        """Release a field if the user has it; return its state. Raises Unavailable."""
        now = self._access.clocks.unix()

        def step(before: HeldField | None) -> HeldField | None:
            is_other = before is not None and before.user_id != user_id and before.expires > now
            return before if is_other else None

        held = await self._places.change_lock(channel, field, step)
        return free(channel, field) if held is None else held.state(channel, field, now)

    async def left(self, channel: str, connection: str) -> None:
        """Free the fields of a connection that is no longer on the channel. Raises Unavailable."""
        for field in await self._over(channel, connection):
            await self._places.change_lock(channel, field, lambda held: _without(held, connection))

    async def lost(self, channel: str, connection: str, grace: float) -> None:
        """Let the locks of a connection that ended expire with the grace, or earlier. Raises Unavailable."""
        until = self._access.clocks.unix() + grace

        def step(held: HeldField | None) -> HeldField | None:
            if held is None or held.connection != connection or held.expires <= until:
                return held
            return msgspec.structs.replace(held, expires=until)

        for field in await self._over(channel, connection):
            await self._places.change_lock(channel, field, step)

    async def swept(self, channel: str, connection: str, home: str) -> None:
        """Free the fields of a connection that a dead home served. Raises Unavailable."""

        def step(held: HeldField | None) -> HeldField | None:
            return None if held is not None and held.home == home and held.connection == connection else held

        for field in await self._over(channel, connection):
            await self._places.change_lock(channel, field, step)

    async def _over(self, channel: str, connection: str) -> list[str]:
        """Return the fields that are tied to a connection."""
        view = self._views.get(channel)
        if view is not None:
            return view.held_over(connection)
        locks = (await self._views.snapshot_of_locks(channel)).items()
        held = ((field, held_of(stored)) for field, stored in locks)
        return [field for field, one in held if one is not None and one.connection == connection]

    def _watch(self, channel: str, field: str, stored: str) -> None:
        """End the lease of a lock when it is over, unless it is held longer by then."""
        held = held_of(stored)
        if held is not None:
            left = held.expires - self._access.clocks.unix()
            patience = 0.0 if held.home == self._homes.current else PATIENCE_SECONDS
            due = self._access.clocks.steady() + left + patience
            self._due.at(due, partial(self._expire, channel, field, stored))

    async def _expire(self, channel: str, field: str, stored: str) -> None:
        view = self._views.get(channel)
        if view is not None and view.locks.get(field) == stored:
            await self._places.remove_lock(channel, field, stored)


def _without(held: HeldField | None, connection: str) -> HeldField | None:
    return None if held is not None and held.connection == connection else held
