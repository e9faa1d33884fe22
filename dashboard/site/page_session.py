"""The session of one open page: a component that draws blocks, sent the changes at most three times a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec
import panel

from dashboard.language.display_options import DisplayOptions
from dashboard.live.actions import ActionRequest, Actions
from dashboard.live.details import ONCE, DetailRequest, Details
from dashboard.live.inbox_reader import InboxReader
from dashboard.playback.recordings import Recordings
from dashboard.screen.charts import rate_chart
from dashboard.screen.listing import ListQuery, QueryRequest
from dashboard.screen.panes import PANES
from dashboard.screen.service_strip import service_strip
from dashboard.screen.view_model import RENDER_COST_FACTOR
from dashboard.screen.viewer import Viewer
from dashboard.site.page_component import PageComponent
from dashboard.site.view_cache import ViewCache
from dashboard.state.service_link import Status

TICK_MS = 333
_MAX_UNSEEN_MESSAGES = 6  # in flight: a browser that sleeps costs no memory
_HEARTBEAT_SECONDS = 3.0  # after which a message is sent even without changes
_LOOK_SECONDS = 3.0  # between two readings of the thing that is shown in full
_FIRST = ListQuery()


@dataclass(frozen=True, slots=True)
class OpenPage:
    """An open page, and its viewer. `served`: by the dashboard's own server, not in a notebook."""

    name: str
    viewer: Viewer
    display: DisplayOptions
    served: bool = True


@dataclass(frozen=True, slots=True)
class PageServices:
    """The calls to the service that a page may make, each with its viewer's own token."""

    actions: Actions
    recordings: Recordings | None = None
    details: Details | None = None
    inbox: InboxReader | None = None


@dataclass(frozen=True, slots=True)
class LoginHooks:
    """The login that a page belongs to: a check that it still holds, and a call for each sign of its user."""

    is_valid: Callable[[], bool]
    touch: Callable[[], None]


ALWAYS_LOGGED_IN = LoginHooks(lambda: True, lambda: None)
"""The login of a notebook, which ends with its kernel."""


