"""The checks before Panel: the Host, the Origin, the login, and the page that a socket belongs to.

Bokeh opens a session for every request: so each request is judged here first, by the same `host_policy` as at the
service, and paths that no page needs are not served.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

import tornado.web
from bokeh.resources import Resources
from bokeh.server.tornado import BokehTornado
from bokeh.util.token import check_token_signature, get_token_payload

from dashboard.site.login_sessions import LoginSession, LoginSessions
from dossier_realtime.protocol.http.forwarded import Network, client_address
from dossier_realtime.protocol.http.host_policy import STRICT_TRANSPORT, DenialSample, HostPolicy

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

_OPEN = re.compile(r"/(login(/done|/oidc(/callback)?)?|logout|healthz|favicon\.ico|(static|assets)/.*)")
_SECRETS = ("bokeh-token", "bokeh-session-id")
_POLICY = (
    "default-src 'none'; script-src 'self'{nonce}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_log = logging.getLogger("dashboard")


class PageDenial(NamedTuple):
    """The response to a request that is denied."""

    status: int
    text: str


class DashboardApplication(BokehTornado):
    """Panel's application behind the checks. `policy`: the hosts and origins that browsers may call it by.

    `proxies`: the only ones whose X-Forwarded-For is believed; no other header names an address.
    """

    def __init__(
        self,
        pages: dict[str, Any],
        logins: LoginSessions,
        *,
        policy: HostPolicy,
        proxies: Sequence[Network],
        secret: bytes,
        **options: Any,
    ) -> None:
        self.logins = logins
        self._policy = policy
        self._denials = DenialSample()
        self._proxies = tuple(proxies)
        self._secret = secret
        self._paths = frozenset(pages)
        super().__init__(
            pages,
            extra_websocket_origins=[origin.partition("://")[2] for origin in policy.origins],
            sign_sessions=True,
            secret_key=secret,
            include_headers=[],  # Bokeh puts those that are named here into the page
            include_cookies=[],
            use_index=False,
            websocket_max_message_size_bytes=65_536,
            **options,
        )

    def login(self, request: HTTPServerRequest) -> LoginSession | None:
        """Return the login that sends the request."""
        cookie = request.cookies.get(self.logins.cookie)
        return None if cookie is None else self.logins.known(cookie.value, request.remote_ip or "")

    def resources(self, absolute_url: str | bool | None = None) -> Resources:
        """Return Bokeh's resources that a page loads: those that Panel's bundle needs."""
        whole = super().resources(absolute_url)
        whole.components = ["bokeh", "bokeh-widgets", "bokeh-tables"]
        return whole

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Judge the request, and return the handler for it or for its denial."""
        # First of all: logins, their limiter and the pages read the address from the request.
        forwarded = request.headers.get_list("X-Forwarded-For")
        request.remote_ip = client_address(request.remote_ip or "", forwarded, self._proxies)
        denial = self._judge(request)
        if denial is not None:
            return self.get_handler_delegate(request, PageDenialHandler, {"denial": denial})
        return super().find_handler(request, **kwargs)

    def _judge(self, request: HTTPServerRequest) -> PageDenial | None:
        hosts, origins = request.headers.get_list("Host"), request.headers.get_list("Origin")
        socket = request.headers.get("Upgrade", "").lower() == "websocket"
        needs_origin = socket or request.method not in ("GET", "HEAD")
        denial = self._policy.judge(hosts, origins, needs_origin=needs_origin)
        if denial is not None:
            left_out = self._denials.take(denial, time.monotonic())
            if left_out is not None:
                _log.warning("%s (from %s; %d more since the last)", denial, request.remote_ip, left_out)
            return PageDenial(denial.status, denial.message)
        if _OPEN.fullmatch(request.path):
            return None
        return self._judge_login(request, socket=socket)

    def _judge_login(self, request: HTTPServerRequest, *, socket: bool) -> PageDenial | None:
        login = self.login(request)
        if socket:
            if login is None:
                return PageDenial(403, "Log in first")
            return (
                None
                if self._is_own_page(request, login)
                else PageDenial(403, "This page belongs to another login; load it anew")
            )
        if request.path != "/" and request.path not in self._paths:
            return PageDenial(404, "There is no such page")
        if any(name in parse_qs(request.query) for name in _SECRETS) or "Bokeh-Session-Id" in request.headers:
            return PageDenial(403, "A page is opened without a session; leave it out")
        return None if login is not None else PageDenial(302, "Log in first")

    def _is_own_page(self, request: HTTPServerRequest, login: LoginSession) -> bool:
        """Return whether the socket's token is signed by this server, and of a page that this login opened."""
        _, _, token = request.headers.get("Sec-WebSocket-Protocol", "").partition(",")
        token = token.strip()
        try:
            if not check_token_signature(token, secret_key=self._secret, signed=True):
                return False
            payload = get_token_payload(token)
        except Exception:  # Bokeh's decoder raises many types on foreign input
            return False
        fresh = payload.get("session_expiry", 0) > self.logins.now()
        return fresh and payload.get("visit") in login.page_keys


class PageDenialHandler(tornado.web.RequestHandler):
    """The response of a denial: its text, or the way to the login."""

    def initialize(self, denial: PageDenial) -> None:
        """Take the denial."""
        self._denial = denial

    def prepare(self) -> None:
        """Finish the response before any method runs."""
        if self._denial.status == 302:
            query = f"?{self.request.query}" if self.request.query else ""
            self.redirect(f"/login{query}")
            return
        self.set_status(self._denial.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(self._denial.text + "\n")


class SecurityHeaders(tornado.web.OutputTransform):
    """The headers of every response. Scripts run if they are files of this server or bear the page's nonce."""

    def __init__(self, request: HTTPServerRequest, *, policy: HostPolicy) -> None:
        super().__init__(request)
        self._policy = policy

    def transform_first_chunk(
        self, status_code: int, headers: Any, chunk: bytes, finishing: bool
    ) -> tuple[int, Any, bytes]:
        """Add the headers, with the nonce that the page holds."""
        found = re.search(rb'<script nonce="([\w-]+)"', chunk)
        headers["Content-Security-Policy"] = _POLICY.format(nonce=f" 'nonce-{found[1].decode()}'" if found else "")
        if self._policy.strict_transport:
            headers["Strict-Transport-Security"] = STRICT_TRANSPORT
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"  # a stricter policy makes browsers omit the Origin of our own forms
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers.pop("Server", None)
        headers.pop("Access-Control-Allow-Origin", None)
        return status_code, headers, chunk
