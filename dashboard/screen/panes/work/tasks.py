"""The page of tasks: who does what until when, those that are overdue first."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

from dashboard.screen.blocks import Block, Cell, Tone, badge, moment, row, table
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState
from dashboard.state.tasks import TaskView
from dossier_realtime.protocol.domain.day_words import days_left
from dossier_realtime.protocol.fields import Localized, Text

_SOON_DAYS = 3
_TONES: dict[str, Tone] = {"pending": "warn", "in_progress": "info", "completed": "good", "cancelled": "muted"}
_PRIORITIES: dict[str, Tone] = {"urgent": "bad", "high": "warn", "medium": "info", "low": "muted"}
_SETTLED = ("completed", "cancelled")
_UNTOLD = "untold"


def tasks(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the tasks by state, and all of them: open ones by their dates, then those that ended last."""
    say, today = viewer.say, datetime.fromtimestamp(at, UTC).date()
    known = state.tasks.visible(lambda channel: viewer.sees(state, channel))
    known.sort(key=_rank)
    counts = Counter(view.task.status or _UNTOLD for view in known)
    overdue = sum(_is_overdue(view, today) for view in known)
    figures = [{"label": say("figure.overdue"), "value": overdue}]
    figures += [{"label": say(f"figure.task_{name}"), "value": counts[name]} for name in (*_TONES, _UNTOLD)]
    return [
        *viewer.note(),
        *viewer.unfollowed(state),
        {"id": "figures", "kind": "figures", "items": figures},
        table(
            "tasks",
            say("table.tasks"),
            viewer.columns(
                "task", "title", "status", "user", "due", "days", "priority", "channel", "assigned_by", "person", "last"
            ),
            Rows(known, lambda view: row(view.key, _cells(view, viewer, today))),
            viewer.nothing("empty.tasks"),
            wide=True,
            kept=viewer.kept(state.tasks.rows),
        ),
        *viewer.heard(state, "tasks"),
    ]


def _cells(view: TaskView, viewer: Viewer, today: date) -> list[Cell]:
    task = view.task
    status = task.status or _UNTOLD
    return [
        task.task_id,
        text_of(task.title, viewer),
        badge(viewer.word("task", status), _TONES.get(status, "muted")),
        task.assigned_to,
        task.due_date,
        _days(view, viewer, today),
        None if task.priority is None else badge(viewer.word("priority", task.priority), _PRIORITIES[task.priority]),
        view.rows[0].channel,
        None if task.assigned_by is None else task.assigned_by.name,
        task.updated_by,
        moment(max(one.changed for one in view.rows)),
    ]


def _days(view: TaskView, viewer: Viewer, today: date) -> Cell:
    """Return how many days are left, or over, in words; nothing for what is settled or has no date."""
    due = _due(view)
    if due is None or view.task.status in _SETTLED:
        return None
    left = (due - today).days
    words = days_left(left)
    tone: Tone = "bad" if left < 0 else "warn" if left <= _SOON_DAYS else "info"
    return badge(viewer.text(words.en, words.ar), tone)


def _due(view: TaskView) -> date | None:
    try:
        return None if view.task.due_date is None else date.fromisoformat(view.task.due_date)
    except ValueError:
        return None


def _is_overdue(view: TaskView, today: date) -> bool:
    due = _due(view)
    return due is not None and due < today and view.task.status not in _SETTLED


def _rank(view: TaskView) -> tuple[bool, float, str, str]:
    task = view.task
    settled = task.status in _SETTLED
    return settled, -task.changed if settled else 0, task.due_date or "9999", task.task_id


def text_of(text: Text | None, viewer: Viewer) -> str | None:
    """Return a text that people wrote, in the viewer's language where it has both."""
    if isinstance(text, Localized):
        return viewer.text(text.en, text.ar)
    return text
