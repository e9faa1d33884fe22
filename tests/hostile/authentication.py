"""Bad tokens, and good ones at the wrong time."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.harness import tokens
from tests.harness.tokens import claims, segment, signed
from tests.harness.wire import Client, Raw, text, upgrade
from tests.hostile.attacks import first, outcome, post, presents, says, shaken, told
from tests.hostile.rows import Attack, Row, each
from tests.hostile.target import ISSUER, RSA_KEY, RSA_PEM, Target
from tests.node.rfc6455_cases import BINARY, frame

REFUSED = "E(INVALID_TOKEN) C(4500)"
ACCEPTED = "auth_success connection_state K"
_ATTACKER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_NOW = int(time.time())
_GOOD = tokens.token("u-good")


def _auth(token: str) -> dict[str, Any]:
    return {"type": "auth", "payload": {"token": token}}


def _rs256(key: rsa.RSAPrivateKey = RSA_KEY, headers: dict[str, Any] | None = None, **changed: Any) -> str:
    return jwt.encode(claims(**{"iss": ISSUER, **changed}), key, "RS256", headers=headers)


def _with_secret(secret: bytes) -> str:
    """Return an HS256 token, its secret the public key in one of its spellings."""
    head, body = segment(b'{"alg":"HS256","typ":"JWT"}'), segment(json.dumps(claims(iss=ISSUER)).encode())
    return f"{head}.{body}.{segment(hmac.digest(secret, f'{head}.{body}'.encode(), hashlib.sha256))}"


def _jwk(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    public: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return public


def _resigned(change: str) -> str:
    head, body, signature = _GOOD.split(".")
    changed = {
        "a bit flipped": ("B" if signature[0] == "A" else "A") + signature[1:],
        "cut": signature[:-4],
        "empty": "",
        "padded": signature + "=",
        "a newline behind": signature + "\n",
        "non-canonical last character": signature[:-1] + chr(ord(signature[-1]) + 1),
    }[change]
    return f"{head}.{body}.{changed}"


def _long_token(size: int) -> str:
    return _GOOD + "A" * (size - len(_GOOD))


def _just_made(make: Callable[[int], str]) -> Attack:
    """Present a token that is made for the present moment (Unix seconds): the suite may have begun long ago."""

    async def attack(target: Target) -> str:
        return await presents(make(int(time.time())))(target)

    return attack


async def first_message_too_big(target: Target) -> str:
    return await first(json.dumps(_auth(_GOOD)).ljust(8193))(target)


async def keys_are_never_fetched(target: Target) -> str:
    """Present a header that points to the attacker's keys; the service must not fetch them."""
    asked: list[object] = []
    server = await asyncio.start_server(lambda reader, writer: asked.append(writer), "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
    outcomes = set()
    for headers in ({"jku": address}, {"x5u": address}, {"jwk": _jwk(_ATTACKER)}, {"x5c": ["AAAA"]}, {"kid": address}):
        outcomes.add(await presents(_rs256(_ATTACKER, headers))(target))
    server.close()
    await server.wait_closed()
    assert asked == []
    return " / ".join(outcomes)


async def permissions_that_do_not_parse(target: Target) -> str:
    odd = ["execute:*", "read", "read:", 5, None, "READ:global", "read:dossier:[a-z]:*", "read:dossier:country:*"]
    async with await Client.connect(target.service, signed(claims(permissions=odd))) as client:
        return " ".join(client.login["permissions"])


async def no_permissions_claim(target: Target) -> str:
    async with await Client.connect(target.service, signed(claims())) as client:
        return " ".join(client.login["permissions"])


async def _revoke(target: Target, **whom: str) -> None:
    raw = await Raw.open(target.service)
    await raw.send(post(dict(whom), path="/v1/tokens/revoke", token=tokens.operator()))
    assert told(await raw.response()) == "H(200)"
    await raw.close()


async def revoked_by_id(target: Target) -> str:
    """A35, A36: one token at two addresses is two sessions; its revocation ends both, and it is good no more."""
    token = tokens.token("twice", jti="jti-of-twice")
    one = await Client.connect(target.service, token)
    two = await Client.connect(target.service, token, address="127.0.0.2")
    assert one.login["session_id"] != two.login["session_id"]
    listed = target.service.get("/v1/sessions", tokens.operator())[1].decode()
    assert {one.login["session_id"], two.login["session_id"]} <= set(re.findall(r'"session_id":"([^"]+)"', listed))
    await _revoke(target, jti="jti-of-twice")
    for client in (one, two):
        await client.expect_error("INVALID_TOKEN")
        await client.expect_close(4501)
        await client.close()
    return await presents(token)(target)


async def revoked_by_user(target: Target) -> str:
    token = tokens.token("disabled")
    client = await Client.connect(target.service, token)
    await _revoke(target, user="disabled")
    await client.expect_close(4501)
    await client.close()
    return await presents(token)(target)


async def bad_renewals(target: Target) -> str:
    """Two bad renewals are forgiven, the third is not; a good one in between would start anew."""
    client = await target.client()
    for _ in range(2):
        await client.send(_auth("bad.to.ken"))
        await client.expect_error("INVALID_TOKEN")
        await client.settle()
    await client.send(_auth("bad.to.ken"))
    return await outcome(client)


async def a_thousand_bad_tokens(target: Target) -> str:
    """One address guesses: it is slowed down, others are not, and the log stays short and holds no token."""
    began = time.monotonic()
    target.log_news()
    outcomes: set[str] = set()

    async def guess(number: int) -> None:
        raw = await Raw.open(target.service, address="127.0.0.8")
        await raw.send(upgrade() + text(_auth(f"eyJhbGciOiJIUzI1NiJ9.guess{number:04}.AAAAAAAA")))
        status = (await raw.response()).status
        if status == 101:
            outcomes.add(await outcome(Client(raw)))
        else:
            outcomes.add(f"H({status})")
            await raw.close()

    for start in range(0, 1000, 50):
        guesses = [asyncio.create_task(guess(number)) for number in range(start, start + 50)]
        async with await target.client() as real:
            await real.settle()
        await asyncio.gather(*guesses)
    lines = [line for line in target.log_news().splitlines() if "127.0.0.8" in line]
    assert len(lines) <= 20 * (time.monotonic() - began + 2), f"{len(lines)} lines"  # ten of each of two kinds
    assert "guess" not in target.service.log()
    return " / ".join(sorted(outcomes))


async def _binary_first(target: Target) -> str:
    client = Client(await shaken(target))
    await client.raw.send(frame(BINARY, b"x"))
    return await outcome(client)


async def _silence(target: Target) -> str:
    client = Client(await shaken(target))
    await client.expect_close(4005)
    return await outcome(client)


ROWS = [
    Row("A02.1", "ping first", first({"type": "ping"}), "E(AUTH_FAILED) C(4500)"),
    Row("A02.2", "subscribe first", first({"type": "subscribe", "channel": "global"}), "E(AUTH_FAILED) C(4500)"),
    Row("A02.3", "an empty object first", first("{}"), "E(AUTH_FAILED) C(4500)"),
    Row("A02.4", "no JSON first", first("hello"), "E(AUTH_FAILED) C(4500)"),
    # A binary frame is 1003 wherever it comes (docs/protocol.md#frames, over the table's 4500).
    Row("A02.5", "a binary frame first", _binary_first, "C(1003)"),
    Row("A03", "nothing within the time", _silence, "E(AUTH_FAILED) C(4005)", "strict", slow=True),
    Row(
        "A04",
        "auth and subscribe in one packet",
        first(_auth(_GOOD), {"type": "subscribe", "channel": "global"}),
        "auth_success connection_state subscribed K",
    ),
    *each(
        "A05",
        [
            ("payload missing", '{"type":"auth"}'),
            ("payload a string", '{"type":"auth","payload":"x"}'),
            ("payload an array", '{"type":"auth","payload":[]}'),
            ("payload null", '{"type":"auth","payload":null}'),
            ("token a number", '{"type":"auth","payload":{"token":5}}'),
            ("more in it", '{"type":"auth","payload":{"token":"x","admin":true}}'),
        ],
        first,
        "E(INVALID_MESSAGE_FORMAT) C(4500)",
    ),
    Row("A07.1", "a token of 4,097 bytes", presents(_long_token(4097)), REFUSED),
    Row("A07.2", "a token of 60 kB", presents(_long_token(60_000)), "C(1009)"),
    Row("A07.3", "a first message of 8,193 bytes", first_message_too_big, "C(1009)"),
    *each(
        "A09",
        [
            ("PEM", RSA_PEM),
            ("PEM with CRLF", RSA_PEM.replace(b"\n", b"\r\n")),
            ("DER", RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
            ("JWK", json.dumps(_jwk(RSA_KEY)).encode()),
        ],
        lambda secret: presents(_with_secret(secret)),
        REFUSED,
        "asymmetric",
    ),
    Row("A09.5", "RS256 as it should be", presents(_rs256()), ACCEPTED, "asymmetric"),
    *each(
        "A10",
        [
            ("HS384", jwt.encode(claims(), tokens.SECRET.ljust(64), "HS384")),
            ("HS512", jwt.encode(claims(), tokens.SECRET.ljust(64), "HS512")),
            ("RS256", _rs256()),
            ("none", signed(claims(), {"alg": "none"})),
            ("none unsigned", jwt.encode(claims(), "", "none")),
            ("hs256", signed(claims(), {"alg": "hs256"})),
            ("a list", signed(claims(), {"alg": ["HS256"]})),
        ],
        presents,
        REFUSED,
    ),
    Row("A10.8", "PS256", presents(jwt.encode(claims(iss=ISSUER), RSA_KEY, "PS256")), REFUSED, "asymmetric"),
    Row("A12", "keys of the attacker in the header", keys_are_never_fetched, REFUSED, "asymmetric"),
    *each(
        "A14",
        [
            (change, _resigned(change))
            for change in (
                "a bit flipped",
                "cut",
                "empty",
                "padded",
                "a newline behind",
                "non-canonical last character",
            )
        ],
        presents,
        REFUSED,
    ),
    Row("A14.7", "a space in front", presents(" " + _GOOD), REFUSED),
    *each(
        "A15",
        [
            ("exp just past", lambda now: signed(claims(exp=now - 1))),
            ("exp now", lambda now: signed(claims(exp=now))),
            ("exp missing", lambda _: signed(claims(exp=...))),
            ("exp a string", lambda now: signed(claims(exp=str(now + 600)))),
            ("exp 1e308", lambda _: signed(claims(exp=1e308))),
            ("nbf ahead", lambda now: signed(claims(nbf=now + 600))),
            ("iat ahead", lambda now: signed(claims(iat=now + 600))),
        ],
        _just_made,
        REFUSED,
    ),
    *each(
        "A16",
        [
            ("nbf and iat ahead by less than clocks differ", lambda now: signed(claims(nbf=now + 5, iat=now + 5))),
            ("type at+jwt", lambda _: signed(claims(), {"alg": "HS256", "typ": "at+jwt"})),
            ("type jwt", lambda _: signed(claims(), {"alg": "HS256", "typ": "jwt"})),
            ("no type", lambda _: signed(claims(), {"alg": "HS256"})),
        ],
        _just_made,
        ACCEPTED,
    ),
    *each(
        "A18",
        [
            ("sub of a dot", signed(claims(sub="."))),
            ("sub of two dots", signed(claims(sub=".."))),
            ("sub of three dots", signed(claims(sub="..."))),
            ("avatar by http", signed(claims(avatar="http://faces.example/a.png"))),
            ("type of an id token", signed(claims(), {"alg": "HS256", "typ": "id+jwt"})),
            ("type null", signed(claims(), {"alg": "HS256", "typ": None})),
        ],
        presents,
        REFUSED,
    ),
    Row(
        "A15.8",
        "expired, however much the beginning may be early",
        _just_made(lambda now: _rs256(exp=now - 1)),
        REFUSED,
        "asymmetric",
    ),
    Row(
        "A15.9",
        "a beginning within a minute",
        _just_made(lambda now: _rs256(nbf=now + 55, iat=now + 55)),
        ACCEPTED,
        "asymmetric",
    ),
    Row(
        "A17",
        "good for more than 24 h",
        _just_made(lambda now: signed(claims(exp=now + 86_401 + 600, iat=now))),
        REFUSED,
    ),
    Row("A17.1", "issued long ago for long", presents(signed(claims(exp=_NOW + 3600, iat=_NOW - 86_400))), REFUSED),
    *each(
        "A19",
        [
            ("aud missing", signed(claims(aud=...))),
            ("aud another", signed(claims(aud="another"))),
            ("aud a list", signed(claims(aud=["dossier-realtime", "another"]))),
        ],
        presents,
        REFUSED,
    ),
    Row(
        "A19.4",
        "aud a list where that is allowed",
        presents(_rs256(aud=["another", "dossier-realtime"])),
        ACCEPTED,
        "asymmetric",
    ),
    *each(
        "A20",
        [("missing", ...), ("a prefix of ours", ISSUER[:-1]), ("another case", ISSUER.upper()), ("none", "")],
        lambda issuer: presents(_rs256(iss=issuer)),
        REFUSED,
        "asymmetric",
    ),
    *each(
        "A23",
        [
            ("an array", signed(b"[]")),
            ("deep", signed(b'{"sub":' + b"[" * 1000 + b"]" * 1000 + b"}")),
            ("too deep for its size", signed(b"[" * 5000)),
            ("no JSON", signed(b"sub=u-1")),
            ("a deep header", signed(claims(), b'{"alg":"HS256","x":' + b"[" * 1000 + b"]" * 1000 + b"}")),
            ("not UTF-8", signed(b'{"sub":"\xff"}')),
            ("a lone surrogate", signed(json.dumps(claims(name="\ud800")).encode())),
            ("a claim twice", signed(json.dumps(claims()).replace('{"sub"', '{"sub":"x","sub"').encode())),
            ("two dots more", _GOOD + "..x"),
            ("empty", ""),
        ],
        presents,
        REFUSED,
    ),
    Row("A25.6", "permissions missing", no_permissions_claim, "read:global read:user:u-1"),
    *each(
        "A25",
        [
            ("a string", signed(claims(permissions="admin"))),
            ("an object", signed(claims(permissions={}))),
            ("1,001 entries", signed(claims(permissions=[0] * 1001))),
        ],
        presents,
        REFUSED,
    ),
    # 10,000 entries make a message over 8 KiB.
    Row("A25.4", "10,000 entries", presents(signed(claims(permissions=[""] * 10_000))), "C(1009)"),
    Row(
        "A25.5",
        "unknown verbs among good ones",
        permissions_that_do_not_parse,
        "read:dossier:country:* read:global read:user:u-1",
    ),
    *each(
        "A26",
        [("unknown", "cosmic"), ("a number", 3), ("a list", ["secret"]), ("another case", "Secret"), ("null", None)],
        lambda clearance: presents(signed(claims(clearance=clearance))),
        REFUSED,
    ),
    Row("A28.1", "a revoked token, also after logout (A35, A36)", revoked_by_id, "E(INVALID_TOKEN) C(4501)"),
    Row("A28.2", "a user shut out", revoked_by_user, "E(INVALID_TOKEN) C(4501)"),
    Row("A30", "renewed by another user", says(_auth(tokens.token("somebody"))), "E(AUTH_FAILED) C(4500)"),
    Row("A31", "three bad renewals", bad_renewals, REFUSED),
    Row("A33", "1,000 bad tokens", a_thousand_bad_tokens, "E(INVALID_TOKEN) C(4500) / H(429)", "strict"),
]
