"""The settings of access tokens: the table `[auth]` of the configuration."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from app.security import jwks


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[auth]` table. Raises ValueError, in one line, for settings that contradict each other."""

    algorithms: tuple[str, ...] = ("HS256",)
    """`HS256`; or `RS256`, `ES256` or both."""
    secret: str = ""
    """The HS256 secret, 32 bytes or more; from the environment or `secret_file`, never from the TOML file."""
    secret_file: str = ""
    previous_secret: str = ""
    """The secret before the current one: what it signed is still good. It comes from where `secret` may."""
    previous_secret_file: str = ""
    public_key_file: str = ""
    jwks_file: str = ""
    jwks_url: str = ""
    audience: Annotated[str, Meta(min_length=1)] = "dossier-realtime"
    audience_list: bool = False
    """True where `aud` may be a list that contains the audience."""
    issuer: str = ""
    """The required `iss`; empty: not checked."""
    leeway: Annotated[int, Meta(ge=0, le=60)] = 5
    """Seconds that `iat` and `nbf` may be ahead of our clock; `exp` is exact."""
    max_lifetime: Annotated[int, Meta(ge=1, le=86_400)] = 86_400
    """The longest time that a token may be valid, in seconds."""

    def __post_init__(self) -> None:
        named = set(self.algorithms)
        if named != {"HS256"} and (not named or not named <= {"RS256", "ES256"}):
            raise ValueError('auth.algorithms must be ["HS256"], or "RS256", "ES256" or both: one family')
        if not self.symmetric and (self.previous_secret or self.previous_secret_file):
            raise ValueError("auth.previous_secret goes with HS256 only; remove it, or set auth.algorithms")
        sources = [name for name in ("public_key_file", "jwks_file", "jwks_url") if getattr(self, name)]
        if self.symmetric and sources:
            raise ValueError(f"auth.{sources[0]} does not go with HS256; remove it, or set auth.algorithms")
        if not self.symmetric and len(sources) != 1:
            raise ValueError("set exactly one of auth.public_key_file, auth.jwks_file and auth.jwks_url")
        if self.jwks_url and not jwks.is_safe_url(self.jwks_url):
            raise ValueError("auth.jwks_url must begin with https:// (http:// only for a loopback address)")

    @property
    def symmetric(self) -> bool:
        """Return True where tokens are signed with a shared secret (HS256)."""
        return "HS256" in self.algorithms

    def __repr__(self) -> str:  # the generated one would print the secret
        return f"AuthSettings(algorithms={self.algorithms!r}, audience={self.audience!r}, …)"
