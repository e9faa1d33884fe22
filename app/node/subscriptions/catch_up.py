"""Catching up: a connection reads from the log what lies between its place and the channel's head, then goes live.

A joining connection is attached at a position of the log, not at a moment. The log is read page by page, as fast as
the connection's outbox empties; when nothing lies between its place and the head, it goes live. So there is neither
a gap nor a repetition, however slow the reader and however busy the channel (docs/protocol.md#recovery).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from app.engine.ports.errors import Unavailable
from app.node.sockets.frames import text_frame
from dossier_realtime.protocol.errors import CloseCode

if TYPE_CHECKING:
    from app.engine.ports.events import Broker
    from app.node.connections.connection import Connection
    from app.node.recorder import Recorder
    from app.node.sockets.background import Background
    from app.node.subscriptions.attachment import Attachment
    from app.node.subscriptions.channel_members import ChannelMembers
    from app.node.subscriptions.hub import Hub

_PAGE: Final = 200  # events read at once
_MAX_WAITING: Final = 1 << 18  # bytes in the outbox, above which the next events wait
_STALL_TIMEOUT_SECONDS: Final = 30.0  # in which a reader that has to make room takes nothing
_POLL_SECONDS: Final = 0.02


class CatchUp:
    """The connections that read from the log."""

    def __init__(
        self,
        hub: Hub[Connection],
        broker: Broker,
        members: ChannelMembers,
        recorder: Recorder,
        background: Background,
    ) -> None:
        self._hub = hub
        self._broker = broker
        self._members = members
        self._recorder = recorder
        self._background = background

    def begin(self, connection: Connection, attachment: Attachment, known: int | None) -> None:
        """Go live, after the events between the client's place `known` and the head; None stands for no place."""
        channel = attachment.channel
        live = self._hub.is_live(channel, connection)
        head = self._hub.heads.get(channel, 0)
        spans = []
        if known is not None and known < attachment.start:
            spans.append((known, attachment.start))
            attachment.start = known
        if live and not spans:
            # The connection may have become hidden or visible: the journal gets a new entry.
            self._members.go_live(connection, channel)
            return
        resume_after = head if live else (spans[-1][1] if spans else attachment.start)
        if not spans and resume_after >= head:
            self._members.go_live(connection, channel)
            return
        if live:
            self._members.pause(connection, channel)
        work = self._run(connection, attachment, spans, resume_after)
        attachment.catching_up = self._background.start(work)

    async def _run(
        self, connection: Connection, attachment: Attachment, spans: list[tuple[int, int]], after: int
    ) -> None:
        channel = attachment.channel
        try:
            for start, until in spans:
                await self._replay(connection, channel, start, until)
            # The head moves on while the log is read. Between the last look at it and going live nothing is awaited:
            # an event is either read here or delivered live, never both and never neither.
            while connection.closing is None:
                head = self._hub.heads.get(channel, 0)
                if after >= head:
                    attachment.catching_up = None
                    self._members.go_live(connection, channel)
                    return
                await self._replay(connection, channel, after, head)
                after = head
        except (Unavailable, _PositionLostError):
            connection.fail(CloseCode.POSITION_LOST, "the place in the channel is lost; reconnect")

    async def _replay(self, connection: Connection, channel: str, after: int, until: int) -> None:
        while after < until:
            page = await self._broker.read(channel, after, min(_PAGE, until - after))
            if not page or page[0].offset != after + 1:
                raise _PositionLostError
            left, frames = list(page), [text_frame(publication.frame) for publication in page]
            while left:
                if connection.outbox.waiting > _MAX_WAITING:
                    await self._wait_for_room(connection)
                if connection.closing is not None:
                    return  # it was too slow for the page: nothing follows the close frame
                count = connection.outbox.room(frames, _MAX_WAITING)
                # Recorded before it is queued: what the queueing causes stands behind it in the journal.
                self._recorder.record_replay(connection, channel, left[:count])
                for frame in frames[:count]:
                    connection.outbox.push(frame)
                del left[:count], frames[:count]
            after = page[-1].offset
            await self._wait_for_room(connection)

    async def _wait_for_room(self, connection: Connection) -> None:
        """Return when the outbox has room; close a reader that takes nothing for too long."""
        outbox, waited, taken = connection.outbox, 0.0, connection.outbox.taken
        while connection.closing is None and (outbox.waiting > _MAX_WAITING or outbox.waiting_messages > _PAGE):
            if waited >= _STALL_TIMEOUT_SECONDS:
                connection.too_slow()
                return
            await asyncio.sleep(_POLL_SECONDS)
            waited = waited + _POLL_SECONDS if outbox.taken == taken else 0.0
            taken = outbox.taken
        await asyncio.sleep(0)  # the turn of all other connections


class _PositionLostError(Exception):
    """Raised when the log no longer holds the next event."""
