"""Server to client: what answers or concerns one connection alone, in the contract's own order.

Fields beyond the contract's are additive: left out of the frame where they have nothing to say
(docs/protocol.md#additional-fields).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .commands import Attributes, OperationId
from .errors import ErrorCode
from .fields import (
    Activity,
    ChannelField,
    Count,
    FieldName,
    Id,
    Level,
    Line,
    NullIsAbsent,
    OrNull,
    Position,
    Ref,
    Status,
    Timestamp,
)

# --- Connection management ----------------------------------------------------------------------------------


class RateLimits(Struct, omit_defaults=True):
    """Messages a window (`window` seconds), by class; of `bytes` the bytes of frames."""

    general: Count
    edit: Count
    cursor: Count
    ping: Count
    window: Count
    bytes: Count | None = None


class AuthSuccessPayload(NullIsAbsent, Struct):
    """`expires_at` in Unix seconds, `heartbeat_interval` in seconds.

    The contract prints the first three; a server that knows no more sends no more.
    """

    user_id: Id
    session_id: Id
    permissions: list[str]
    expires_at: Timestamp | None = None
    heartbeat_interval: OrNull[Count] = 30
    limits: RateLimits | None = None
    text_unit: OrNull[Literal["utf-16"]] = "utf-16"


class AuthSuccess(Struct, tag_field="type", tag="auth_success", omit_defaults=True, kw_only=True):
    """The token is good; the connection may speak."""

    payload: AuthSuccessPayload
    ref: Ref | None = None


class Pong(Struct, tag_field="type", tag="pong", omit_defaults=True, kw_only=True):
    """The answer to `ping`, with the server's time."""

    timestamp: Timestamp
    ref: Ref | None = None


class TokenExpiringPayload(Struct):
    expires_in: Count


class TokenExpiring(Struct, tag_field="type", tag="token_expiring", omit_defaults=True, kw_only=True):
    """Send a second `auth` within `expires_in` seconds."""

    payload: TokenExpiringPayload


# --- Channel subscriptions ----------------------------------------------------------------------------------


class PresentUser(NullIsAbsent, Struct, kw_only=True):
    """One person on a channel."""

    user_id: Id
    name: Line
    role: str
    avatar: str | None = None
    status: OrNull[Status] = "online"
    activity: OrNull[Activity] = "viewing"
    field: FieldName | None = None


class Roster(NullIsAbsent, Struct, omit_defaults=True, kw_only=True):
    """Who is there. `count` is exact also where the list is cut (`truncated`)."""

    count: Count
    users: list[PresentUser]
    truncated: OrNull[bool] = False


class DocumentState(NullIsAbsent, Struct, omit_defaults=True):
    """A document as a subscriber receives it; `format` lists runs of attributes over UTF-16 code units. `epoch` names
    the history that its versions are of: give it in `params.since` with the version."""

    version: Count
    content: str
    format: list[FormatRun]
    epoch: OrNull[str] = ""


class FormatRun(Struct):
    position: Count
    length: Count
    attributes: Attributes


class Subscribed(Struct, tag_field="type", tag="subscribed", omit_defaults=True, kw_only=True):
    """The channel is received from here on. `position` where it keeps history."""

    channel: ChannelField
    presence: Roster | None = None
    position: Position | None = None
    recovered: bool | None = None
    document: DocumentState | None = None
    ref: Ref | None = None


class Unsubscribed(Struct, tag_field="type", tag="unsubscribed", omit_defaults=True, kw_only=True):
    """Nothing of this channel comes after this."""

    channel: ChannelField
    ref: Ref | None = None


class SettingsPayload(Struct):
    classification: Level
    presence: bool
    history: bool
    frozen: bool


class ChannelSettingsReply(Struct, tag_field="type", tag="channel_settings", omit_defaults=True, kw_only=True):
    """A channel's whole settings: the answer to reading or changing them."""

    channel: ChannelField
    payload: SettingsPayload
    ref: Ref | None = None


BriefEnd = Literal["complete", "failed", "cancelled"]


class Ack(Struct, tag_field="type", tag="ack", omit_defaults=True, kw_only=True):
    """The send is accepted and durable; `offset` and `epoch` where something was numbered in the channel's history.

    `ended`: how the brief that was to be cancelled ended, now or before.
    """

    ref: Ref
    channel: ChannelField | None = None
    offset: Count | None = None
    epoch: str | None = None
    ended: BriefEnd | None = None


class OperationAckPayload(Struct, omit_defaults=True, kw_only=True):
    version: Count
    op_id: OperationId | None = None


class OperationAck(Struct, tag_field="type", tag="operation_ack", omit_defaults=True, kw_only=True):
    """One's own edit is committed and durable as `version`."""

    channel: ChannelField
    payload: OperationAckPayload
    ref: Ref | None = None


# --- Errors, rates, states ----------------------------------------------------------------------------------


class ErrorPayload(Struct):
    version: Count


class ErrorMessage(Struct, tag_field="type", tag="error", omit_defaults=True, kw_only=True):
    """Something was refused; `message` says why and what to do. `retry_after`: seconds, where waiting helps."""

    error_code: ErrorCode
    message: str
    timestamp: Timestamp
    channel: str | None = None
    ref: str | None = None
    payload: ErrorPayload | None = None
    retry_after: Count | None = None


RateClass = Literal["general", "edit", "cursor", "ping", "bytes"]


class RateLimitWarningPayload(NullIsAbsent, Struct, rename={"rate_class": "class"}, kw_only=True):
    """`current_rate` and `limit` in messages a minute, `reset_in` in seconds."""

    current_rate: Count
    limit: Count
    reset_in: Count
    rate_class: OrNull[RateClass] = "general"


class RateLimitWarning(Struct, tag_field="type", tag="rate_limit_warning", omit_defaults=True, kw_only=True):
    """95 % of the window is used."""

    payload: RateLimitWarningPayload


class RateLimitExceededPayload(NullIsAbsent, Struct, rename={"rate_class": "class"}, kw_only=True):
    """`retry_after` in seconds."""

    retry_after: Count
    limit: Count
    rate_class: OrNull[RateClass] = "general"


class RateLimitExceeded(Struct, tag_field="type", tag="rate_limit_exceeded", omit_defaults=True, kw_only=True):
    """The window is used up; nothing more of this class is processed in it."""

    payload: RateLimitExceededPayload


class ConnectionStateMessage(Struct, tag_field="type", tag="connection_state", omit_defaults=True, kw_only=True):
    """`authenticated` after a login; `reconnecting`: the client shall come back in `retry_after` seconds."""

    state: Literal["connecting", "connected", "authenticated", "reconnecting", "disconnected", "error"]
    session_id: Id
    reconnect_count: Count
    retry_after: Annotated[float, Meta(ge=0)] | None = None


Response = (
    AuthSuccess
    | Pong
    | TokenExpiring
    | Subscribed
    | Unsubscribed
    | ChannelSettingsReply
    | Ack
    | OperationAck
    | ErrorMessage
    | RateLimitWarning
    | RateLimitExceeded
    | ConnectionStateMessage
)
"""Everything a server says to one connection alone."""
