"""Server to client: what happens on channels, in the contract's own order: one Struct a message.

Fields beyond the contract's are additive: left out where they have their default (docs/protocol.md#additional-fields).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from .commands import Attributes, FlatOperation, OperationId, UnitLength, UnitOffset
from .documents.comments import DocumentComment
from .documents.document_events import CursorGone, DocumentStateEvent
from .domain.inbox import InboxState
from .fields import (
    ABSENT,
    Activity,
    ChannelField,
    Count,
    Date,
    DeletedPlace,
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
from .responses import CursorColor, Response

# --- 1. Dossier updates -------------------------------------------------------------------------------------


class DossierUpdatePayload(Struct, kw_only=True):
    """The changed entity and its changed fields."""

    entity_type: Name
    entity_id: Id
    operation: Literal["create", "update", "delete"]
    fields_changed: Annotated[list[FieldName], Meta(max_length=200)]
    updated_by: StampedActor
    timestamp: StampedTime


class DossierUpdate(Struct, tag_field="type", tag="dossier_update", omit_defaults=True, kw_only=True):
    """A change of a dossier."""

    channel: ChannelField
    payload: DossierUpdatePayload
    offset: Count | None = None


# --- 2. Collaborative editing -------------------------------------------------------------------------------


class RemoteOperationPayload(NullIsAbsent, Struct, omit_defaults=True, kw_only=True):
    """One committed operation, or one batch of `operations`, on the text of `version - 1`.

    Positions are in UTF-16 code units. A batch has no `position` of its own; each of its operations is on the text
    after those before it. `within`: an insert was made inside of text that was deleted meanwhile. `timestamp`: when it
    was committed; absent in versions that an older service stored.
    """

    user_id: Id
    user_name: Line
    operation_type: Literal["insert", "delete", "format", "batch"]
    position: OrNull[UnitOffset] = ABSENT
    version: Count
    content: str | None = None
    length: UnitLength | None = None
    attributes: Attributes | None = None
    op_id: OperationId | None = None
    timestamp: Timestamp | None = None
    operations: Annotated[tuple[FlatOperation, ...], Meta(min_length=1)] | None = None
    within: DeletedPlace | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.operation_type == "batch":
            if self.operations is None:
                raise ValueError("Object missing required field `operations`")
        elif self.position == ABSENT:
            raise ValueError("Object missing required field `position`")


class RemoteOperation(Struct, tag_field="type", tag="remote_operation", omit_defaults=True, kw_only=True):
    """A user's committed edit of a document."""

    channel: ChannelField
    payload: RemoteOperationPayload


class CursorPositionPayload(Struct, omit_defaults=True, kw_only=True):
    """A user's cursor or selection, in UTF-16 code units of the text at `version`; `cursor_id`: one of several."""

    user_id: Id
    position: UnitOffset
    selection_length: UnitOffset
    cursor_id: Id | None = None
    name: Line | None = None
    color: CursorColor | None = None
    version: Count | None = None


class CursorPosition(Struct, tag_field="type", tag="cursor_position", omit_defaults=True, kw_only=True):
    """The position of a user's cursor. Never stored; the latest replaces the one before."""

    channel: ChannelField
    payload: CursorPositionPayload


# --- 3. Presence --------------------------------------------------------------------------------------------


class PresenceJoinPayload(NullIsAbsent, Struct, kw_only=True):
    """The user who joined."""

    user_id: Id
    name: Line
    role: OrNull[str] = ""
    avatar: str | None
    status: Status
    activity: Activity


class PresenceJoin(Struct, tag_field="type", tag="presence_join", omit_defaults=True, kw_only=True):
    """A user's first connection on a channel."""

    channel: ChannelField
    payload: PresenceJoinPayload


class PresenceLeavePayload(Struct):
    """The user who left."""

    user_id: Id


class PresenceLeave(Struct, tag_field="type", tag="presence_leave", omit_defaults=True, kw_only=True):
    """The end of a user's last connection on a channel."""

    channel: ChannelField
    payload: PresenceLeavePayload


class PresenceUpdatePayload(NullIsAbsent, Struct, kw_only=True):
    """The user's present activity.

    `status` left out is unchanged; this server always sends it. `name`, `role` and `avatar` are sent only where a newer
    token of the user changes them.
    """

    user_id: Id
    status: OrNull[Status | UnsetType] = UNSET
    activity: Activity
    field: FieldName | None
    name: OrNull[Line | UnsetType] = UNSET
    role: OrNull[str | UnsetType] = UNSET
    avatar: str | UnsetType | None = UNSET


class PresenceUpdate(Struct, tag_field="type", tag="presence_update", omit_defaults=True, kw_only=True):
    """A change of a user's activity."""

    channel: ChannelField
    payload: PresenceUpdatePayload


# --- 4. Notifications ---------------------------------------------------------------------------------------


class Action(Struct):
    """A link that a notification offers."""

    label: Text
    url: Link


class NotificationPayload(NullIsAbsent, Struct, kw_only=True):
    """The text of a notification, its subject and its links."""

    id: Id
    title: Localized
    message: Localized
    entity_type: Name | None = None
    entity_id: Id | None = None
    action_required: OrNull[bool] = False
    actions: OrNull[Annotated[list[Action], Meta(max_length=10)]] = []


