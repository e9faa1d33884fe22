"""The claims of a token, read strictly, before any of them is trusted (RFC 7515, RFC 7519).

PyJWT and json accept padding, duplicate names, NaN and claims of the wrong type. Two readers of such a token may
disagree about it, so none of that is accepted here.
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.plain_text import one_line

MAX_CLAIMS_DEPTH = 16

_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_AVATAR = r'\Ahttps://[^\s\x00-\x1f\x7f<>"\\/?#@]+([/?#][^\s\x00-\x1f\x7f<>"\\]*)?\Z'


class TokenError(Exception):
    """Raised for a token that is refused.

    `reason` is for the log and the journal and never holds a part of the token; clients get REFUSAL.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TokenHeader(msgspec.Struct, frozen=True):
    """The fields of the JOSE header that are read; `jwk`, `jku`, `x5c` and `x5u` are never looked at."""

    alg: str
    kid: Annotated[str, Meta(max_length=256)] | None = None
    typ: str = "JWT"
    crit: Any = UNSET


_NumericDate = int | float
# Dots alone name a folder, not a user: what becomes part of a path must not climb out of it.
_Name = Annotated[str, Meta(pattern=r"\A(?!\.+\Z)[A-Za-z0-9._-]{1,64}\Z")]
_Label = Annotated[str, Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f]{0,200}\Z")]


class Claims(msgspec.Struct, frozen=True):
    """The claims, without coercion. `name` and `avatar` are for display: null is as good as absent."""

    sub: _Name
    exp: _NumericDate
    aud: str | list[str]
    iss: str | UnsetType = UNSET
    nbf: _NumericDate | UnsetType = UNSET
    iat: _NumericDate | UnsetType = UNSET
    jti: Annotated[str, Meta(min_length=1, max_length=128)] | UnsetType = UNSET
    name: _Label | None = None
    role: _Name = "member"
    avatar: Annotated[str, Meta(pattern=_AVATAR, max_length=2048)] | None = None
    permissions: Annotated[list[Any], Meta(max_length=1000)] = []
    clearance: str = "internal"


class SignedToken(NamedTuple):
    """A token in its three parts; nothing in it is proven yet."""

    header: TokenHeader
    payload: str
    """base64url, not yet decoded."""
    signed: bytes
    """The bytes that the signature covers."""
    signature: bytes


def split_token(token: str) -> SignedToken:
    """Return the parts of a compact JWS. Raises TokenError, or the errors of its parsers, for anything else."""
    shape = _SHAPE.fullmatch(token)
    if shape is None:
        raise TokenError("not a compact JWS")
    header = msgspec.convert(_json_object(_octets(shape[1])), TokenHeader)
    return SignedToken(header, shape[2], token[: shape.end(2)].encode(), _octets(shape[3]))


def read_claims(payload: str) -> Claims:
    """Return the claims of a payload whose signature is proven. Raises as `split_token` does."""
    return msgspec.convert(_json_object(_octets(payload)), Claims)


def identify(claims: Claims) -> Identity:
    """Return the identity that the claims speak for; permissions that do not parse are dropped."""
    try:
        clearance = Clearance.parse(claims.clearance)
    except ValueError:
        raise TokenError("unknown clearance") from None
    return Identity(
        user_id=claims.sub,
        name=one_line(claims.name or "") or claims.sub,
        role=claims.role,
        avatar=claims.avatar,
        grants=Grant.parse_all(claims.permissions),
        clearance=clearance,
        expires_at=math.floor(claims.exp),
        token_id=None if claims.jti is UNSET else claims.jti,
        issued_at=None if claims.iat is UNSET else math.floor(claims.iat),
    )


def _octets(segment: str) -> bytes:
    """base64url without padding, in its one canonical spelling (RFC 7515 §2): no bit of it is ignored."""
    octets = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(octets).rstrip(b"=") != segment.encode():
        raise TokenError("not canonical base64url")
    return octets


def _json_object(octets: bytes) -> dict[str, Any]:
    """Return an object that every JSON parser reads alike: no duplicate names, NaN, lone surrogates or depths."""
    value = json.loads(octets.decode(), object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite)
    if not isinstance(value, dict):
        raise TokenError("not a JSON object")
    _check_tree(value, MAX_CLAIMS_DEPTH)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise TokenError("a name occurs twice")
    return members


def _not_finite(_: str) -> None:
    raise TokenError("not a finite number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        _not_finite(digits)
    return number


def _check_tree(value: object, depth: int) -> None:
    if isinstance(value, str):
        value.encode()  # a lone surrogate raises
    elif isinstance(value, (dict, list)):
        if depth == 0:
            raise TokenError("nested too deeply")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _check_tree(item, depth - 1)


_FORMS: dict[Any, str] = {
    _Name: "a text of 1 to 64 of the characters A-Z a-z 0-9 . _ -, and not dots alone",
    _Label: "a text of at most 200 characters, without control characters",
}


def in_words(error: msgspec.ValidationError) -> str:
    """Return a decoder's error with the form of names in words in place of a pattern."""
    said = str(error)
    for form, words in _FORMS.items():
        said = said.replace(f"`str` matching regex {form.__metadata__[0].pattern!r}", words)
    return said
