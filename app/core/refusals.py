"""The `error` message, made in one place so that refusals of one kind are equal byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.protocol.answers import Error, ErrorPayload
from dossier_realtime.protocol.errors import ErrorCode

from .rights import NO_SUBSCRIPTION

if TYPE_CHECKING:
    from .instant import Instant


def refusal(
    code: ErrorCode,
    message: str,
    at: Instant,
    *,
    channel: str | None = None,
    ref: str | None = None,
    version: int | None = None,
    retry_after: int | None = None,
) -> Error:
    """An `error` for the connection that asked."""
    return Error(
        error_code=code,
        message=message,
        timestamp=at.timestamp,
        channel=channel,
        ref=ref,
        payload=None if version is None else ErrorPayload(version),
        retry_after=retry_after,
    )


def no_subscription(channel: str, ref: str | None, at: Instant) -> Error:
    """Return the `error` of a channel that may not be received, whatever the reason."""
    return refusal(ErrorCode.SUBSCRIPTION_FAILED, NO_SUBSCRIPTION, at, channel=channel, ref=ref)
