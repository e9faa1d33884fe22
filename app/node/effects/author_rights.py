"""Rights of the author of work that waits, checked again just before the work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.protocol.authorization import access

if TYPE_CHECKING:
    from app.engine.ports.sessions import RevocationStore
    from app.node.connections.connection import Connection
    from dossier_realtime.protocol.authorization import Right
    from dossier_realtime.protocol.classification import ChannelPolicy


class AuthorRights:
    """Revocations and channel settings in force, asked about one connection."""

    def __init__(self, revocations: RevocationStore, policy: ChannelPolicy) -> None:
        self._revocations = revocations
        self._policy = policy

    def is_revoked(self, connection: Connection) -> bool:
        """Return whether the connection's token was revoked; such a connection is being closed."""
        identity = connection.session.identity
        return identity is None or self._revocations.is_revoked(identity.user_id, identity.token_id, identity.issued_at)

    def holds(self, connection: Connection, right: Right, channel: str) -> bool:
        """Return whether the connection's token is in force and gives `right` on `channel`."""
        identity = connection.session.identity
        held = identity is not None and access(identity, right, channel, self._policy).allowed
        return held and not self.is_revoked(connection)
