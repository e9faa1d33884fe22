"""Changes of users and locks in Redis: read, decide by a pure step, and put if nobody came first; else again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Final

from app.core.presence_record import PresenceRecord
from app.engine.ports.errors import Unavailable
from app.engine.redis.live.access import LiveAccess
from app.engine.redis.live.present.stored import (
    LOCKS,
    TELL,
    USERS,
    HeldField,
    NumberedChange,
    held_of,
    record_of,
    text_of,
)
from app.engine.redis.live.present.views import ChannelViews

MAX_TRIES: Final = 100
KEPT_CHANGES: Final = 256
KEPT_MILLISECONDS: Final = 3_600_000  # for which an empty channel's number is remembered

UserStep = Callable[[PresenceRecord | None], PresenceRecord | None]
LockStep = Callable[[HeldField | None], HeldField | None]


class PlaceWriter:
    """The writer of presence. Changes of one user on one channel go one after the other on a node."""

    def __init__(self, access: LiveAccess, views: ChannelViews) -> None:
        self._access, self._views = access, views
        self._lanes: dict[tuple[str, str], tuple[asyncio.Lock, list[None]]] = {}

    @asynccontextmanager
    async def lane(self, channel: str, user_id: str) -> AsyncIterator[None]:
        """Keep other changes of the user on the channel waiting, in the order in which they come."""
        key = channel, user_id
        lock, users = self._lanes.setdefault(key, (asyncio.Lock(), []))
        users.append(None)
        try:
            async with lock:
                yield
        finally:
            users.pop()
            if not users:
                del self._lanes[key]

    async def change(
        self, channel: str, user_id: str, step: UserStep, *, tell: bool = False
    ) -> tuple[PresenceRecord | None, PresenceRecord | None]:
        """Bring the user a step further; return the record before and after it.

        `tell`: say it also where nothing shown changes. Raises Unavailable.
        """
        view = self._views.get(channel)
        stored = await self._read(channel, user_id) if view is None else view.users.get(user_id, "")
        for _ in range(MAX_TRIES):
            before = record_of(stored)
            after = step(before)
            if after == before:
                # A view may be behind: nothing to do is only sure where the store says so.
                if view is None or (stored := await self._read(channel, user_id)) == view.users.get(user_id, ""):
                    return before, after
                view = None
                continue
            other = await self._put(channel, USERS, user_id, stored, text_of(after), TELL if tell else "")
            if other is None:
                return before, after
            stored = other
        raise Unavailable("The presence of this user changes too often: try again")

    async def change_lock(self, channel: str, field: str, step: LockStep) -> HeldField | None:
        """Bring a lock a step further; return what it is then. Raises Unavailable, and what `step` raises."""
        view = self._views.get(channel)
        stored = await self._read_lock(channel, field) if view is None else view.locks.get(field, "")
        for _ in range(MAX_TRIES):
            before = held_of(stored)
            after = step(before)
            if after == before:
                return after
            other = await self._put(channel, LOCKS, field, stored, text_of(after), "")
            if other is None:
                return after
            stored = other
        raise Unavailable("This field changes hands too often: try again")

    async def remove_lock(self, channel: str, field: str, stored: str) -> None:
        """Free a field, if it is held as it was. Raises Unavailable."""
        await self._put(channel, LOCKS, field, stored, "", "")

    async def _read(self, channel: str, user_id: str) -> str:
        return ((await self._access.ask("HGET", self._views.names(channel)[0], user_id)) or b"").decode()

    async def _read_lock(self, channel: str, field: str) -> str:
        return ((await self._access.ask("HGET", self._views.names(channel)[1], field)) or b"").decode()

    async def _put(self, channel: str, kind: str, field: str, stored: str, text: str, mark: str) -> str | None:
        """Put a value where another was; return what is there where it was not, None where it was."""
        reply = await self._access.run(
            "presence_put",
            self._views.names(channel),
            kind,
            field,
            stored,
            text,
            mark,
            token_hex(4),
            self._views.hint(channel),
            KEPT_CHANGES,
            KEPT_MILLISECONDS,
        )
        if not reply[0]:
            other: str = reply[1].decode()
            return other
        change = NumberedChange(
            reply[1].decode(), reply[2], "u" if kind == USERS else "l", field, reply[3].decode(), mark
        )
        self._views.heard(change, channel)
        await self._views.reached(channel, change)
        return None
