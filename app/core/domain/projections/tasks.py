"""Tasks: the steps between their states, and what is known of each (docs/protocol.md#tasks). Pure.

Two channels speak of a task: its workspace (`task_update`: the state) and its assignee's own (`task_assigned`: title,
date, priority). A record is kept of each, so that a fact is shown to nobody who could not read its channel. The
workspace alone tells if an assignment is open: it is joined with it when it is read, by the rights of its reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec

from app.core.domain.errors import ImpossibleFactError
from app.core.domain.projections.projection import Folded
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.domain.task_rows import MAX_WORKSPACES, place_key
from dossier_realtime.protocol.events import TaskAssigned, TaskUpdate
from dossier_realtime.protocol.fields import TaskStatus
from dossier_realtime.protocol.http.inbox_forms import TaskRow

if TYPE_CHECKING:
    from app.core.domain.ownership import Claim
    from dossier_realtime.protocol.events import Event

KIND: Final = "task"
PLACES: Final = "task_place"
ALL: Final = "all"
STATUSES: Final[tuple[TaskStatus, ...]] = get_args(TaskStatus)
STEPS: Final[dict[TaskStatus, tuple[TaskStatus, ...]]] = {
    "pending": ("in_progress", "cancelled"),
    "in_progress": ("completed", "cancelled"),
    "completed": (),
    "cancelled": (),
}
_OPEN: Final = ("pending", "in_progress")
_KEPT_SECONDS: Final = 180 * 86_400.0  # after the last event about a task that is not open
_PLACED_SECONDS: Final = 400 * 86_400.0  # after the last update that names the assignee


class Tasks:
    """The projection of tasks: one record for each task and channel."""

    kind = KIND

    def key(self, channel: str, event: Event) -> str | None:
        """Return the key of the record of a task on a channel."""
        return task_key(channel, event.payload.task_id) if isinstance(event, TaskUpdate | TaskAssigned) else None

    def fold(
        self, known: bytes | None, channel: str, event: Event, at: float, claim: Claim | None = None
    ) -> Folded | None:
        """Return the record of a task after an event. Raises ImpossibleFactError for a step that tasks do not have."""
        before = None if known is None else decode(known)
        task = _after(before, channel, event, int(at))
        own = task.assigned_to
        labels = (ALL, f"channel:{channel}", *(() if own is None else (f"assignee:{own}",)))
        order = f"{'0' if is_open(task) else '1'}{task.due_date or '9999-99-99'}"
        expires = None if task.status in _OPEN else at + _KEPT_SECONDS
        return Folded(msgspec.json.encode(task), labels, order, expires=expires)


class TaskPlaces:
    """The projection of the workspaces that speak of a task which a user was given: one record a user and task id."""

    kind = PLACES

    def key(self, channel: str, event: Event) -> str | None:
        """Return the key of the record of an update that names an assignee."""
        if not isinstance(event, TaskUpdate) or event.payload.assigned_to is None:
            return None
        return place_key(event.payload.assigned_to, event.payload.task_id)

    def fold(self, known: bytes | None, channel: str, event: Event, at: float, claim: Claim | None = None) -> Folded:
        """Return the record with the channel of the update as the last one."""
        before = () if known is None else places(known)
        after = (*(place for place in before if place != channel), channel)[-MAX_WORKSPACES:]
        return Folded(msgspec.json.encode(after), expires=at + _PLACED_SECONDS)


def places(body: bytes) -> tuple[str, ...]:
    """Return the channels of a record of places, the latest last."""
    return msgspec.json.decode(body, type=tuple[str, ...])


def task_key(channel: str, task_id: str) -> str:
    """Return the key of the record of a task on a channel."""
    return f"{channel}/{task_id}"


def decode(body: bytes) -> TaskRow:
    """Return the task of a record."""
    return msgspec.json.decode(body, type=TaskRow)


def is_open(task: TaskRow) -> bool:
    """Return True for a task that may change; one of unknown state may."""
    return task.status is None or task.status in _OPEN


def _after(before: TaskRow | None, channel: str, event: Event, at: int) -> TaskRow:
    if isinstance(event, TaskAssigned):
        said = event.payload
        return TaskRow(
            task_id=said.task_id,
            channel=channel,
            changed=at,
            assigned_to=channels.identifier(channel),
            title=said.title,
            assigned_by=said.assigned_by,
            due_date=said.due_date,
            priority=said.priority,
        )
    assert isinstance(event, TaskUpdate)  # noqa: S101  `key` names no other
    update = event.payload
    status = _step(before, event)
    return TaskRow(
        task_id=update.task_id,
        channel=channel,
        changed=at,
        status=status,
        assigned_to=update.assigned_to or (None if before is None else before.assigned_to),
        updated_by=update.updated_by,
    )


def _step(before: TaskRow | None, event: TaskUpdate) -> TaskStatus:
    """Return the status after an update. Raises ImpossibleFactError."""
    old, new = _status(event, "previous_status"), _status(event, "new_status")
    if before is None or before.status is None:
        # Nothing is known of it: any state is its first; the step itself must be one.
        if old != new and new not in STEPS[old]:
            raise _impossible(event, _allowed(old), "new_status")
        return new
    if old != before.status:
        raise _impossible(event, f"the task is {before.status}: {_allowed(before.status)}", "previous_status")
    assignee = event.payload.assigned_to
    is_reassigned = old == new and old in _OPEN and assignee not in (None, before.assigned_to)
    if not is_reassigned and new not in STEPS[old]:
        raise _impossible(event, _allowed(old), "new_status")
    return new


def _status(event: TaskUpdate, name: Literal["previous_status", "new_status"]) -> TaskStatus:
    said = event.payload.previous_status if name == "previous_status" else event.payload.new_status
    for status in STATUSES:
        if status == said:
            return status
    raise _impossible(event, f"a task is {', '.join(STATUSES[:-1])} or {STATUSES[-1]}", name)


def _allowed(status: TaskStatus) -> str:
    steps = STEPS[status]
    if not steps:
        return f"a task that is {status} changes no more"
    return f"from {status} a task goes to {' or '.join(steps)}"


def _impossible(event: TaskUpdate, text: str, name: str) -> ImpossibleFactError:
    path = f"$.payload.{name}"
    return ImpossibleFactError(f"{text[0].upper()}{text[1:]}", event.payload.task_id, path)
