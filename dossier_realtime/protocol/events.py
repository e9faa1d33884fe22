"""Server to client: what happens on channels, in the contract's own order: one Struct a message.

Fields beyond the contract's are additive: left out of the frame where they have nothing to say
(docs/protocol.md#additional-fields).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from .commands import Attributes, OperationId, UnitLength, UnitOffset
from .fields import (
    Activity,
    ChannelField,
    Count,
    Date,
    FieldName,
    Fraction,
    Health,
    Id,
    Line,
    Link,
    Localized,
    Milliseconds,
    Name,
    NullIsAbsent,
    OrNull,
    Percentage,
    Priority,
    Ref,
    Stage,
    StampedActor,
    StampedTime,
    StampedUser,
    Status,
    Text,
    Timestamp,
)
from .responses import Response

# --- 1. Dossier updates -------------------------------------------------------------------------------------


class DossierUpdatePayload(Struct, kw_only=True):
    entity_type: Name
    entity_id: Id
    operation: Literal["create", "update", "delete"]
    fields_changed: Annotated[list[FieldName], Meta(max_length=200)]
    updated_by: StampedActor
    timestamp: StampedTime


class DossierUpdate(Struct, tag_field="type", tag="dossier_update", omit_defaults=True, kw_only=True):
    """A dossier changed."""

    channel: ChannelField
    payload: DossierUpdatePayload
    offset: Count | None = None


# --- 2. Collaborative editing -------------------------------------------------------------------------------


class RemoteOperationPayload(Struct, omit_defaults=True, kw_only=True):
    """One committed operation, as it applies to the text of `version - 1`. Positions in UTF-16 code units."""

    user_id: Id
    user_name: Line
    operation_type: Literal["insert", "delete", "format"]
    position: UnitOffset
    version: Count
    content: str | None = None
    length: UnitLength | None = None
    attributes: Attributes | None = None
    op_id: OperationId | None = None


class RemoteOperation(Struct, tag_field="type", tag="remote_operation", omit_defaults=True, kw_only=True):
    """Somebody's edit of a document."""

    channel: ChannelField
    payload: RemoteOperationPayload


class CursorPositionPayload(Struct, kw_only=True):
    user_id: Id
    position: UnitOffset
    selection_length: UnitOffset


class CursorPosition(Struct, tag_field="type", tag="cursor_position", omit_defaults=True, kw_only=True):
    """Where somebody's cursor is. Never stored; the latest replaces the one before."""

    channel: ChannelField
    payload: CursorPositionPayload


# --- 3. Presence --------------------------------------------------------------------------------------------


class PresenceJoinPayload(NullIsAbsent, Struct, kw_only=True):
    user_id: Id
    name: Line
    role: OrNull[str] = ""
    avatar: str | None
    status: Status
    activity: Activity


class PresenceJoin(Struct, tag_field="type", tag="presence_join", omit_defaults=True, kw_only=True):
    """A user came."""

    channel: ChannelField
    payload: PresenceJoinPayload


class PresenceLeavePayload(Struct):
    user_id: Id


class PresenceLeave(Struct, tag_field="type", tag="presence_leave", omit_defaults=True, kw_only=True):
    """A user's last connection is gone."""

    channel: ChannelField
    payload: PresenceLeavePayload


class PresenceUpdatePayload(NullIsAbsent, Struct, kw_only=True):
    """`status` left out: as it was. This server always says all three. `name`, `role` and `avatar` come only where a
    newer token of the user's says something else of them."""

    user_id: Id
    status: OrNull[Status | UnsetType] = UNSET
    activity: Activity
    field: FieldName | None
    name: OrNull[Line | UnsetType] = UNSET
    role: OrNull[str | UnsetType] = UNSET
    avatar: str | UnsetType | None = UNSET


class PresenceUpdate(Struct, tag_field="type", tag="presence_update", omit_defaults=True, kw_only=True):
    """A user's activity, as it is now."""

    channel: ChannelField
    payload: PresenceUpdatePayload


# --- 4. Notifications ---------------------------------------------------------------------------------------


class Action(Struct):
    label: Text
    url: Link


class NotificationPayload(NullIsAbsent, Struct, kw_only=True):
    id: Id
    title: Localized
    message: Localized
    entity_type: Name | None = None
    entity_id: Id | None = None
    action_required: OrNull[bool] = False
    actions: OrNull[Annotated[list[Action], Meta(max_length=10)]] = []


class Notification(Struct, tag_field="type", tag="notification", omit_defaults=True, kw_only=True):
    """Something a person should read, in both languages."""

    priority: Priority
    payload: NotificationPayload
    channel: ChannelField | None = None
    offset: Count | None = None


# --- 5. Task updates ----------------------------------------------------------------------------------------


class TaskUpdatePayload(Struct, kw_only=True):
    task_id: Id
    previous_status: Name
    new_status: Name
    assigned_to: Id | None = None
    updated_by: StampedUser
    timestamp: StampedTime


class TaskUpdate(Struct, tag_field="type", tag="task_update", omit_defaults=True, kw_only=True):
    """A task's status changed."""

    channel: ChannelField
    payload: TaskUpdatePayload
    offset: Count | None = None


class TaskAssignedPayload(Struct, kw_only=True):
    task_id: Id
    title: Text
    assigned_by: StampedActor
    due_date: Date
    priority: Priority


