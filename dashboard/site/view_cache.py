"""The rendered views of all open pages, each shared by the viewers who see the same."""

from __future__ import annotations

import time
from collections.abc import Callable

from dashboard.screen.listing import ListQuery
from dashboard.screen.panes import PANES
from dashboard.screen.view_model import View
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState

_VIEWED_SECONDS = 5.0  # for which a view counts as viewed after it was asked for
_UNUSED_VIEW_SECONDS = 60.0  # after which a view that no page asks for is dropped
_FIRST = ListQuery()


class ViewCache:
    """The views of all open pages, shared by viewers who see the same."""

    def __init__(self, state: DashboardState, clock: Callable[[], float] = time.time) -> None:
        self.state = state
        self.clock = clock
        self._views: dict[tuple[str, Viewer, ListQuery], tuple[View, float]] = {}

    def view(self, page: str, viewer: Viewer, query: ListQuery = _FIRST) -> View:
        """Return the view, rendered up to now."""
        now, key = self.clock(), (page, viewer, query)
        known = self._views.get(key)
        if known is None:
            # A filter that is being typed leaves one view for each key press: those are dropped sooner.
            unused = {True: _UNUSED_VIEW_SECONDS, False: _VIEWED_SECONDS}
            self._views = {k: v for k, v in self._views.items() if now - v[1] < unused[k[2] == _FIRST]}
            pane, state = PANES[page], self.state
            view = View(lambda at: pane(state, viewer, at, query), time.perf_counter)
        else:
            view = known[0]
        self._views[key] = view, now
        view.look((self.state.revision, self.state.link.status(now)), now)
        return view

    @property
    def known(self) -> int:
        """The number of views that are kept."""
        return len(self._views)

    def is_viewed(self, page: str) -> bool:
        """Return whether the page is viewed."""
        now = self.clock()
        return any(name == page and now - looked < _VIEWED_SECONDS for (name, _, _), (_, looked) in self._views.items())
