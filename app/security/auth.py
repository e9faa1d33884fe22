"""Verification of access tokens: the identity, its rights and their end (docs/protocol.md#token-claims; RFC 8725)."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import jwt
import msgspec
from msgspec import UNSET

from app.security import jwks
from app.security.auth_settings import AuthSettings
from app.security.claims import Claims, TokenError, TokenHeader, identify, in_words, read_claims, split_token
from dossier_realtime.protocol.authorization import Identity

__all__ = ["REFUSAL", "KeyUnknown", "KeysUnavailable", "TokenError", "TokenVerifier"]

REFUSAL = "The token is not valid; ask for a new one and authenticate again"
"""The message to the client, whatever the reason."""
MAX_TOKEN_BYTES = 4096
"""The longest token, in bytes."""
MAX_CACHED_TOKENS = 10_000
_TYPES = frozenset({"jwt", "at+jwt"})
"""The values of `typ`, in any case (RFC 7515 §4.1.9): no other kind of JWT is an access token (RFC 8725 §3.11)."""


class KeyUnknown(TokenError):
    """Raised when a token names a key (`kid`) that the key set, as last fetched, does not hold."""

    def __init__(self, kid: str | None) -> None:
        super().__init__("signed with a key that the key set does not hold")
        self.kid = kid


class KeysUnavailable(Exception):
    """Raised when a token names a key that the key set does not hold, and the last fetch of the set has failed.

    It is no TokenError: the token may be good (docs/protocol.md#keys-of-the-issuer). `reason` is for the log.
    """

    reason = "the key set cannot be fetched"

    def __init__(self) -> None:
        super().__init__("the key set of auth.jwks_url cannot be fetched now; look at the issuer, and try again later")


class _Verified(NamedTuple):
    identity: Identity
    claims: Claims
    keys: tuple[jwt.PyJWK, ...]
    """The set that verified it: with another set in force, it is verified again."""


class TokenVerifier:
    """The verifier of access tokens. One a process; its cache is not for several threads."""

    def __init__(self, settings: AuthSettings, clock: Callable[[], float] = monotonic) -> None:
        """ValueError, in one line, if the key is missing, unreadable or too weak.

        `clock` (monotonic seconds) only spaces the fetches of a key set.
        """
        self._settings = settings
        self._cache: OrderedDict[bytes, _Verified] = OrderedDict()
        self._remote: jwks.RemoteKeys | None = None
        self._local: tuple[jwt.PyJWK, ...] = ()
        if settings.jwks_url:
            self._remote = jwks.RemoteKeys(settings.jwks_url, settings.algorithms, clock)
        else:
            self._local = _local_keys(settings)

    def verify(self, token: str, now: float) -> Identity:
        """Return the identity that `token` proves at `now` (Unix seconds). Raises TokenError and nothing else."""
        try:
            return self._verify(token, now)
        except TokenError:
            raise
        except msgspec.ValidationError as error:
            raise TokenError(f"header or claims: {in_words(error)}") from None  # types and a path, never a value
        except Exception:  # an attacker's bytes in four parsers: whatever they raise, it is no good token
            raise TokenError("malformed") from None

    async def check(self, token: str, now: float) -> Identity:
        """`verify`, after fetching the key set if the key is unknown; suspends for that alone.

        Raises KeysUnavailable where the key is unknown and the set cannot be fetched.
        """
        try:
            return self.verify(token, now)
        except KeyUnknown:
            await self.refresh()
        try:
            return self.verify(token, now)
        except KeyUnknown:
            if self.is_current:
                raise
        raise KeysUnavailable

    async def refresh(self) -> bool:
        """Fetch the key set of `jwks_url`; True if it came. One at a time, with pauses between (`RemoteKeys`)."""
        return self._remote is not None and await self._remote.refresh()

    async def follow(self, seconds: float) -> None:
        """Fetch the key set each so many seconds, and soon again after a fetch that failed; until cancelled."""
        if self._remote is not None:
            await self._remote.follow(seconds)

    @property
    def has_keys(self) -> bool:
        """Return whether tokens can be verified at all: False until the set of `jwks_url` was fetched once."""
        return self._remote is None or self._remote.keys != ()

    @property
    def is_current(self) -> bool:
        """Return whether the last fetch of the key set succeeded; keys that are not fetched are always current."""
        return self._remote is None or self._remote.is_current

    @property
    def next_fetch_in(self) -> float:
        """Return the seconds until the key set may be fetched again, 0.0 for now."""
        return 0.0 if self._remote is None else self._remote.next_fetch_in

    def renew(self, settings: AuthSettings) -> None:
        """Verify with the keys of `settings` from now on, which differ from the old ones in nothing else.

        Raises ValueError, in one line, for keys that are no good; then the old ones stay.
        """
        if self._remote is None:
            self._local = _local_keys(settings)
        self._settings = settings
        self.forget()

    @property
    def settings(self) -> AuthSettings:
        """Return the settings in force, the secrets among them."""
        return self._settings

    def forget(self) -> None:
        """Forget the verified tokens; each is verified in full again when it next comes."""
        self._cache.clear()

    def _verify(self, token: str, now: float) -> Identity:
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenError("too long")
        digest = hashlib.sha256(token.encode()).digest()
        keys = self._remote.keys if self._remote else self._local
        known = self._cache.get(digest)
        if known is not None and known.keys is keys:
            self._check_times(known.claims, now)
            self._cache.move_to_end(digest)
            return known.identity
        claims = self._proven_claims(token, keys)
        self._check_times(claims, now)
        self._check_addressing(claims)
        identity = identify(claims)
        self._cache[digest] = _Verified(identity, claims, keys)
        if len(self._cache) > MAX_CACHED_TOKENS:
            self._cache.popitem(last=False)
        return identity

    def _proven_claims(self, token: str, keys: tuple[jwt.PyJWK, ...]) -> Claims:
        parts = split_token(token)
        if parts.header.alg not in self._settings.algorithms:
            raise TokenError("algorithm not allowed")
        if parts.header.typ.lower() not in _TYPES:
            raise TokenError("a token of another type")
        if parts.header.crit is not UNSET:
            raise TokenError("critical extension not understood")
        fitting = self._fitting(keys, parts.header)
        if not any(key.Algorithm.verify(parts.signed, key.key, parts.signature) for key in fitting):
            raise TokenError("wrong signature")
        return read_claims(parts.payload)

    def _fitting(self, keys: tuple[jwt.PyJWK, ...], header: TokenHeader) -> list[jwt.PyJWK]:
        """Return the keys that may have signed: one, or the two shared secrets."""
        fitting = [key for key in keys if key.algorithm_name == header.alg]
        if header.kid is not None and (self._remote or self._settings.jwks_file):
            fitting = [key for key in fitting if key.key_id == header.kid]
        if len(fitting) == 1 or self._settings.symmetric:
            return fitting
        if not fitting and self._remote:
            raise KeyUnknown(header.kid)
        raise TokenError("names none, or several, of the configured keys")

    def _check_times(self, claims: Claims, now: float) -> None:
        leeway, longest = self._settings.leeway, self._settings.max_lifetime
        expires = math.floor(claims.exp)
        if expires <= now:
            raise TokenError("expired")
        if expires - (now if claims.iat is UNSET else min(claims.iat, now)) > longest:
            raise TokenError("valid for too long")
        if claims.nbf is not UNSET and claims.nbf > now + leeway:
            raise TokenError("not valid yet")
        if claims.iat is not UNSET and claims.iat > now + leeway:
            raise TokenError("issued in the future")

    def _check_addressing(self, claims: Claims) -> None:
        audience = self._settings.audience
        listed = self._settings.audience_list and isinstance(claims.aud, list) and audience in claims.aud
        if claims.aud != audience and not listed:
            raise TokenError("for another audience")
        if self._settings.issuer and claims.iss != self._settings.issuer:
            raise TokenError("from another issuer")


def _local_keys(settings: AuthSettings) -> tuple[jwt.PyJWK, ...]:
    if settings.symmetric:
        return _secret_keys(settings)
    name = "public_key_file" if settings.public_key_file else "jwks_file"
    try:
        if settings.public_key_file:
            return (jwks.public_key(Path(settings.public_key_file).read_bytes(), settings.algorithms),)
        return jwks.key_set(Path(settings.jwks_file).read_bytes(), settings.algorithms)
    except OSError as error:
        raise ValueError(f"auth.{name} cannot be read ({error.strerror}); check path and rights") from error
    except ValueError as error:
        raise ValueError(f"auth.{name}: {error}") from error


def _secret_keys(settings: AuthSettings) -> tuple[jwt.PyJWK, ...]:
    """Return the key of the current secret, and that of the previous one where there is one."""
    if settings.previous_secret == settings.secret != "":
        raise ValueError("auth.previous_secret is the current one: keep what was valid before, or remove it")
    keys = []
    for name in ("secret", "previous_secret"):
        secret = getattr(settings, name)
        if secret or name == "secret":
            try:
                keys.append(jwks.secret_key(secret))
            except ValueError as error:
                raise ValueError(f"auth.{name}: {error}") from error
    return tuple(keys)
