"""Where to connect and how safely: which addresses and TLS settings are good enough, and where tokens come from."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

TokenSource = str | Callable[[], Awaitable[str]]
"""A token, or an async function that gives a fresh one each time it is called."""


async def ask(source: TokenSource) -> str:
    """The token to use now."""
    return source if isinstance(source, str) else await source()


def check_url(url: str, schemes: tuple[str, str], *, insecure: bool) -> bool:
    """Whether `url` speaks TLS. `schemes` are the plain and the secure one.

    Raises ValueError for another scheme, and for a plain address beyond this machine unless `insecure`.
    """
    plain, secure = schemes
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"The address must be of the form {secure}://host/path")
    if parts.scheme == plain and not insecure and not _is_loopback(parts.hostname):
        raise ValueError(
            f"{plain}:// to another machine would send the token in the clear; use {secure}://,"
            " or say insecure=True if something else protects the way there"
        )
    return parts.scheme == secure


def tls_context(given: ssl.SSLContext | None, *, insecure: bool) -> ssl.SSLContext:
    """The TLS settings to use: TLS 1.3, the certificate and its host name verified (contract, "Encryption").

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


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
