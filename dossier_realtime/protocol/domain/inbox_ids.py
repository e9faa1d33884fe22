"""The ids of entries in a user's inbox (docs/protocol.md#inbox). Pure."""

from __future__ import annotations

from ..events import BriefComplete, BriefFailed, CommitmentAlert, Event, Notification, TaskAssigned

InboxEvent = Notification | TaskAssigned | CommitmentAlert | BriefComplete | BriefFailed
"""The events on `user:{id}` that need a person's attention."""


def entry_id(event: Event) -> str | None:
    """Return the id of the entry that an event makes in an inbox; None where it makes none.

    A notification has its own id. The others have the id of their subject behind a word, so that no two kinds share
    one: `task.{task_id}`, `alert.{commitment_id}.{level}`, `brief.{request_id}`. An alert of a commitment whose clock
    began anew has the number of times at its end: `alert.{commitment_id}.{level}-{restarts}`.
    """
    match event:
        case Notification():
            return event.payload.id
        case TaskAssigned():
            return f"task.{event.payload.task_id}"
        case CommitmentAlert():
            said = event.payload
            again = "" if said.restarts is None else f"-{said.restarts}"
            return f"alert.{said.commitment_id}.{said.alert_level}{again}"
        case BriefComplete() | BriefFailed():
            return f"brief.{event.request_id}"
        case _:
            return None
