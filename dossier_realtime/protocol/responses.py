"""Server to client: answers, and messages to one connection alone, in the contract's own order.

Fields beyond the contract's are additive: left out of the frame where they have their default
(docs/protocol.md#additional-fields).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .commands import Attributes, OperationId
from .documents.field_locks import HeldLock, LockState
from .errors import ErrorCode
from .fields import (
    Activity,
    ChannelField,
    Count,
    Durability,
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
    """Limits of messages by class in a window of `window` seconds; `bytes` limits the bytes of frames."""

    general: Count
    edit: Count
    cursor: Count
    ping: Count
    window: Count
    bytes: Count | None = None


class AuthSuccessPayload(NullIsAbsent, Struct):
    """The session. `expires_at` is in Unix seconds, `heartbeat_interval` in seconds.

    `durability` tells what has happened to a change before its `ack`: it is in the memory of the store, synced to its
    disk, or at replicas too. The contract prints the first three fields; another server may send only those.
    """

    user_id: Id
    session_id: Id
    permissions: list[str]
    expires_at: Timestamp | None = None
    heartbeat_interval: OrNull[Count] = 30
    limits: RateLimits | None = None
    text_unit: OrNull[Literal["utf-16"]] = "utf-16"
    durability: Durability | None = None


class AuthSuccess(Struct, tag_field="type", tag="auth_success", omit_defaults=True, kw_only=True):
    """The acceptance of the token; the connection may send other messages."""

    payload: AuthSuccessPayload
    ref: Ref | None = None


class Pong(Struct, tag_field="type", tag="pong", omit_defaults=True, kw_only=True):
    """The answer to `ping`, with the server's time."""

    timestamp: Timestamp
    ref: Ref | None = None


class TokenExpiringPayload(Struct):
    """The seconds until the token expires."""

    expires_in: Count


class TokenExpiring(Struct, tag_field="type", tag="token_expiring", omit_defaults=True, kw_only=True):
    """The request to send a second `auth` within `expires_in` seconds."""

    payload: TokenExpiringPayload


# --- Channel subscriptions ----------------------------------------------------------------------------------


class PresentUser(NullIsAbsent, Struct, kw_only=True):
    """A user on a channel."""

    user_id: Id
    name: Line
    role: str
    avatar: str | None = None
    status: OrNull[Status] = "online"
    activity: OrNull[Activity] = "viewing"
    field: FieldName | None = None


class Roster(NullIsAbsent, Struct, omit_defaults=True, kw_only=True):
    """The users on a channel. `count` is exact also where the list is cut (`truncated`). `locks`: fields they hold."""

    count: Count
    users: list[PresentUser]
    truncated: OrNull[bool] = False
    locks: OrNull[list[HeldLock]] = []


CursorColor = Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")]


class RestingCursor(Struct, omit_defaults=True, kw_only=True):
    """Another user's cursor on a document, in UTF-16 code units of the text at `version`, or of the text beside it."""

    user_id: Id
    position: Count
    selection_length: Count
    cursor_id: Id
    name: Line
    color: CursorColor
    version: Count | None = None


class DocumentState(NullIsAbsent, Struct, omit_defaults=True):
    """A document as a subscriber receives it.

    `format` lists runs of attributes over UTF-16 code units. `epoch` names the history of its versions; a client sends
    it in `params.since` with the version. `frozen`: it takes no edits now, and with
    `read_only_until` (Unix time) until then. `cursors`: those of other users.
    """

    version: Count
    content: str
    format: list[FormatRun]
    epoch: OrNull[str] = ""
    frozen: OrNull[bool] = False
    cursors: OrNull[list[RestingCursor]] = []
    read_only_until: Timestamp | None = None


class FormatRun(Struct):
    """A range of text with the same attributes, in UTF-16 code units."""

    position: Count
    length: Count
    attributes: Attributes


class Subscribed(Struct, tag_field="type", tag="subscribed", omit_defaults=True, kw_only=True):
    """The start of a subscription; `position` is set where the channel keeps history."""

    channel: ChannelField
    presence: Roster | None = None
    position: Position | None = None
    recovered: bool | None = None
    document: DocumentState | None = None
    ref: Ref | None = None


