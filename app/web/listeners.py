"""The addresses that the service answers at: its own, the metrics', and one for the dashboard beside it.

Each has the hosts and origins of its own, all have the same handlers, bounds and connection limits behind them.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import tornado.netutil
import tornado.web

from app.security import token_secrets
from app.web.probes.public_pages import PublicPages
from dossier_realtime.protocol.http.host_policy import HostPolicy, host_policy, own_hosts
from dossier_realtime.protocol.http.loopback import LOOPBACK_HOSTS, loopback_origins

from .application import application, metrics_application, server
from .handler_context import Site

if TYPE_CHECKING:
    import ssl

    from app.configuration.config import Config
    from app.services.room.guests import Room

    from .handler_context import HandlerContext

_LOOPBACK = "127.0.0.1"


class PortListeners:
    """The listening sockets of a service.

    `port`: the port that it listens on, also where the configuration says 0; `metrics_port`: the port of the metrics'
    own address, 0 without one.
    """

    def __init__(
        self,
        config: Config,
        context: HandlerContext,
        tls: ssl.SSLContext | None,
        room: Room | None = None,
    ) -> None:
        """Take the room of newcomers: its pages are at the service's own address, its login is for the dashboard's."""
        self._config, self._context = config, context
        self.room = room
        self._sites: list[tuple[Site, bool]] = []
        self._own_site = self._site(_service_policy(config, config.server.port), is_open=not config.server.production)
        self._own_site.guests = room.guests if room else None
        self.app = application(context, self._own_site)
        self._own = server(self.app, tls, context.bounds)
        self._servers = [self._own]
        self.port = self.metrics_port = 0

    @property
    def refused(self) -> int:
        """The number of connections that the system did not accept."""
        return sum(each.refused for each in self._servers)

    def open(self) -> None:
        """Listen where the configuration says. Raises OSError for an address that cannot be listened on."""
        configured, metrics = self._config.server, self._config.metrics
        sockets = _bound(configured.port, configured.host, backlog=1024, shared=configured.reuse_port)
        self.port = sockets[0].getsockname()[1]
        self._own_site.host_policy = _service_policy(self._config, self.port)
        self._own.add_sockets(sockets)
        if metrics.host:
            sockets = _bound(metrics.port, metrics.host, backlog=16)
            self.metrics_port = sockets[0].getsockname()[1]
            site = self._site(_metrics_policy(self._config), is_open=True)
            self._serve(metrics_application(self._context, site), sockets)

    def open_for_dashboard(self) -> str:
        """Listen on a free port of the loopback, in the clear, for the dashboard beside the service; return its URL.

        The public address has names that may resolve differently on this machine, and a certificate for those names.
        """
        site = self._site(host_policy("server", LOOPBACK_HOSTS, ()), is_open=False)  # and no browser
        site.operator = self.room.operator if self.room else None
        sockets = _bound(0, _LOOPBACK, backlog=64)
        self._serve(application(self._context, site), sockets)
        return f"http://{_LOOPBACK}:{sockets[0].getsockname()[1]}"

    def publish_pages(self) -> None:
        """Read again which pages need no access token. Raises ValueError for a weak token."""
        for site, is_open in self._sites:
            site.public_pages = self._pages(is_open)

    def leave_shared(self) -> None:
        """Leave a port that other processes share: the system gives them the connections that are still to come."""
        if self._config.server.reuse_port:
            self._own.stop()

    def stop(self) -> None:
        """Accept no more."""
        for each in self._servers:
            each.stop()

    async def close(self) -> None:
        """Close every connection that is still open."""
        for each in self._servers:
            await each.close_all_connections()

    def _site(self, policy: HostPolicy, *, is_open: bool) -> Site:
        """Return the rules of another address; `is_open`: the metrics may be read there without a token."""
        site = Site(policy, self._pages(is_open))
        self._sites.append((site, is_open))
        return site

    def _pages(self, is_open: bool) -> PublicPages:
        config = self._config
        token = token_secrets.metrics_token(config.metrics.token, config.metrics.token_file)
        return PublicPages(is_open and not token, token, config.security_txt)

    def _serve(self, app: tornado.web.Application, sockets: list[socket.socket]) -> None:
        added = server(app, None, self._context.bounds)
        self._servers.append(added)
        added.add_sockets(sockets)


def _service_policy(config: Config, port: int) -> HostPolicy:
    """Return the policy of the service's own address; `port` is the one that it listens on."""
    server = config.server
    scheme = "https" if server.tls_certificate else "http"
    return host_policy(
        "server",
        server.allowed_hosts,
        server.allowed_origins,
        own_hosts=own_hosts(server.host),
        own_origins=(*loopback_origins([port], scheme), *loopback_origins([config.dashboard.port])),
        require_origin=server.require_origin,
        strict_transport=bool(server.tls_certificate) or server.behind_proxy,
    )


def _metrics_policy(config: Config) -> HostPolicy:
    """Return the policy of the metrics' own address: called by the service's names or by itself, and by no browser."""
    server, host = config.server, config.metrics.host.strip("[]")
    own = [f"[{host}]" if ":" in host else host] if host else []
    return host_policy("server", (*server.allowed_hosts, *own), (), own_hosts=own_hosts(server.host))


def _bound(port: int, host: str, *, backlog: int, shared: bool = False) -> list[socket.socket]:
    return tornado.netutil.bind_sockets(port, host.strip("[]"), backlog=backlog, reuse_port=shared)
