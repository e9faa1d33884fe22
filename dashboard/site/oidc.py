"""The office's identity provider: where it is asked, and a code changed into a token (OpenID Connect Core 1.0).

Authorization code with PKCE. What a login needs when it comes back waits in this process, under a `state` that works
once and in one browser. The token that comes out is one that the service itself verifies; here it is only passed on.
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

CALLBACK = "/login/oidc/callback"
PENDING_LOGIN_SECONDS = 600.0
"""How long a login may be away at the provider."""
MAX_PENDING_LOGINS = 2_000  # logins that are away at once; whichever address has most of them loses its oldest

_CALL_TIMEOUT_SECONDS = 5.0
_MAX_RESPONSE_BYTES = 256 * 1024
_REFRESH_SECONDS = 3600.0  # after which the endpoints of the provider are read again
_RETRY_SECONDS = 5.0  # after a failure to read them
_CODE = re.compile(r"[a-z_]{1,40}")  # an error's name (RFC 6749 §5.2), fit for a log

_log = logging.getLogger("dashboard")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class OidcConfig:
    """Which provider, and who we are there. `token`: which of its tokens the service takes."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    token: Literal["access_token", "id_token"]
    names: Mapping[Language, str]


class ProviderError(Exception):
    """`said` is the word of the sentence for the person; the reason, without a part of any token, is for the log."""

    def __init__(self, said: str, reason: str) -> None:
        super().__init__(reason)
        self.said = said


class Endpoints(msgspec.Struct, frozen=True):
    """What we read of the provider's own description (OpenID Connect Discovery 1.0 §3, RFC 9207 §3)."""

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
    """A login that is away at the provider. `browser`: the number in a cookie of the browser that it left."""

    browser: str
    verifier: str
    nonce: str
    redirect_uri: str
    display: DisplayOptions
    address: str
    began_at: float


class PendingLogins:
    """The logins that are away, each under its `state`."""

    def __init__(self) -> None:
        self._away: dict[str, PendingLogin] = {}

    def begin(self, pending: PendingLogin) -> str:
        """The `state` to send along."""
        while self._away and pending.began_at - next(iter(self._away.values())).began_at > PENDING_LOGIN_SECONDS:
            del self._away[next(iter(self._away))]
        if len(self._away) >= MAX_PENDING_LOGINS:
            [(crowd, _)] = Counter(away.address for away in self._away.values()).most_common(1)
            del self._away[next(state for state, away in self._away.items() if away.address == crowd)]
        state = secrets.token_urlsafe(32)
        self._away[state] = pending
        return state

    def end(self, state: str, browser: str, now: float) -> PendingLogin | None:
        """The login that comes back; None for one that is unknown, late, or of another browser. Nobody comes twice."""
        pending = self._away.pop(state, None)
        if pending is None or now - pending.began_at > PENDING_LOGIN_SECONDS:
            return None
        return pending if hmac.compare_digest(pending.browser.encode(), browser.encode()) else None


class Provider:
    """Calls to the provider. `clock` gives monotonic seconds."""

    def __init__(self, oidc: OidcConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.oidc = oidc
        self.pending_logins = PendingLogins()
        self.known: Endpoints | None = None
        self._clock = clock
        self._ask_again = float("-inf")
        self._asking = asyncio.Lock()
        self._http = AsyncHTTPClient(force_instance=True, max_body_size=_MAX_RESPONSE_BYTES)

    def name(self, language: Language) -> str:
        """What people call it."""
        return self.oidc.names[language]

    async def endpoints(self) -> Endpoints:
        """Where it is asked what; ProviderFailed where it does not say. Asked once an hour, one at a time."""
        async with self._asking:
            if self._clock() >= self._ask_again:
                self.known, self._ask_again = None, self._clock() + _RETRY_SECONDS
                await self._ask()
        if self.known is None:
            raise ProviderError("oidc_down", "not asked again so soon")
        return self.known

    async def redeem(self, code: str, pending: PendingLogin) -> str:
        """The token for the service. Raises ProviderFailed."""
        endpoints = await self.endpoints()
        headers, form = self._as_ourselves(endpoints)
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

    def close(self) -> None:
        """Give up the connections."""
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

    def _as_ourselves(self, endpoints: Endpoints) -> tuple[dict[str, str], dict[str, str]]:
        """The header and the form fields that say who we are (RFC 6749 §2.3.1)."""
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
        """That it is for this login (Core §3.1.3.7). Its signature is for the service, if it is the one that counts."""
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
        request.follow_redirects = False  # a code and a secret go to no other address
        request.connect_timeout = request.request_timeout = _CALL_TIMEOUT_SECONDS
        try:
            response = await self._http.fetch(request, raise_error=False)
        except (OSError, ValueError, HTTPClientError) as error:  # ValueError: an endpoint that is no address
            raise ProviderError("oidc_down", type(error).__name__) from None
        if response.code == 200:
            return response.body
        if response.code in (400, 401, 403):
            raise ProviderError("oidc_failed", f"the provider answered {response.code} {_error_in(response.body)}")
        raise ProviderError("oidc_down", f"the provider answered {response.code}")


def named_error(error: str) -> str:
    """An error of the provider as it may stand in a log: a name, or nothing."""
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
