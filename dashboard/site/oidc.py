"""The identity provider: its endpoints, and the exchange of a code for a token (OpenID Connect Core 1.0).

Authorization code with PKCE. The facts that a login needs when it comes back wait in this process, under a `state`
that is valid once and in one browser. The token that comes out is verified by the service; here it is only passed on.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar
from urllib.parse import quote_plus, urlencode

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import Language
from dashboard.site.login_sessions import unverified_claims
from dossier_realtime.client.io.endpoint import check_url
from dossier_realtime.client.io.unfinished import Unfinished

CALLBACK = "/login/oidc/callback"
PENDING_LOGIN_SECONDS = 600.0
"""The time that a login may take at the provider."""
MAX_PENDING_LOGINS = 2_000  # at once; then the address that has most of them loses its oldest

_CALL_TIMEOUT_SECONDS = 5.0
_MAX_RESPONSE_BYTES = 256 * 1024
_REFRESH_SECONDS = 3600.0  # after which the endpoints of the provider are read again
_RETRY_SECONDS = 5.0  # after a failure to read them
_CODE = re.compile(r"[a-z_]{1,40}")  # an error code (RFC 6749 §5.2) that may be logged

_log = logging.getLogger("dashboard")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """The provider, and this client's registration there. `token`: the token that the service accepts."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    token: Literal["access_token", "id_token"]
    names: Mapping[Language, str]


class ProviderError(Exception):
    """Raised when the provider fails. `said` is the key of the sentence for the user; the reason is for the log.

    The reason holds no part of any token.
    """

    def __init__(self, said: str, reason: str) -> None:
        super().__init__(reason)
        self.said = said


class Endpoints(msgspec.Struct, frozen=True):
    """The used part of the provider's metadata (OpenID Connect Discovery 1.0 §3, RFC 9207 §3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True):
    access_token: str | None = None
    id_token: str | None = None


class _ErrorBody(msgspec.Struct, frozen=True):
    error: str = ""


class _IdClaims(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    nonce: str | None = None
    azp: str | None = None


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login that waits for the provider. `browser` is the random number in a cookie of the browser that began it."""

    browser: str
    verifier: str
    nonce: str
    redirect_uri: str
    display: DisplayOptions
    address: str
    began_at: float


class PendingLogins:
    """The logins that wait for the provider, each under its `state`."""

    def __init__(self) -> None:
        self._away: dict[str, PendingLogin] = {}

    def begin(self, pending: PendingLogin) -> str:
        """Return the `state` to send along."""
        while self._away and pending.began_at - next(iter(self._away.values())).began_at > PENDING_LOGIN_SECONDS:
            del self._away[next(iter(self._away))]
        if len(self._away) >= MAX_PENDING_LOGINS:
            [(crowd, _)] = Counter(away.address for away in self._away.values()).most_common(1)
            del self._away[next(state for state, away in self._away.items() if away.address == crowd)]
        state = secrets.token_urlsafe(32)
        self._away[state] = pending
        return state

    def end(self, state: str, browser: str, now: float) -> PendingLogin | None:
        """Return the login that comes back, once; None for one that is unknown, late, or of another browser."""
        pending = self._away.pop(state, None)
        if pending is None or now - pending.began_at > PENDING_LOGIN_SECONDS:
            return None
        return pending if hmac.compare_digest(pending.browser.encode(), browser.encode()) else None


