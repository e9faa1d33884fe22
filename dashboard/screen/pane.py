"""A page of the dashboard: a function from the state to blocks, and a chart above them where it has one. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.screen.blocks import Block
from dashboard.screen.listing import ListQuery, in_parts
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState

_FIRST_PARTS = ListQuery()


@dataclass(frozen=True, slots=True)
class ChartSpec:
    """Two counts per second that a chart shows, by name, and the translation keys of their labels and of the title."""

    counts: tuple[str, str]
    labels: tuple[str, str]
    title: str


@dataclass(frozen=True, slots=True)
class Pane:
    """One page. `blocks` makes all blocks of a state, for one viewer, at a time in Unix seconds."""

    blocks: Callable[[DashboardState, Viewer, float], list[Block]]
    chart: ChartSpec | None = None

    def __call__(
        self, state: DashboardState, viewer: Viewer, at: float, query: ListQuery = _FIRST_PARTS, /
    ) -> list[Block]:
        """Return the blocks as they are sent: of each list the part that the query names."""
        return in_parts(self.blocks(state, viewer, at), query)
