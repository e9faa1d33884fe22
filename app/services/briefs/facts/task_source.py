"""The tasks of the entity's workspace, as facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core.briefs.facts import EntityFact
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.protocol.plain_text import isolated, one_line

if TYPE_CHECKING:
    from app.core.briefs.facts import FactSubject
    from app.services.domain.task_list import TaskList
    from dossier_realtime.protocol.fields import Text
    from dossier_realtime.protocol.http.inbox_forms import TaskRow

_MAX_TASKS: Final = 50
_STATUSES: Final = {
    "pending": "معلّقة",
    "in_progress": "قيد التنفيذ",
    "completed": "مكتملة",
    "cancelled": "ملغاة",
}


class TaskSource:
    """The state of each task of the workspace, open ones first; with its title where the reader was assigned it."""

    def __init__(self, tasks: TaskList) -> None:
        self._tasks = tasks

    async def facts(self, subject: FactSubject) -> list[EntityFact]:
        """Return the tasks of the workspace that the brief is about, or that has the entity's id."""
        workspace, own = channels.workspace(subject.entity_id), channels.user(subject.reader.user_id)
        if not subject.shown((workspace,)):
            return []
        page = await self._tasks.page(subject.reader, channel=workspace, limit=_MAX_TASKS)
        if not page.tasks:
            return []
        assigned = await self._tasks.page(subject.reader, channel=own, limit=_MAX_TASKS)
        titles = {row.task_id: row for row in assigned.tasks if row.title is not None}
        return [_fact(row, titles.get(row.task_id), workspace, own) for row in page.tasks]


def _fact(task: TaskRow, assigned: TaskRow | None, workspace: str, own: str) -> EntityFact:
    status = task.status or "pending"
    english, arabic = f"Task {task.task_id}", f"المهمة {isolated(task.task_id)}"
    if assigned is not None and assigned.title is not None:
        english += f" ({_said(assigned.title, 'en')})"
        arabic += f" ({_said(assigned.title, 'ar')})"
    english += f" is {status}"
    arabic += f" {_STATUSES.get(status, status)}"
    if task.assigned_to is not None:
        english += f", assigned to {isolated(task.assigned_to)}"
        arabic += f"، مسندة إلى {isolated(task.assigned_to)}"
    if assigned is not None and assigned.due_date is not None:
        english += f", due {assigned.due_date}"
        arabic += f"، موعدها {isolated(assigned.due_date)}"
    sources = (workspace,) if assigned is None else (workspace, own)
    return EntityFact("tasks", sources, Localized(english, arabic), float(task.changed))


def _said(text: Text, language: str) -> str:
    return isolated(one_line(text if isinstance(text, str) else text.ar if language == "ar" else text.en))
