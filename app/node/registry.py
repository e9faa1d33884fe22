"""The connections of this node: by id, and by the session that each speaks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.core.instant import Instant
    from app.engine.ports import Order

    from .connection import Connection


class Registry:
    """Every socket is in `connections` until it is closed; `by_session` holds those that are authenticated."""

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}
        self.by_session: dict[str, Connection] = {}

    def of_user(self, user_id: str) -> list[Connection]:
        """The user's authenticated connections on this node."""
        return [connection for connection in self.by_session.values() if connection.user_id == user_id]

    def name_of(self, user_id: str) -> str:
        """The name that the user logged in with; the id of one who is not here."""
        identities = (connection.session.identity for connection in self.of_user(user_id))
        return next((identity.name for identity in identities if identity is not None), user_id)

    def obey(self, order: Order, at: Instant) -> None:
        """Do what an order to all nodes says, as far as it concerns this one."""
        match order.kind:
            case "end_session":
                connection = self.by_session.get(order.subject)
                if connection is not None:
                    connection.apply(connection.session.revoked(order.reason, at))
            case "end_user":
                for connection in self.of_user(order.subject):
                    connection.apply(connection.session.revoked(order.reason, at))
            case "replace":
                connection = self.by_session.get(order.subject)
                if connection is not None and connection.connection_id != order.keep:
                    connection.apply(connection.session.replaced())
            case "lift_limits":
                pass  # of no connection: the node's own matter
