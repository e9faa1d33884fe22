"""The dashboard's own process: Panel behind the guard, one feed, one tick per page."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import tornado.netutil
import tornado.web
from bokeh.server.server import BaseServer
from bokeh.server.urls import per_app_patterns
from panel.io.application import Application
from panel.io.server import WSHandler  # importing panel.io.server puts Panel's pages in Bokeh's place
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from dashboard.live.audit import Audit
from dashboard.live.feed import Feed
from dashboard.live.service_api import ServiceApi
from dashboard.playback.recording_queue import RecordingQueue
from dashboard.screen.assets import PAGE_SCRIPTS, SCRIPTS, STYLE_SHEETS, read
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import DashboardRole
from dashboard.site.guard import DashboardApplication, SecurityHeaders
from dashboard.site.login import Authenticator, LivenessHandler, LoginHandler, LogoutHandler, RootHandler
from dashboard.site.login_sessions import LoginSessions
from dashboard.site.login_watch import LoginWatch
from dashboard.site.oidc import CALLBACK, OidcConfig, Provider
from dashboard.site.oidc_login import LoginDoneHandler, OidcCallbackHandler, OidcRedirectHandler
from dashboard.site.page_component import MODULE_PATH
from dashboard.site.page_handler import PageHandler
from dashboard.site.view_cache import ViewCache
from dashboard.state.store import DashboardState
from dossier_realtime.client import TokenSource
from dossier_realtime.protocol.http.forwarded import Network
from dossier_realtime.protocol.http.host_policy import host_policy, own_hosts
from dossier_realtime.protocol.http.loopback import loopback_origins

_log = logging.getLogger("dashboard")
logging.getLogger("bokeh").setLevel(logging.WARNING)  # it logs every socket
logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)  # and every tab that closes while a message is sent


class _PageSocket(WSHandler):
    """A page's socket that may close after its session was discarded, which Bokeh's own takes for a fault."""

    def on_close(self) -> None:
        if self.connection is not None and self.connection._session is None:  # noqa: SLF001  `session` asserts it
            server: Any = self.application
            server.client_lost(self.connection)
        else:
            super().on_close()


_routes: Any = [(path, _PageSocket if page is WSHandler else page, *more) for path, page, *more in per_app_patterns]
per_app_patterns[:] = _routes
_MAX_HEADER_BYTES = 16_384
_MAX_BODY_BYTES = 65_536
_UNUSED_SESSION_MS = 15_000  # after which a session without a browser is dropped


@dataclass(frozen=True, slots=True)
class SiteAddress:
    """The address that the site listens on, and those that browsers may call it by.

    `behind_tls`: a proxy in front ends TLS, so that cookies go over TLS alone. `proxies`: those whose X-Forwarded-For
    is believed.
    """

    host: str
    port: int
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    behind_tls: bool = False
    proxies: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class LoginRules:
    """The rules of logins.

    `roles`: the role on the dashboard by the `role` of a token. `idle_seconds`: the time after which an idle login
    ends. `oidc`: the identity provider, if there is one.
    """

    roles: Mapping[str, DashboardRole]
    idle_seconds: float
    oidc: OidcConfig | None = None


@dataclass(frozen=True, slots=True)
class DashboardConfig:
    """The configuration of the site. `service_url`: `http(s)://host:port` of the service that it watches."""

    service_url: str
    address: SiteAddress
    login: LoginRules


class DashboardServer:
    """The server. `port` is the port that it listens on, also where the configuration says 0."""

    _server: BaseServer  # from `start` on

    def __init__(self, config: DashboardConfig, token: TokenSource) -> None:
        self._config = config
        self._api = ServiceApi(config.service_url)
        self.state = DashboardState()
        self._views = ViewCache(self.state)
        self._logins = LoginSessions(config.login.roles, config.login.idle_seconds, secure=config.address.behind_tls)
        self._login_watch = LoginWatch(self._api, self._logins)
        self._feed = Feed(self._api, token, self.state, listener=self._login_watch)
        self._audit = Audit(self._api, token, self.state, lambda: self._views.is_viewed("audit"))
        self._queue = RecordingQueue()
        self._provider = Provider(config.login.oidc) if config.login.oidc else None
        self._stopped = asyncio.Event()
        self.port = 0

    def start(self) -> None:
        """Listen. Raises OSError where the address is taken."""
        address = self._config.address
        pages = {}
        for name in PANES:
            page = pages[f"/{name}"] = Application()  # type: ignore[no-untyped-call]  # Panel is typed in part
            page.add(PageHandler(name, self._views, self._logins, self._api, self._queue))
        sockets = tornado.netutil.bind_sockets(address.port, address.host.strip("[]"))
        self.port = sockets[0].getsockname()[1]
        authenticator = Authenticator(self._api, secure=address.behind_tls)
        policy = host_policy(
            "dashboard",
            address.allowed_hosts,
            address.allowed_origins,
            own_hosts=own_hosts(address.host),
            own_origins=loopback_origins([self.port]),
            strict_transport=address.behind_tls,
        )
        app = DashboardApplication(
            pages,
            self._logins,
            policy=policy,
            proxies=address.proxies,
            secret=secrets.token_bytes(32),
            unused_session_lifetime_milliseconds=_UNUSED_SESSION_MS,
            extra_patterns=[
                (r"/", RootHandler),
                (r"/login", LoginHandler, {"authenticator": authenticator, "provider": self._provider}),
                *_provider_handlers(self._provider, authenticator, policy.origins),
                (r"/logout", LogoutHandler, {"authenticator": authenticator}),
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
        await self._api.close()
        if self._provider is not None:
            await self._provider.close()

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()


class ComponentModuleHandler(tornado.web.RequestHandler):
    """`GET /assets/console.mjs`: the component in the browser, as one module."""

    def get(self) -> None:
        """Send the module."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.finish(_MODULE)


def _provider_handlers(
    provider: Provider | None, authenticator: Authenticator, origins: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Return the handlers of a login through the identity provider."""
    if provider is None:
        return []
    return [
        (
            r"/login/oidc",
            OidcRedirectHandler,
            {"authenticator": authenticator, "provider": provider, "origins": origins},
        ),
        (CALLBACK, OidcCallbackHandler, {"authenticator": authenticator, "provider": provider}),
        (r"/login/done", LoginDoneHandler),
    ]


def _access(handler: tornado.web.RequestHandler) -> None:
    level = logging.WARNING if handler.get_status() >= 500 else logging.DEBUG
    _log.log(level, "%s %s %s", handler.request.method, handler.request.path, handler.get_status())


_MODULE = read(PAGE_SCRIPTS)
