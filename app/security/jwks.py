"""The keys that verify tokens: a shared secret, a PEM public key, a JWK set (RFC 7517) from file or URL.

Each key is a `jwt.PyJWK`: prepared and measured once, and bound to one algorithm, so that a token's header
never chooses how it is verified (RFC 8725 §3.1).
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.security.secret_strength import SECRET_BYTES, weakness
from dossier_realtime.protocol.http.loopback import is_loopback

FETCH_TIMEOUT_SECONDS = 5.0
"""The longest time that a fetch takes, in seconds."""
WAIT_SECONDS = 3.0
"""The longest wait of a caller for a fetch, in seconds: a login that waits must be answered before its own time-out."""
FETCH_INTERVAL_SECONDS = 30.0
"""The time from a good fetch to the next, in seconds: unknown key ids are no way to flood the issuer."""
MAX_PAUSE_SECONDS = 30.0
"""The longest time from a failed fetch to the next, in seconds."""
MAX_KEY_SET_BYTES = 256 * 1024
"""The largest key set, in bytes."""

log = structlog.get_logger(__name__)


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[Any]


def secret_key(secret: str) -> jwt.PyJWK:
    """Return the HS256 key of a shared secret. Raises ValueError, in one line, for a weak secret."""
    octets = secret.encode()
    algorithm = jwt.get_algorithm_by_name("HS256")
    try:
        algorithm.prepare_key(octets)  # refuses public keys, certificates and JWKs: those are no secrets
    except jwt.InvalidKeyError as error:
        raise ValueError("the secret looks like a key file; give at least 32 random bytes of text") from error
    if weak := weakness(secret):
        raise ValueError(
            f"the secret {weak}; give at least {SECRET_BYTES} random bytes, as from `openssl rand -hex 32`"
        )
    return jwt.PyJWK(algorithm.to_jwk(octets, as_dict=True), "HS256")


def public_key(pem: bytes, algorithms: Iterable[str]) -> jwt.PyJWK:
    """Return the key of a PEM `PUBLIC KEY`. Raises ValueError, in one line, if it fits none of `algorithms`."""
    try:
        key = load_pem_public_key(pem)
    except Exception as error:  # cryptography names no closed set of errors for what is not a key
        raise ValueError('not a public key; give a PEM file that begins "-----BEGIN PUBLIC KEY-----"') from error
    name = "RS256" if isinstance(key, RSAPublicKey) else "ES256"
    usable = None
    with suppress(jwt.InvalidKeyError):  # neither RSA nor a curve that JWKs know
        usable = _usable(jwt.get_algorithm_by_name(name).to_jwk(key, as_dict=True), algorithms)
    if usable is None:
        wanted = " or ".join(algorithms)
        raise ValueError(f"the key does not fit {wanted}; RS256 needs RSA of 2,048 bits, ES256 needs P-256")
    return usable


def key_set(text: bytes, algorithms: Iterable[str]) -> tuple[jwt.PyJWK, ...]:
    """Return the usable public keys of a JWK set; keys of another type, use or strength are ignored.

    Raises ValueError, in one line, if none is left.
    """
    try:
        candidates = msgspec.json.decode(text, type=_KeySet).keys
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError('not a JWK set; it must be JSON of the shape {"keys": [...]}') from error
    keys = tuple(key for key in (_usable(jwk, algorithms) for jwk in candidates) if key is not None)
    if not keys:
        wanted = " or ".join(algorithms)
        raise ValueError(f"the JWK set holds no public signing key for {wanted}; ask the issuer for one")
    return keys


def _usable(jwk: Any, algorithms: Iterable[str]) -> jwt.PyJWK | None:
    try:
        key = jwt.PyJWK(jwk)
        prepared = key.Algorithm.prepare_key(key.key)  # checks the curve, which from_jwk does not
        strong = key.Algorithm.check_key_length(prepared) is None
    except Exception:  # data of the issuer: a fault in one key leaves the others usable
        return None
    public = isinstance(key.key, (RSAPublicKey, EllipticCurvePublicKey))
    signs = key.public_key_use in (None, "sig")
    return key if public and strong and signs and key.algorithm_name in algorithms else None


def pause_after(failures: int) -> float:
    """Return the seconds from the last of so many failed fetches in a row to the next: 1, 2, 4 … 30."""
    return min(2.0 ** min(failures - 1, 10), MAX_PAUSE_SECONDS)  # the exponent is bounded: 2.0 ** 1024 is an error


class RemoteKeys:
    """The key set behind a URL, kept until the next one arrives; a failed fetch leaves the keys as they were.

    `is_current`: the fetch that began last has succeeded. Only then is a key that the set does not hold no key of the
    issuer.
    """

    def __init__(self, url: str, algorithms: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives monotonic seconds."""
        self.keys: tuple[jwt.PyJWK, ...] = ()
        self.is_current = False
        self._url = url
        self._algorithms = tuple(algorithms)
        self._clock = clock
        self._next_fetch = float("-inf")
        self._failures = 0  # of fetches in a row
        self._fetching: asyncio.Task[bool] | None = None
        self._has_failed = asyncio.Event()

    @property
    def next_fetch_in(self) -> float:
        """Return the seconds until another fetch may begin, 0.0 for now."""
        return max(0.0, self._next_fetch - self._clock())

    async def follow(self, seconds: float) -> None:
        """Fetch the set each so many seconds, and again after `pause_after` where a fetch failed; until cancelled.

        That of a token with an unknown key counts too: the next one must not wait until the seconds are over.
        """
        while True:
            self._has_failed.clear()
            await self.refresh()
            if not self.is_current:
                await asyncio.sleep(self.next_fetch_in)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._has_failed.wait()

    async def refresh(self) -> bool:
        """Fetch the set, or join the fetch under way; True if a set came within WAIT_SECONDS.

        False at once in the time between two fetches: FETCH_INTERVAL_SECONDS after a good one, `pause_after` others.
        """
        if self._fetching is None or self._fetching.done():
            if self.next_fetch_in:
                return False
            self.is_current = False
            self._fetching = asyncio.create_task(self._fetch(), name="fetch the key set")
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await asyncio.shield(self._fetching)  # one caller that leaves does not end it for all
        except TimeoutError:
            return False

    async def _fetch(self) -> bool:
        try:
            self.keys = key_set(await asyncio.to_thread(_download, self._url), self._algorithms)
        except Exception as error:  # network, TLS, HTTP or content: the keys we have go on
            self._failures += 1
            self._next_fetch = self._clock() + pause_after(self._failures)
            self._has_failed.set()
            log.warning("key_set_not_fetched", url=self._url, error=str(error)[:200], failures=self._failures)
            return False
        if self._failures:
            log.info("key_set_fetched_again", url=self._url, failures=self._failures)
        self.is_current, self._failures = True, 0
        self._next_fetch = self._clock() + FETCH_INTERVAL_SECONDS
        return True


