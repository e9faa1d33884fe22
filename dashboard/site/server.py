"""The dashboard's own process: Panel behind our door, one feed, one tick a page."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jinja2
import tornado.netutil
import tornado.web
from bokeh.application.handlers.handler import Handler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from panel.io.application import Application
from panel.io.server import INDEX_HTML  # noqa: F401  importing panel.io.server puts Panel's pages in Bokeh's place
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import say, translations_for
from dashboard.live.actions import Actions
from dashboard.live.audit import Audit
from dashboard.live.feed import Feed
from dashboard.live.service_api import ServiceApi
from dashboard.playback.recording_queue import RecordingQueue
from dashboard.playback.recordings import Recordings
from dashboard.screen.assets import CONSOLE, SCRIPTS, STYLE_SHEETS, TEMPLATES, read
from dashboard.screen.pages import PAGES
from dashboard.screen.viewer import DashboardRole, Viewer
from dashboard.site.guard import DashboardApplication, SecurityHeaders
from dashboard.site.login import Authenticator, LivenessHandler, LoginHandler, LogoutHandler, RootHandler
from dashboard.site.login_sessions import LoginSessions
from dashboard.site.login_watch import LoginWatch
from dashboard.site.oidc import CALLBACK, OidcConfig, Provider
from dashboard.site.oidc_login import LoginDoneHandler, OidcCallbackHandler, OidcRedirectHandler
from dashboard.site.page_session import MODULE_PATH, TICK_MS, PageSession, ViewCache
from dashboard.state.store import DashboardState
from dossier_realtime.client import TokenSource
from dossier_realtime.protocol.http.forwarded import Network
from dossier_realtime.protocol.http.host_policy import host_policy, own_hosts
from dossier_realtime.protocol.http.loopback import loopback_origins

_log = logging.getLogger("dashboard")
logging.getLogger("bokeh").setLevel(logging.WARNING)  # it tells of every socket
logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)  # and of every tab that closes under a message
_MAX_HEADER_BYTES = 16_384
_MAX_BODY_BYTES = 65_536
_UNUSED_SESSION_MS = 15_000  # after which a session without a browser is let go


@dataclass(frozen=True, slots=True)
class DashboardConfig:
    """What the dashboard is told. `roles`: by the `role` of a token, what its bearer is here.

    `oidc`: the identity provider that people may log in through, if there is one. `proxies`: those in front, whose word
    about the address of a client is taken.
    """

    service_url: str
    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    roles: Mapping[str, DashboardRole]
    idle_seconds: float
    secure: bool
    oidc: OidcConfig | None = None
    proxies: tuple[Network, ...] = ()


class PageHandler(Handler):
    """Makes the document of one page for the visitor who asked for it."""

    def __init__(
        self, name: str, views: ViewCache, logins: LoginSessions, api: ServiceApi, queue: RecordingQueue
    ) -> None:
        super().__init__()
        self._name = name
        self._views = views
        self._logins = logins
        self._api = api
        self._queue = queue
        self._template = _templates.get_template("page.html")

    def process_request(self, request: HTTPServerRequest) -> dict[str, Any]:
        """What the session is given of the request: a name for the visit, good for nothing else; and the looks."""
        cookie = request.cookies.get(self._logins.cookie)
        login = None if cookie is None else self._logins.known(cookie.value, request.remote_ip or "")
        if login is None:
            return {}
        display = DisplayOptions.asked(request.query_arguments, request.headers.get("Accept-Language", ""))
        return {"visit": self._logins.open_page(login), "language": display.language, "theme": display.theme}

    def modify_document(self, doc: Document) -> None:
        context: Any = doc.session_context  # the server's kind, which knows its token
        payload: dict[str, Any] = context.token_payload
        login = self._logins.owner_of_page(payload.get("visit", ""))
        if login is None:
            return
        display = DisplayOptions(payload["language"], payload["theme"])
        viewer = Viewer(display.language, login.role, login.identity)
        actions = Actions(self._api, self._views.state, viewer, login.token, login.user_id)
        session = PageSession(
            self._views,
            self._name,
            viewer,
            display,
            actions,
            Recordings(self._api.url, login.token, viewer, self._queue, login.user_id),
            stays=lambda: self._logins.stays(login),
            touch=lambda: self._logins.touch(login),
        )
        title = f"{say(display.language, f'page.{self._name}')} · {say(display.language, 'title')}"
        session.component.server_doc(doc, title=title, location=False)
        session.component.stand_in(doc)
        doc.template = self._template
        doc.template_variables.update(_shell(self._name, display, login.name, viewer))
        doc.add_periodic_callback(session.tick, TICK_MS)
        login.at_end.add(session.give_up)

        def closed(_: Any) -> None:
            login.at_end.discard(session.give_up)
            session.give_up()

        doc.on_session_destroyed(closed)


def _shell(page: str, display: DisplayOptions, who: str, viewer: Viewer) -> dict[str, Any]:
    return {
        "language": display.language,
        "direction": display.direction,
        "look": display.theme,
        "query": display.query,
        "page": page,
        "pages": [(name, say(display.language, f"page.{name}")) for name in PAGES],
        "words": translations_for(display.language, "shell.") | {"title": say(display.language, "title")},
        "who": who,
        "role": viewer.word("role", viewer.role),
        "other_language": f"/{page}{display.other_language().query}",
        "other_look": f"/{page}{display.other_theme().query}",
        "nonce": secrets.token_urlsafe(16),
    }


class DashboardServer:
    """The server. `port` is the one that it listens on, also where the setup said 0."""

    def __init__(self, setup: DashboardConfig, token: TokenSource) -> None:
        self._setup = setup
        self._api = ServiceApi(setup.service_url)
        self.state = DashboardState()
        self._views = ViewCache(self.state)
        self._logins = LoginSessions(setup.roles, setup.idle_seconds, secure=setup.secure)
        self._login_watch = LoginWatch(self._api, self._logins)
        self._feed = Feed(self._api, token, self.state, watch=self._login_watch)
        self._audit = Audit(self._api, token, self.state, lambda: self._views.looked_at("audit"))
        self._queue = RecordingQueue()
        self._provider = Provider(setup.oidc) if setup.oidc else None
        self._stopped = asyncio.Event()
        self.port = 0

    def start(self) -> None:
        """Listen. Raises OSError where the address is taken."""
        setup = self._setup
        pages = {}
        for name in PAGES:
            page = pages[f"/{name}"] = Application()  # type: ignore[no-untyped-call]  # Panel is typed in part
            page.add(PageHandler(name, self._views, self._logins, self._api, self._queue))
        sockets = tornado.netutil.bind_sockets(setup.port, setup.host.strip("[]"))
        self.port = sockets[0].getsockname()[1]
        door = Authenticator(self._api, secure=setup.secure)
        policy = host_policy(
            "dashboard",
            setup.allowed_hosts,
            setup.allowed_origins,
            own_hosts=own_hosts(setup.host),
            own_origins=loopback_origins([self.port]),
            strict_transport=setup.secure,
        )
        app = DashboardApplication(
            pages,
            self._logins,
            policy=policy,
            proxies=setup.proxies,
            secret=secrets.token_bytes(32),
            unused_session_lifetime_milliseconds=_UNUSED_SESSION_MS,
            extra_patterns=[
                (r"/", RootHandler),
                (r"/login", LoginHandler, {"door": door, "provider": self._provider}),
                *_through(self._provider, door, policy.origins),
                (r"/logout", LogoutHandler, {"door": door}),
                (r"/healthz", LivenessHandler),
                (MODULE_PATH, ComponentModuleHandler),
                (r"/assets/(.*\.m?js)", tornado.web.StaticFileHandler, {"path": str(SCRIPTS)}),
                (r"/assets/(.*\.css)", tornado.web.StaticFileHandler, {"path": str(STYLE_SHEETS)}),
            ],
            log_function=_access,
            transforms=[partial(SecurityHeaders, policy=policy), tornado.web.GZipContentEncoding],
        )
        http = HTTPServer(
            app,
            idle_connection_timeout=60,
            body_timeout=10,
            max_header_size=_MAX_HEADER_BYTES,
            max_body_size=_MAX_BODY_BYTES,
        )
        self._server = BaseServer(IOLoop.current(), app, http)
        http.add_sockets(sockets)
        self._server.start()

    async def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        work = (self._feed.run(), self._audit.run(), self._login_watch.run())
        watching = [loop.create_task(one) for one in work]
        await self._stopped.wait()
        for task in watching:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._server.stop()
        self._api.close()
        if self._provider is not None:
            self._provider.close()

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()


class ComponentModuleHandler(tornado.web.RequestHandler):
    """`GET /assets/console.mjs`: the component in the browser, as one module."""

    def get(self) -> None:
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.finish(_MODULE)


def _through(provider: Provider | None, door: Authenticator, origins: Sequence[str]) -> list[tuple[Any, ...]]:
    """The addresses of a login through the identity provider."""
    if provider is None:
        return []
    return [
        (r"/login/oidc", OidcRedirectHandler, {"door": door, "provider": provider, "origins": origins}),
        (CALLBACK, OidcCallbackHandler, {"door": door, "provider": provider}),
        (r"/login/done", LoginDoneHandler),
    ]


def _access(handler: tornado.web.RequestHandler) -> None:
    level = logging.WARNING if handler.get_status() >= 500 else logging.DEBUG
    _log.log(level, "%s %s %s", handler.request.method, handler.request.path, handler.get_status())


_MODULE = read(CONSOLE)
_SHIMS = re.compile(r"<script[^>]*(esms-options|es-module-shims)[^>]*>.*?</script>", re.DOTALL)
_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
)
_templates.filters["without_shims"] = lambda scripts: _SHIMS.sub("", scripts)  # assets/modules.js stands in their place