class Unsubscribed(Struct, tag_field="type", tag="unsubscribed", omit_defaults=True, kw_only=True):
    """The end of a subscription; no message of this channel follows."""

    channel: ChannelField
    ref: Ref | None = None


class SettingsPayload(Struct, omit_defaults=True):
    """The settings of a channel. `read_only_until`: the Unix time at which it is frozen no more."""

    classification: Level
    presence: bool
    history: bool
    frozen: bool
    read_only_until: Timestamp | None = None


class ChannelSettingsReply(Struct, tag_field="type", tag="channel_settings", omit_defaults=True, kw_only=True):
    """A channel's whole settings: the answer to reading or changing them."""

    channel: ChannelField
    payload: SettingsPayload
    ref: Ref | None = None


BriefEnd = Literal["complete", "failed", "cancelled"]


class Ack(Struct, tag_field="type", tag="ack", omit_defaults=True, kw_only=True):
    """The acceptance of a durable send; `offset` and `epoch` are set for an event in the channel's history.

    `ended`: the end of the brief that was to be cancelled, now or before. `request_id`: of the brief that was asked
    for.
    """

    ref: Ref
    channel: ChannelField | None = None
    offset: Count | None = None
    epoch: str | None = None
    ended: BriefEnd | None = None
    request_id: Id | None = None


class OperationAckPayload(Struct, omit_defaults=True, kw_only=True):
    """The version of the committed edit."""

    version: Count
    op_id: OperationId | None = None


class OperationAck(Struct, tag_field="type", tag="operation_ack", omit_defaults=True, kw_only=True):
    """The acceptance of the sender's edit, which is durable as `version`."""

    channel: ChannelField
    payload: OperationAckPayload
    ref: Ref | None = None


# --- Errors, rates, states ----------------------------------------------------------------------------------


class ErrorPayload(Struct):
    """The present version of a document."""

    version: Count


class ErrorMessage(Struct, tag_field="type", tag="error", omit_defaults=True, kw_only=True):
    """A refusal; `message` gives the reason and the remedy. `retry_after`: seconds, where waiting helps."""

    error_code: ErrorCode
    message: str
    timestamp: Timestamp
    channel: str | None = None
    ref: str | None = None
    payload: ErrorPayload | None = None
    retry_after: Count | None = None


RateClass = Literal["general", "edit", "cursor", "ping", "bytes"]


class RateLimitWarningPayload(NullIsAbsent, Struct, rename={"rate_class": "class"}, kw_only=True):
    """The use of a limit: `current_rate` and `limit` in messages a minute, `reset_in` in seconds."""

    current_rate: Count
    limit: Count
    reset_in: Count
    rate_class: OrNull[RateClass] = "general"


class RateLimitWarning(Struct, tag_field="type", tag="rate_limit_warning", omit_defaults=True, kw_only=True):
    """The warning that 95 % of the window is used."""

    payload: RateLimitWarningPayload


class RateLimitExceededPayload(NullIsAbsent, Struct, rename={"rate_class": "class"}, kw_only=True):
    """The exceeded limit; `retry_after` is in seconds."""

    retry_after: Count
    limit: Count
    rate_class: OrNull[RateClass] = "general"


class RateLimitExceeded(Struct, tag_field="type", tag="rate_limit_exceeded", omit_defaults=True, kw_only=True):
    """The end of the window's limit; further messages of this class are refused in it."""

    payload: RateLimitExceededPayload


class ConnectionStateMessage(Struct, tag_field="type", tag="connection_state", omit_defaults=True, kw_only=True):
    """The state of the connection: `authenticated` after a login; `reconnecting`: connect again in `retry_after` s."""

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
    | LockState
    | Ack
    | OperationAck
    | ErrorMessage
    | RateLimitWarning
    | RateLimitExceeded
    | ConnectionStateMessage
)
"""Every message of a server to one connection alone; `LockState` goes to others, too."""
