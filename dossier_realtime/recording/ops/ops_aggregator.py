"""The operators' report of a second: one aggregated message a topic on `ops:{topic}`. Pure.

Source: docs/protocol.md#operators-topics.

A topic costs one message a second under any load: occurrences are counted as they happen, and rows are cut. A node
folds its live events, a replay the recorded ones.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Fact
from dossier_realtime.protocol.events import (
    AlertStatePayload,
    BriefComplete,
    BriefFailed,
    BriefProgress,
    BriefStarted,
    CommitmentAlert,
    OpsStats,
    OpsStatsPayload,
)
from dossier_realtime.protocol.fields import Localized

from .ops_rows import AlertRow, BriefRow, OpsReport, OpsRow, TextField, encode_row, marked, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dossier_realtime.protocol.events import Event

_UNRESTRICTED: Final = Fact()
TOPICS = ("nodes", "sessions", "limits", "alerts", "briefs", "errors")
_MAX_ROWS = 200
_ERROR = re.compile(rb'\{"type":"error","error_code":"([A-Z_]{1,40})"')


class OpsAggregator:
    """The fold of a node's events into one message a second and topic."""

    def __init__(self, node: str) -> None:
        self.node = node
        self._values: dict[str, Counter[str]] = {topic: Counter() for topic in TOPICS}
        self._restricted: dict[str, dict[str, Counter[str]]] = {topic: {} for topic in TOPICS}
        self._rows: dict[str, dict[str, OpsRow]] = {topic: {} for topic in TOPICS}
        self._gauges: dict[str, Callable[[], Mapping[str, float]]] = {}
        self._gauge_rows: dict[str, Callable[[], Sequence[OpsRow]]] = {}

    def gauge(self, topic: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Add a source of present values, read once a second."""
        self._gauges[topic] = read

    def present(self, topic: str) -> dict[str, float]:
        """Return the present values of a topic, as its source gives them."""
        return dict(self._gauges[topic]()) if topic in self._gauges else {}

    def gauge_rows(self, topic: str, read: Callable[[], Sequence[OpsRow]]) -> None:
        """Add a source of present rows, read once a second."""
        self._gauge_rows[topic] = read

    def count(self, topic: str, name: str, by: float = 1, fact: Fact = _UNRESTRICTED) -> None:
        """Count an occurrence. One on channels is left out of the counts of readers who may not read them."""
        self._values[topic][name] += by  # type: ignore[assignment]  # a Counter may count in fractions
        if fact.channels:
            counts = self._restricted[topic].setdefault(fact.level.label, Counter())
            counts[name] += by  # type: ignore[assignment]  # likewise

    def sent(self, frame: bytes) -> None:
        """Count a frame to one connection, where it is an error: by its code, beside its rule."""
        found = _ERROR.match(frame)
        if found is not None:
            self.count("errors", found[1].decode())

    def row(self, row: OpsRow, fact: Fact = _UNRESTRICTED) -> None:
        """Set the row of one thing (a user, an alert, a brief); later values replace earlier ones."""
        rows = self._rows[row.TOPIC]
        if row.key in rows or len(rows) < _MAX_ROWS:
            rows[row.key] = merged(marked(row, fact), rows.get(row.key))
        else:
            self.count(row.TOPIC, "rows_cut", fact=fact)

    def alert(self, state: AlertStatePayload, fact: Fact) -> None:
        """Set the row of an alert to its status."""
        row = AlertRow(
            key=state.commitment_id,
            state=state.state,
            acknowledged_by=state.acknowledged_by,
            alert_level=state.alert_level,
        )
        self.row(row, fact)

    def published(self, event: Event, fact: Fact) -> None:
        """Fold an accepted event into the topic of its kind. `fact`: the channels that it is about."""
        match event:
            case CommitmentAlert(payload=alert):
                self.count("alerts", f"level_{alert.alert_level}", fact=fact)
                self.row(_alert_row(event), fact)
            case BriefStarted(request_id=key, payload=started):
                self.count("briefs", "started", fact=fact)
                row = BriefRow(key=key, state="started", brief_type=started.type, progress=0)
                row.estimated_time, row.entity_id = started.estimated_time, started.entity_id
                self.row(row, fact)
            case BriefProgress(request_id=key, payload=step):
                self.row(BriefRow(key=key, state="progress", stage=step.stage, progress=step.progress), fact)
            case BriefComplete(request_id=key, payload=done):
                self.count("briefs", "complete", fact=fact)
                row = BriefRow(key=key, state="complete", progress=100, generation_time=done.generation_time)
                self.row(row, fact)
            case BriefFailed(request_id=key, payload=failed):
                self.count("briefs", "failed", fact=fact)
                error, arabic = _both(failed.error)
                self.row(BriefRow(key=key, state="failed", error=error, error_ar=arabic), fact)
            case _:
                pass

    def messages(self, timestamp: int) -> list[OpsStats]:
        """End the second; return one unrestricted message for each topic."""
        return [report.message for report in self.reports(timestamp)]

    def reports(self, timestamp: int) -> list[OpsReport]:
        """End the second (Unix seconds); return one report for each topic. All counts begin at zero again."""
        made = []
        for topic in TOPICS:
            values: dict[str, float] = {name: float(value) for name, value in self._values[topic].items()}
            if topic in self._gauges:
                values.update(self._gauges[topic]())
            said: list[OpsRow] = list(self._rows[topic].values())
            if topic in self._gauge_rows:
                said += self._gauge_rows[topic]()[: _MAX_ROWS - len(said)]
            self._values[topic].clear()
            self._rows[topic].clear()
            payload = OpsStatsPayload(self.node, timestamp, values, [encode_row(row) for row in said])
            restricted = {level: dict(counts) for level, counts in self._restricted[topic].items()}
            self._restricted[topic].clear()
            made.append(OpsReport(OpsStats(channel=channels.ops(topic), payload=payload), restricted))  # type: ignore[arg-type]  # Counters of int or float
        return made


def _alert_row(event: CommitmentAlert) -> AlertRow:
    alert = event.payload
    title, title_ar = _both(alert.title)
    department, department_ar = _both(alert.responsible_department)
    return AlertRow(
        key=alert.commitment_id,
        priority=event.priority,
        mou_id=alert.mou_id,
        title=title,
        title_ar=title_ar,
        days_until_deadline=alert.days_until_deadline,
        responsible_department=department,
        responsible_department_ar=department_ar,
        alert_level=alert.alert_level,
        next_level_at=alert.next_level_at,
    )


def _both(text: str | Localized) -> tuple[str, TextField]:
    """Return a text, and the Arabic one of a text in both languages."""
    return (text.en, text.ar) if isinstance(text, Localized) else (text, UNSET)
