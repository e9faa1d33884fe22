"""The `error` message, built in one place so that denials of one kind are equal byte for byte; and `auth_success`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.authorization import NO_SUBSCRIPTION
from app.core.sessions.effects import Close, Decision, Effect, RateLimited, Send
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.responses import AuthSuccess, AuthSuccessPayload, ErrorMessage, ErrorPayload

if TYPE_CHECKING:
    from app.core.instant import Instant
    from app.core.ratelimit import Verdict
    from app.core.sessions.deadlines import SessionLimits
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.codec import InvalidMessage
    from dossier_realtime.protocol.commands import Command
    from dossier_realtime.protocol.inbound import InboundMessage
    from dossier_realtime.protocol.responses import RateClass, RateLimits


def error_message(
    code: ErrorCode,
    message: str,
    at: Instant,
    *,
    channel: str | None = None,
    ref: str | None = None,
    version: int | None = None,
    retry_after: int | None = None,
) -> ErrorMessage:
    """Return an `error` for the connection that asked."""
    return ErrorMessage(
        error_code=code,
        message=message,
        timestamp=at.timestamp,
        channel=channel,
        ref=ref,
        payload=None if version is None else ErrorPayload(version),
        retry_after=retry_after,
    )


def no_subscription(channel: str, ref: str | None, at: Instant) -> ErrorMessage:
    """Return the `error` of a channel that may not be received, whatever the reason."""
    return error_message(ErrorCode.SUBSCRIPTION_FAILED, NO_SUBSCRIPTION, at, channel=channel, ref=ref)


def past_limit(
    verdict: Verdict, rate_class: RateClass, message: Command | InboundMessage | InvalidMessage, at: Instant
) -> Decision:
    """Refuse a message past the user's limit; the first one with the news, and after too many the end."""
    effects: list[Effect] = [Send(verdict.exceeded(rate_class))] if verdict.first_refusal else []
    counted = "bytes" if rate_class == "bytes" else "messages"
    text = f"More than {verdict.limit} {counted} in this window; wait {verdict.reset_in} s"
    channel, wait = getattr(message, "channel", None), verdict.reset_in
    effects.append(
        Send(error_message(ErrorCode.RATE_LIMIT_EXCEEDED, text, at, channel=channel, ref=message.ref, retry_after=wait))
    )
    if verdict.abuse:
        effects.append(Close(CloseCode.RATE_ABUSE, "too many messages past the limit"))
    return Decision(f"rate.{rate_class}", effects, (RateLimited(rate_class),))


def login_answer(
    identity: Identity, session_id: str, bounds: SessionLimits, rates: RateLimits, ref: str | None
) -> AuthSuccess:
    """Tell that the token is good, and what holds for its user."""
    payload = AuthSuccessPayload(
        user_id=identity.user_id,
        session_id=session_id,
        permissions=identity.permissions,
        expires_at=identity.expires_at,
        heartbeat_interval=bounds.heartbeat_interval,
        limits=rates,
        durability=bounds.durability,
    )
    return AuthSuccess(payload=payload, ref=ref)
