"""Delivery: a publication of the engine, its receivers on this node, their outboxes.

A publication is made a frame once; all receivers' queues share it. How it is delivered stands in its delivery rules,
which the service that published it has set: nothing here depends on the bytes of a frame or the name of a channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from app.core.origin import origin_now
from app.node.sockets.frames import text_frame
from app.node.sockets.queued_frames import ConflatableFrame, TimedFrame, UnrecordedFrame
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.errors import CloseCode
from dossier_realtime.protocol.events import PresenceJoin, PresenceLeave, PresenceUpdate
from dossier_realtime.recording.ops.ops_rows import decode_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.field_locks import WatchedEvent
    from app.core.origin import Origin
    from app.engine.ports.events import Publication
    from app.node.connections.connection_sets import ConnectionSets
    from app.node.parts import NodeParts, Services
    from dossier_realtime.protocol.authorization import Identity


class NodeDelivery:
    """The receiver of what the engine publishes."""

    def __init__(self, parts: NodeParts, services: Services, connections: ConnectionSets) -> None:
        self._policy = parts.policy
        self._recorder = parts.recorder
        self._documents = services.documents
        self._cursors = services.cursors
        self._hub = connections.hub
        self._rechecks = connections.rechecks

    def deliver(self, publications: Sequence[Publication]) -> None:
        """Deliver events, in their order, to the subscribers on this node."""
        for publication in publications:
            # A right that was lost before this publication must not receive it.
            self._rechecks.finish(publication.channel)
            if publication.delivery.per_reader:
                self._deliver_report(publication)
            else:
                self._deliver_event(publication)

    def begin_again(self, channels: Sequence[str]) -> None:
        """End the connections that follow channels whose places are lost: they come back and learn what is missing."""
        for channel in channels:
            self._documents.deleted(channel)
            for connection in self._hub.members(channel):
                connection.fail(CloseCode.POSITION_LOST, "the place in the channel is lost; reconnect")

    def record(self, publications: Sequence[Publication]) -> None:
        """Record events of this node that its subscribers have by their places already."""
        for publication in publications:
            if not publication.delivery.per_reader:
                self._recorder.record_undelivered(publication, self._answer_author(publication))

    def _deliver_event(self, publication: Publication) -> None:
        channel, rules = publication.channel, publication.delivery
        frame = text_frame(publication.frame)
        if rules.conflation_key:
            frame = ConflatableFrame.of(frame, *rules.conflation_key)
        origin = self._answer_author(publication)
        if origin is not None and not rules.exclude_user:  # a cursor may have waited on purpose
            frame = TimedFrame.at(origin.accepted, frame)
        self._hub.advance(channel, publication.offset)
        receivers = self._hub.live(
            channel, exclude_user=rules.exclude_user, exclude_connection=rules.exclude_connection
        )
        # Recorded before it is queued: what the queueing causes (a slow reader's end) stands behind it in the journal.
        self._recorder.record_delivery(publication, len(receivers), origin)
        self._hub.deliver(frame, receivers)

    def _answer_author(self, publication: Publication) -> Origin | None:
        """Answer the author of an edit whose last version is delivered now; return the publication's origin.

        The author's connection is excluded from the publication and gets the answer in its place, so that it receives
        everything in the order of versions.
        """
        version = self._documents.claim(publication.channel, publication.offset, publication.frame)
        if version is None:
            return origin_now.get()
        version.answer(publication.offset)
        return version.submission.origin  # one turn of a document's queue commits edits of many origins

    def _deliver_report(self, publication: Publication) -> None:
        """Send each operator the rows and counts within their rights; operators of one identity share a frame."""
        report, channel = decode_report(publication.frame), publication.channel
        frames: dict[Identity, bytes] = {}
        for connection in self._hub.live(channel):
            identity = connection.session.identity
            if identity is None:
                continue
            if identity not in frames:
                frames[identity] = codec.encode(report.seen_by(identity, self._policy.settings))
            self._recorder.record_report()
            connection.outbox.push(UnrecordedFrame(text_frame(frames[identity])))

    def deliver_presence(self, event: WatchedEvent) -> None:
        """Deliver a change of presence to the channel's watchers; the user's own coming and going, not to that user.

        A leave of a user who is here was told by another node, while this one could tell nobody of the user: the join
        that follows is not delivered to the user either.
        """
        channel, user_id = event.channel, event.payload.user_id or ""  # none, of a field that became free
        self._rechecks.finish(channel)
        if not self._policy.settings(channel).presence:
            return
        payload = codec.encode(event)
        frame = text_frame(payload)
        is_own = isinstance(event, PresenceJoin)
        if isinstance(event, PresenceLeave):
            is_own = self._is_present(channel, user_id)
            if not is_own:
                self._cursors.user_left(channel, user_id)
        if isinstance(event, PresenceUpdate) and event.payload.name is UNSET:
            frame = ConflatableFrame.of(frame, "presence", channel, user_id)
        excluded = user_id if is_own else ""
        receivers = self._hub.watching(channel, excluded)
        self._recorder.record_presence_change(
            channel, payload, codec.message_type(event), len(receivers), excluded, user_id
        )
        self._hub.deliver(frame, receivers)

    def _is_present(self, channel: str, user_id: str) -> bool:
        """Return whether a connection of the user is visible on the channel, at this node."""
        return any(
            one.user_id == user_id and not one.attachments[channel].hidden
            for one in self._hub.members(channel)
            if channel in one.attachments
        )
