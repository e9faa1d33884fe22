"""Cursors: checked, transformed to the text of now, and published at most ten times a second, the latest only.

Source: docs/protocol.md#cursors.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.domain.documents import EditError, placed_cursor
from app.engine.delivery_rules import DeliveryRules
from app.engine.ports.errors import Unavailable
from app.engine.ports.events import PublicationEntry
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import CursorPayload
from dossier_realtime.protocol.events import CursorPosition, CursorPositionPayload

if TYPE_CHECKING:
    from app.engine.ports.events import Broker

    from .documents import Documents

INTERVAL_SECONDS = 0.1  # between two cursors of one user in one document


@dataclass(slots=True)
class _Cursor:
    """A cursor that moved less than `INTERVAL_SECONDS` ago. `moved`: since it was published last."""

    payload: CursorPayload
    timer: asyncio.TimerHandle
    moved: bool = True


class Cursors:
    """The cursors that are moving; none is stored.

    A cursor that rests is forgotten: its user may have the document open without being present, and then no
    `presence_leave` would end it.
    """

    def __init__(self, documents: Documents, broker: Broker) -> None:
        self._documents, self._broker = documents, broker
        self._cursors: dict[tuple[str, str], _Cursor] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def move(self, channel: str, user_id: str, cursor: CursorPayload) -> None:
        """Publish a cursor, at once or when the interval since the last one is over.

        Raises EditError and Unavailable.
        """
        versioned = await self._documents.upcoming(channel)
        position, selection = placed_cursor(versioned, cursor)
        placed = CursorPayload(position, selection, versioned.version)
        known = self._cursors.get((channel, user_id))
        if known is None:
            timer = asyncio.get_running_loop().call_later(0.0, self._due, channel, user_id)
            self._cursors[channel, user_id] = _Cursor(placed, timer)
        else:
            known.payload, known.moved = placed, True

    def left(self, channel: str, user_id: str) -> None:
        """Forget the cursor of a user who is no longer present on the document."""
        gone = self._cursors.pop((channel, user_id), None)
        if gone is not None:
            gone.timer.cancel()

    def _due(self, channel: str, user_id: str) -> None:
        cursor = self._cursors[channel, user_id]
        if not cursor.moved:
            del self._cursors[channel, user_id]
            return
        loop = asyncio.get_running_loop()
        cursor.moved, cursor.timer = False, loop.call_later(INTERVAL_SECONDS, self._due, channel, user_id)
        task = loop.create_task(self._tell(channel, user_id, cursor.payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, channel: str, user_id: str, cursor: CursorPayload) -> None:
        # Edits may have come since it was placed; a cursor that no longer fits is dropped. Nothing is awaited between
        # placing and publishing, so it is delivered on exactly the text that it was placed on.
        with suppress(EditError, Unavailable):
            position, selection = placed_cursor(await self._documents.upcoming(channel), cursor)
            payload = CursorPositionPayload(user_id=user_id, position=position, selection_length=selection)
            body = codec.encode(CursorPosition(channel=channel, payload=payload))
            rules = DeliveryRules(conflation_key=("cursor", channel, user_id), exclude_user=user_id)
            await self._broker.publish([PublicationEntry(channel, body, durable=False, delivery=rules)])