def is_safe_url(url: str) -> bool:
    """Return True where a key set may be fetched from `url`: https, or http that stays on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme == "https":
        return host != ""
    return parts.scheme == "http" and is_loopback(host)


def _download(url: str) -> bytes:
    """Return the body at `url`, fetched without redirects or proxies: only the issuer itself may send keys."""
    parts = urlsplit(url)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with closing(connect(parts.hostname or "", parts.port, timeout=FETCH_TIMEOUT_SECONDS)) as connection:
        connection.connect()
        # The time-out above is for one read; a server that dribbles must not hold the thread for ever.
        deadline = threading.Timer(FETCH_TIMEOUT_SECONDS, _hang_up, [connection.sock])
        deadline.start()
        try:
            connection.request("GET", target, headers={"Accept": "application/json", "Connection": "close"})
            response = connection.getresponse()
            if response.status != 200:
                raise ValueError(f"the issuer answered {response.status}, not 200")
            body = response.read(MAX_KEY_SET_BYTES + 1)
        finally:
            deadline.cancel()
    if len(body) > MAX_KEY_SET_BYTES:
        raise ValueError(f"the key set is over {MAX_KEY_SET_BYTES} bytes")
    return body


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):  # it ended by itself just now
        connection.shutdown(socket.SHUT_RDWR)
