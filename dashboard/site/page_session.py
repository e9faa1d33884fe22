"""One page before one pair of eyes: a component that draws blocks, fed with what changed, at most thrice a second."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import panel
import param
from bokeh.document import Document
from panel.custom import JSComponent
from panel.models.esm import ESMEvent
from panel.viewable import Child

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import locale, translations_for
from dashboard.live.actions import ActionRequest, Actions
from dashboard.playback.recordings import Recordings
from dashboard.screen.assets import CONSOLE, STYLES, read
from dashboard.screen.blocks import RENDER_COST_FACTOR, View
from dashboard.screen.charts import RateChart
from dashboard.screen.listing import ListQuery, QueryRequest
from dashboard.screen.pages import PAGES
from dashboard.screen.viewer import Viewer
from dashboard.state.service_link import Status
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.classification import LEVELS

TICK_MS = 333
MODULE_PATH = "/assets/console.mjs"
_MAX_UNSEEN_MESSAGES = 6  # messages that may be under way to a browser: one that sleeps costs no memory
_HEARTBEAT_SECONDS = 3.0  # seconds after which even no news is told
_VIEWED_SECONDS = 5.0  # seconds for which a look counts
_FIRST = ListQuery()
_UNUSED_VIEW_SECONDS = 60.0  # seconds after which a view that nobody looks at is let go


class PageComponent(JSComponent):
    """The component in the browser. `on_message` hears what it says."""

    words = param.Dict(default={})
    levels = param.List(default=[])
    locale = param.String(default="en-GB")
    direction = param.String(default="ltr")
    look = param.String(default="light")
    served = param.Boolean(default=True, doc="Whether the page is one of our own server's, and may reload itself.")
    charts = Child()

    _esm = read(CONSOLE)

    def __init__(self, display: DisplayOptions, chart: RateChart | None, *, served: bool) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # Panel is typed in part
            words=translations_for(display.language, "js."),
            levels=[[level, translations_for(display.language, "level.")[level]] for level in LEVELS],
            locale=locale(display.language),
            direction=display.direction,
            look=display.theme,
            served=served,
            charts=None if chart is None else _pane(chart),
            sizing_mode="stretch_width",
            stylesheets=[read(STYLES)],
        )
        self.on_message: Callable[[Any], None] = lambda message: None
        self._document: Document | None = None

    def stand_in(self, document: Document) -> None:
        """The document whose only root this is, on our own server."""
        self._document = document

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        """On our own server the browser loads the component by its address: made from text it would need `blob:`."""
        properties: dict[str, Any] = super()._get_properties(doc)
        if self.served:
            properties |= {"bundle": "url", "esm": MODULE_PATH}
        return properties

    def _handle_msg(self, data: Any) -> None:
        self.on_message(data)

    def tell(self, message: dict[str, Any]) -> None:
        """Send it to the browser: through Bokeh where it can be, which waits for sockets and minds those that close."""
        if self._document is None:
            self._send_msg(message)
        else:
            event = ESMEvent(self._document.roots[0], message)  # type: ignore[no-untyped-call]  # likewise
            self._document.callbacks.send_event(event)


def _pane(chart: RateChart) -> Any:
    return panel.pane.Bokeh(chart.figure, sizing_mode="stretch_width")  # type: ignore[no-untyped-call]  # likewise


class ViewCache:
    """The views that somebody looks at, shared by all who would see the same."""

    def __init__(self, state: DashboardState, clock: Callable[[], float] = time.time) -> None:
        self.state = state
        self.clock = clock
        self._views: dict[tuple[str, Viewer, ListQuery], tuple[View, float]] = {}

    def view(self, page: str, viewer: Viewer, query: ListQuery = _FIRST) -> View:
        """The view, as of now."""
        now, key = self.clock(), (page, viewer, query)
        known = self._views.get(key)
        if known is None:
            # A filter that is being typed leaves one view for each key press: those are dropped sooner.
            unused = {True: _UNUSED_VIEW_SECONDS, False: _VIEWED_SECONDS}
            self._views = {k: v for k, v in self._views.items() if now - v[1] < unused[k[2] == _FIRST]}
            pane, state = PAGES[page].pane, self.state
            view = View(lambda at: pane(state, viewer, at, query), time.perf_counter)
        else:
            view = known[0]
        self._views[key] = view, now
        view.look((self.state.revision, self.state.link.status(now)), now)
        return view

    @property
    def known(self) -> int:
        """Return how many views are kept."""
        return len(self._views)

    def looked_at(self, page: str) -> bool:
        """Whether somebody looks at the page."""
        now = self.clock()
        return any(name == page and now - looked < _VIEWED_SECONDS for (name, _, _), (_, looked) in self._views.items())


class PageSession:
    """What one open page has been told. `stays` says whether its visitor is still logged in."""

    def __init__(
        self,
        views: ViewCache,
        page: str,
        viewer: Viewer,
        display: DisplayOptions,
        actions: Actions,
        recordings: Recordings | None = None,
        *,
        stays: Callable[[], bool] = lambda: True,
        touch: Callable[[], None] = lambda: None,
        served: bool = True,
    ) -> None:
        make_chart = PAGES[page].chart
        self._views = views
        self._page = page
        self._viewer = viewer
        self._display = display
        self._chart = None if make_chart is None else make_chart(display)
        if self._chart is not None:
            self._chart.update(views.state, viewer)
        self._actions = actions
        self._recordings = recordings
        self._stays = stays
        self._touch = touch
        self._query, self._asked = _FIRST, _FIRST
        self._query_at = 0.0  # when another query may be answered
        self._version = 0
        self._sent = self._seen = 0
        self._told_at = 0.0
        self._status: Status | None = None  # of the service, as the page was told it last
        self._ready = self._paused = self._over = False
        self._served = served
        self._news: list[dict[str, Any]] = []
        self._doing: set[asyncio.Task[None]] = set()
        self._fetching: set[asyncio.Task[None]] = set()
        self.component = PageComponent(display, self._chart, served=served)
        self.component.on_message = self._heard

    def tick(self) -> None:
        """Tell what is new, if the browser keeps up."""
        if not self._ready or self._over:
            return
        if not self._stays():
            self._over = True
            self.give_up()
            self.component.tell({"bye": self._display.query})
            return
        while self._news:
            self.component.tell(self._news.pop(0))
        if self._sent - self._seen >= _MAX_UNSEEN_MESSAGES:
            return
        now = self._views.clock()
        asked_anew = self._asked != self._query and now >= self._query_at
        news = [] if self._paused and not asked_anew else self._what_is_new(now)
        status = self._views.state.link.status(now)
        if news or status != self._status or now - self._told_at >= _HEARTBEAT_SECONDS:
            self._status, self._told_at = status, now
            self._sent += 1
            strip = self._views.state.link.strip(self._display.language, now)
            self.component.tell({"news": news, "count": self._sent, "strip": msgspec.to_builtins(strip)})
        if self._chart is not None and not self._paused:
            self._chart.update(self._views.state, self._viewer)
            if not self._served:
                panel.io.push_notebook(self.component)  # a server sends what a figure is told by itself

    def _what_is_new(self, now: float) -> list[str]:
        """Return the news for the query that was asked last; a search that costs much is not followed by the next."""
        anew = self._asked != self._query and now >= self._query_at
        if anew:
            self._query, self._version = self._asked, 0
        view = self._views.view(self._page, self._viewer, self._query)
        if anew:
            self._query_at = now + RENDER_COST_FACTOR * view.cost
        news, self._version = view.since(self._version), view.version
        return news

    def _heard(self, message: Any) -> None:
        if self._over or not self._stays():
            return
        match message:
            case {"ready": True}:
                self._ready, self._version, self._seen, self._status = True, 0, self._sent, None
            case {"seen": int(count)}:
                self._seen = max(self._seen, min(count, self._sent))
            case {"pause": bool(paused)}:
                self._paused = paused
                self._version = 0
            case {"query": wanted}:
                self._touch()
                with contextlib.suppress(msgspec.ValidationError):  # not what our own page sends
                    self._asked = msgspec.convert(wanted, QueryRequest).query()
            case {"active": True}:
                self._touch()
            case {"act": str()}:
                self._touch()
                try:
                    asked = msgspec.convert(message, ActionRequest)
                except msgspec.ValidationError:
                    return  # not what our own page sends
                self._begin(self._act(asked), self._doing)
            case {"open": wanted} if self._recordings is not None:
                self._touch()
                self._begin(self._open(self._recordings, wanted), self._fetching)
            case _:
                pass

    def _begin(self, work: Coroutine[Any, Any, None], kept: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        kept.add(task)
        task.add_done_callback(kept.discard)

    def give_up(self) -> None:
        """End what is fetched for the page: its login is over, or nobody looks any more."""
        for task in self._fetching:
            task.cancel()

    async def _open(self, recordings: Recordings, wanted: Any) -> None:
        opened = await recordings.open(wanted, self._views.clock(), self._tell)
        self._news.append({"player": opened} if isinstance(opened, str) else {"told": opened[0], "tone": opened[1]})

    async def _act(self, asked: ActionRequest) -> None:
        self._tell(*await self._actions.perform(asked))

    def _tell(self, text: str, tone: str) -> None:
        self._news.append({"told": text, "tone": tone})