class Notification(Struct, tag_field="type", tag="notification", omit_defaults=True, kw_only=True):
    """A notification for a person, in both languages."""

    priority: Priority
    payload: NotificationPayload
    channel: ChannelField | None = None
    offset: Count | None = None


# --- 5. Task updates ----------------------------------------------------------------------------------------


class TaskUpdatePayload(Struct, kw_only=True):
    """The task and its old and new status."""

    task_id: Id
    previous_status: Name
    new_status: Name
    assigned_to: Id | None = None
    updated_by: StampedUser
    timestamp: StampedTime


class TaskUpdate(Struct, tag_field="type", tag="task_update", omit_defaults=True, kw_only=True):
    """A change of a task's status."""

    channel: ChannelField
    payload: TaskUpdatePayload
    offset: Count | None = None


class TaskAssignedPayload(Struct, kw_only=True):
    """The assigned task."""

    task_id: Id
    title: Text
    assigned_by: StampedActor
    due_date: Date
    priority: Priority


class TaskAssigned(Struct, tag_field="type", tag="task_assigned", omit_defaults=True, kw_only=True):
    """The assignment of a task to the receiver."""

    channel: ChannelField
    payload: TaskAssignedPayload
    offset: Count | None = None


# --- 6. AI brief generation ---------------------------------------------------------------------------------


class BriefStartedPayload(Struct):
    """The brief and its `estimated_time` in milliseconds."""

    type: Name
    entity_id: Id
    estimated_time: Milliseconds


class BriefStarted(Struct, tag_field="type", tag="brief_generation_started", omit_defaults=True, kw_only=True):
    """The start of a brief's generation."""

    request_id: Id
    payload: BriefStartedPayload
    channel: ChannelField | None = None
    offset: Count | None = None


class BriefProgressPayload(Struct):
    """The stage of a brief and its progress in percent."""

    stage: Stage
    progress: Percentage
    message: Text


class BriefProgress(Struct, tag_field="type", tag="brief_generation_progress", omit_defaults=True, kw_only=True):
    """The progress of a brief's generation."""

    request_id: Id
    payload: BriefProgressPayload
    channel: ChannelField | None = None
    offset: Count | None = None


class BriefCompletePayload(Struct):
    """The finished brief and its `generation_time` in milliseconds."""

    brief_id: Id
    generation_time: Milliseconds
    confidence_score: Fraction


class BriefComplete(Struct, tag_field="type", tag="brief_generation_complete", omit_defaults=True, kw_only=True):
    """The success of a brief's generation; the brief can be read."""

    request_id: Id
    payload: BriefCompletePayload
    channel: ChannelField | None = None
    offset: Count | None = None


class BriefFailedPayload(Struct):
    """The error, and whether a fallback exists."""

    error: Text
    fallback_available: bool


class BriefFailed(Struct, tag_field="type", tag="brief_generation_failed", omit_defaults=True, kw_only=True):
    """The failure or cancellation of a brief's generation."""

    request_id: Id
    payload: BriefFailedPayload
    channel: ChannelField | None = None
    offset: Count | None = None


# --- 7. Commitment alerts -----------------------------------------------------------------------------------


class CommitmentAlertPayload(Struct, omit_defaults=True, kw_only=True):
    """The commitment and its level. `alert_level`: 1 first alert, 2 second, 3 escalated.

    `next_level_at`: Unix time of the next level; absent if acknowledged, last, or unknown. `restarts`: of its clock.
    """

    commitment_id: Id
    mou_id: Id
    title: Text
    days_until_deadline: Annotated[int, Meta(ge=-36_500, le=36_500)]
    responsible_department: Text
    alert_level: Annotated[int, Meta(ge=1, le=3)]
    next_level_at: Timestamp | None = None
    restarts: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class CommitmentAlert(Struct, tag_field="type", tag="commitment_alert", omit_defaults=True, kw_only=True):
    """A commitment's deadline comes near."""

    priority: Priority
    payload: CommitmentAlertPayload
    channel: ChannelField | None = None
    offset: Count | None = None


class AlertStatePayload(Struct, kw_only=True):
    """The state of a commitment's alert."""

    commitment_id: Id
    state: Literal["open", "acknowledged"]
    acknowledged_by: Id | None
    alert_level: Annotated[int, Meta(ge=1, le=3)]


class AlertState(Struct, tag_field="type", tag="alert_state", omit_defaults=True, kw_only=True):
    """The acknowledgement of an alert; a later `commitment_alert` above `alert_level` reopens it.

    Every user who was alerted gets it. With a `ref` it answers an `alert_ack` that changed nothing: the present state.
    """

    payload: AlertStatePayload
    channel: ChannelField | None = None
    offset: Count | None = None
    ref: Ref | None = None


# --- 8. Relationship health ---------------------------------------------------------------------------------

Score = Annotated[int, Meta(ge=0, le=100)]


class RelationshipHealthPayload(Struct, kw_only=True):
    """The relationship and its old and new health."""

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
    """A change of a relationship's health."""

    channel: ChannelField
    payload: RelationshipHealthPayload
    offset: Count | None = None


# --- Operators ----------------------------------------------------------------------------------------------


class OpsStatsPayload(Struct):
    """The counts of `node` in the last second by name, and rows of single things."""

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
    | CursorGone
    | DocumentStateEvent
    | DocumentComment
    | PresenceJoin
    | PresenceLeave
    | PresenceUpdate
    | AlertState
    | InboxState
    | OpsStats
)
"""Every message of a server."""
