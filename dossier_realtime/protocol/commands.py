"""Client to server: one Struct a message.

Unknown top-level fields are ignored; inside `payload` and `params` they are refused. Where a field may be
absent, `null` means the same, except for formatting and the `field` of presence, where it removes.

The events that a client may publish are not repeated here: `inbound` derives their inbound form from `events`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from .documents.field_locks import LockField, UnlockField
from .fields import (
    ABSENT,
    MAX_DOCUMENT,
    MAX_OPERATIONS,
    Activity,
    Alternative,
    ChannelField,
    Content,
    Count,
    FieldName,
    Highlight,
    Id,
    IdempotencyKey,
    Integer,
    Level,
    Link,
    Name,
    NullIsAbsent,
    OrNull,
    Ref,
    Status,
    Timestamp,
)


class Strict(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of Structs inside `payload` and `params`, in which an unknown field is an error."""


class Auth(Struct, tag_field="type", tag="auth", omit_defaults=True, kw_only=True):
    """The first message of a connection; later the renewal of its token."""

    payload: AuthPayload
    ref: Ref | None = None


class AuthPayload(Strict, frozen=True):
    """The token. `session_id` asks to resume a session that ended less than 15 min ago."""

    token: str
    session_id: Id | None = None


class Ping(Struct, tag_field="type", tag="ping", omit_defaults=True, kw_only=True):
    """The client's heartbeat, every 30 s. The time is the client's own and means nothing to the server."""

    timestamp: Integer | None = None
    ref: Ref | None = None


class Since(Strict, frozen=True):
    """The client's last position.

    It is `{epoch?, offset}` on a channel with history (without `epoch`: in the present one), and `{version, epoch?}` on
    a document.
    """

    epoch: str | None = None
    offset: Integer | None = None
    version: Integer | None = None

    def __post_init__(self) -> None:
        if self.offset is None and self.version is None:
            raise ValueError("A place needs an offset, or on a document a version")


class SubscribeParams(NullIsAbsent, Strict, frozen=True):
    """The parameters of a subscription.

    `include_presence`: the snapshot and then changes. `hidden`: take no part in presence (needs admin). `since`: the
    events missed after this position come first. `last`: so many of the latest events come first; not with `since`.
    """

    include_presence: OrNull[bool] = False
    hidden: OrNull[bool] = False
    since: Since | None = None
    last: Annotated[int, Meta(ge=1, le=100)] | None = None


class Subscribe(NullIsAbsent, Struct, tag_field="type", tag="subscribe", omit_defaults=True, kw_only=True):
    """Subscribe to a channel from now on, or from `params.since` on."""

    channel: ChannelField
    params: OrNull[SubscribeParams] = SubscribeParams()
    ref: Ref | None = None


class Unsubscribe(Struct, tag_field="type", tag="unsubscribe", omit_defaults=True, kw_only=True):
    """End the subscription to a channel."""

    channel: ChannelField
    ref: Ref | None = None


class PresenceChange(NullIsAbsent, Strict, frozen=True):
    """A user's own presence; a field left out is unchanged. `field: null` means "in no field".

    `user_id` may be given, as the contract prints it, but only the sender's own.
    """

    status: OrNull[Status | UnsetType] = UNSET
    activity: OrNull[Activity | UnsetType] = UNSET
    field: FieldName | UnsetType | None = UNSET
    user_id: Id | None = None


class UpdatePresence(Struct, tag_field="type", tag="presence_update", omit_defaults=True, kw_only=True):
    """The user's activity on a channel that this connection subscribes to."""

    channel: ChannelField
    payload: PresenceChange
    ref: Ref | None = None


class SettingsChange(NullIsAbsent, Strict, frozen=True):
    """A change of settings; a field left out is unchanged, an empty payload only reads.

    `read_only_until`: freezes a document until that Unix time; `frozen` ends or replaces it.
    """

    classification: OrNull[Level | UnsetType] = UNSET
    presence: OrNull[bool | UnsetType] = UNSET
    history: OrNull[bool | UnsetType] = UNSET
    frozen: OrNull[bool | UnsetType] = UNSET
    read_only_until: OrNull[Timestamp | UnsetType] = UNSET


class ChangeSettings(NullIsAbsent, Struct, tag_field="type", tag="channel_settings", omit_defaults=True, kw_only=True):
    """Read or change a channel's settings; needs `admin` on it."""

    channel: ChannelField
    payload: OrNull[SettingsChange] = SettingsChange()
    ref: Ref | None = None


class Attributes(Strict, frozen=True):
    """Attributes of formatting; `null` removes one, a field left out is unchanged.

    `heading` and `list` exclude each other. `alternative` names the bracketed alternative that the text belongs to.
    """

    bold: bool | UnsetType | None = UNSET
    italic: bool | UnsetType | None = UNSET
    underline: bool | UnsetType | None = UNSET
    strike: bool | UnsetType | None = UNSET
    heading: Annotated[int, Meta(ge=1, le=3)] | UnsetType | None = UNSET
    list: Literal["bullet", "ordered"] | UnsetType | None = UNSET
    link: Link | UnsetType | None = UNSET
    highlight: Highlight | UnsetType | None = UNSET
    alternative: Alternative | UnsetType | None = UNSET


UnitOffset = Annotated[int, Meta(ge=0, le=MAX_DOCUMENT)]
UnitLength = Annotated[int, Meta(ge=1, le=MAX_DOCUMENT)]
OperationId = Annotated[str, Meta(min_length=1, max_length=64)]
EpochName = Annotated[str, Meta(max_length=64)]


