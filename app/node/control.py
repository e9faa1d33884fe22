"""Control of a node by operators: revoked tokens, ended sessions, raised limits, changed channel settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.protocol import channels
from dossier_realtime.recording.ops.ops_rows import LimitRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant
    from app.engine.ports.control import ControlCommand
    from app.node.connections.connection_sets import ConnectionSets
    from app.node.parts import NodeParts, Services
    from dossier_realtime.protocol.classification import ChannelSettings


class NodeControl:
    """The receiver of what operators decide, on any node."""

    def __init__(
        self, parts: NodeParts, services: Services, connections: ConnectionSets, clock: Callable[[], Instant]
    ) -> None:
        self._engine = parts.engine
        self._policy = parts.policy
        self._recorder = parts.recorder
        self._quotas = services.publisher.quotas
        self._documents = services.documents
        self._registry = connections.registry
        self._hub = connections.hub
        self._rechecks = connections.rechecks
        self._disconnects = connections.disconnects
        self._clock = clock

    def revoke(self, token_id: str | None, user_id: str | None, moment: float) -> None:
        """End the connections whose token is revoked: one token, or a user's tokens issued until `moment` (Unix)."""
        at, revocations = self._clock(), self._engine.revocations
        revoked = [
            connection
            for connection, identity in self._registry.identified()
            if revocations.is_revoked(identity.user_id, identity.token_id, identity.issued_at)
        ]
        self._disconnects.disconnect(revoked, "the token was revoked", at)
        self._recorder.record_revocation(token_id, user_id, moment)

    def handle(self, command: ControlCommand) -> None:
        """Carry out a command to all nodes."""
        at = self._clock()
        if command.kind == "lift_limits":
            for limiter in (self._engine.rates.limiter, self._quotas.limiter):
                limiter.raise_limit(command.subject, command.seconds, at.steady)
            name = self._registry.name_of(command.subject)
            self._recorder.record_raised_limit(command.subject, name, command.seconds)
        elif command.kind == "end_document":
            self._end_document(command.subject, at)
        else:
            self._registry.handle(command, self._disconnects, at)
        if command.kind == "end_user":
            self._recorder.record_disconnection(command.subject)

    def _end_document(self, channel: str, at: Instant) -> None:
        """Forget the text of a deleted document, and end the subscriptions of all who have it open."""
        self._documents.deleted(channel)
        for connection in self._hub.members(channel):
            if connection.closing is None and connection.session.identity is not None:
                connection.execute(connection.session.document_deleted(channel, at))
        if channel in self._hub.heads:
            self._hub.heads[channel] = 0  # a new epoch begins

    def change_settings(self, channel: str, settings: ChannelSettings) -> None:
        """Put the channel's settings in force, and check the rights of its members again."""
        before = self._policy.settings(channel)
        self._policy.put(channel, settings)
        self._recorder.record_settings(channel, settings)
        if before.history != settings.history and channel in self._hub.heads:
            self._hub.heads[channel] = 0  # a new epoch begins
        # A user whose own channel was withheld is no member of it, and receives it again once that is allowed.
        own = self._registry.of_user(channels.identifier(channel)) if channels.is_in(channel, "user") else []
        self._rechecks.begin(channel, dict.fromkeys([*self._hub.members(channel), *own]))

    def raised_limits(self) -> list[LimitRow]:
        """Return the users whose limits are raised, as rows for operators."""
        at = self._clock()
        return [
            LimitRow(
                key=f"{user_id} *",
                user_id=user_id,
                name=self._registry.name_of(user_id),
                rate_class="*",
                state="lifted",
                until=round(at.wall + left),
                personal=True,
            )
            for user_id, left in self._engine.rates.limiter.raised_limits(at.steady).items()
        ]
