"""Cursors: placed on the text of now, published at most ten times a second a user, kept for those who join.

Each connection has its own: a user with two tabs has two. A cursor is gone when its connection leaves the document.
None is stored; other nodes find those of here in the engine's live state. Source: docs/protocol.md#cursors.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from app.core.domain.documents import EditError, placed_cursor
from app.engine.delivery_rules import DeliveryRules
from app.engine.ports.errors import Unavailable
from app.engine.ports.events import PublicationEntry
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import CursorPayload
from dossier_realtime.protocol.documents.cursor_colors import cursor_color
from dossier_realtime.protocol.documents.document_events import CursorGone, CursorGonePayload
from dossier_realtime.protocol.events import CursorPosition, CursorPositionPayload
from dossier_realtime.protocol.responses import RestingCursor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from app.core.domain.documents import VersionedDocument
    from app.engine.ports.events import Broker
    from app.engine.ports.presence import CursorStore

INTERVAL_SECONDS = 0.1  # between two cursors of one user in one document
_MAX_BEHIND = 64  # versions, after which resting cursors are placed anew: the text's log keeps many more

_bodies = msgspec.json.Decoder(RestingCursor)


class CursorOwner(NamedTuple):
    """The connection that a cursor belongs to, and its user."""

    connection_id: str
    user_id: str
    name: str

    @property
    def cursor_id(self) -> str:
        """The name of the cursor on the wire, from which the connection cannot be told."""
        return blake2b(self.connection_id.encode(), digest_size=6).hexdigest()


@dataclass(slots=True)
class _Cursor:
    """A connection's cursor. `place.version` is the version of the text that it is placed on.

    `number`: of the move that brought it there; later moves have higher ones.
    """

    owner: CursorOwner
    place: CursorPayload
    number: int = 0


@dataclass(slots=True)
class _Pace:
    """A user's cursors that moved less than `INTERVAL_SECONDS` ago, and those that wait to be published."""

    timer: asyncio.TimerHandle
    waiting: dict[str, None] = field(default_factory=dict)


