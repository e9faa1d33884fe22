"""The connections of a node: by id and session, by channel, and the queues of those to check or to end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.node.connections.connection import Connection
    from app.node.connections.disconnect_queue import DisconnectQueue
    from app.node.connections.recheck_queue import RecheckQueue
    from app.node.connections.registry import Registry
    from app.node.subscriptions.hub import Hub


@dataclass(frozen=True, slots=True)
class ConnectionSets:
    """All connections (`registry`), each channel's receivers (`hub`), and connections to be checked or ended."""

    registry: Registry
    hub: Hub[Connection]
    rechecks: RecheckQueue
    disconnects: DisconnectQueue
