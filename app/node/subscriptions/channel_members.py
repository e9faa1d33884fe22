"""Changes of a channel's members on this node, each with its entry in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.node.subscriptions.attachment import Attachment

if TYPE_CHECKING:
    from app.node.connections.connection import Connection
    from app.node.recorder import Recorder
    from app.node.subscriptions.hub import Hub


class ChannelMembers:
    """The hub's members, attached to and detached from channels."""

    def __init__(self, hub: Hub[Connection], recorder: Recorder) -> None:
        self._hub = hub
        self._recorder = recorder

    def attach(self, connection: Connection, channel: str, head: int, start: int) -> Attachment:
        """Give the connection a place at offset `start`; it is not live yet. `head` is the channel's last offset."""
        self._hub.add(channel, connection, head)
        attachment = connection.attachments[channel] = Attachment(channel, start)
        return attachment

    def detach(self, connection: Connection, channel: str) -> Attachment | None:
        """Take the connection's place in the channel away, so that it can be read from another one."""
        before = connection.attachments.pop(channel, None)
        if before is not None and before.catching_up is not None:
            before.catching_up.cancel()
        elif self._hub.is_live(channel, connection):
            self.pause(connection, channel)
        return before

    def go_live(self, connection: Connection, channel: str) -> None:
        """Deliver the channel's next events to the connection, after the answers that were held back for it."""
        attachment = connection.attachments[channel]
        held, attachment.held = attachment.held, ()
        for event in held:
            connection.send(event)
        self._hub.resume(channel, connection)
        self._recorder.record_attached(connection, channel, hidden=attachment.hidden)

    def pause(self, connection: Connection, channel: str) -> None:
        """Deliver no events to a live connection until it has read the log up to the head."""
        self._hub.pause(channel, connection)
        self._recorder.record_detached(connection, channel)

    def discard(self, connection: Connection, channel: str) -> bool:
        """Deliver nothing more of the channel to the connection; return whether it was the node's last member there."""
        if self._hub.is_live(channel, connection):
            self._recorder.record_detached(connection, channel)
        self.watch(connection, channel, False)
        return self._hub.discard(channel, connection)

    def watch(self, connection: Connection, channel: str, wanted: bool) -> None:
        """Begin or end the delivery of presence, which goes on while the connection catches up on events."""
        if wanted == self._hub.is_watching(channel, connection):
            return
        if wanted:
            self._hub.watch(channel, connection)
            self._recorder.record_attached(connection, channel, "presence")
        else:
            self._hub.unwatch(channel, connection)
            self._recorder.record_detached(connection, channel, "presence")
