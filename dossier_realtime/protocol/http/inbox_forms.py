"""Bodies of the answers about what waits for a person: inboxes and tasks. Times are Unix seconds."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ..fields import Actor, ChannelField, Count, Id, Priority, TaskStatus, Text


class InboxRow(Struct, omit_defaults=True, kw_only=True):
    """An entry of an inbox: an event as its user received it. `received`, `snoozed_until`: Unix seconds.

    With `ids` it stands for the entries of low priority that came in one hour: `received` is the begin of that hour,
    `offset` the place of the last one, `read` true where all were read, and `event` is absent.
    """

    id: str
    offset: Count
    received: Count
    read: bool
    event: dict[str, Any] | None = None
    snoozed_until: Count | None = None
    ids: list[str] | None = None


class InboxPage(Struct, omit_defaults=True):
    """A page of an inbox, oldest first. `next`: ask again with it as `after`; absent on the last page."""

    entries: list[InboxRow]
    unread: Count
    next: Count | None = None


class InboxMarked(Struct, omit_defaults=True):
    """The number of entries that are unread now. `offset`: of the `inbox_state` that says so; absent if none did."""

    unread: Count
    offset: Count | None = None


class TaskRow(Struct, omit_defaults=True, kw_only=True):
    """A task, as one channel speaks of it. Fields that this channel did not say are absent. `changed`: Unix seconds.

    `workspace`: the channel that the state of an assignment comes from, where the reader may read it.
    """

    task_id: Id
    channel: ChannelField
    changed: Count
    status: TaskStatus | None = None
    assigned_to: Id | None = None
    updated_by: Id | None = None
    title: Text | None = None
    assigned_by: Actor | None = None
    due_date: str | None = None
    priority: Priority | None = None
    workspace: ChannelField | None = None


class TaskRows(Struct, omit_defaults=True):
    """A page of tasks: open ones first, then by date. `next`: ask again with it as `after`; absent on the last page."""

    tasks: list[TaskRow]
    next: str | None = None
