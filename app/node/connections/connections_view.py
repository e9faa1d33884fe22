"""A read-only view of this node's connections, for services (`app.services.local_connections`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.services.local_connections import OpenConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.node.connections.connection import Connection
    from app.node.connections.registry import Registry
    from app.node.subscriptions.hub import Hub
    from dossier_realtime.protocol.authorization import Identity


class ConnectionsView:
    """The registry and the hub of a node, read only."""

    def __init__(self, registry: Registry, hub: Hub[Connection]) -> None:
        self._registry = registry
        self._hub = hub

    def connection(self, session_id: str) -> OpenConnection | None:
        """Return the connection of a session; None where it is open elsewhere, or no longer."""
        found = self._registry.by_session.get(session_id)
        return None if found is None else OpenConnection(tuple(found.attachments), found.outbox.waiting)

    def identities(self, user_id: str, channel: str | None = None) -> Iterator[Identity]:
        """Yield the identities of a user's sessions, newest first; with a channel, of those that receive it."""
        for connection in reversed(self._registry.of_user(user_id)):
            identity = connection.session.identity
            if identity is not None and (channel is None or channel in connection.attachments):
                yield identity

    def channels(self) -> list[str]:
        """Return every channel that is subscribed on this node."""
        return self._hub.channels()

    def subscribers(self, channel: str) -> int:
        """Return the number of connections of this node that subscribe a channel."""
        return self._hub.count(channel)
