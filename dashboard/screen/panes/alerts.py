"""The page of alerts: commitments on a board of three levels."""

from __future__ import annotations

from typing import Any

from dashboard.screen.blocks import Block, until
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.facts import AlertView
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.domain.day_words import counted_days

_HIGHEST = 3
_TONES = {1: "info", 2: "warn", 3: "bad"}


def alerts(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the board, the most urgent alert of each level first."""
    levels: dict[int, list[AlertView]] = {3: [], 2: [], 1: []}
    for alert in state.alerts.values():
        if not viewer.shows(state, alert.fact):
            continue
        levels.setdefault(alert.level, []).append(alert)
    columns = []
    for level, found in levels.items():
        found.sort(key=lambda alert: (_days(alert), alert.commitment_id))
        columns.append(
            {
                "id": f"level-{level}",
                "title": viewer.say(f"alert.{level}"),
                "tone": _TONES[level],
                "cards": Rows(found, lambda alert: _card(alert, viewer, at)),
            }
        )
    board = {"id": "board", "kind": "board", "columns": columns, "empty": viewer.nothing("empty.alerts")}
    board["kept"] = viewer.kept(state.alerts)
    return [*viewer.note(), board, *viewer.heard(state, "commitments")]


def _days(alert: AlertView) -> int:
    return int(alert.facts.days_until_deadline or 0)


def _card(alert: AlertView, viewer: Viewer, at: float) -> dict[str, Any]:
    days, facts = _days(alert), alert.facts
    words = counted_days(abs(days))
    due = viewer.say("alert.overdue" if days < 0 else "alert.days", days=viewer.text(words.en, words.ar))
    department = viewer.text(facts.responsible_department, facts.responsible_department_ar)
    lines = [due, department, facts.mou_id or ""]
    if alert.acknowledged_by:
        lines.append(viewer.say("alert.acknowledged", user=alert.acknowledged_by))
    climbs = alert.next_level_at if alert.level < _HIGHEST else None
    if alert.snoozed_until is not None and alert.snoozed_until > at and climbs is not None:
        lines.append(viewer.say("alert.snoozed"))
    return {
        "key": alert.commitment_id,
        "title": viewer.text(facts.title, facts.title_ar, alert.commitment_id),
        "badge": viewer.word("priority", facts.priority or ""),
        "lines": [text for text in lines if text],
        "at": alert.since,
        "since": viewer.say("alert.climbed"),
        "clock": None if climbs is None else {"label": viewer.say("alert.next"), "cell": until(climbs)},
        "acts": [
            viewer.look("alert", alert.commitment_id),
            *([] if alert.acknowledged_by else [viewer.action("acknowledge", alert.commitment_id)]),
        ],
    }
