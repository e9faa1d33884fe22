"""The bounds that the configuration sets: rates, connections, sessions."""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import TYPE_CHECKING

from app.core.ratelimit import Limits, RateLimiter
from app.core.refusal_budget import RefusalLimits
from app.core.sessions.deadlines import SessionLimits
from app.node.connections.limits import NodeLimits
from app.node.sockets.outbox import OutboxLimits

if TYPE_CHECKING:
    from app.configuration.config import Config

_RESERVED_FILES = 128  # descriptors kept for the store, the journal and listening


def rate_limits(config: Config, window: float = 0.0) -> RateLimiter:
    """Return what the configuration allows everybody a window (in seconds; 0: that of the configuration)."""
    limits = config.limits

    def of(role: str) -> Limits:
        return Limits(
            general=limits.limit("general", role),
            edit=limits.limit("edit", role),
            cursor=limits.limit("cursor", role),
            ping=limits.limit("ping", role),
            read=limits.limit("read", role),
            bytes=limits.limit("bytes_mib", role) << 20,
            channels=limits.limit("channels", role),
            stored=limits.limit("stored_mib", role) << 20,
        )

    return RateLimiter(
        of(""), {role: of(role) for role in limits.roles}, window or limits.window, limits.warning_ratio, limits.abuse
    )


def session_limits(config: Config) -> SessionLimits:
    """Return the bounds of one connection that the configuration sets."""
    session = config.session
    return SessionLimits(
        auth_timeout=session.auth_timeout,
        heartbeat_interval=session.heartbeat_interval,
        ping_interval=session.ping_interval,
        liveness_timeout=session.liveness_timeout,
        expiring_notice=session.expiring_notice,
        max_subscriptions=session.max_subscriptions,
        invalid_messages=session.invalid_messages_per_minute,
    )


def node_limits(config: Config) -> NodeLimits:
    """Return the bounds of a node and its connections that the configuration sets."""
    session = config.session
    return NodeLimits(
        session=session_limits(config),
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
