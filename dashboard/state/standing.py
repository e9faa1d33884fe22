"""The lists of what stands, folded into the state: a dashboard that starts anew, or was away, knows all. Pure.

Source: docs/protocol.md#lists-of-what-stands. A fact that was heard since a list was asked for is newer than its row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Struct

from dashboard.state.bounded_dict import BoundedDict
from dashboard.state.facts import MAX_SCORES, AlertView, BriefView, LimitView, NodeView, RelationshipView
from dashboard.state.tasks import TaskBook
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Fact
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.protocol.http.commitments import CommitmentAnswer
from dossier_realtime.protocol.http.forms import BriefRowAnswer
from dossier_realtime.protocol.http.inbox_forms import TaskRow
from dossier_realtime.protocol.http.operator_lists import NodeRow, StandingLimitRow
from dossier_realtime.recording.commitments.ladder import priority
from dossier_realtime.recording.ops.ops_rows import AlertRow, BriefRow, TextField

R = TypeVar("R", bound=Struct)
_BRIEF_STATES = {"queued": "started", "running": "progress"}


@dataclass(frozen=True, slots=True)
class ReadList:
    """One list as the service answered. `whole`: it was read to its end; `since`: the state's revision before that."""

    name: str
    rows: Sequence[dict[str, Any]]
    whole: bool
    since: int


class Filled(Protocol):
    """The part of the state that lists fill."""

    nodes: BoundedDict[NodeView]
    limits: BoundedDict[LimitView]
    alerts: BoundedDict[AlertView]
    briefs: BoundedDict[BriefView]
    relationships: BoundedDict[RelationshipView]
    tasks: TaskBook

    def heard_since(self, kind: str, key: str, revision: int) -> bool:
        """Return whether a single fact was heard after a revision of the state."""


def fold(state: Filled, read: ReadList, at: float) -> None:
    """Put what a list says into the state."""
    _FOLDS[read.name](state, read, at)


def _commitments(state: Filled, read: ReadList, at: float) -> None:
    seen = set()
    for row in _rows(read, CommitmentAnswer):
        if not row.alert_level or row.state == "completed":
            continue
        seen.add(row.commitment_id)
        if not state.heard_since("alert", row.commitment_id, read.since):
            state.alerts.put(row.commitment_id, _alert(row, state.alerts.get(row.commitment_id), at))
    if read.whole:
        for commitment_id in [key for key in state.alerts if key not in seen]:
            if not state.heard_since("alert", commitment_id, read.since):
                state.alerts.drop(commitment_id)


def _alert(row: CommitmentAnswer, known: AlertView | None, at: float) -> AlertView:
    title, title_ar = _both(row.title)
    department, department_ar = _both(row.responsible_department)
    facts = AlertRow(
        key=row.commitment_id,
        priority=priority(row.alert_level),
        mou_id=row.mou_id,
        title=title,
        title_ar=title_ar,
        days_until_deadline=_days(row.due_date, at),
        responsible_department=department,
        responsible_department_ar=department_ar,
        alert_level=row.alert_level,
        next_level_at=row.next_level_at,
    )
    since = next((level.at for level in row.levels if level.level == row.alert_level), round(at))
    if known is not None and known.level == row.alert_level:
        since = known.since
    # What is known from alerts alone was derived from the channels of their recipients too.
    users = () if row.registered else tuple(channels.user(user) for level in row.levels for user in level.raised_to)
    fact = Fact((*users, *_dossier("mou", row.mou_id)), Clearance.strict(row.classification))
    by = row.by if row.state == "acknowledged" else None
    return AlertView(row.commitment_id, row.alert_level, since, round(at), facts, by, row.snoozed_until, fact)


def _briefs(state: Filled, read: ReadList, at: float) -> None:
    for row in _rows(read, BriefRowAnswer):
        if state.heard_since("brief", row.request_id, read.since):
            continue
        known = state.briefs.get(row.request_id)
        error, error_ar = (UNSET, UNSET) if row.error is None else _both(row.error)
        facts = BriefRow(
            key=row.request_id,
            brief_type=row.type,
            entity_id=row.entity_id,
            estimated_time=row.estimated_time,
            generation_time=UNSET if row.generation_time is None else row.generation_time,
            error=error,
            error_ar=error_ar,
        )
        about = _dossier(row.entity_type, row.entity_id)
        fact = Fact((channels.user(row.requested_by), *about), Clearance.strict(row.classification or ""))
        brief = BriefView(row.request_id, row.created_at, row.created_at, facts=facts)
        brief.fact = fact if known is None else known.fact.joined(fact)
        brief.state = _BRIEF_STATES.get(row.state, row.state)
        brief.stage, brief.progress = row.stage or "", int(row.progress)
        is_same = known is not None and (known.state, known.progress) == (brief.state, brief.progress)
        brief.moved = known.moved if known is not None and is_same else round(at)
        state.briefs.put(row.request_id, brief)