class FlatOperation(Strict, frozen=True):
    """One operation of a batch, on the text after those before it.

    `position` and `length` are in UTF-16 code units. `attributes` of an insert are those of the inserted text.
    """

    operation_type: Literal["insert", "delete", "format"]
    position: UnitOffset
    content: Content | None = None
    length: UnitLength | None = None
    attributes: Attributes | None = None


Operations = Annotated[tuple[FlatOperation, ...], Meta(min_length=1, max_length=MAX_OPERATIONS)]


class EditPayload(NullIsAbsent, Strict, frozen=True):
    """One edit: a single operation, or a batch of `operations` that becomes one version.

    `position` and `length` are in UTF-16 code units; `version` is the one that it was made against. `epoch` names the
    history that has this version (`document.epoch`); without it, that is the present one. A batch has no `position` of
    its own.
    """

    operation_type: Literal["insert", "delete", "format", "batch"]
    position: OrNull[UnitOffset] = ABSENT
    version: Count = ABSENT
    content: Content | None = None
    length: UnitLength | None = None
    attributes: Attributes | None = None
    op_id: OperationId | None = None
    epoch: EpochName | None = None
    user_id: Id | None = None
    user_name: str | None = None
    operations: Operations | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.version == ABSENT:
            raise ValueError("Object missing required field `version`")
        if self.position == ABSENT and self.operation_type != "batch":
            raise ValueError("Object missing required field `position`")


class EditOperation(Struct, tag_field="type", tag="edit_operation", omit_defaults=True, kw_only=True):
    """An edit of a document."""

    channel: ChannelField
    payload: EditPayload
    ref: Ref | None = None


class CursorPayload(NullIsAbsent, Strict, frozen=True):
    """A cursor or selection; `position` and `selection_length` are in UTF-16 code units."""

    position: UnitOffset
    selection_length: OrNull[UnitOffset] = 0
    version: Count | None = None
    user_id: Id | None = None


class MoveCursor(Struct, tag_field="type", tag="cursor_position", omit_defaults=True, kw_only=True):
    """The position of the user's cursor; only the latest counts."""

    channel: ChannelField
    payload: CursorPayload
    ref: Ref | None = None


class AlertAckPayload(Strict, frozen=True):
    """The commitment whose alert is acknowledged, and why. `reason` is kept with a registered commitment."""

    commitment_id: Id
    reason: Annotated[str, Meta(max_length=500)] | None = None


class AcknowledgeAlert(Struct, tag_field="type", tag="alert_ack", omit_defaults=True, kw_only=True):
    """Acknowledge an alert; answered by `ack`, or by `alert_state` if it was acknowledged before."""

    payload: AlertAckPayload
    ref: Ref | None = None


class BriefRequestPayload(Strict, frozen=True):
    """The brief to write: its type, its subject and its language.

    `entity_type`: of the subject, where the brief's own type does not name it. `generator`: the one to write it.
    """

    type: Name
    entity_id: Id
    language: Literal["en", "ar"]
    entity_type: Name | None = None
    generator: Name | None = None


class RequestBrief(Struct, tag_field="type", tag="brief_request", omit_defaults=True, kw_only=True):
    """Request a brief; answered by `ack` with its `request_id`. Its progress goes to every connection of the user.

    The same `idempotency_key` within 24 h has one effect, and gets the same answer.
    """

    payload: BriefRequestPayload
    ref: Ref | None = None
    idempotency_key: IdempotencyKey | None = None


class BriefCancelPayload(Strict, frozen=True):
    """The request to cancel."""

    request_id: Id


class CancelBrief(Struct, tag_field="type", tag="brief_cancel", omit_defaults=True, kw_only=True):
    """Cancel a brief of the sender; answered by `ack` with its end in `ended`."""

    payload: BriefCancelPayload
    ref: Ref | None = None


EntryId = Annotated[str, Meta(min_length=1, max_length=128)]


class NotificationAckPayload(Strict, frozen=True):
    """The entries that were read: by their ids, or all up to an offset of the user's channel. One of the two."""

    ids: Annotated[list[EntryId], Meta(min_length=1, max_length=100)] | None = None
    up_to: Count | None = None


class AcknowledgeNotifications(Struct, tag_field="type", tag="notification_ack", omit_defaults=True, kw_only=True):
    """Mark entries of the user's inbox as read; answered by `ack`, and told to every connection of the user."""

    payload: NotificationAckPayload
    ref: Ref | None = None


class NotificationSnoozePayload(Strict, frozen=True):
    """The entry, and the Unix time at which it is unread again."""

    id: EntryId
    until: Timestamp


class SnoozeNotification(Struct, tag_field="type", tag="notification_snooze", omit_defaults=True, kw_only=True):
    """Let an entry of the user's inbox wait; answered by `ack`, and told to every connection of the user."""

    payload: NotificationSnoozePayload
    ref: Ref | None = None


DomainMessage = AcknowledgeAlert | RequestBrief | CancelBrief | AcknowledgeNotifications | SnoozeNotification
"""The commands of the domain. A new one is added here and in the table of `app/node/effects/runner.py`."""

Command = (
    Auth
    | Ping
    | Subscribe
    | Unsubscribe
    | UpdatePresence
    | ChangeSettings
    | EditOperation
    | MoveCursor
    | LockField
    | UnlockField
    | DomainMessage
)
"""Every message of a client, except the events that it publishes."""
