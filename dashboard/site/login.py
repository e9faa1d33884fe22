"""The login page: a token that the service accepts opens the dashboard, for the role that the token names.

The token is pasted here, or comes from the identity provider (`oidc_login.py`); both ways use one `Authenticator`.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

import jinja2
import tornado.web
from tornado.httputil import url_concat

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import say
from dashboard.live.service_api import ServiceApi, ServiceResponse
from dashboard.screen.assets import read
from dashboard.site.guard import DashboardApplication
from dashboard.site.login_sessions import LoginSession, LoginSessions, TooManyLoginsError
from dashboard.site.oidc import Provider
from dashboard.state.bounded_dict import BoundedDict
from dossier_realtime.protocol.http.forwarded import bucket

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_MAX_TOKEN_CHARS = 8_192
_MAX_KEY_CHARS = 64
_MAX_ATTEMPTS, _ATTEMPTS_SECONDS = 30, 60.0  # bad tokens of one address in that time
_MAX_ADDRESSES = 10_000  # kept

LEFT = "left"
ENDED = "ended"
_MESSAGE_KEYS = {"often", "down", "role", "full", "oidc_down", "oidc_again", "oidc_denied", "oidc_failed", "oidc_token"}
"""Keys of the sentences that a login through the provider may end with."""

_templates = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
_page = _templates.from_string(read(["templates/login.html"]))


class FailedLogins:
    """The recent bad tokens of each address, or of each /64 network of IPv6."""

    def __init__(self) -> None:
        self._failed: BoundedDict[deque[float]] = BoundedDict(_MAX_ADDRESSES)

    def allows(self, address: str, now: float) -> bool:
        """Return whether the address may try again at `now`, in Unix seconds."""
        times = self._failed.get(bucket(address))
        return times is None or len(times) < _MAX_ATTEMPTS or now - times[0] >= _ATTEMPTS_SECONDS

    def failed(self, address: str, now: float) -> None:
        """Note a bad token."""
        place = bucket(address)
        times = self._failed.get(place) or deque(maxlen=_MAX_ATTEMPTS)
        times.append(now)
        self._failed.put(place, times)


class LoginDeniedError(Exception):
    """Raised when a login is denied. `said` is the key of the sentence for the user, `status` the HTTP status."""

    def __init__(self, said: str, status: int) -> None:
        super().__init__(said)
        self.said = said
        self.status = status


class Authenticator:
    """The check of tokens, for both ways to log in.

    `secure`: whether browsers use TLS, so that cookies are sent over TLS only.
    """

    def __init__(self, api: ServiceApi, *, secure: bool) -> None:
        self.attempts = FailedLogins()
        self.secure = secure
        self._api = api

    async def authenticate(
        self, logins: LoginSessions, token: str, address: str, *, through_provider: bool = False
    ) -> LoginSession:
        """Log a user in whose token the service accepts, and whose role is known. Raises LoginDeniedError."""
        answer, endings = ServiceResponse(401), logins.endings
        if len(token) <= _MAX_TOKEN_CHARS and _TOKEN.fullmatch(token) is not None:
            answer = await self._api.call("GET", "/v1/channels/global", token)
        if answer.status == 401:
            self.attempts.failed(address, logins.now())
            raise LoginDeniedError("bad", 401)
        if answer.status not in (200, 403):  # 403: a valid token of a user who is no administrator
            raise LoginDeniedError("down", 503)
        try:
            login = logins.admit(token, address, through_provider=through_provider, endings=endings)
        except TooManyLoginsError:
            raise LoginDeniedError("full", 503) from None
        if login is None:
            raise LoginDeniedError("role", 403)
        return login

    async def token_of(self, key: str) -> str:
        """Return the token that a one-time link of the service stands for; "" where it stands for none (any more)."""
        answer = await self._api.call("POST", "/room/operators", body={"key": key[:_MAX_KEY_CHARS]})
        body = answer.body if isinstance(answer.body, dict) else {}
        return str(body.get("token", "")) if answer.status == 201 else ""

    def open(self, handler: tornado.web.RequestHandler, logins: LoginSessions, login: LoginSession) -> None:
        """Set the cookie of the login."""
        handler.set_cookie(logins.cookie, login.key, httponly=True, samesite="Strict", secure=self.secure, path="/")


class LoginHandler(tornado.web.RequestHandler):
    """`GET`: the form, with the outcome of the last attempt. `POST`: the login with a pasted token."""

    application: DashboardApplication

    def initialize(self, authenticator: Authenticator, provider: Provider | None) -> None:
        """Take the authenticator, and the identity provider if there is one."""
        self._authenticator = authenticator
        self._provider = provider
        self._display = DisplayOptions.asked(
            self.request.query_arguments, self.request.headers.get("Accept-Language", "")
        )

    def get(self) -> None:
        """Show the form."""
        said = self.request.query_arguments.get("said", [b""])[-1].decode(errors="replace")
        known = said == ENDED or (said in _MESSAGE_KEYS and self._provider is not None)
        self._show(said if known else "", left=said == LEFT)

    async def post(self) -> None:
        """Log in, or show the form again with the reason."""
        logins, address = self.application.logins, self.request.remote_ip or ""
        if not self._authenticator.attempts.allows(address, logins.now()):
            self._show("often", 429)
            return
        try:
            key, token = self.get_body_argument("key", ""), self.get_body_argument("token", "").strip()
            if key:
                token = await self._authenticator.token_of(key)
            login = await self._authenticator.authenticate(logins, token, address)
        except LoginDeniedError as refused:
            self._show(refused.said, refused.status)
            return
        self._authenticator.open(self, logins, login)
        self.redirect(f"/overview{self._display.query}", status=303)

    def _show(self, wrong: str = "", status: int = 200, *, left: bool = False) -> None:
        language = self._display.language
        provider = self._provider.name(language) if self._provider else ""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        words: dict[str, Any] = {
            "title": say(language, "title"),
            "heading": say(language, "login.title"),
            "help": say(language, "login.help"),
            "token": say(language, "login.token"),
            "by_link": say(language, "login.by_link"),
            "go": say(language, "login.go"),
            "language": say(language, "shell.language"),
            "dark": say(language, "shell.dark"),
            "light": say(language, "shell.light"),
            "through": say(language, "login.through", provider=provider),
            "or": say(language, "login.or"),
            "left": say(language, "login.left", provider=provider),
            "leave": say(language, "login.leave", provider=provider),
        }
        self.finish(
            _page.render(
                words=words,
                language=language,
                direction=self._display.direction,
                look=self._display.theme,
                query=self._display.query,
                other_language=f"/login{self._display.other_language().query}",
                other_look=f"/login{self._display.other_theme().query}",
                wrong=say(language, f"login.{wrong}", provider=provider) if wrong else "",
                through=f"/login/oidc{self._display.query}" if self._provider else "",
                leave=self._provider_logout() if left else "",
            )
        )

    def _provider_logout(self) -> str:
        """Return the provider's own logout, where it has one (OpenID Connect RP-Initiated Logout 1.0)."""
        if self._provider is None or self._provider.known is None or not self._provider.known.end_session_endpoint:
            return ""
        return url_concat(self._provider.known.end_session_endpoint, {"client_id": self._provider.oidc.client_id})


class LogoutHandler(tornado.web.RequestHandler):
    """`POST`: the end of the login, on every page."""

    application: DashboardApplication

    def initialize(self, authenticator: Authenticator) -> None:
        """Take the authenticator."""
        self._secure = authenticator.secure

    def post(self) -> None:
        """End the login and clear its cookie."""
        login = self.application.login(self.request)
        said = ""
        if login is not None:
            self.application.logins.leave(login)
            said = f"&said={LEFT}" if login.through_provider else ""
        self.clear_cookie(self.application.logins.cookie, path="/", secure=self._secure)
        self.redirect(f"/login{DisplayOptions.asked(self.request.query_arguments).query}{said}", status=303)


class LivenessHandler(tornado.web.RequestHandler):
    """`GET /healthz`: the liveness of this process."""

    def get(self) -> None:
        """Answer."""
        self.set_header("Cache-Control", "no-store")
        self.finish("ok\n")


class RootHandler(tornado.web.RequestHandler):
    """`GET /`: the way to the first page."""

    def get(self) -> None:
        """Redirect."""
        self.redirect(f"/overview{'?' + self.request.query if self.request.query else ''}")
