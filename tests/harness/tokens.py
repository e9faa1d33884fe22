"""Tokens for tests: good ones, and any other, all signed with the secret that every test service is started with."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from app.security.auth_settings import AuthSettings
from app.security.minting import mint

SECRET = "the secret that all services under test share"
LIFE = 10 * 3600  # seconds
SETTINGS = AuthSettings(secret=SECRET)


def token(sub: str, *permissions: str, **claims: Any) -> str:
    """Return a good token for user `sub`: `token("u-1", "write:dossier:*", clearance="secret", ttl=60)`.

    `claims` are those of `app.security.minting.mint`: ttl (seconds; longer than any run), name, role, avatar,
    clearance, jti.
    """
    claims.setdefault("now", time.time())
    claims.setdefault("ttl", LIFE)
    return mint(SETTINGS, sub=sub, permissions=permissions, **claims)


def operator(sub: str = "operator") -> str:
    """Return a token that may do everything: `admin:*`, cleared for secret."""
    return token(sub, "admin:*", clearance="secret", role="service")


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a good token, some of them changed; a claim that is `...` is left out."""
    now = int(time.time())
    good = {"sub": "u-1", "aud": "dossier-realtime", "iat": now, "exp": now + LIFE}
    return {name: value for name, value in (good | changed).items() if value is not ...}


def signed(payload: dict[str, Any] | bytes, header: dict[str, Any] | bytes | None = None, secret: str = SECRET) -> str:
    """Return a compact JWS of exactly these parts (bytes as they are), signed with HS256 whatever `alg` says."""
    head = header if isinstance(header, bytes) else _json(header or {"alg": "HS256", "typ": "JWT"})
    body = payload if isinstance(payload, bytes) else _json(payload)
    covered = f"{segment(head)}.{segment(body)}"
    return f"{covered}.{segment(hmac.digest(secret.encode(), covered.encode(), hashlib.sha256))}"


def segment(octets: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
