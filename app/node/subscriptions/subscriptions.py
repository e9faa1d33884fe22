"""Joining and leaving channels (docs/protocol.md#subscribing)."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from app.core.presence import Member, Profile
from app.core.sessions.effects import Join, RefuseDocument
from app.engine.ports.errors import Unavailable
from app.node.subscriptions.catch_up import CatchUp
from app.node.subscriptions.channel_members import ChannelMembers
from app.node.subscriptions.join_order import JoinOrder
from app.services.editing.cursors import cursor_event
from dossier_realtime.protocol.authorization import Right
from dossier_realtime.protocol.documents.document_events import DocumentStateEvent, DocumentStatePayload
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import Position
from dossier_realtime.protocol.namespaces import namespace_of
from dossier_realtime.protocol.responses import Subscribed

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from app.core.position import StreamPosition
    from app.core.sessions.effects import ReceiveOwn
    from app.engine.ports.engine import Engine
    from app.node.connections.connection import Connection
    from app.node.recorder import Recorder
    from app.node.sockets.background import Background
    from app.node.sockets.turns import Turns
    from app.node.subscriptions.attachment import Attachment
    from app.node.subscriptions.hub import Hub
    from app.services.editing.documents import Documents
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.protocol.events import Event
    from dossier_realtime.protocol.responses import DocumentState, Roster

_JOIN_UNITS: Final = 8  # units of work, since many watchers may receive the join
_LOOK_UNITS: Final = 1
_POLL_SECONDS: Final = 0.02
_MAX_WAITING_JOINS: Final = 100  # of a connection; with more, it is not read until one is done
_MIN_LONG_ROSTER: Final = 200  # users, from which on an answer may be long
_MIN_LONG_RUNS: Final = 200  # runs of formatting, likewise
_MIN_LONG_TEXT: Final = 1 << 14  # UTF-16 units, likewise


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
        self._members = ChannelMembers(hub, recorder)
        self._catch_up = CatchUp(hub, engine.broker, self._members, recorder, background)
        self._joining: Counter[str] = Counter()  # subscriptions under way, by channel
        self._order = JoinOrder()

    async def attach_own(self, connection: Connection, channel: str) -> None:
        """Deliver a user's own channel without a subscription, from the login on or once it is allowed again."""
        with self._needing(channel):
            position = await self._broker.join(channel)
        if not connection.session.own.received or connection.closing is not None:
            await self._gave_up(connection, channel)
        elif channel not in connection.attachments:
            self._members.attach(connection, channel, position.offset, position.offset)
            self._members.go_live(connection, channel)

    async def receive_own(self, connection: Connection, asked: ReceiveOwn) -> None:
        """Deliver the user's own channel again, which had been withheld; send the client away where that fails."""
        try:
            await self.attach_own(connection, asked.channel)
        except Unavailable:
            connection.restart()

    def holds_messages(self, connection: Connection) -> bool:
        """Return whether the connection's next message waits for its subscriptions that are under way.

        It does not while a long answer is on its way: a renewed token or a ping must not wait for a slow line.
        """
        return not connection.outbox.holds_long or self._order.count(connection.connection_id) > _MAX_WAITING_JOINS

    def preceding_work(self, connection: Connection, asked: Join) -> Coroutine[Any, Any, ErrorCode | None] | None:
        """Return the work of looking for a document, which goes before its subscription; None for another channel."""
        return self.look_up(connection, asked) if namespace_of(asked.channel).name == "document" else None

    async def look_up(self, connection: Connection, asked: Join | RefuseDocument) -> ErrorCode | None:
        """Look for a document; refuse one that is absent, and after the same work one that is above the clearance.

        Neither waits for the connection's subscriptions before it: otherwise the order of the answers would show which
        of the two it is. Raises Unavailable.
        """
        channel, session = asked.channel, connection.session
        await self._turns.wait(_LOOK_UNITS)
        try:
            exists = await self._documents.exists(channel)
        except Unavailable:
            if session.subscriptions.put_off(channel, asked.number, asked.ref):
                raise
            return ErrorCode.SUBSCRIPTION_FAILED  # it was answered when it ended
        may_begin = session.entitled(Right.WRITE, channel)  # asked in any case, so that all take the same time
        if connection.closing is None:
            if isinstance(asked, Join) and (exists or may_begin):
                session.subscriptions.found(channel)
                return None
            connection.execute(session.unsubscribable(asked, connection.now))
        return ErrorCode.SUBSCRIPTION_FAILED

    async def join(self, connection: Connection, asked: Join) -> ErrorCode | None:
        """Subscribe, answer, and begin to catch up; return the code of a refusal.

        Raises:
            Unavailable: the store cannot do it now; the connection is on the channel as before.
        """
        subscriptions = connection.session.subscriptions
        async with self._order.turn(connection.connection_id):
            await self._turns.wait(_JOIN_UNITS)
            try:
                await self._long_sent(connection, asked)
                # Else it was taken back, or ended and answered, while it waited.
                if subscriptions.is_current(asked.channel, asked.number):
                    return await self._join(connection, asked)
            except Unavailable:
                if asked.channel not in connection.attachments:
                    self._background.start(self._undo(connection, asked.channel))
                if subscriptions.put_off(asked.channel, asked.number, asked.ref):
                    raise  # else it was answered when it ended
        return ErrorCode.SUBSCRIPTION_FAILED

    async def _join(self, connection: Connection, asked: Join) -> ErrorCode | None:
        channel = asked.channel
        is_document = namespace_of(channel).name == "document"
        with self._needing(channel):
            await self._broker.join(channel)
            roster = await self._enter(connection, asked)
            document, text = await self._documents.opened(channel, connection.user_id) if is_document else (None, None)
            position = await self._broker.position(channel)
            if document is not None and document.epoch != position.epoch:  # it was deleted while it was opened
                document, text = await self._documents.opened(channel, connection.user_id)
                position = await self._broker.position(channel)
            if roster is not None and connection.closing is None:
                roster = await self._enter(connection, asked)  # as it is now; entering again does not wait
        # From here to the end nothing is awaited: the rights that are checked now are those at the first delivery.
        if not self._still_wanted(connection, asked, document):
            if channel not in connection.attachments:
                await self._gave_up(connection, channel)
            return None if connection.closing is not None else ErrorCode.SUBSCRIPTION_FAILED
        if document is not None:
            settings = self._policy.settings(channel)
            document.frozen, document.read_only_until = settings.frozen, settings.read_only_until
        answer, known = self._answer(asked, position, document)
        start = position.offset
        if document is not None:  # its text may be a version behind what was just committed
            start = document.version if known is None else known
        before = self._members.detach(connection, channel) if asked.begins_anew else None
        attachment = connection.attachments.get(channel) or self._members.attach(
            connection, channel, position.offset, start
        )
        if before is not None:
            attachment.held = before.held
        connection.session.subscribed(asked)
        attachment.hidden = asked.hidden
        attachment.epoch = "" if document is None else document.epoch
        self._members.watch(connection, channel, asked.with_presence and roster is not None)
        if asked.with_presence:
            answer.presence = roster
        if answer.document is None or text is None:
            connection.send(answer)
        else:
            connection.send_document(answer, text)
        if attachment.catching_up is None:
            self._catch_up.begin(connection, attachment, known)
        if document is not None and answer.document is None:
            self._tell_state(connection, attachment, document)
        return None

    def _tell_state(self, connection: Connection, attachment: Attachment, document: DocumentState) -> None:
        """Tell the cursors and the state of a document to a client that returns, behind the operations it missed."""
        channel = attachment.channel
        events: list[Event] = [cursor_event(channel, cursor) for cursor in document.cursors]
        if document.frozen:
            state = DocumentStatePayload(frozen=True, read_only_until=document.read_only_until)
            events.append(DocumentStateEvent(channel=channel, payload=state))
        if attachment.catching_up is not None:
            attachment.held += tuple(events)
            return
        for event in events:
            connection.send(event)

    async def _long_sent(self, connection: Connection, asked: Join) -> None:
        """Wait until the last long answer has left, so that at most one of them waits for a client."""
        outbox = connection.outbox
        while outbox.holds_long and connection.closing is None:  # a stalled one is closed by its deadline
            if not await self._may_be_long(asked):
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _may_be_long(self, asked: Join) -> bool:
        channel = asked.channel
        if asked.with_presence and self._hub.count(channel) >= _MIN_LONG_ROSTER:
            return True
        if namespace_of(channel).name != "document":
            return False
        document = (await self._documents.committed(channel)).document
        return document.length >= _MIN_LONG_TEXT or len(document.runs) >= _MIN_LONG_RUNS

    def _still_wanted(self, connection: Connection, asked: Join, document: DocumentState | None) -> bool:
        """Return whether the client is there and may still have the channel; refuse the channel if it may not."""
        session, channel = connection.session, asked.channel
        if connection.closing is not None:
            return False
        connection.execute(session.recheck(connection.now))
        if not session.subscriptions.is_current(channel, asked.number):
            return False  # the client took it back, or was told that it ended
        if document is not None and document.version == 0 and not session.entitled(Right.WRITE, channel):
            # An absent document and a forbidden one get the same answer.
            connection.execute(session.unsubscribable(asked, connection.now))
            return False
        return True

    async def _enter(self, connection: Connection, asked: Join) -> Roster | None:
        """Enter the channel's presence; return its users, None where presence is not kept."""
        channel, identity = asked.channel, connection.session.identity
        if identity is None or not (namespace_of(channel).presence and self._policy.settings(channel).presence):
            return None
        profile = Profile.of(identity, connection.session.token_at)
        member = Member(connection.connection_id, identity.user_id, profile, asked.hidden)
        return await self._presence.enter(channel, member)

    def _answer(
        self, asked: Join, position: StreamPosition, document: DocumentState | None
    ) -> tuple[Subscribed, int | None]:
        """Return `subscribed`, and the place after which the client missed events (None: it missed none)."""
        answer, since = Subscribed(channel=asked.channel, ref=asked.ref), asked.since
        if document is not None:
            known = None if since is None else since.version
            ours = since is not None and since.epoch in (None, document.epoch)
            if known is not None and ours and position.oldest - 1 <= known <= position.offset:
                answer.recovered = True
                return answer, known
            answer.recovered = None if since is None else False
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
        """Deliver nothing more of the channel to the connection."""
        attachment = connection.attachments.pop(channel, None)
        if attachment is None:
            return
        self._documents.cursors.left(channel, connection.connection_id)
        if attachment.catching_up is not None:
            attachment.catching_up.cancel()
        if self._members.discard(connection, channel):
            self._background.start(self._leave_all([channel]))
        if namespace_of(channel).presence:
            self._background.start(self._presence.leave(channel, connection.connection_id))

    def shut_out(self, connection: Connection) -> None:
        """Deliver nothing more to the connection; `forget` does the rest when there is time."""
        self._hub.shut_out(connection)
        if connection.attachments:
            self._recorder.record_detached_all(connection)

    def forget(self, connection: Connection) -> None:
        """Leave all channels of a connection that ended; its presence is kept for a while, in case it comes back."""
        present, left = False, list[str]()
        if not self._hub.forget(connection) and connection.attachments:
            self._recorder.record_detached_all(connection)
        for channel, attachment in connection.attachments.items():
            self._documents.cursors.left(channel, connection.connection_id)
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
            if not self._hub.members(channel) and channel not in self._joining:  # no connection joined meanwhile
                await self._broker.leave(channel)

    async def _gave_up(self, connection: Connection, channel: str) -> None:
        """Undo a join whose client left before it was done."""
        await self._presence.leave(channel, connection.connection_id)
        await self._leave_all([channel])

    async def _undo(self, connection: Connection, channel: str) -> None:
        """Undo a join that the store did not complete, as far as it can be reached."""
        with suppress(Unavailable):
            await self._gave_up(connection, channel)

    @contextmanager
    def _needing(self, channel: str) -> Iterator[None]:
        """Keep the node on the channel until the block ends, although other connections may leave it meanwhile."""
        self._joining[channel] += 1
        try:
            yield
        finally:
            self._joining[channel] -= 1
            if not self._joining[channel]:
                del self._joining[channel]