class Provider:
    """Calls to the provider. `clock` returns monotonic seconds."""

    def __init__(self, oidc: OidcConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.oidc = oidc
        self.pending_logins = PendingLogins()
        self.known: Endpoints | None = None
        self._clock = clock
        self._ask_again = float("-inf")
        self._asking = asyncio.Lock()
        self._http = AsyncHTTPClient(force_instance=True, max_body_size=_MAX_RESPONSE_BYTES)
        self._unfinished = Unfinished()

    def name(self, language: Language) -> str:
        """Return the provider's name for users."""
        return self.oidc.names[language]

    async def endpoints(self) -> Endpoints:
        """Return the provider's endpoints, read once an hour, one reader at a time. Raises ProviderError."""
        async with self._asking:
            if self._clock() >= self._ask_again:
                self.known, self._ask_again = None, self._clock() + _RETRY_SECONDS
                await self._ask()
        if self.known is None:
            raise ProviderError("oidc_down", "not asked again so soon")
        return self.known

    async def redeem(self, code: str, pending: PendingLogin) -> str:
        """Return the token for the service, in exchange for a code. Raises ProviderError."""
        endpoints = await self.endpoints()
        headers, form = self._client_credentials(endpoints)
        form |= {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": pending.redirect_uri,
            "code_verifier": pending.verifier,
        }
        request = HTTPRequest(endpoints.token_endpoint, method="POST", headers=headers, body=urlencode(form))
        tokens = _decoded(await self._fetch(request), _Tokens)
        if tokens.id_token is not None:
            self._check_id_token(tokens.id_token, pending.nonce)
        token: str | None = getattr(tokens, self.oidc.token)
        if token is None:
            raise ProviderError("oidc_failed", f"the provider issued no {self.oidc.token}; check dashboard.oidc.token")
        return token

    async def close(self) -> None:
        """Close the connections, once calls under way have ended or two seconds have passed."""
        await self._unfinished.end()
        self._http.close()

    async def _ask(self) -> None:
        url = f"{self.oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
        try:
            self.known = self._checked(_decoded(await self._fetch(HTTPRequest(url)), Endpoints))
        except ProviderError as failed:
            _log.warning("the identity provider cannot be used: %s", failed)
            raise
        self._ask_again = self._clock() + _REFRESH_SECONDS

    def _checked(self, endpoints: Endpoints) -> Endpoints:
        if endpoints.issuer != self.oidc.issuer:
            raise ProviderError("oidc_down", "the provider calls itself otherwise than dashboard.oidc.issuer")
        for url in (endpoints.authorization_endpoint, endpoints.token_endpoint, endpoints.end_session_endpoint):
            try:
                check_url(url or self.oidc.issuer, ("http", "https"), insecure=False)
            except ValueError:
                raise ProviderError("oidc_down", "an endpoint of the provider is not https://") from None
        return endpoints

    def _client_credentials(self, endpoints: Endpoints) -> tuple[dict[str, str], dict[str, str]]:
        """Return the headers and form fields that authenticate this client (RFC 6749 §2.3.1)."""
        name, secret = self.oidc.client_id, self.oidc.client_secret
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        methods = endpoints.token_endpoint_auth_methods_supported
        if not secret:
            return headers, {"client_id": name}
        if "client_secret_post" in methods and "client_secret_basic" not in methods:
            return headers, {"client_id": name, "client_secret": secret}
        credentials = base64.b64encode(f"{quote_plus(name)}:{quote_plus(secret)}".encode()).decode()
        return headers | {"Authorization": f"Basic {credentials}"}, {}

    def _check_id_token(self, token: str, nonce: str) -> None:
        """Check that the id token is for this login (Core §3.1.3.7).

        The service checks its signature, if it is the token that the service accepts.
        """
        try:
            claims = unverified_claims(token, _IdClaims)
        except (ValueError, IndexError, RecursionError, msgspec.MsgspecError):
            raise ProviderError("oidc_failed", "the id token cannot be read") from None
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if claims.iss != self.oidc.issuer:
            raise ProviderError("oidc_failed", "the id token is of another issuer")
        if self.oidc.client_id not in audience or claims.azp not in (None, self.oidc.client_id):
            raise ProviderError("oidc_failed", "the id token is for another client")
        if claims.nonce is None or not hmac.compare_digest(claims.nonce.encode(), nonce.encode()):
            raise ProviderError("oidc_failed", "the id token is of another login (nonce)")

    async def _fetch(self, request: HTTPRequest) -> bytes:
        request.follow_redirects = False  # a code and a secret are sent to no other address
        request.connect_timeout = request.request_timeout = _CALL_TIMEOUT_SECONDS
        try:
            response = await self._unfinished.result(self._http.fetch(request, raise_error=False))
        except (OSError, ValueError, HTTPClientError) as error:  # ValueError: an endpoint that is no URL
            raise ProviderError("oidc_down", type(error).__name__) from None
        if response.code == 200:
            return response.body
        if response.code in (400, 401, 403):
            raise ProviderError("oidc_failed", f"the provider answered {response.code} {_error_in(response.body)}")
        raise ProviderError("oidc_down", f"the provider answered {response.code}")


def named_error(error: str) -> str:
    """Return the provider's error as a log may hold it: a name, or a placeholder."""
    return error if _CODE.fullmatch(error) else "(no name)"


def _error_in(body: bytes) -> str:
    try:
        return named_error(msgspec.json.decode(body, type=_ErrorBody).error)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return named_error("")


def _decoded(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ProviderError("oidc_down", f"the provider's answer is not one of the kind {kind.__name__}") from None
