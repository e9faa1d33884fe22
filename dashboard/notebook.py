"""The same pages in a notebook: live, in the notebook's own event loop.

from dashboard import Dashboard
Dashboard("http://localhost:8000", token).overview()
"""

from __future__ import annotations

import asyncio
from typing import Any

import panel

from dashboard.actions import Actions
from dashboard.audit import Audit
from dashboard.console import TICK_MS, PageSession, Views
from dashboard.feed import Feed
from dashboard.i18n import Language
from dashboard.looks import Looks, Theme
from dashboard.pages import PAGES
from dashboard.service_api import ServiceApi
from dashboard.store import DashboardState
from dashboard.viewer import Viewer


class Dashboard:
    """Any page of the dashboard as something that a notebook shows. It looks; it does not act.

    `url` is the service's `http(s)://host:port`, `token` one that may `admin:*`; `clearance` is how high the
    notebook may show, internal unless said otherwise, for what is shown is saved with it. Needs a running event loop.
    """

    def __init__(
        self, url: str, token: str, *, clearance: str = "internal", language: Language = "en", theme: Theme = "light"
    ) -> None:
        panel.extension(inline=True)
        self.state = DashboardState()
        self._api = ServiceApi(url)
        self._looks = Looks(language, theme)
        self._viewer = Viewer(language, "viewer", clearance)
        self._views = Views(self.state)
        self._sessions: list[PageSession] = []
        self._work = [
            asyncio.ensure_future(Feed(self._api, token, self.state).run()),
            asyncio.ensure_future(Audit(self._api, token, self.state, lambda: self._views.looked_at("audit")).run()),
            asyncio.ensure_future(self._tick()),
        ]

    def page(self, name: str) -> Any:
        """One page by its name, such as "overview". Raises ValueError for a name that is none."""
        if name not in PAGES:
            raise ValueError(f"there is no page {name!r}; take one of {', '.join(PAGES)}")
        actions = Actions(self._api, self.state, self._viewer, "", "")
        session = PageSession(self._views, name, self._viewer, self._looks, actions, served=False)
        self._sessions.append(session)
        return session.console

    def overview(self) -> Any:
        """People, figures, errors, nodes."""
        return self.page("overview")

    async def close(self) -> None:
        """Stop watching; what is shown stays as it is."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        self._api.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_MS / 1000)
            for session in self._sessions:
                session.tick()
