"""The login through the identity provider: the redirect to it, the return, and the way to the first page.

Of Panel this uses `panel.auth.CodeChallengeLoginHandler`, the handler for OAuth servers with PKCE: the verifier and the
challenge that it makes, and the authorization request of its base class. The rest is not used. Panel's callback puts
the access, id and refresh token into cookies of the browser, where ours stay in this process; sends no verifier when
the client has a secret; rewrites quotes in the provider's JSON; logs its responses with their tokens; answers a
provider's error by its own text, or begins again without end; and has one provider per process, in globals.

The session cookie is SameSite=Strict: browsers do not send it on a redirect chain that another site began. So the chain
ends on a page of ours, and that page goes on by itself.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Sequence
from typing import Any

import jinja2
import tornado.web
from panel.auth import CodeChallengeLoginHandler

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import say
from dashboard.screen.assets import read
from dashboard.site.guard import DashboardApplication
from dashboard.site.login import Authenticator, LoginDeniedError
from dashboard.site.oidc import (
    CALLBACK,
    PENDING_LOGIN_SECONDS,
    Endpoints,
    PendingLogin,
    Provider,
    ProviderError,
    named_error,
)

BROWSER_COOKIE = "dossier-login"
"""The cookie that identifies the browser of a pending login: one for all its tabs. It expires, and opens nothing."""
_PATH = "/login/oidc"  # the path that the cookie is sent to
_NUMBER = re.compile(r"[\w-]{43}", re.ASCII)
_MAX_PARAMETER_CHARS = 4_096  # of one parameter from the provider

_log = logging.getLogger("dashboard")
_templates = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
_page = _templates.from_string(read(["templates/done.html"]))


class OidcRedirectHandler(CodeChallengeLoginHandler):
    """`GET /login/oidc`: the way to the provider's own login page."""

    application: DashboardApplication
    _endpoints: Endpoints  # `get` reads them before anything else

    def initialize(self, authenticator: Authenticator, provider: Provider, origins: Sequence[str]) -> None:
        """Take the authenticator, the provider, and the origins that the provider may send browsers back to."""
        self._authenticator = authenticator
        self._provider = provider
        self._origins = origins
        self._display = _display(self)

    async def get(self) -> None:
        """Begin a login and redirect to the provider."""
        self.set_header("Cache-Control", "no-store")
        try:
            self._endpoints = await self._provider.endpoints()
        except ProviderError as failed:
            _back(self, self._display, failed.said)
            return
        known = self.get_cookie(_cookie(self._authenticator)) or ""
        browser = known if _NUMBER.fullmatch(known) else secrets.token_urlsafe(32)
        verifier, challenge = self.get_code()  # type: ignore[no-untyped-call]  # Panel is typed in part
        pending = PendingLogin(
            browser,
            verifier,
            secrets.token_urlsafe(32),
            self._redirect_uri,
            self._display,
            self.request.remote_ip or "",
            self.application.logins.now(),
        )
        state = self._provider.pending_logins.begin(pending)
        # Lax: browsers must send it when the provider's site redirects back.
        self.set_cookie(
            _cookie(self._authenticator),
            browser,
            httponly=True,
            samesite="Lax",
            secure=self._authenticator.secure,
            path=_PATH,
            max_age=int(PENDING_LOGIN_SECONDS),
        )
        self.authorize_redirect(
            redirect_uri=pending.redirect_uri,
            client_id=self._provider.oidc.client_id,
            scope=list(self._provider.oidc.scopes),
            extra_params={
                "state": state,
                "nonce": pending.nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
                "ui_locales": self._display.language,
            },
        )

    @property
    def _OAUTH_AUTHORIZE_URL(self) -> str:  # noqa: N802  Panel's name for it
        return self._endpoints.authorization_endpoint

    @property
    def _redirect_uri(self) -> str:
        """Return the callback under the configured origin that the browser uses, never under a foreign Host."""
        host = self.request.host.lower()
        origin = next((origin for origin in self._origins if origin.partition("://")[2] == host), self._origins[0])
        return origin + CALLBACK

    def write_error(self, status_code: int, **_: Any) -> None:
        """Write a plain error: Panel's would end every login of the browser, on a page from elsewhere."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}: {self._reason}\n")


class OidcCallbackHandler(tornado.web.RequestHandler):
    """`GET /login/oidc/callback`: the return from the provider. No page is shown under an address with a code."""

    application: DashboardApplication

    def initialize(self, authenticator: Authenticator, provider: Provider) -> None:
        """Take the authenticator and the provider."""
        self._authenticator = authenticator
        self._provider = provider

    async def get(self) -> None:
        """Redeem the code and log in, or go back to the login page with the reason."""
        self.set_header("Cache-Control", "no-store")
        address, now = self.request.remote_ip or "", self.application.logins.now()
        if not self._authenticator.attempts.allows(address, now):
            _back(self, _display(self), "often")
            return
        state, browser = self._parameter("state"), self.get_cookie(_cookie(self._authenticator)) or ""
        pending = self._provider.pending_logins.end(state, browser, now)
        if pending is None:
            self._authenticator.attempts.failed(address, now)
            _back(self, _display(self), "oidc_again")
            return
        try:
            code = self._code(await self._provider.endpoints())
            token = await self._provider.redeem(code, pending)
            login = await self._authenticator.authenticate(
                self.application.logins, token, address, through_provider=True
            )
        except ProviderError as failed:
            _log.warning("a login through the identity provider failed: %s", failed)
            if failed.said == "oidc_failed":
                self._authenticator.attempts.failed(address, now)
            _back(self, pending.display, failed.said)
        except LoginDeniedError as refused:
            _back(self, pending.display, "oidc_token" if refused.said == "bad" else refused.said)
        else:
            self._authenticator.open(self, self.application.logins, login)
            self.redirect(f"/login/done{pending.display.query}", status=303)

    def _code(self, endpoints: Endpoints) -> str:
        """Return the code, if it is of the provider that was asked (RFC 9207). Raises ProviderError."""
        error, code = self._parameter("error"), self._parameter("code")
        named = "iss" in self.request.query_arguments or endpoints.authorization_response_iss_parameter_supported
        if named and self._parameter("iss") != endpoints.issuer:
            raise ProviderError("oidc_failed", "the answer is of another issuer")
        if error:
            said = "oidc_denied" if error == "access_denied" else "oidc_failed"
            raise ProviderError(said, f"the provider said {named_error(error)}")
        if not code:
            raise ProviderError("oidc_failed", "the provider sent no code")
        return code

    def _parameter(self, name: str) -> str:
        """Return a parameter; "" where it is missing, too long, or given twice (RFC 6749 §3.1)."""
        values = self.request.query_arguments.get(name, [])
        value = values[0].decode(errors="replace") if len(values) == 1 else ""
        return value if len(value) <= _MAX_PARAMETER_CHARS else ""

    def log_exception(self, *failure: Any) -> None:
        """Log without the address, which holds the code. Bad requests are not logged."""
        if not isinstance(failure[1], tornado.web.HTTPError):
            _log.error("a login through the identity provider broke", exc_info=failure)


class LoginDoneHandler(tornado.web.RequestHandler):
    """`GET /login/done`: the page on which the redirects end, and which goes on to the first page by itself."""

    def get(self) -> None:
        """Show the page."""
        display = _display(self)
        self.set_header("Cache-Control", "no-store")
        self.finish(
            _page.render(
                language=display.language,
                direction=display.direction,
                look=display.theme,
                title=say(display.language, "title"),
                done=say(display.language, "login.done"),
                go=say(display.language, "login.on"),
                onward=f"/overview{display.query}",
            )
        )


def _cookie(authenticator: Authenticator) -> str:
    """Return the cookie's name.

    Over TLS it has a prefix with which browsers accept it in no other way (RFC 6265bis). It is sent to one path, so it
    cannot have the stricter prefix.
    """
    return f"__Secure-{BROWSER_COOKIE}" if authenticator.secure else BROWSER_COOKIE


def _display(handler: tornado.web.RequestHandler) -> DisplayOptions:
    return DisplayOptions.asked(handler.request.query_arguments, handler.request.headers.get("Accept-Language", ""))


def _back(handler: tornado.web.RequestHandler, display: DisplayOptions, said: str) -> None:
    """Redirect to the login page with the key of a sentence: no foreign text is passed on."""
    handler.redirect(f"/login{display.query}&said={said}", status=303)
