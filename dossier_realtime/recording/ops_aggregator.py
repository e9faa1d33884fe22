"""The operators' report of a second: one aggregated message a topic on `ops:{topic}`. Pure.

Source: docs/protocol.md#operators-topics.

However hard the storm, a topic costs one message a second: occurrences are folded as they happen, and rows are cut.
A node folds what happens, a replay what happened.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

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

from .ops_rows import OpsReport, Row, marked, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dossier_realtime.protocol.events import Event

_ANYBODYS: Final = Fact()
TOPICS = ("nodes", "sessions", "limits", "alerts", "briefs", "errors")
_ROWS = 200
_ERROR = re.compile(rb'\{"type":"error","error_code":"([A-Z_]{1,40})"')


class OpsAggregator:
    """Folds what happens into the next second's message of each topic."""

    def __init__(self, node: str) -> None:
        self.node = node
        self._values: dict[str, Counter[str]] = {topic: Counter() for topic in TOPICS}
        self._restricted: dict[str, dict[str, Counter[str]]] = {topic: {} for topic in TOPICS}
        self._rows: dict[str, dict[str, Row]] = {topic: {} for topic in TOPICS}
        self._gauges: dict[str, Callable[[], Mapping[str, float]]] = {}
        self._gauge_rows: dict[str, Callable[[], Sequence[Row]]] = {}

    def gauge(self, topic: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Numbers that hold at any time, read once a second."""
        self._gauges[topic] = read

    def gauge_rows(self, topic: str, read: Callable[[], Sequence[Row]]) -> None:
        """Rows that hold at any time, read once a second."""
        self._gauge_rows[topic] = read

    def count(self, topic: str, name: str, by: float = 1, fact: Fact = _ANYBODYS) -> None:
        """Count an occurrence; of one on channels, those who may not read them get no part of the count."""
        self._values[topic][name] += by  # type: ignore[assignment]  # a Counter may count in fractions
        if fact.channels:
            counts = self._restricted[topic].setdefault(fact.level.label, Counter())
            counts[name] += by  # type: ignore[assignment]  # likewise

    def sent(self, frame: bytes) -> None:
        """A frame to one connection alone: an error that a client is told counts by its code, beside its rule."""
        found = _ERROR.match(frame)
        if found is not None:
            self.count("errors", found[1].decode())

    def row(
        self, topic: str, key: str, values: Mapping[str, str | float | bool | None], fact: Fact = _ANYBODYS
    ) -> None:
        """Tell what is known of one thing (a user, an alert, a brief); what is said last holds."""
        rows = self._rows[topic]
        if key in rows or len(rows) < _ROWS:
            rows[key] = merged(marked({"key": key, **values}, fact), rows.get(key))
        else:
            self.count(topic, "rows_cut", fact=fact)

    def alert(self, state: AlertStatePayload, fact: Fact) -> None:
        """Tell how an alert stands now."""
        values: Row = {"state": state.state, "acknowledged_by": state.acknowledged_by, "alert_level": state.alert_level}
        self.row("alerts", state.commitment_id, values, fact)

    def published(self, event: Event, fact: Fact) -> None:
        """Fold an accepted event into the topic that operators watch it on. `fact`: the channels that it is about."""
        match event:
            case CommitmentAlert(payload=alert):
                self.count("alerts", f"level_{alert.alert_level}", fact=fact)
                values: Row = {"priority": event.priority}
                for name in _ALERT:
                    values |= _said(name, getattr(alert, name))
                self.row("alerts", alert.commitment_id, values, fact)
            case BriefStarted(payload=started):
                self.count("briefs", "started", fact=fact)
                values = {"state": "started", "brief_type": started.type, "estimated_time": started.estimated_time}
                self.row("briefs", event.request_id, {**values, "entity_id": started.entity_id, "progress": 0}, fact)
            case BriefProgress(payload=step):
                values = {"state": "progress", "stage": step.stage, "progress": step.progress}
                self.row("briefs", event.request_id, values, fact)
            case BriefComplete(payload=done):
                self.count("briefs", "complete", fact=fact)
                values = {"state": "complete", "progress": 100, "generation_time": done.generation_time}
                self.row("briefs", event.request_id, values, fact)
            case BriefFailed(payload=failed):
                self.count("briefs", "failed", fact=fact)
                self.row("briefs", event.request_id, {"state": "failed", **_said("error", failed.error)}, fact)
            case _:
                pass

    def messages(self, timestamp: int) -> list[OpsStats]:
        """Return one message for each topic, as who may see everything gets it; then counting begins anew."""
        return [report.message for report in self.reports(timestamp)]

    def reports(self, timestamp: int) -> list[OpsReport]:
        """End the second (Unix seconds): return one report for each topic, then counting begins anew."""
        made = []
        for topic in TOPICS:
            values: dict[str, float] = {name: float(value) for name, value in self._values[topic].items()}
            if topic in self._gauges:
                values.update(self._gauges[topic]())
            rows = list(self._rows[topic].values())
            if topic in self._gauge_rows:
                rows += self._gauge_rows[topic]()[: _ROWS - len(rows)]
            self._values[topic].clear()
            self._rows[topic].clear()
            payload = OpsStatsPayload(self.node, timestamp, values, rows)
            restricted = {level: dict(counts) for level, counts in self._restricted[topic].items()}
            self._restricted[topic].clear()
            made.append(OpsReport(OpsStats(channel=channels.ops(topic), payload=payload), restricted))  # type: ignore[arg-type]  # Counters of int or float
        return made


_ALERT = ("mou_id", "title", "days_until_deadline", "responsible_department", "alert_level", "next_level_at")


def _said(name: str, value: str | int | Localized | None) -> Row:
    """A value under its name; of a text in both languages the Arabic one beside it, as `{name}_ar`."""
    return {name: value.en, f"{name}_ar": value.ar} if isinstance(value, Localized) else {name: value}
