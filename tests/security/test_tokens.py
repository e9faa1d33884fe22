"""Tokens: the form, the signature, the cache, and everything that must not pass for a token."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.security.auth import REFUSAL, TokenError, TokenVerifier
from app.security.auth_settings import AuthSettings
from app.security.claims import MAX_CLAIMS_DEPTH
from tests.security.signing import (
    BODY,
    EC_KEY,
    GOOD,
    HEAD,
    NOW,
    RSA_KEY,
    SECRET,
    SETTINGS,
    compact,
    pem,
    refusal,
    segment,
    token,
    user_of,
)


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(SETTINGS)


@pytest.fixture
def rs256(tmp_path: Path) -> AuthSettings:
    file = tmp_path / "public.pem"
    file.write_bytes(pem(RSA_KEY))
    return AuthSettings(algorithms=("RS256",), public_key_file=str(file))


def test_a07_a_token_over_the_limit_is_refused_by_its_length_alone(verifier: TokenVerifier) -> None:
    room = 4096 - len(token(x=""))
    longest = next(t for n in range(room * 3 // 4 + 4, 0, -1) if len(t := token(x="x" * n)) <= 4096)
    assert len(longest) >= 4094
    assert verifier.verify(longest, NOW).user_id == "u-1"
    assert refusal(token(x="x" * 3100)) == "too long"
    assert refusal("x" * 60_000) == "too long"


def twisted() -> dict[str, str]:
    good = token()
    head, payload, signature = good.split(".")
    bits = base64.urlsafe_b64decode(signature + "=")
    # 32 bytes end in a character whose last two bits say nothing.
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    loose = signature[:-1] + alphabet[alphabet.index(signature[-1]) + 1]
    return {
        "one bit flipped": f"{head}.{payload}.{segment(bytes([bits[0] ^ 1]) + bits[1:])}",
        "last byte flipped": f"{head}.{payload}.{segment(bits[:-1] + bytes([bits[-1] ^ 128]))}",
        "cut": good[:-4],
        "no signature": f"{head}.{payload}.",
        "two parts": f"{head}.{payload}",
        "four parts": f"{good}.{signature}",
        "padded": good + "=",
        "new line": good + "\n",
        "leading space": " " + good,
        "inner space": f"{head}. {payload}.{signature}",
        "other spelling of the last bits": f"{head}.{payload}.{loose}",
        "standard base64": f"{head}.{payload}.+/{signature[2:]}",
        "other digits": good.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")) + "٣",
        "lone surrogate": good + "\ud800",
        "NUL": good + "\0",
        "empty": "",
        "dots": "..",
        "Bearer": "Bearer " + good,
    }


@pytest.mark.parametrize("candidate", twisted().values(), ids=twisted().keys())
def test_a14_a_token_with_anything_changed_or_added_is_refused(candidate: str) -> None:
    assert refusal(candidate)


@pytest.mark.parametrize("candidate", [None, 5, b"a.b.c", ["a.b.c"], {}], ids=repr)
def test_what_is_no_text_is_refused(candidate: object) -> None:
    assert refusal(candidate) == "malformed"


ODD_JSON: dict[str, tuple[bytes, bytes]] = {
    "A23 payload an array": (HEAD, b"[" + BODY + b"]"),
    "A23 payload no JSON": (HEAD, BODY[:-1]),
    "A23 payload nested 1,400 deep": (HEAD, b'{"x":' + b"[" * 1400 + b"]" * 1400 + b"," + BODY[1:]),
    "A23 header nested 1,400 deep": (b'{"x":' + b"[" * 1400 + b"]" * 1400 + b"," + HEAD[1:], BODY),
    "A23 header an array": (b"[" + HEAD + b"]", BODY),
    "payload null": (HEAD, b"null"),
    "payload with a tail": (HEAD, BODY + b"{}"),
    "payload with a byte order mark": (HEAD, b"\xef\xbb\xbf" + BODY),
    "payload not UTF-8": (HEAD, BODY[:-1] + b',"x":"\xff"}'),
    "payload in UTF-16": (HEAD, BODY.decode().encode("utf-16")),
    "payload with a name twice": (HEAD, b'{"sub":"root",' + BODY[1:]),
    "payload with a name twice, once escaped": (HEAD, b'{"\\u0073ub":"root",' + BODY[1:]),
    "payload with a name twice within": (HEAD, b'{"x":{"y":1,"y":1},' + BODY[1:]),
    "payload NaN": (HEAD, b'{"x":NaN,' + BODY[1:]),
    "payload Infinity": (HEAD, b'{"x":-Infinity,' + BODY[1:]),
    "payload 1e999": (HEAD, b'{"x":1e999,' + BODY[1:]),
    "header with alg twice": (b'{"alg":"none",' + HEAD[1:], BODY),
    "header without alg": (b'{"typ":"JWT"}', BODY),
    "header alg null": (b'{"alg":null}', BODY),
    "header alg a list": (b'{"alg":["HS256"]}', BODY),
    "header alg in lower case": (b'{"alg":"hs256"}', BODY),
    "header kid a number": (b'{"kid":1,' + HEAD[1:], BODY),
    "header crit": (b'{"crit":["exp"],' + HEAD[1:], BODY),
    "header crit null": (b'{"crit":null,' + HEAD[1:], BODY),
    "header typ of an id token": (b'{"alg":"HS256","typ":"id+jwt"}', BODY),
    "header typ of a logout token": (b'{"alg":"HS256","typ":"logout+jwt"}', BODY),
    "header typ with the media type spelt out": (b'{"alg":"HS256","typ":"application/at+jwt"}', BODY),
    "header typ empty": (b'{"alg":"HS256","typ":""}', BODY),
    "header typ null": (b'{"alg":"HS256","typ":null}', BODY),
    "header typ a list": (b'{"alg":"HS256","typ":["JWT"]}', BODY),
    "header b64 false": (b'{"crit":["b64"],"b64":false,' + HEAD[1:], BODY),
}


@pytest.mark.parametrize(("header", "payload"), ODD_JSON.values(), ids=ODD_JSON.keys())
def test_json_that_parsers_could_read_differently_is_refused(header: bytes, payload: bytes) -> None:
    candidate = compact(header, payload)
    assert len(candidate) <= 4096  # it is not refused for its length
    assert refusal(candidate)


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", None])
def test_an_access_token_names_its_type_in_any_case_or_not_at_all(typ: str | None) -> None:
    header = {"alg": "HS256"} | ({} if typ is None else {"typ": typ})
    assert user_of(compact(json.dumps(header).encode(), BODY)) == "u-1"


def test_a23_nesting_is_accepted_to_its_limit_and_no_deeper(verifier: TokenVerifier) -> None:
    def nested(lists: int) -> str:
        return compact(HEAD, b'{"x":' + b"[" * lists + b"]" * lists + b"," + BODY[1:])

    assert verifier.verify(nested(MAX_CLAIMS_DEPTH - 1), NOW).user_id == "u-1"
    assert refusal(nested(MAX_CLAIMS_DEPTH)) == "nested too deeply"


def test_a09_a_public_key_used_as_a_shared_secret_proves_nothing(rs256: AuthSettings) -> None:
    public = RSA_KEY.public_key()
    as_jwk = jwt.get_algorithm_by_name("RS256").to_jwk(public)
    assert isinstance(as_jwk, str)
    spellings = [
        pem(RSA_KEY),
        pem(RSA_KEY).replace(b"\n", b"\r\n"),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        as_jwk.encode(),
    ]
    assert user_of(jwt.encode(GOOD, RSA_KEY, "RS256"), rs256) == "u-1"
    for secret in spellings:
        assert refusal(compact(HEAD, BODY, secret), rs256) == "algorithm not allowed"
        disguised = compact(json.dumps({"alg": "RS256"}).encode(), BODY, secret)
        assert refusal(disguised, rs256) == "wrong signature"


@pytest.mark.parametrize("alg", ["HS384", "HS512", "RS384", "PS256", "ES256", "none", "None", ""])
def test_a10_another_algorithm_of_the_same_key_is_refused(rs256: AuthSettings, alg: str) -> None:
    hs = compact(json.dumps({"alg": alg}).encode(), BODY)
    assert refusal(hs) == "algorithm not allowed"
    assert refusal(hs, rs256) == "algorithm not allowed"
    if alg in ("HS384", "HS512"):
        assert refusal(jwt.encode(GOOD, SECRET * 2, alg)) == "algorithm not allowed"
    if alg in ("RS384", "PS256"):
        assert refusal(jwt.encode(GOOD, RSA_KEY, alg), rs256) == "algorithm not allowed"


def test_a12_keys_that_the_token_brings_along_are_not_used(rs256: AuthSettings) -> None:
    theirs = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    brought = {
        "jwk": jwt.get_algorithm_by_name("RS256").to_jwk(theirs.public_key(), as_dict=True),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/x5u",
        "x5c": ["MIIB"],
    }
    for name, value in brought.items():
        assert refusal(jwt.encode(GOOD, theirs, "RS256", headers={name: value}), rs256) == "wrong signature"
        assert user_of(jwt.encode(GOOD, RSA_KEY, "RS256", headers={name: value}), rs256) == "u-1"


def test_rs256_and_es256_keys_verify_their_own_tokens_only(rs256: AuthSettings, tmp_path: Path) -> None:
    (tmp_path / "ec.pem").write_bytes(pem(EC_KEY))
    es256 = AuthSettings(algorithms=("RS256", "ES256"), public_key_file=str(tmp_path / "ec.pem"))
    by_rsa, by_ec = jwt.encode(GOOD, RSA_KEY, "RS256"), jwt.encode(GOOD, EC_KEY, "ES256")
    assert user_of(by_rsa, rs256) == "u-1"
    assert user_of(by_ec, es256) == "u-1"
    assert refusal(by_ec, rs256)
    assert refusal(by_rsa, es256)


def test_no_refusal_holds_a_part_of_the_token_or_of_a_claim() -> None:
    marker = "ZZmarkerZZ"
    candidates = [token(**{name: f"{marker}\x00"}) for name in [*GOOD, "name", "role", "clearance"]]
    candidates += [
        token(permissions=marker),
        compact(HEAD.replace(b"HS256", marker.encode()), BODY),
        marker,
        marker + ".a.b",
    ]
    for candidate in candidates:
        with pytest.raises(TokenError) as refused:
            TokenVerifier(SETTINGS).verify(candidate, NOW)
        assert marker not in str(refused.value)
        assert refused.value.__cause__ is None
    assert "token" in REFUSAL


def test_a_verified_token_is_remembered_and_still_expires(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    original: Callable[..., Any] = TokenVerifier._proven_claims

    def counted(self: TokenVerifier, candidate: str, keys: Any) -> Any:
        seen.append(candidate)
        return original(self, candidate, keys)

    monkeypatch.setattr(TokenVerifier, "_proven_claims", counted)
    candidate = token(nbf=NOW - 10, iat=NOW - 20, exp=NOW + 60)
    first = verifier.verify(candidate, NOW)
    assert verifier.verify(candidate, NOW + 59.9) is first
    for instant, reason in [
        (NOW + 60, "expired"),
        (NOW - 16, "not valid yet"),
        (NOW - 90_000, "valid for too long"),
    ]:
        with pytest.raises(TokenError) as refused:
            verifier.verify(candidate, instant)
        assert refused.value.reason == reason
    assert len(seen) == 1
    verifier.forget()
    assert verifier.verify(candidate, NOW) == first
    assert len(seen) == 2


def test_the_cache_forgets_the_token_unused_for_longest(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.security.auth.MAX_CACHED_TOKENS", 2)
    one, two, three = (token(jti=str(n)) for n in range(3))
    first, second = verifier.verify(one, NOW), verifier.verify(two, NOW)
    assert verifier.verify(one, NOW) is first
    verifier.verify(three, NOW)
    assert verifier.verify(one, NOW) is first
    assert verifier.verify(two, NOW) is not second


def test_a_refused_token_is_not_remembered_as_good(verifier: TokenVerifier) -> None:
    early = token(nbf=NOW + 30)
    with pytest.raises(TokenError):
        verifier.verify(early, NOW)
    assert verifier.verify(early, NOW + 30).user_id == "u-1"


def test_5000_mutated_and_random_tokens_give_an_identity_or_token_refused_and_nothing_else(
    verifier: TokenVerifier,
) -> None:
    chance = random.Random(7)  # noqa: S311 - the same noise in every run
    characters = string.ascii_letters + string.digits + "-_.=+/ \n\0é\ud800😀"
    seeds = [token(), token(permissions=["admin:*"], jti="x"), *(compact(*odd) for odd in ODD_JSON.values())]
    unchanged = set(seeds)
    for round_ in range(5000):
        if round_ % 3 == 0:  # well signed, but its bytes are noise: reaches every parser
            text = bytearray(BODY)
            for _ in range(chance.randint(1, 4)):
                text[chance.randrange(len(text))] = chance.choice(b'{}[]",:\\u0e-.1tn\xff\x00 ')
            candidate = compact(HEAD, bytes(text))
            with suppress(TokenError):  # any other exception fails the test
                verifier.verify(candidate, NOW)
            continue
        if round_ % 3 == 1:
            letters = list(chance.choice(seeds))
            for _ in range(chance.randint(1, 3)):
                letters[chance.randrange(len(letters))] = chance.choice(characters)
            candidate = "".join(letters)
        else:
            candidate = "".join(chance.choices(characters, k=chance.randint(0, 200)))
        if candidate not in unchanged:
            with pytest.raises(TokenError):
                verifier.verify(candidate, NOW)