class Cursors:
    """The cursors on the documents of this node, by connection. `upcoming` returns a document as it will be next."""

    def __init__(
        self, upcoming: Callable[[str], Awaitable[VersionedDocument]], broker: Broker, store: CursorStore
    ) -> None:
        self._upcoming, self._broker, self._store = upcoming, broker, store
        store.start(self._died, self._tell_all)
        self._cursors: dict[str, dict[str, _Cursor]] = {}
        self._paces: dict[tuple[str, str], _Pace] = {}
        self._telling: set[tuple[str, str]] = set()  # channels and connections whose cursor is being told
        self._tasks: set[asyncio.Task[None]] = set()
        self._moves = count(1)

    async def move(self, channel: str, owner: CursorOwner, cursor: CursorPayload) -> None:
        """Publish a cursor, at once or when the interval since the user's last one is over.

        The order of the calls decides where it stays, whichever of them learns first what the text is.

        Raises EditError and Unavailable.
        """
        number = next(self._moves)
        versioned = await self._upcoming(channel)
        place = _placed(versioned, _Cursor(owner, cursor))
        here = self._cursors.setdefault(channel, {})
        if owner.connection_id in here and here[owner.connection_id].number > number:
            return
        here[owner.connection_id] = _Cursor(owner, place, number)
        self._tell_in_turn(channel, owner)

    def resting(
        self, channel: str, versioned: VersionedDocument, reader: str, elsewhere: Iterable[RestingCursor] = ()
    ) -> list[RestingCursor]:
        """Return the cursors of others than the user `reader`, on this version of the text or on one that comes.

        `elsewhere`: those of other nodes.
        """
        ours = [_resting(cursor.owner, cursor.place) for cursor in self._cursors.get(channel, {}).values()]
        known = {cursor.cursor_id: cursor for cursor in (*elsewhere, *ours) if cursor.user_id != reader}
        return placed_cursors(versioned, known.values())

    async def elsewhere(self, channel: str) -> list[RestingCursor]:
        """Return the cursors of other nodes' connections. Raises Unavailable."""
        return [_bodies.decode(body) for body in await self._store.elsewhere(channel)]

    def follow(self, channel: str, version: int) -> None:
        """Place resting cursors anew now and then, before the operations since theirs are dropped from memory."""
        if version % _MAX_BEHIND == 0 and channel in self._cursors:
            self._start(self._refresh(channel))

    def forget(self, channel: str) -> None:
        """Forget the cursors on a text that has ended; their clients load the new one and tell them again."""
        for connection_id in list(self._cursors.get(channel, {})):
            self._pop(channel, connection_id)
            self._start(self._store.drop(channel, connection_id))

    def left(self, channel: str, connection_id: str) -> None:
        """Forget the cursor of a connection that left the document, and tell the others."""
        cursor = self._pop(channel, connection_id)
        if cursor is not None:
            self._start(self._tell_gone(channel, cursor.owner))

    def user_left(self, channel: str, user_id: str) -> None:
        """Forget the cursors of a user who is no longer present; `presence_leave` tells the others."""
        for connection_id, cursor in list(self._cursors.get(channel, {}).items()):
            if cursor.owner.user_id == user_id:
                self._pop(channel, connection_id)
                self._start(self._store.drop(channel, connection_id))

    def _pop(self, channel: str, connection_id: str) -> _Cursor | None:
        here = self._cursors.get(channel)
        cursor = None if here is None else here.pop(connection_id, None)
        if not here:
            self._cursors.pop(channel, None)
        return cursor

    async def _refresh(self, channel: str) -> None:
        with suppress(Unavailable):
            versioned = await self._upcoming(channel)
            for connection_id, cursor in list(self._cursors.get(channel, {}).items()):
                with suppress(EditError):
                    cursor.place = _placed(versioned, cursor)
                await self._keep(channel, connection_id)

    def _tell_in_turn(self, channel: str, owner: CursorOwner) -> None:
        key = channel, owner.user_id
        pace = self._paces.get(key)
        if pace is None:
            pace = self._paces[key] = _Pace(asyncio.get_running_loop().call_later(0.0, self._due, *key))
        pace.waiting[owner.connection_id] = None

    def _due(self, channel: str, user_id: str) -> None:
        pace = self._paces[channel, user_id]
        if not pace.waiting:
            del self._paces[channel, user_id]
            return
        pace.timer = asyncio.get_running_loop().call_later(INTERVAL_SECONDS, self._due, channel, user_id)
        for connection_id in pace.waiting:
            if (channel, connection_id) not in self._telling:  # else it waits: a slow store would pile them up
                del pace.waiting[connection_id]
                self._telling.add((channel, connection_id))
                self._start(self._tell_once(channel, connection_id))
                return

    async def _tell_once(self, channel: str, connection_id: str) -> None:
        try:
            await self._tell(channel, connection_id)
        finally:
            self._telling.discard((channel, connection_id))

    async def _tell(self, channel: str, connection_id: str) -> None:
        # Kept before it is published: whoever joins too late to be told finds it. Edits may have come since it was
        # placed; a cursor that no longer fits is dropped. Nothing is awaited between placing and publishing, so it is
        # delivered on exactly the text that it was placed on.
        with suppress(EditError, Unavailable):
            await self._keep(channel, connection_id)
            versioned = await self._upcoming(channel)
            cursor = self._cursors.get(channel, {}).get(connection_id)
            if cursor is None:
                return
            cursor.place = _placed(versioned, cursor)
            told = cursor_event(channel, _resting(cursor.owner, cursor.place))
            await self._publish(channel, cursor.owner.user_id, cursor.owner.cursor_id, codec.encode(told))

    async def _keep(self, channel: str, connection_id: str) -> None:
        cursor = self._cursors.get(channel, {}).get(connection_id)
        if cursor is not None:
            body = msgspec.json.encode(_resting(cursor.owner, cursor.place))
            await self._store.put(channel, connection_id, body)

    async def _tell_gone(self, channel: str, owner: CursorOwner) -> None:
        await self._store.drop(channel, owner.connection_id)
        await self._publish_gone(channel, owner.user_id, owner.cursor_id)

    def _died(self, channel: str, body: bytes) -> None:
        cursor = _bodies.decode(body)
        self._start(self._publish_gone(channel, cursor.user_id, cursor.cursor_id))

    def _tell_all(self) -> None:
        for channel, here in self._cursors.items():
            for cursor in here.values():
                self._tell_in_turn(channel, cursor.owner)

    async def _publish_gone(self, channel: str, user_id: str, cursor_id: str) -> None:
        payload = CursorGonePayload(user_id=user_id, cursor_id=cursor_id)
        await self._publish(channel, user_id, cursor_id, codec.encode(CursorGone(channel=channel, payload=payload)))

    async def _publish(self, channel: str, user_id: str, cursor_id: str, body: bytes) -> None:
        rules = DeliveryRules(conflation_key=("cursor", channel, cursor_id), exclude_user=user_id)
        with suppress(Unavailable):
            await self._broker.publish([PublicationEntry(channel, body, durable=False, delivery=rules)])

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def cursor_event(channel: str, cursor: RestingCursor) -> CursorPosition:
    """Return the message that shows a cursor."""
    payload = CursorPositionPayload(
        user_id=cursor.user_id,
        position=cursor.position,
        selection_length=cursor.selection_length,
        cursor_id=cursor.cursor_id,
        name=cursor.name,
        color=cursor.color,
        version=cursor.version,
    )
    return CursorPosition(channel=channel, payload=payload)


def _placed(versioned: VersionedDocument, cursor: _Cursor) -> CursorPayload:
    """Return the place of a cursor on a version of the text. Raises EditError."""
    return CursorPayload(*placed_cursor(versioned, cursor.place, cursor.owner.user_id), versioned.version)


def placed_cursors(versioned: VersionedDocument, cursors: Iterable[RestingCursor]) -> list[RestingCursor]:
    """Return cursors on this version of the text, without those that do not fit it."""
    found: list[RestingCursor] = []
    for cursor in cursors:
        if (cursor.version or 0) > versioned.version:  # of one that is being committed, or comes from another node
            found.append(cursor)
            continue
        place = CursorPayload(cursor.position, cursor.selection_length, cursor.version)
        with suppress(EditError):
            position, length = placed_cursor(versioned, place, cursor.user_id)
            now = {"position": position, "selection_length": length, "version": versioned.version}
            found.append(msgspec.structs.replace(cursor, **now))
    return found


def _resting(owner: CursorOwner, place: CursorPayload) -> RestingCursor:
    return RestingCursor(
        user_id=owner.user_id,
        position=place.position,
        selection_length=place.selection_length or 0,
        cursor_id=owner.cursor_id,
        name=owner.name,
        color=cursor_color(owner.user_id),
        version=place.version,
    )