class TaskAssigned(Struct, tag_field="type", tag="task_assigned", omit_defaults=True, kw_only=True):
    """A task is yours."""

    channel: ChannelField
    payload: TaskAssignedPayload
    offset: Count | None = None


# --- 6. AI brief generation ---------------------------------------------------------------------------------


class BriefStartedPayload(Struct):
    """`estimated_time` in milliseconds."""

    type: Name
    entity_id: Id
    estimated_time: Milliseconds


class BriefStarted(Struct, tag_field="type", tag="brief_generation_started", omit_defaults=True, kw_only=True):
    """A brief is being written."""

    request_id: Id
    payload: BriefStartedPayload
    channel: ChannelField | None = None
    offset: Count | None = None


class BriefProgressPayload(Struct):
    stage: Stage
    progress: Percentage
    message: Text


class BriefProgress(Struct, tag_field="type", tag="brief_generation_progress", omit_defaults=True, kw_only=True):
    """How far it is."""

    request_id: Id
    payload: BriefProgressPayload
    channel: ChannelField | None = None
    offset: Count | None = None


class BriefCompletePayload(Struct):
    """`generation_time` in milliseconds."""

    brief_id: Id
    generation_time: Milliseconds
    confidence_score: Fraction


class BriefComplete(Struct, tag_field="type", tag="brief_generation_complete", omit_defaults=True, kw_only=True):
    """The brief can be read."""

    request_id: Id
    payload: BriefCompletePayload
    channel: ChannelField | None = None
    offset: Count | None = None


class BriefFailedPayload(Struct):
    error: Text
    fallback_available: bool


class BriefFailed(Struct, tag_field="type", tag="brief_generation_failed", omit_defaults=True, kw_only=True):
    """There will be no brief."""

    request_id: Id
    payload: BriefFailedPayload
    channel: ChannelField | None = None
    offset: Count | None = None


# --- 7. Commitment alerts -----------------------------------------------------------------------------------


class CommitmentAlertPayload(Struct, omit_defaults=True, kw_only=True):
    """`alert_level`: 1 first alert, 2 second, 3 escalated.

    `next_level_at`: Unix time at which it climbs, if nobody takes it in hand; absent at level 3, or if not known.
    """

    commitment_id: Id
    mou_id: Id
    title: Text
    days_until_deadline: Annotated[int, Meta(ge=-36_500, le=36_500)]
    responsible_department: Text
    alert_level: Annotated[int, Meta(ge=1, le=3)]
    next_level_at: Timestamp | None = None


class CommitmentAlert(Struct, tag_field="type", tag="commitment_alert", omit_defaults=True, kw_only=True):
    """A commitment's deadline comes near."""

    priority: Priority
    payload: CommitmentAlertPayload
    channel: ChannelField | None = None
    offset: Count | None = None


class AlertStatePayload(Struct, kw_only=True):
    commitment_id: Id
    state: Literal["open", "acknowledged"]
    acknowledged_by: Id | None
    alert_level: Annotated[int, Meta(ge=1, le=3)]


class AlertState(Struct, tag_field="type", tag="alert_state", omit_defaults=True, kw_only=True):
    """An alert was taken in hand; a later `commitment_alert` above `alert_level` opens it again.

    Everybody who was alerted gets it. With a `ref` it answers an `alert_ack` that changed nothing: the state as it is.
    """

    payload: AlertStatePayload
    channel: ChannelField | None = None
    offset: Count | None = None
    ref: Ref | None = None


# --- 8. Relationship health ---------------------------------------------------------------------------------

Score = Annotated[int, Meta(ge=0, le=100)]


class RelationshipHealthPayload(Struct, kw_only=True):
    relationship_id: Id
    previous_status: Health
    new_status: Health
    score_change: Annotated[int, Meta(ge=-100, le=100)]
    current_score: Score
    trigger: Name
    recommendations: Annotated[list[Text], Meta(max_length=50)]


class RelationshipHealthChange(
    Struct, tag_field="type", tag="relationship_health_change", omit_defaults=True, kw_only=True
):
    """A relationship became better or worse."""

    channel: ChannelField
    payload: RelationshipHealthPayload
    offset: Count | None = None


# --- Operators ----------------------------------------------------------------------------------------------


class OpsStatsPayload(Struct):
    """What happened on `node` in the second before, as numbers by name."""

    node: Id
    timestamp: Timestamp
    values: dict[str, float]
    rows: list[dict[str, str | float | bool | None]]


class OpsStats(Struct, tag_field="type", tag="ops_stats", omit_defaults=True, kw_only=True):
    """The aggregate of a topic, at most one a second and node."""

    channel: ChannelField
    payload: OpsStatsPayload


Publishable = (
    DossierUpdate
    | Notification
    | TaskUpdate
    | TaskAssigned
    | BriefStarted
    | BriefProgress
    | BriefComplete
    | BriefFailed
    | CommitmentAlert
    | RelationshipHealthChange
)
"""The events that a client or publisher with `write` may send itself."""

Event = (
    Response
    | Publishable
    | RemoteOperation
    | CursorPosition
    | PresenceJoin
    | PresenceLeave
    | PresenceUpdate
    | AlertState
    | OpsStats
)
"""Everything a server says."""