def _relationships(state: Filled, read: ReadList, at: float) -> None:
    for row in _rows(read, _Relationship):
        if (
            row.score is None
            or row.status is None
            or state.heard_since("relationship", row.relationship_id, read.since)
        ):
            continue
        known = state.relationships.get(row.relationship_id)
        scores = deque(known.scores if known is not None else (), maxlen=MAX_SCORES)
        if not scores or scores[-1][1] != row.score:
            scores.append((at if scores else row.since or at, row.score))
        change = 0 if known is None else row.score - known.score or known.change
        view = RelationshipView(row.status, row.score, change, row.trigger or "", row.since or at, scores)
        state.relationships.put(row.relationship_id, view)


def _tasks(state: Filled, read: ReadList, at: float) -> None:
    seen = set()
    for row in _rows(read, TaskRow):
        key = f"{row.channel}/{row.task_id}"
        seen.add(key)
        if not state.heard_since("task", key, read.since):
            state.tasks.stands(row)
    if read.whole:
        for key in [key for key in state.tasks.rows if key not in seen]:
            if not state.heard_since("task", key, read.since):
                state.tasks.rows.drop(key)


def _limits(state: Filled, read: ReadList, at: float) -> None:
    seen = set()
    for row in _rows(read, StandingLimitRow):
        key = f"{row.user_id} {row.rate_class}"
        seen.add(key)
        if state.heard_since("limit", key, read.since):
            continue
        known = state.limits.get(key)
        name = row.name or (known.name if known is not None else "")
        limit = LimitView(row.user_id, name, row.rate_class, row.state, round(at), row.rate)
        if row.state == "lifted":
            limit.until = row.until
        else:
            limit.warnings = max(1, 0 if known is None else known.warnings)
            limit.refusals = max(int(row.state == "exceeded"), 0 if known is None else known.refusals)
        state.limits.put(key, limit)
    if read.whole:
        for key, limit in list(state.limits.items()):
            if limit.until is not None and key not in seen and not state.heard_since("limit", key, read.since):
                state.limits.drop(key)


def _nodes(state: Filled, read: ReadList, at: float) -> None:
    for row in _rows(read, NodeRow):
        known = state.nodes.get(row.node)
        if known is None or known.at < row.at:
            state.nodes.put(row.node, NodeView(row.at, row.values))


_FOLDS: dict[str, Callable[[Filled, ReadList, float], None]] = {
    "nodes": _nodes,
    "limits": _limits,
    "commitments": _commitments,
    "briefs": _briefs,
    "relationships": _relationships,
    "tasks": _tasks,
}
LISTS = tuple(_FOLDS)
"""The lists that the state is filled from, by their names in paths and answers."""


class _Relationship(Struct, kw_only=True):
    """The part of a relationship's row that is shown."""

    relationship_id: str
    score: int | None = None
    status: str | None = None
    since: int | None = None
    trigger: str | None = None


def _rows(read: ReadList, form: type[R]) -> list[R]:
    """Return the rows, the first last: a bounded list keeps those put last. Rows of other forms are left out."""
    found = []
    for row in reversed(read.rows):
        try:
            found.append(msgspec.convert(row, form))
        except msgspec.ValidationError:
            continue  # of another version of the service
    return found


def _dossier(kind: str, dossier_id: str) -> tuple[str, ...]:
    """Return the channel of a dossier; none where its parts are no segments of a channel's name."""
    try:
        return (channels.parse(channels.dossier(kind, dossier_id)).name,)
    except channels.ChannelError:
        return ()


def _both(text: str | Localized) -> tuple[str, TextField]:
    return (text.en, text.ar) if isinstance(text, Localized) else (text, UNSET)


def _days(due: str, at: float) -> int:
    try:
        return (date.fromisoformat(due) - datetime.fromtimestamp(at, UTC).date()).days
    except ValueError:
        return 0
