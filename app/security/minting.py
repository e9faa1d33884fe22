"""Minting access tokens with a shared secret, for development and for the dashboard beside the service."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence

import jwt

from app.security.auth import TokenVerifier
from app.security.auth_settings import AuthSettings
from app.security.claims import TokenError
from dossier_realtime.protocol.authorization import Grant

OPERATOR_HOURS = 12


def mint(
    settings: AuthSettings,
    *,
    sub: str,
    now: float,
    ttl: int = 3600,
    name: str | None = None,
    role: str | None = None,
    avatar: str | None = None,
    permissions: Sequence[str] = (),
    clearance: str | None = None,
    jti: str | None = None,
) -> str:
    """Return a new HS256 token, valid for `ttl` seconds from `now` (Unix seconds).

    Its `jti` is random unless it is given. Raises ValueError, in one line, for claims that the service's own verifier
    would refuse or drop.
    """
    if not settings.symmetric:
        raise ValueError("tokens can be made only with a shared secret (HS256); ask your issuer for one")
    for permission in permissions:
        if Grant.parse(permission) is None:
            raise ValueError(f'bad permission {permission[:64]!r}; write it like "read:dossier:country:*"')
    issued = math.floor(now)
    claims = {
        "sub": sub,
        "aud": settings.audience,
        "iss": settings.issuer or None,
        "iat": issued,
        "exp": issued + ttl,
        "jti": jti if jti is not None else secrets.token_urlsafe(16),
        "name": name,
        "role": role,
        "avatar": avatar,
        "permissions": permissions,
        "clearance": clearance,
    }
    verifier = TokenVerifier(settings)
    given = {claim: value for claim, value in claims.items() if value is not None}
    token = jwt.encode(given, settings.secret, "HS256")
    try:
        verifier.verify(token, now)
    except TokenError as refused:
        raise ValueError(f"such a token would be refused: {refused.reason}; change that value") from None
    return token


def mint_operator(settings: AuthSettings, now: float) -> str:
    """Return a token for the user operator of a developer's machine, good for twelve hours or as long as one may be."""
    return mint(
        settings,
        sub="operator",
        name="Operator",
        role="operator",
        permissions=["admin:*"],
        clearance="secret",
        ttl=min(OPERATOR_HOURS * 3600, settings.max_lifetime),
        now=now,
    )
