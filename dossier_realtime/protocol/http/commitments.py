"""Bodies of the calls about commitments, and of their answers (docs/protocol.md#commitments)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ..fields import END, Count, Date, Id, Level, NullIsAbsent, OrNull, Text, Timestamp

MouType = Annotated[str, Meta(pattern=f"^[a-z0-9-]{{1,64}}{END}")]
Group = Annotated[list[Id], Meta(max_length=100)]
Until = Timestamp
"""A time in Unix seconds, in the future."""


class CommitmentBody(NullIsAbsent, Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A commitment to register. `escalation`: the users of the levels 1, 2 and 3; each level includes those before it.

    `classification`: its level, where that is above the level of its MoU's channel.
    """

    mou_id: Id
    title: Text
    due_date: Date
    mou_type: MouType
    responsible_department: Text
    owner: Id
    escalation: Annotated[list[Group], Meta(min_length=3, max_length=3)]
    classification: OrNull[Level] = "public"


class SnoozeBody(Struct, forbid_unknown_fields=True):
    """The time until which a commitment raises nothing."""

    until: Until


class DelegateBody(Struct, forbid_unknown_fields=True):
    """The user who receives alerts in place of the caller, and until when."""

    to: Id
    until: Until


class DelegationRow(Struct):
    """A delegation: `to` receives alerts in place of `user`."""

    user: Id
    to: Id
    until: Timestamp


class CommitmentLevel(Struct):
    """One level: when it is due, and the users whom it was raised to so far."""

    level: Annotated[int, Meta(ge=1, le=3)]
    at: Timestamp
    raised_to: list[Id]


HandAct = Literal["acknowledge", "complete", "snooze", "delegate"]


class CommitmentHand(Struct, omit_defaults=True, kw_only=True):
    """A step that a user took, and why. `to`: the delegate; `until`: the end of the snoozing or the delegation."""

    at: Timestamp
    user: Id
    act: HandAct
    reason: str | None = None
    to: Id | None = None
    until: Timestamp | None = None


class CommitmentAnswer(Struct, kw_only=True, omit_defaults=True):
    """A commitment and its state. `alert_level`: the highest that was raised, 0 before the first.

    One that is not `registered` is known from alerts of a program alone: it has no type and no owner, only the level
    that stands, and the deadline that follows from the days that were named.
    """

    commitment_id: Id
    mou_id: Id
    title: Text
    due_date: Date
    responsible_department: Text
    escalation: list[list[Id]]
    classification: Level
    state: Literal["open", "acknowledged", "completed"]
    alert_level: Count
    levels: list[CommitmentLevel]
    delegations: list[DelegationRow]
    mou_type: MouType | None = None
    owner: Id | None = None
    by: Id | None = None
    next_level_at: Timestamp | None = None
    snoozed_until: Timestamp | None = None
    registered: bool = True
    hands: list[CommitmentHand] = []
    """The latest steps of people, the newest last; lists leave them out."""


class CommitmentPage(Struct, omit_defaults=True):
    """A page of commitments, open ones first, by their deadlines. `next`: ask with it as `after`; absent at the end."""

    commitments: list[CommitmentAnswer]
    next: str | None = None


class PlannedAlertRow(Struct):
    """One alert that would be raised at a time (Unix seconds)."""

    at: Timestamp
    commitment_id: Id
    mou_id: Id
    title: Text
    alert_level: Annotated[int, Meta(ge=1, le=3)]
    days_until_deadline: int
    recipients: list[Id]


class DryRunAnswer(Struct, omit_defaults=True):
    """The alerts that would be raised, in the order of their times. `next`: ask with it as `after`."""

    alerts: list[PlannedAlertRow]
    next: str | None = None


class CommitmentDeleted(Struct):
    """The id of a commitment that was removed."""

    commitment_id: Id
    deleted: bool
