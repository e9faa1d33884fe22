"""The join of an assignment with the workspace that tells the state of its task (docs/protocol.md#tasks). Pure.

`task_assigned` on a user's own channel says what is to be done and until when; `task_update` on a workspace says how
far it is. Neither names the other channel: they are one task where the workspace gave a task of the same id to that
user. The service joins them for each reader, and the dashboard for each viewer, so that a state is told to those alone
who may read the workspace.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import structs

from dossier_realtime.protocol import channels

from ..http.inbox_forms import TaskRow

MAX_WORKSPACES: Final = 8
"""Workspaces that are looked at for one assignment, the latest ones."""


def place_key(assignee: str, task_id: str) -> str:
    """Return the key under which the workspaces are kept that gave a user a task of an id."""
    return f"{assignee}/{task_id}"


def is_assignment(row: TaskRow) -> bool:
    """Return whether a row is an assignment, which does not tell the state of its task."""
    return row.status is None and channels.is_in(row.channel, "user")


def joined(assignment: TaskRow, told: Iterable[TaskRow]) -> TaskRow:
    """Return an assignment with what one workspace tells of its task; as it is where none does, or more than one.

    `told` are the rows, of workspaces that its reader may read, which gave a task of that id to its user.
    """
    found = [row for row in told if row.task_id == assignment.task_id and row.status is not None]
    if len(found) != 1:
        return assignment
    (row,) = found
    return structs.replace(
        assignment,
        workspace=row.channel,
        status=row.status,
        assigned_to=row.assigned_to,
        updated_by=row.updated_by,
    )
