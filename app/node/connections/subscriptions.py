"""Joining and leaving channels, and catching up on what was missed (docs/protocol.md#recovery).

A joining connection is attached at a position of the log, not at a moment: what lies between its own place and the
channel's head is read from the log, page by page, as fast as its outbox empties; when nothing lies between, it goes
live. So there is neither hole nor repetition, however slow the reader and however busy the channel.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.core.presence import Member, Profile
from app.engine.ports.errors import Unavailable
from app.node.connections.connection import Attachment
from app.node.sockets.frames import text_frame
from dossier_realtime.protocol.authorization import Right
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.fields import Position
from dossier_realtime.protocol.namespaces import namespace_of
from dossier_realtime.protocol.responses import Subscribed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.core.position import StreamPosition
    from app.core.sessions.effects import Join, ReceiveOwn, RefuseDocument
    from app.engine.ports.engine import Engine
    from app.node.connections.connection import Connection
    from app.node.connections.hub import Hub
    from app.node.recorder import Recorder
    from app.node.sockets.background import Background
    from app.node.sockets.turns import Turns
    from app.services.editing.documents import Documents
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.protocol.responses import DocumentState, Roster

_JOIN = 8  # units of work: many may hear of it
_PAGE = 200  # events read at once
_ROOM = 1 << 18  # bytes in the outbox above which catching up waits
_PATIENCE = 30.0  # seconds in which a reader that has to make room takes nothing
_MANY = 200  # users, or runs of formatting, that may make an answer long
_LONG = 1 << 14  # units of text that may


class Subscriptions:
    """The node's side of `subscribe` and `unsubscribe`."""

    def __init__(
        self,
        hub: Hub[Connection],
        engine: Engine,
        policy: ChannelPolicy,
        documents: Documents,
        recorder: Recorder,
        background: Background,
        turns: Turns,
    ) -> None:
        self._turns = turns
        self._hub = hub
        self._broker = engine.broker
        self._presence = engine.presence
        self._policy = policy
        self._documents = documents
        self._recorder = recorder
        self._background = background
        self._joining: Counter[str] = Counter()  # subscriptions under way, by channel

    async def attach_own(self, connection: Connection, channel: str) -> None:
        """Deliver a user's own channel without a subscription, from the login on or once it is allowed again."""
        with self._needing(channel):
            position = await self._broker.join(channel)
        if not connection.session.own.received or connection.closing is not None:
            await self._gave_up(connection, channel)
        elif channel not in connection.attachments:
            self._attach(connection, channel, position.offset, position.offset)
            self._go_live(connection, channel)

    async def receive_own(self, connection: Connection, asked: ReceiveOwn) -> None:
        """Deliver the user's own channel again, which had been withheld."""
        await self.attach_own(connection, asked.channel)

    async def join(self, connection: Connection, asked: Join) -> ErrorCode | None:
        """Subscribe, answer, and catch up. Returns the code of a refusal."""
        channel = asked.channel
        await self._turns.wait(_JOIN)
        is_document = namespace_of(channel).name == "document"
        if is_document and not await self._may_open(connection, channel):
            self._refuse(connection, channel, asked.ref)
            return ErrorCode.SUBSCRIPTION_FAILED
        await self._long_sent(connection, asked)
        with self._needing(channel):
            await self._broker.join(channel)
            roster = await self._enter(connection, asked)
            document, text = await self._documents.opened(channel) if is_document else (None, None)
            position = await self._broker.position(channel)
        # From here to the end nothing is waited for: what was decided is what is delivered.
        if not self._still_wanted(connection, asked, document):
            await self._gave_up(connection, channel)
            return None if connection.closing is not None else ErrorCode.SUBSCRIPTION_FAILED
        answer, known = self._answer(asked, position, document)
        start = position.offset
        if document is not None:  # its text may be a version behind what was just committed
            start = document.version if known is None else known
        before = self._detach(connection, channel) if asked.begins_anew else None
        attachment = connection.attachments.get(channel) or self._attach(connection, channel, position.offset, start)
        if before is not None:
            attachment.held = before.held
        attachment.hidden = asked.hidden
        self._watch(connection, channel, asked.with_presence and roster is not None)
        if asked.with_presence:
            answer.presence = roster
        if answer.document is None or text is None:
            connection.send(answer)
        else:
            connection.send_document(answer, text)
        if attachment.catching_up is None:
            self._continue(connection, attachment, known)
        return None

    async def _long_sent(self, connection: Connection, asked: Join) -> None:
        """Let one long answer leave before the next is made: what waits for a client is never more than one."""
        outbox = connection.outbox
        while outbox.holds_long and connection.closing is None:  # a stalled one is closed by its deadline
            if not await self._may_be_long(asked):
                return
            await asyncio.sleep(_PAUSE)

    async def _may_be_long(self, asked: Join) -> bool:
        channel = asked.channel
        if asked.with_presence and self._hub.count(channel) >= _MANY:
            return True
        if namespace_of(channel).name != "document":
            return False
        document = (await self._documents.committed(channel)).document
        return document.length >= _LONG or len(document.runs) >= _MANY

    def _still_wanted(self, connection: Connection, asked: Join, document: DocumentState | None) -> bool:
        """Whether the client is still there and may still have it; answers where it may not."""
        session, channel = connection.session, asked.channel
        if connection.closing is not None:
            return False
        connection.execute(session.recheck(connection.now))
        if channel not in session.subscriptions:
            return False
        if document is not None and document.version == 0 and not session.entitled(Right.WRITE, channel):
            # Nobody learns whether a document is absent or forbidden.
            self._refuse(connection, channel, asked.ref)
            return False
        return True

    async def refuse_document(self, connection: Connection, asked: RefuseDocument) -> None:
        """Refuse a document above the clearance, after as much work as for one that does not exist."""
        await self._may_open(connection, asked.channel)
        self._refuse(connection, asked.channel, asked.ref)

    async def _may_open(self, connection: Connection, channel: str) -> bool:
        """Return whether a document exists, or the user may begin it."""
        return connection.session.entitled(Right.WRITE, channel) or await self._documents.exists(channel)

    def _refuse(self, connection: Connection, channel: str, ref: str | None) -> None:
        if connection.closing is None:
            connection.execute(connection.session.unsubscribable(channel, ref, connection.now))

    async def _enter(self, connection: Connection, asked: Join) -> Roster | None:
        """Be present, where presence is kept."""
        channel, identity = asked.channel, connection.session.identity
        if identity is None or not (namespace_of(channel).presence and self._policy.settings(channel).presence):
            return None
        profile = Profile.of(identity, connection.session.token_at)
        member = Member(connection.connection_id, identity.user_id, profile, asked.hidden)
        return await self._presence.enter(channel, member)

    def _answer(
        self, asked: Join, position: StreamPosition, document: DocumentState | None
    ) -> tuple[Subscribed, int | None]:
        """`subscribed`, and the place from which the client is to be told what it missed."""
        answer, since = Subscribed(channel=asked.channel, ref=asked.ref), asked.since
        if document is not None:
            known = None if since is None else since.version
            ours = since is not None and since.epoch in (None, position.epoch)
            if known is not None and ours and position.oldest - 1 <= known <= position.offset:
                answer.recovered = True
                return answer, known
            answer.recovered = None if since is None else False
            document.epoch = position.epoch
            answer.document = document
            return answer, None
        if namespace_of(asked.channel).history and self._policy.settings(asked.channel).history:
            answer.position = Position(position.epoch, position.offset)
        if since is None:
            known = None if asked.last is None or answer.position is None else position.before_last(asked.last)
            return answer, known
        answer.recovered = answer.position is not None and position.can_continue(since)
        return answer, since.offset if answer.recovered else None

    def leave(self, connection: Connection, channel: str) -> None:
        """Deliver nothing more of the channel."""
        attachment = connection.attachments.pop(channel, None)
        if attachment is None:
            return
        if attachment.catching_up is not None:
            attachment.catching_up.cancel()
        if self._discard(connection, channel):
            self._background.start(self._leave_all([channel]))
        if namespace_of(channel).presence:
            self._background.start(self._presence.leave(channel, connection.connection_id))

    def shut_out(self, connection: Connection) -> None:
        """Deliver nothing more to the connection; `forget` does the rest when there is time."""
        self._hub.shut_out(connection)
        if connection.attachments:
            self._recorder.record_detached_all(connection)

    def forget(self, connection: Connection) -> None:
        """The connection ended: its presence has a moment to come back."""
        present, left = False, list[str]()
        if not self._hub.forget(connection) and connection.attachments:
            self._recorder.record_detached_all(connection)
        for channel, attachment in connection.attachments.items():
            if attachment.catching_up is not None:
                attachment.catching_up.cancel()
            if self._hub.discard(channel, connection):
                left.append(channel)
            present = present or namespace_of(channel).presence
        connection.attachments.clear()
        if left:
            self._background.start(self._leave_all(left))
        if present:
            self._background.start(self._presence.lost(connection.connection_id))

    async def _leave_all(self, channels: list[str]) -> None:
        for channel in channels:
            if not self._hub.members(channel) and channel not in self._joining:  # nobody came meanwhile
                await self._broker.leave(channel)

    def _discard(self, connection: Connection, channel: str) -> bool:
        """Deliver nothing more of the channel to the connection; whether it was the node's last one there."""
        if self._hub.is_live(channel, connection):
            self._recorder.record_detached(connection, channel)
        self._watch(connection, channel, False)
        return self._hub.discard(channel, connection)

    def _watch(self, connection: Connection, channel: str, wanted: bool) -> None:
        """Presence is received apart from events: also while the connection catches up on these."""
        if wanted == self._hub.is_watching(channel, connection):
            return
        if wanted:
            self._hub.watch(channel, connection)
            self._recorder.record_attached(connection, channel, "presence")
        else:
            self._hub.unwatch(channel, connection)
            self._recorder.record_detached(connection, channel, "presence")

    def _attach(self, connection: Connection, channel: str, head: int, start: int) -> Attachment:
        self._hub.add(channel, connection, head)
        attachment = connection.attachments[channel] = Attachment(channel, start)
        return attachment

    def _detach(self, connection: Connection, channel: str) -> Attachment | None:
        """Forget the connection's place in the channel, so that it can be read from another one."""
        before = connection.attachments.pop(channel, None)
        if before is not None and before.catching_up is not None:
            before.catching_up.cancel()
        elif self._hub.is_live(channel, connection):
            self._hub.pause(channel, connection)
            self._recorder.record_detached(connection, channel)
        return before

    def _go_live(self, connection: Connection, channel: str) -> None:
        attachment = connection.attachments[channel]
        held, attachment.held = attachment.held, ()
        for event in held:
            connection.send(event)
        self._hub.resume(channel, connection)
        self._recorder.record_attached(connection, channel, hidden=attachment.hidden)

    def _continue(self, connection: Connection, attachment: Attachment, known: int | None) -> None:
        """Go live, after what lies between the client's place (`known`) and the head."""
        channel = attachment.channel
        live = self._hub.is_live(channel, connection)
        head = self._hub.heads.get(channel, 0)
        spans = []
        if known is not None and known < attachment.start:
            spans.append((known, attachment.start))
            attachment.start = known
        if live and not spans:
            # Whether it hides may have changed: the journal is told anew.
            self._go_live(connection, channel)
            return
        resume_after = head if live else (spans[-1][1] if spans else attachment.start)
        if not spans and resume_after >= head:
            self._go_live(connection, channel)
            return
        if live:
            self._hub.pause(channel, connection)
            self._recorder.record_detached(connection, channel)
        work = self._catch_up(connection, attachment, spans, resume_after)
        attachment.catching_up = self._background.start(work)

    async def _catch_up(
        self, connection: Connection, attachment: Attachment, spans: list[tuple[int, int]], after: int
    ) -> None:
        channel = attachment.channel
        try:
            for start, until in spans:
                await self._replay(connection, channel, start, until)
            while connection.closing is None:
                head = self._hub.heads.get(channel, 0)
                if after >= head:
                    attachment.catching_up = None
                    self._go_live(connection, channel)
                    return
                await self._replay(connection, channel, after, head)
                after = head
        except (Unavailable, _PositionLost):
            connection.fail(CloseCode.POSITION_LOST, "the place in the channel is lost; reconnect")

    async def _replay(self, connection: Connection, channel: str, after: int, until: int) -> None:
        while after < until:
            page = await self._broker.read(channel, after, min(_PAGE, until - after))
            if not page or page[0].offset != after + 1:
                raise _PositionLost
            left, frames = list(page), [text_frame(publication.frame) for publication in page]
            while left:
                if connection.outbox.waiting > _ROOM:
                    await self._room(connection)
                if connection.closing is not None:
                    return  # it was too slow for the page: nothing follows the close frame
                count = connection.outbox.room(frames, _ROOM)
                # What is queued is told before: what the queueing causes stands after it.
                self._recorder.record_replay(connection, channel, left[:count])
                for frame in frames[:count]:
                    connection.outbox.push(frame)
                del left[:count], frames[:count]
            after = page[-1].offset
            await self._room(connection)

    async def _room(self, connection: Connection) -> None:
        outbox, waited, taken = connection.outbox, 0.0, connection.outbox.taken
        while connection.closing is None and (outbox.waiting > _ROOM or outbox.waiting_messages > _PAGE):
            if waited >= _PATIENCE:
                connection.too_slow()
                return
            await asyncio.sleep(_PAUSE)
            waited = waited + _PAUSE if outbox.taken == taken else 0.0
            taken = outbox.taken
        await asyncio.sleep(0)  # everybody else's turn

    async def _gave_up(self, connection: Connection, channel: str) -> None:
        """Between asking and having, the client left: undo."""
        await self._presence.leave(channel, connection.connection_id)
        await self._leave_all([channel])

    @contextmanager
    def _needing(self, channel: str) -> Iterator[None]:
        """Keep the node on the channel until the block ends, whoever else leaves it meanwhile."""
        self._joining[channel] += 1
        try:
            yield
        finally:
            self._joining[channel] -= 1
            if not self._joining[channel]:
                del self._joining[channel]


class _PositionLost(Exception):
    """The log no longer holds what comes next."""


_PAUSE = 0.02
