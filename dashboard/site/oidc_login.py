"""Logging in through the identity provider: out to it, back from it, and on to the first page.

Of Panel this uses its provider for any OAuth server with PKCE, `panel.auth.CodeChallengeLoginHandler`: the verifier
and challenge that it makes, and the authorization request of the class below it. The rest is not used. Panel's way
back puts the access, id and refresh token into cookies of the browser, where ours stay in this process; sends no
verifier when the client has a secret; rewrites quotes in the provider's JSON; logs its answers, tokens among them;
answers a provider's error by its own text, or begins again without end; and has one provider a process, in globals.

The session cookie is SameSite=Strict, and the browser comes back on a redirect chain that another site began, on which
it sends no such cookie. So the chain ends on a page of ours, and that page goes on by itself.
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

from dashboard.language.display_options import Looks
from dashboard.language.i18n import say
from dashboard.screen.assets import read
from dashboard.site.guard import DashboardApplication
from dashboard.site.login import Door, NotLetIn
from dashboard.site.oidc import CALLBACK, JOURNEY_SECONDS, Endpoints, Journey, Provider, ProviderFailed, named_error

BROWSER = "dossier-login"
"""The cookie that says which browser a login left from: one for all its tabs, gone by itself, and it opens nothing."""
_PATH = "/login/oidc"  # where that cookie is sent
_NUMBER = re.compile(r"[\w-]{43}", re.ASCII)
_LONGEST = 4_096  # characters of what the provider sends along

_log = logging.getLogger("dashboard")
_templates = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
_page = _templates.from_string(read(["templates/done.html"]))


class AwayHandler(CodeChallengeLoginHandler):
    """`GET /login/oidc`: to the provider's own login page."""

    application: DashboardApplication

    def initialize(self, door: Door, provider: Provider, origins: Sequence[str]) -> None:
        self._door = door
        self._provider = provider
        self._origins = origins
        self._looks = _looks(self)

    async def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        try:
            self._endpoints: Endpoints = await self._provider.endpoints()
        except ProviderFailed as failed:
            _back(self, self._looks, failed.said)
            return
        known = self.get_cookie(_cookie(self._door)) or ""
        browser = known if _NUMBER.fullmatch(known) else secrets.token_urlsafe(32)
        verifier, challenge = self.get_code()  # type: ignore[no-untyped-call]  # Panel is typed in part
        journey = Journey(
            browser,
            verifier,
            secrets.token_urlsafe(32),
            self._redirect_uri,
            self._looks,
            self.request.remote_ip or "",
            self.application.visitors.now(),
        )
        state = self._provider.journeys.begin(journey)
        # Lax: it must come along when the provider's site sends the browser back.
        self.set_cookie(
            _cookie(self._door),
            browser,
            httponly=True,
            samesite="Lax",
            secure=self._door.secure,
            path=_PATH,
            max_age=int(JOURNEY_SECONDS),
        )
        self.authorize_redirect(
            redirect_uri=journey.redirect_uri,
            client_id=self._provider.oidc.client_id,
            scope=list(self._provider.oidc.scopes),
            extra_params={
                "state": state,
                "nonce": journey.nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
                "ui_locales": self._looks.language,
            },
        )

    @property
    def _OAUTH_AUTHORIZE_URL(self) -> str:  # noqa: N802  Panel's name for it
        return self._endpoints.authorization_endpoint

    @property
    def _redirect_uri(self) -> str:
        """Back to the configured origin under which the browser is here: never to what a Host header makes up."""
        host = self.request.host.lower()
        origin = next((origin for origin in self._origins if origin.partition("://")[2] == host), self._origins[0])
        return origin + CALLBACK

    def write_error(self, status_code: int, **_: Any) -> None:
        """Panel's would end every login of the browser, on a page from elsewhere."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}: {self._reason}\n")


class CallbackHandler(tornado.web.RequestHandler):
    """`GET /login/oidc/callback`: a login comes back. No page is shown under an address that has a code in it."""

    application: DashboardApplication

    def initialize(self, door: Door, provider: Provider) -> None:
        self._door = door
        self._provider = provider

    async def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        address, now = self.request.remote_ip or "", self.application.visitors.now()
        if not self._door.attempts.allows(address, now):
            _back(self, _looks(self), "often")
            return
        state, browser = self._said("state"), self.get_cookie(_cookie(self._door)) or ""
        journey = self._provider.journeys.end(state, browser, now)
        if journey is None:
            self._door.attempts.failed(address, now)
            _back(self, _looks(self), "oidc_again")
            return
        try:
            code = self._code(await self._provider.endpoints())
            token = await self._provider.redeem(code, journey)
            visitor = await self._door.authenticate(self.application.visitors, token, address, through_provider=True)
        except ProviderFailed as failed:
            _log.warning("a login through the identity provider failed: %s", failed)
            if failed.said == "oidc_failed":
                self._door.attempts.failed(address, now)
            _back(self, journey.looks, failed.said)
        except NotLetIn as refused:
            _back(self, journey.looks, "oidc_token" if refused.said == "bad" else refused.said)
        else:
            self._door.open(self, self.application.visitors, visitor)
            self.redirect(f"/login/done{journey.looks.query}", status=303)

    def _code(self, endpoints: Endpoints) -> str:
        """The code, of the provider that was asked (RFC 9207). Raises ProviderFailed."""
        error, code = self._said("error"), self._said("code")
        named = "iss" in self.request.query_arguments or endpoints.authorization_response_iss_parameter_supported
        if named and self._said("iss") != endpoints.issuer:
            raise ProviderFailed("oidc_failed", "the answer is of another issuer")
        if error:
            said = "oidc_denied" if error == "access_denied" else "oidc_failed"
            raise ProviderFailed(said, f"the provider said {named_error(error)}")
        if not code:
            raise ProviderFailed("oidc_failed", "the provider sent no code")
        return code

    def _said(self, name: str) -> str:
        """A parameter; nothing where it is missing, too long, or there more than once (RFC 6749 §3.1)."""
        values = self.request.query_arguments.get(name, [])
        value = values[0].decode(errors="replace") if len(values) == 1 else ""
        return value if len(value) <= _LONGEST else ""

    def log_exception(self, *failure: Any) -> None:
        """Tornado's would write the address into the log, with the code in it. Bad requests are not worth a line."""
        if not isinstance(failure[1], tornado.web.HTTPError):
            _log.error("a login through the identity provider broke", exc_info=failure)


class DoneHandler(tornado.web.RequestHandler):
    """`GET /login/done`: where the way back ends, and the way to the first page begins."""

    def get(self) -> None:
        looks = _looks(self)
        self.set_header("Cache-Control", "no-store")
        self.finish(
            _page.render(
                language=looks.language,
                direction=looks.direction,
                look=looks.theme,
                title=say(looks.language, "title"),
                done=say(looks.language, "login.done"),
                go=say(looks.language, "login.on"),
                onward=f"/overview{looks.query}",
            )
        )


def _cookie(door: Door) -> str:
    """The cookie's name; where browsers come by TLS, with a prefix with which they take it in no other way (RFC
    6265bis). It is sent to one path, so it cannot have the stricter prefix."""
    return f"__Secure-{BROWSER}" if door.secure else BROWSER


def _looks(handler: tornado.web.RequestHandler) -> Looks:
    return Looks.asked(handler.request.query_arguments, handler.request.headers.get("Accept-Language", ""))


def _back(handler: tornado.web.RequestHandler, looks: Looks, said: str) -> None:
    """To the login page, which knows the sentence by its name: nobody else's words come along."""
    handler.redirect(f"/login{looks.query}&said={said}", status=303)
