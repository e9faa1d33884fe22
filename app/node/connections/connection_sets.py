"""The connections of a node, and what is done to many of them."""

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
