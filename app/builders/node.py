"""The bounds of a node, from the configuration and the limits of the process."""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import TYPE_CHECKING

from app.configuration.limits import session_limits
from app.core.refusal_budget import RefusalLimits
from app.node.connections.limits import NodeLimits
from app.node.sockets.outbox import OutboxLimits

if TYPE_CHECKING:
    from app.configuration.config import Config
    from dossier_realtime.protocol.fields import Durability

_RESERVED_FILES = 128  # descriptors kept for the store, the journal and listening


def node_limits(config: Config, durability: Durability) -> NodeLimits:
    """Return the bounds of a node and its connections; `durability`: what the engine gives its acknowledgements."""
    session = config.session
    return NodeLimits(
        session=session_limits(config, durability),
        outbox=OutboxLimits(config.outbox.max_bytes, config.outbox.max_messages, config.outbox.stall_timeout),
        refusals=RefusalLimits(config.limits.refusals_per_second, config.limits.refusal_pause),
        auth_max_bytes=session.auth_max_bytes,
        frame_timeout=session.frame_timeout,
        connections_per_user=config.limits.connections_per_user,
        max_connections=config.server.max_connections or _room_for_connections(),
        drain_seconds=config.server.drain_seconds,
    )


def _room_for_connections() -> int:
    # Out of descriptors a loop spins: there are fewer connections than descriptors, after asking for all.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return max(64, min(soft, 1_000_000) - _RESERVED_FILES)