class PageSession:
    """One open page: the messages that its browser was sent and has seen, and the requests that it sends."""

    def __init__(
        self, views: ViewCache, page: OpenPage, services: PageServices, login: LoginHooks = ALWAYS_LOGGED_IN
    ) -> None:
        spec = PANES[page.name].chart
        self._views = views
        self._page = page
        self._chart = None if spec is None else rate_chart(spec, page.display)
        if self._chart is not None:
            self._chart.update(views.state, page.viewer)
        self._services = services
        self._login = login
        self._query, self._asked = _FIRST, _FIRST
        self._query_at = 0.0  # the time from which the next query may be answered
        self._version = 0
        self._sent = self._seen = 0
        self._sent_at = 0.0
        self._status: Status | None = None  # of the service, as last sent to the page
        self._ready = self._paused = self._ended = False
        self._outgoing: list[dict[str, Any]] = []
        self._doing: set[asyncio.Task[None]] = set()
        self._fetching: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._inbox = services.inbox if page.name == "inbox" else None
        self._is_reading = False
        self.component = PageComponent(page.display, self._chart, served=page.served)
        self.component.on_message = self._receive

    def tick(self) -> None:
        """Send the changes, if the browser keeps up."""
        if not self._ready or self._ended:
            return
        if not self._login.is_valid():
            self._ended = True
            self.cancel_recordings()
            self.component.tell({"bye": self._page.display.query})
            return
        while self._outgoing:
            self.component.tell(self._outgoing.pop(0))
        if self._sent - self._seen >= _MAX_UNSEEN_MESSAGES:
            return
        now = self._views.clock()
        asked_anew = self._asked != self._query and now >= self._query_at
        news = [] if self._paused and not asked_anew else self._changes(now)
        status = self._views.state.link.status(now)
        if news or status != self._status or now - self._sent_at >= _HEARTBEAT_SECONDS:
            self._status, self._sent_at = status, now
            self._sent += 1
            strip = service_strip(self._views.state.link, self._page.display.language, now)
            self.component.tell({"news": news, "count": self._sent, "strip": msgspec.to_builtins(strip)})
        if self._chart is not None and not self._paused:
            self._chart.update(self._views.state, self._page.viewer)
            if not self._page.served:
                panel.io.push_notebook(self.component)  # on a server, Bokeh sends a figure's changes itself

    def _changes(self, now: float) -> list[str]:
        """Return the changes for the query that was asked last; an expensive search delays the next one."""
        anew = self._asked != self._query and now >= self._query_at
        if anew:
            self._query, self._version = self._asked, 0
        view = self._views.view(self._page.name, self._page.viewer, self._query)
        if anew:
            self._query_at = now + RENDER_COST_FACTOR * view.cost
        news, self._version = view.since(self._version), view.version
        return news

    def _receive(self, message: Any) -> None:
        if self._ended or not self._login.is_valid():
            self._ready = self._ready or message == {"ready": True}  # the next tick says that the login is over
            return
        match message:
            case {"ready": True}:
                self._ready, self._version, self._seen, self._status = True, 0, self._sent, None
                if self._inbox is not None and not self._is_reading:
                    self._is_reading = True
                    self._begin(self._inbox.run(), self._fetching)
            case {"seen": int(count)}:
                self._seen = max(self._seen, min(count, self._sent))
            case {"pause": bool(paused)}:
                self._paused = paused
                self._version = 0
            case {"query": wanted}:
                self._login.touch()
                with contextlib.suppress(msgspec.ValidationError):  # not sent by our own page
                    self._asked = msgspec.convert(wanted, QueryRequest).query()
            case {"active": True}:
                self._login.touch()
            case {"act": str()}:
                self._login.touch()
                try:
                    asked = msgspec.convert(message, ActionRequest)
                except msgspec.ValidationError:
                    return  # not sent by our own page
                self._begin(self._act(asked), self._doing)
            case {"look": wanted}:
                self._login.touch()
                self._look(wanted)
            case {"open": wanted} if self._services.recordings is not None:
                self._login.touch()
                self._begin(self._open(self._services.recordings, wanted), self._fetching)
            case _:
                pass

    def _begin(self, work: Coroutine[Any, Any, None], kept: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        kept.add(task)
        task.add_done_callback(kept.discard)
        return task

    def _look(self, wanted: Any) -> None:
        """Show another thing in full, or none."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        if wanted is not None:
            with contextlib.suppress(msgspec.ValidationError):  # not sent by our own page
                asked = msgspec.convert(wanted, DetailRequest)
                self._looking = self._begin(self._read_details(asked), self._fetching)

    async def _read_details(self, asked: DetailRequest) -> None:
        """Send the blocks of a thing, and again as they change, until cancelled."""
        details, sent = self._services.details, list[Any]()
        if details is None:  # a notebook, whose saved state holds no more than its mask allows
            text = self._page.viewer.say("detail.notebook")
            sent = [{"id": "detail-none", "kind": "banner", "tone": "info", "text": text}]
            self._outgoing.append({"details": sent, "kind": asked.kind, "of": asked.of})
        while details is not None:
            blocks = await details.read(asked)
            if blocks != sent:
                sent = blocks
                self._outgoing.append({"details": blocks, "kind": asked.kind, "of": asked.of})
            if asked.kind in ONCE:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def cancel_recordings(self) -> None:
        """Cancel what is being fetched: the login is over, or the page is closed."""
        for task in self._fetching:
            task.cancel()

    async def _open(self, recordings: Recordings, wanted: Any) -> None:
        opened = await recordings.open(wanted, self._views.clock(), self._tell_lasting)
        self._outgoing.append({"player": opened} if isinstance(opened, str) else {"told": opened[0], "tone": opened[1]})

    async def _act(self, asked: ActionRequest) -> None:
        self._tell(*await self._services.actions.perform(asked))
        if self._inbox is not None:
            self._inbox.read_soon()

    def _tell(self, text: str, tone: str) -> None:
        self._outgoing.append({"told": text, "tone": tone})

    def _tell_lasting(self, text: str, tone: str) -> None:
        """Say something that holds until something else is said: a recording may take two minutes."""
        self._outgoing.append({"told": text, "tone": tone, "lasts": True})
