"""The bounds of rates and sessions that the configuration sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.ratelimit import Limits, RateLimiter
from app.core.sessions.deadlines import SessionLimits

if TYPE_CHECKING:
    from app.configuration.config import Config
    from dossier_realtime.protocol.fields import Durability


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


def session_limits(config: Config, durability: Durability = "fsync") -> SessionLimits:
    """Return the bounds of one connection that the configuration sets, and what the engine promises of changes."""
    session = config.session
    return SessionLimits(
        auth_timeout=session.auth_timeout,
        heartbeat_interval=session.heartbeat_interval,
        ping_interval=session.ping_interval,
        liveness_timeout=session.liveness_timeout,
        expiring_notice=session.expiring_notice,
        max_subscriptions=session.max_subscriptions,
        invalid_messages=session.invalid_messages_per_minute,
        durability=durability,
    )
