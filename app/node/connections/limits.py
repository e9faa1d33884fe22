"""The bounds of a node."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.refusal_budget import RefusalLimits
from app.core.sessions.deadlines import SessionLimits
from app.node.sockets.outbox import OutboxLimits


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """The bounds of a node and of each of its connections. Times are in seconds, sizes in bytes."""

    session: SessionLimits
    outbox: OutboxLimits
    refusals: RefusalLimits = field(default_factory=RefusalLimits)
    auth_max_bytes: int = 8192
    max_message: int = 65_536
    frame_timeout: float = 30.0
    connections_per_user: int = 10
    max_connections: int = 10_000
    drain_seconds: float = 20.0
