"""The connections of this node: by id, and by the session that each speaks for.

A connection is reached by revocations and orders from the moment its token was found good, not only from the moment
its session is open: between the two the engine is waited for, and whatever is said in that time counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.core.instant import Instant
    from app.engine.ports import ControlCommand, OpenedSession
    from app.node.connections.connection import Connection
    from app.node.connections.endings import Endings
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
        """Return the name that the user logged in with; the id of one who is not here."""
        return next((identity.name for _, identity in self.identified() if identity.user_id == user_id), user_id)

    # --- sessions -------------------------------------------------------------------------------------------------

    def begin_opening(self, connection: Connection) -> None:
        """Remember from now on what is ordered: the connection's session has no id yet that an order could find."""
        self._opening[connection.connection_id] = []

    def give_up_opening(self, connection: Connection) -> None:
        """Forget what was remembered for a session that was not opened."""
        self._opening.pop(connection.connection_id, None)

    def finish_opening(self, connection: Connection, opened: OpenedSession) -> list[ControlCommand]:
        """Return the orders about this session that came since `begin_opening`."""
        heard = self._opening.pop(connection.connection_id, [])
        return [order for order in heard if order.subject == opened.session_id]

    def obey(self, order: ControlCommand, endings: Endings, at: Instant) -> None:
        """Carry out an order to all nodes, as far as it concerns this one."""
        for heard in self._opening.values():
            heard.append(order)
        match order.kind:
            case "end_session":
                connection = self.by_session.get(order.subject)
                if connection is not None:
                    endings.end([connection], order.reason, at)
            case "end_user":
                endings.end(self.of_user(order.subject), order.reason, at)
            case "replace":
                connection = self.by_session.get(order.subject)
                if (
                    connection is not None
                    and connection.closing is None
                    and connection.session.reconnect_count < order.count
                ):
                    connection.apply(connection.session.replaced())
            case "lift_limits":
                pass  # of no connection: the node's own matter
