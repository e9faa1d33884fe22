"""A small identity provider of its own: discovery, a login form, tokens for codes, keys. Strict, as real ones are.

It runs on a loop of its own, on 127.0.0.1: for a browser another site than the dashboard's `localhost`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import ssl
import threading
import time
from dataclasses import dataclass, field
from html import escape
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
import tornado.web
from cryptography.hazmat.primitives.asymmetric import rsa
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from tests.harness.eventually import HANG_SECONDS

CLIENT, SECRET = "dossier dashboard", "a secret: 100% of the client's"
"""With what must be escaped in a Basic header (RFC 6749 §2.3.1)."""
_ALGORITHM = jwt.get_algorithm_by_name("RS256")


@dataclass
class Grant:
    """A code: for whom, and for which request."""

    asked: dict[str, str]
    claims: dict[str, Any]


@dataclass
class Manners:
    """The behaviour of the provider; a test changes the part that it is about."""

    claims: dict[str, Any] = field(default_factory=dict)
    """Besides those of every token."""
    id_claims: dict[str, Any] = field(default_factory=dict)
    """The same, of the id token."""
    description: dict[str, Any] = field(default_factory=dict)
    """Besides what it says of itself."""
    token_answer: tuple[int, str] | None = None
    """In place of the token endpoint's answer."""


class Provider:
    """Started by `with`. `issuer` is its address; `handed_out` every code, token and verifier that it saw."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.manners = Manners()
        self.redirect_uris: set[str] = set()
        self.handed_out: list[str] = []
        self.descriptions = 0
        self.codes: dict[str, Grant] = {}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._loop = asyncio.new_event_loop()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(HANG_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(HANG_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def issuer(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/realms/office"

    @property
    def description(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=office",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/logout",
            "authorization_response_iss_parameter_supported": True,
        } | self.manners.description

    @property
    def keys(self) -> dict[str, Any]:
        public = _ALGORITHM.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [public | {"kid": "1", "alg": "RS256", "use": "sig"}]}

    def token(self, **claims: Any) -> str:
        """Return a token signed by it."""
        now = int(time.time())
        whole = {"iss": self.issuer, "aud": "dossier-realtime", "iat": now, "exp": now + 600} | claims
        return jwt.encode(whole, self._key, "RS256", {"kid": "1"})

    def grant(self, asked: dict[str, str], user: str) -> str:
        """Return a code for `user`, who has just said yes."""
        code = secrets.token_urlsafe(24)
        self.handed_out.append(code)
        self.codes[code] = Grant(asked, {"sub": user, "name": user.title()} | self.manners.claims)
        return code

    async def _listen(self) -> None:
        sockets = bind_sockets(0, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        root, me = "/realms/office", {"provider": self}
        pages = [
            (f"{root}/.well-known/openid-configuration", DescriptionHandler, me),
            (f"{root}/authorize", AuthorizeHandler, me),
            (f"{root}/token", TokenHandler, me),
            (f"{root}/jwks", KeysHandler, me),
            (f"{root}/logout", GoodbyeHandler, me),
            ("/favicon.ico", IconHandler, me),
        ]
        self._server = HTTPServer(
            tornado.web.Application(pages, log_function=lambda handler: None), ssl_options=self._tls
        )
        self._server.add_sockets(sockets)

    async def _close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()


class _ProviderHandler(tornado.web.RequestHandler):
    def initialize(self, provider: Provider) -> None:
        self.provider = provider


class DescriptionHandler(_ProviderHandler):
    def get(self) -> None:
        self.provider.descriptions += 1
        self.finish(self.provider.description)


class KeysHandler(_ProviderHandler):
    def get(self) -> None:
        self.finish(self.provider.keys)


class GoodbyeHandler(_ProviderHandler):
    def get(self) -> None:
        assert self.get_query_argument("client_id") == CLIENT
        self.finish("<h1>Goodbye from the provider</h1>")


class IconHandler(_ProviderHandler):
    """None; but browsers complain where it is missing."""

    def get(self) -> None:
        self.set_status(204)


class AuthorizeHandler(_ProviderHandler):
    """A real form; what is wrong with the request is said here and goes nowhere (RFC 6749 §4.1.2.1)."""

    def prepare(self) -> None:
        self.asked = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256", "tenant": "office"}
        wrong = [name for name, value in wanted.items() if self.asked.get(name) != value]
        if self.asked.get("redirect_uri") not in self.provider.redirect_uris:
            wrong.append("redirect_uri")
        wrong += [name for name in ("state", "nonce", "code_challenge") if not self.asked.get(name)]
        if wrong or "openid" not in self.asked.get("scope", "").split():
            self.set_status(400)
            self.finish(f"wrong: {wrong}")

    def get(self) -> None:
        self.finish(
            f"<html lang={escape(self.asked['ui_locales'])}><form method=post><input name=user aria-label=User>"
            "<button name=yes value=1>Yes</button><button name=no value=1>No</button></form></html>"
        )

    def post(self) -> None:
        answer = {"state": self.asked["state"], "iss": self.provider.issuer}
        if self.get_body_argument("no", ""):
            answer |= {"error": "access_denied", "error_description": "<b>never mind</b>"}
        else:
            answer["code"] = self.provider.grant(self.asked, self.get_body_argument("user"))
        self.redirect(f"{self.asked['redirect_uri']}?{urlencode(answer)}", status=302)


class TokenHandler(_ProviderHandler):
    def check_xsrf_cookie(self) -> None:
        """Programs send no cookies."""

    def post(self) -> None:
        given = {name: self.get_body_argument(name) for name in self.request.body_arguments}
        self.provider.handed_out += [given[name] for name in ("code_verifier", "code") if given.get(name)]
        if self.provider.manners.token_answer is not None:
            status, body = self.provider.manners.token_answer
            self.set_status(status)
            self.finish(body)
            return
        refused = self._refusal(given)
        if refused:
            self.set_status(400)
            self.finish({"error": refused, "error_description": "<script>alert(1)</script>"})
            return
        grant = self.provider.codes.pop(given["code"])
        id_claims = grant.claims | {"aud": CLIENT, "nonce": grant.asked["nonce"]} | self.provider.manners.id_claims
        answer = {
            "token_type": "Bearer",
            "access_token": self.provider.token(**grant.claims),
            "id_token": self.provider.token(**id_claims),
            "refresh_token": secrets.token_urlsafe(24),
        }
        self.provider.handed_out += [answer["access_token"], answer["id_token"], answer["refresh_token"]]
        self.finish(answer)

    def _refusal(self, given: dict[str, str]) -> str:
        kind, _, credentials = self.request.headers.get("Authorization", "").partition(" ")
        name, _, secret = base64.b64decode(credentials).decode().partition(":")
        if (kind, unquote_plus(name), unquote_plus(secret)) != ("Basic", CLIENT, SECRET):
            return "invalid_client"
        grant = self.provider.codes.get(given.get("code", ""))
        if grant is None or given.get("grant_type") != "authorization_code":
            return "invalid_grant"
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != grant.asked["code_challenge"] or given.get("redirect_uri") != grant.asked["redirect_uri"]:
            self.provider.codes.pop(given["code"])
            return "invalid_grant"
        return ""


def asked_of(location: str) -> dict[str, str]:
    """Return the query of an address, by name."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
