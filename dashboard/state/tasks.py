"""Tasks in the state: a row of each channel that speaks of one, from the list and from events. Pure.

A state is told by a workspace, a title by the assignee's own channel. They are joined for each viewer, from the rows of
channels that the viewer may read, as the service joins them for a reader (docs/protocol.md#tasks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from dashboard.state.bounded_dict import BoundedDict
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.domain.task_rows import MAX_WORKSPACES, is_assignment, joined, place_key
from dossier_realtime.protocol.events import TaskAssigned, TaskUpdate
from dossier_realtime.protocol.fields import TaskStatus
from dossier_realtime.protocol.http.inbox_forms import TaskRow

MAX_TASKS: Final = 2_000
_STATUSES: Final[dict[str, TaskStatus]] = {
    "pending": "pending",
    "in_progress": "in_progress",
    "completed": "completed",
    "cancelled": "cancelled",
}


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as one viewer may know it. `rows`: the channels' rows that it was made of."""

    task: TaskRow
    rows: tuple[TaskRow, ...]

    @property
    def key(self) -> str:
        """The key of the first of its rows."""
        return _key(self.rows[0])


class TaskBook:
    """The rows of tasks, and the workspaces that gave a task to a user."""

    def __init__(self) -> None:
        self.rows: BoundedDict[TaskRow] = BoundedDict(MAX_TASKS)
        self._places: BoundedDict[tuple[str, ...]] = BoundedDict(MAX_TASKS)

    def heard(self, channel: str, event: TaskUpdate | TaskAssigned, at: float) -> str:
        """Fold an event of a channel; return the key of its row."""
        said = event.payload
        known = self.rows.get(f"{channel}/{said.task_id}")
        if isinstance(event, TaskAssigned):
            row = TaskRow(
                task_id=said.task_id,
                channel=channel,
                changed=round(at),
                assigned_to=channels.identifier(channel),
                title=event.payload.title,
                assigned_by=event.payload.assigned_by,
                due_date=event.payload.due_date,
                priority=event.payload.priority,
            )
        else:
            update = event.payload
            row = TaskRow(
                task_id=said.task_id,
                channel=channel,
                changed=round(at),
                status=_STATUSES.get(update.new_status),
                assigned_to=update.assigned_to or (None if known is None else known.assigned_to),
                updated_by=update.updated_by or None,
            )
        self._put(row)
        return _key(row)

    def stands(self, row: TaskRow) -> str:
        """Put a row of the list; return its key. A workspace's words on an assignment are kept with the workspace."""
        if row.workspace is not None:
            user = channels.identifier(row.channel)
            self._place(user, row.task_id, row.workspace)
            row = structs.replace(row, workspace=None, status=None, updated_by=None, assigned_to=user)
        self._put(row)
        return _key(row)

    def visible(self, sees: Callable[[str], bool]) -> list[TaskView]:
        """Return the tasks that rows of channels tell which a viewer sees.

        An assignment whose workspace is seen is one task with it; if the workspace gave the task to another user since,
        the assignment is over.
        """
        seen = {key: row for key, row in self.rows.items() if sees(row.channel)}
        views: list[TaskView] = []
        told: set[str] = set()
        for key, row in seen.items():
            if not is_assignment(row):
                continue
            user = channels.identifier(row.channel)
            places = self._places.get(place_key(user, row.task_id)) or ()
            whole = joined(row, [seen[one] for one in (f"{place}/{row.task_id}" for place in places) if one in seen])
            if whole.workspace is None:
                views.append(TaskView(row, (row,)))
            elif whole.assigned_to == user:
                source = f"{whole.workspace}/{row.task_id}"
                told.update((key, source))
                views.append(TaskView(whole, (seen[source], row)))
        views += [TaskView(row, (row,)) for key, row in seen.items() if key not in told and not is_assignment(row)]
        return views

    def _put(self, row: TaskRow) -> None:
        self.rows.put(_key(row), row)
        if not is_assignment(row) and row.assigned_to is not None:
            self._place(row.assigned_to, row.task_id, row.channel)

    def _place(self, user: str, task_id: str, channel: str) -> None:
        key = place_key(user, task_id)
        places = (*(one for one in self._places.get(key) or () if one != channel), channel)
        self._places.put(key, places[-MAX_WORKSPACES:])


def _key(row: TaskRow) -> str:
    return f"{row.channel}/{row.task_id}"
