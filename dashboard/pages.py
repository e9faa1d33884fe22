"""The pages, in one table: what each shows of the state, and which figure runs above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.blocks import Block
from dashboard.charts import Chart, CountryMap, Traffic
from dashboard.i18n import say
from dashboard.looks import Looks
from dashboard.panes.alerts import alerts
from dashboard.panes.audit import audit
from dashboard.panes.briefs import briefs
from dashboard.panes.connections import connections
from dashboard.panes.documents import documents
from dashboard.panes.limits import limits
from dashboard.panes.overview import overview
from dashboard.panes.presence import presence
from dashboard.panes.relationships import relationships
from dashboard.panes.tail import tail
from dashboard.store import DashboardState
from dashboard.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `pane` makes its blocks, `chart` its figure."""

    pane: Callable[[DashboardState, Viewer, float], list[Block]]
    chart: Callable[[Looks], Chart] | None = None


def _traffic(looks: Looks) -> Chart:
    words = [say(looks.language, f"chart.{name}") for name in ("events", "edits", "traffic")]
    return Traffic(("events", words[0]), ("edits", words[1]), words[2], looks)


def _limits(looks: Looks) -> Chart:
    words = [say(looks.language, f"chart.{name}") for name in ("warnings", "refused", "limits")]
    return Traffic(("warnings", words[0]), ("refused", words[1]), words[2], looks)


def _map(looks: Looks) -> Chart:
    return CountryMap(say(looks.language, "chart.map"), looks)


PAGES: dict[str, Page] = {
    "overview": Page(overview, _traffic),
    "presence": Page(presence, _map),
    "limits": Page(limits, _limits),
    "alerts": Page(alerts),
    "briefs": Page(briefs),
    "documents": Page(documents),
    "relationships": Page(relationships),
    "connections": Page(connections),
    "tail": Page(tail),
    "audit": Page(audit),
}
