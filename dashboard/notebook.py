"""The same pages in a notebook: live, in the notebook's own event loop, or over a recording.

from dashboard import Dashboard
Dashboard("http://localhost:8000", token).overview()
Dashboard(recording=open_journal("var/journal")).page("alerts")
"""

from __future__ import annotations

import asyncio
from typing import Any

import panel

from dashboard.language.display_options import DisplayOptions, Theme
from dashboard.language.i18n import Language
from dashboard.live.actions import Actions
from dashboard.live.audit import Audit
from dashboard.live.feed import Feed
from dashboard.live.service_api import ServiceApi
from dashboard.playback.player import Player
from dashboard.playback.recordings import Recordings
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import Viewer
from dashboard.site.page_session import TICK_MS, OpenPage, PageServices, PageSession
from dashboard.site.view_cache import ViewCache
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.authorization import reader
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.recording.recording import Recording


class Dashboard:
    """The pages of the dashboard as values that a notebook displays. They are read-only.

    Live: `url` is the service's `http(s)://host:port`, `token` one that may `admin:*`; `clearance` bounds the facts
    that are shown, internal unless given, because they are saved with the notebook. Needs a running event loop. Over a
    `recording`: the same pages, with a scrubber; they show all that the recording shows. Raises ValueError where
    neither or both are given.
    """

    def __init__(
        self,
        url: str = "",
        token: str = "",
        *,
        recording: Recording | None = None,
        clearance: str = "internal",
        language: Language = "en",
        theme: Theme = "light",
    ) -> None:
        if (recording is None) == (not url):
            raise ValueError("give either the service's url and a token, or a recording")
        self._display = DisplayOptions(language, theme)
        self._recording = recording
        self._live = (
            None
            if recording
            else _Live(url, token, Viewer(language, "observer", reader(Clearance.parse(clearance))), self._display)
        )

    @property
    def state(self) -> DashboardState:
        """The state of the live dashboard. Raises ValueError over a recording, which has a state at every time."""
        if self._live is None:
            raise ValueError("a recording has a state at every time: ask it for state_at(time)")
        return self._live.state

    def page(self, name: str) -> Any:
        """Return a page by its name, such as "overview". Raises ValueError for an unknown name."""
        if name not in PANES:
            raise ValueError(f"there is no page {name!r}; take one of {', '.join(PANES)}")
        if self._recording is not None:
            return Player(self._recording, language=self._display.language, theme=self._display.theme, pages=[name])
        assert self._live is not None  # noqa: S101  one of both was given
        return self._live.page(name)

    def overview(self) -> Any:
        """Return the overview: people, figures, errors, nodes."""
        return self.page("overview")

    async def close(self) -> None:
        """Disconnect; pages that are shown keep their last state."""
        if self._live is not None:
            await self._live.close()


class _Live:
    """The pages of a running service."""

    def __init__(self, url: str, token: str, viewer: Viewer, display: DisplayOptions) -> None:
        panel.extension(inline=True)
        self.state = DashboardState()
        self._api = ServiceApi(url)
        self._token = token
        self._viewer, self._display = viewer, display
        self._views = ViewCache(self.state)
        self._sessions: list[PageSession] = []
        self._work = [
            asyncio.ensure_future(Feed(self._api, token, self.state).run()),
            asyncio.ensure_future(Audit(self._api, token, self.state, lambda: self._views.is_viewed("audit")).run()),
            asyncio.ensure_future(self._tick()),
        ]

    def page(self, name: str) -> Any:
        """Return the component of a page."""
        actions = Actions(self._api, self.state, self._viewer, "", "")
        recordings = Recordings(self._api.url, self._token, self._viewer)
        page = OpenPage(name, self._viewer, self._display, served=False)
        session = PageSession(self._views, page, PageServices(actions, recordings))
        self._sessions.append(session)
        return session.component

    async def close(self) -> None:
        """Stop the tasks and close the connections."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await self._api.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_MS / 1000)
            for session in self._sessions:
                session.tick()
