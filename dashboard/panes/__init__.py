"""One pane a page: what of the state a page shows, as blocks. Pure."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.blocks import Block
from dashboard.store import DashboardState
from dashboard.viewer import Viewer

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

Pane = Callable[[DashboardState, Viewer, float], list[Block]]

PANES: dict[str, Pane] = {
    "overview": overview,
    "presence": presence,
    "limits": limits,
    "alerts": alerts,
    "briefs": briefs,
    "documents": documents,
    "relationships": relationships,
    "connections": connections,
    "tail": tail,
    "recordings": recordings,
    "audit": audit,
}
"""By the page's name, in the order in which pages are listed."""
