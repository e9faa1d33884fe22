"""The checks of addresses, TLS settings and token sources."""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from dossier_realtime.protocol.http.loopback import is_loopback

from ..errors import UnusableToken

TokenSource = str | Callable[[], Awaitable[str]]
"""A token, or an async function that returns a fresh one each time it is called."""


async def ask(source: TokenSource) -> str:
    """Return the token to use now. Raises UnusableToken, and the errors of the source itself."""
    if isinstance(source, str):
        return without_line_end(source)
    try:
        asked = source()
    except TypeError as wrong:
        raise UnusableToken(f"The token source cannot be called without arguments: {wrong}") from wrong
    if not inspect.isawaitable(asked):
        raise UnusableToken(
            f"The token source gave a {type(asked).__name__} at once; pass a string, or an `async def` function"
        )
    token: object = await asked
    if isinstance(token, str) and any(map(str.isspace, without_line_end(token))):
        raise UnusableToken("The token source returned a token with a blank or a line end inside; return it alone")
    if isinstance(token, str) and without_line_end(token):
        return without_line_end(token)
    given = "an empty string" if isinstance(token, str) else f"a {type(token).__name__}"
    raise UnusableToken(f"The token source returned {given}; return a token, or raise AuthFailed to give up")


def without_line_end(token: str) -> str:
    """Return a token without the line end that a file of it has."""
    return token.removesuffix("\n").removesuffix("\r")


def check_token(source: object) -> None:
    """Check that `source` is a token or can be called for one.

    Raises TypeError, and ValueError for an empty token or one with white space in it.
    """
    if isinstance(source, str):
        token = without_line_end(source)
        if not token:
            raise ValueError("The token is empty; pass one, or an async function that gives one")
        if any(map(str.isspace, token)):
            raise ValueError("The token has a blank or a line end inside; pass the token alone")
    if not isinstance(source, str) and not callable(source):
        given = type(source).__name__
        raise TypeError(f"The token must be a string or an async function that gives one, not a {given}")


def check_url(url: str, schemes: tuple[str, str], *, insecure: bool) -> bool:
    """Return True where `url` uses TLS. `schemes` are the plain and the secure one.

    Raises:
        TypeError: for an address that is no string.
        ValueError: for an address that can not be connected to, and for a plain one beyond this machine unless
            `insecure`.
    """
    plain, secure = schemes
    given: object = url
    if not isinstance(given, str):
        raise TypeError(f"The address must be a string such as {secure}://host/path, not a {type(given).__name__}")
    # urlsplit drops blanks and line ends silently; the connection would not.
    if any(sign.isspace() or not sign.isprintable() for sign in url):
        raise ValueError("The address has a blank or a control character in it; remove it")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as wrong:
        raise ValueError(f"The address cannot be read ({wrong}); it must be of the form {secure}://host/path") from None
    if not url.startswith((f"{plain}://", f"{secure}://")) or not parts.hostname:
        raise ValueError(f"The address must be of the form {secure}://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"The address must be of the form {secure}://host/path, without a user or a password")
    if parts.fragment:
        raise ValueError("The address must not have a part after '#'; remove it")
    if parts.scheme == plain and not insecure and not is_loopback(parts.hostname):
        raise ValueError(
            f"{plain}:// to another machine would send the token in the clear; use {secure}://,"
            " or say insecure=True if something else protects the way there"
        )
    return parts.scheme == secure


def http_address(url: str) -> str:
    """Return the address of the HTTP API, without `/v1`, of the service whose socket is at `url`."""
    parts = urlsplit(url)
    return f"{parts.scheme.replace('ws', 'http', 1)}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"


def tls_context(given: ssl.SSLContext | None, *, insecure: bool) -> ssl.SSLContext:
    """Return the TLS settings: TLS 1.3, certificate and host name verified (docs/protocol.md#encryption).

    Raises ValueError for a given context that allows less, unless `insecure`.
    """
    if given is None:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context
    # MINIMUM_SUPPORTED is a negative number: it sorts below every version.
    strict = given.minimum_version >= ssl.TLSVersion.TLSv1_3
    if not insecure and not (strict and given.check_hostname and given.verify_mode == ssl.CERT_REQUIRED):
        raise ValueError(
            "The ssl_context allows less than verified TLS 1.3; set minimum_version to TLSv1_3 and keep"
            " check_hostname and CERT_REQUIRED, or say insecure=True"
        )
    return given
