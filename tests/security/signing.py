"""Keys and tokens for the tests beside this file: well-made ones, and any other."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.security.auth import TokenError, TokenVerifier
from app.security.auth_settings import AuthSettings

NOW = 1_750_000_000
SECRET = "a shared secret of forty bytes, not a key"
SETTINGS = AuthSettings(secret=SECRET)
GOOD: dict[str, Any] = {"sub": "u-1", "exp": NOW + 600, "aud": "dossier-realtime"}
HEAD = b'{"alg":"HS256","typ":"JWT"}'
BODY = json.dumps(GOOD).encode()
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def segment(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def compact(header: bytes, payload: bytes, secret: bytes = SECRET.encode()) -> str:
    """Return an HS256 token of exactly these bytes, however odd."""
    signed = f"{segment(header)}.{segment(payload)}"
    return f"{signed}.{segment(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def token(**claims: Any) -> str:
    """Return a signed token of GOOD with other claims; a claim that is `...` is left out."""
    merged = {name: value for name, value in (GOOD | claims).items() if value is not ...}
    return compact(HEAD, json.dumps(merged, separators=(",", ":")).encode())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def refusal(candidate: Any, settings: AuthSettings = SETTINGS, now: float = NOW) -> str:
    with pytest.raises(TokenError) as refused:
        TokenVerifier(settings).verify(candidate, now)
    return refused.value.reason


def user_of(candidate: str, settings: AuthSettings = SETTINGS, now: float = NOW) -> str:
    return TokenVerifier(settings).verify(candidate, now).user_id
