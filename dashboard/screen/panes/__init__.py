"""The table of pages, in the order of the navigation. Pure.

A new page is one module in this folder, one line in `PANES` and its texts in `dashboard/language/translations`.
"""

from __future__ import annotations

from dashboard.screen.pane import ChartSpec, Pane

from .alerts import alerts
from .audit import audit
from .briefs import briefs
from .connections import connections
from .documents import documents
from .limits import limits
from .overview import overview
from .presence import presence
from .recordings import recordings
from .relationships import relationships
from .tail import tail
from .work.inbox import inbox
from .work.tasks import tasks

_TRAFFIC = ChartSpec(("events", "edits"), ("chart.events", "chart.edits"), "chart.traffic")
_LIMITS = ChartSpec(("warnings", "refused"), ("chart.warnings", "chart.refused"), "chart.limits")

PANES: dict[str, Pane] = {
    "overview": Pane(overview, _TRAFFIC),
    "presence": Pane(presence),
    "limits": Pane(limits, _LIMITS),
    "alerts": Pane(alerts),
    "briefs": Pane(briefs),
    "tasks": Pane(tasks),
    "inbox": Pane(inbox),
    "documents": Pane(documents),
    "relationships": Pane(relationships),
    "connections": Pane(connections),
    "tail": Pane(tail),
    "recordings": Pane(recordings),
    "audit": Pane(audit),
}
