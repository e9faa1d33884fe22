"""The connections of this node: by id, and by the session that each speaks for.

A connection is reached by revocations and control commands from the moment its token was found good, not only from
the moment its session is open: between the two the engine is waited for, and what is revoked in that time counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.core.instant import Instant
    from app.engine.ports.control import ControlCommand
    from app.engine.ports.sessions import OpenedSession
    from app.node.connections.connection import Connection
    from app.node.connections.disconnect_queue import DisconnectQueue
    from dossier_realtime.protocol.authorization import Identity


class Registry:
    """Every socket is in `connections` until it is closed; `by_session` holds those whose session is open."""

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}
        self.by_session: dict[str, Connection] = {}
        self._opening: dict[str, list[ControlCommand]] = {}

    def identified(self) -> Iterator[tuple[Connection, Identity]]:
        """Yield every connection whose token was found good and that is not closing, with its identity."""
        for connection in list(self.connections.values()):
            identity = connection.session.identity
            if identity is not None and connection.closing is None:
                yield connection, identity

    def of_user(self, user_id: str) -> list[Connection]:
        """Return the user's connections on this node, those whose session is still being opened among them."""
        return [connection for connection, identity in self.identified() if identity.user_id == user_id]

    def name_of(self, user_id: str) -> str:
        """Return the name that the user logged in with; the id of a user without a connection here."""
        return next((identity.name for _, identity in self.identified() if identity.user_id == user_id), user_id)

    # --- sessions -------------------------------------------------------------------------------------------------

    def begin_opening(self, connection: Connection) -> None:
        """Keep the commands that come from now on: the session has no id yet by which a command could find it."""
        self._opening[connection.connection_id] = []

    def give_up_opening(self, connection: Connection) -> None:
        """Forget the commands that were kept for a session that was not opened."""
        self._opening.pop(connection.connection_id, None)

    def finish_opening(self, connection: Connection, opened: OpenedSession) -> list[ControlCommand]:
        """Return the commands about this session that came since `begin_opening`."""
        heard = self._opening.pop(connection.connection_id, [])
        return [command for command in heard if command.subject == opened.session_id]

    def handle(self, command: ControlCommand, disconnects: DisconnectQueue, at: Instant) -> None:
        """Carry out a command to all nodes, as far as it concerns connections of this one."""
        for heard in self._opening.values():
            heard.append(command)
        match command.kind:
            case "end_session":
                connection = self.by_session.get(command.subject)
                if connection is not None:
                    disconnects.disconnect([connection], command.reason, at)
            case "end_user":
                disconnects.disconnect(self.of_user(command.subject), command.reason, at)
            case "replace":
                connection = self.by_session.get(command.subject)
                if (
                    connection is not None
                    and connection.closing is None
                    and connection.session.reconnect_count < command.count
                ):
                    connection.apply(connection.session.replaced())
            case "lift_limits" | "end_document":
                pass  # of no session: the node's own matter
