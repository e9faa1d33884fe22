"""One pane a page: what of the state a page shows, as blocks. Pure."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from dashboard.screen.blocks import Block
from dashboard.screen.listing import ListQuery, in_parts
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState

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

_FIRST = ListQuery()


class Pane(Protocol):
    """The blocks of one page as they are sent: of each list the part that the query asks for, the first one if none."""

    def __call__(self, state: DashboardState, viewer: Viewer, at: float, query: ListQuery = ..., /) -> list[Block]: ...


_WHOLE: dict[str, Callable[[DashboardState, Viewer, float], list[Block]]] = {
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


def _in_parts(name: str, state: DashboardState, viewer: Viewer, at: float, query: ListQuery = _FIRST, /) -> list[Block]:
    return in_parts(_WHOLE[name](state, viewer, at), query)


PANES: dict[str, Pane] = {name: partial(_in_parts, name) for name in _WHOLE}
"""By the page's name, in the order in which pages are listed."""
