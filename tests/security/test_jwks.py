"""Key sets: from a file, and from an issuer that rotates, stalls, dies or lies."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.security import jwks
from app.security.auth import KeysUnavailable, KeyUnknown, TokenError, TokenVerifier
from app.security.auth_settings import AuthSettings
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.security.issuer import Issuer, KeysHandler, jwk, serving, text

NOW = 1_750_000_000
CLAIMS = {"sub": "u-1", "exp": NOW + 600, "aud": "dossier-realtime"}
ONE, TWO = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it must be ignored
CURVE = ec.generate_private_key(ec.SECP256R1())


def signed(key: Any, kid: str | None, alg: str = "RS256", **claims: Any) -> str:
    return jwt.encode(CLAIMS | claims, key, alg, headers=None if kid is None else {"kid": kid})


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(issuer: Issuer, clock: Clock) -> TokenVerifier:
    return TokenVerifier(AuthSettings(algorithms=("RS256",), jwks_url=issuer.url), clock)


def answers_at_once(verifier: TokenVerifier, token: str) -> str:
    """The user id of `check` when it ends without once suspending."""
    with pytest.raises(StopIteration) as ended:
        verifier.check(token, NOW).send(None)
    user_id: str = ended.value.value.user_id
    return user_id


def test_the_first_token_brings_the_key_set_and_the_next_needs_none(verifier: TokenVerifier, issuer: Issuer) -> None:
    issuer.body = text(jwk(ONE, kid="one"))
    with pytest.raises(KeyUnknown) as unknown:
        verifier.verify(signed(ONE, "one"), NOW)
    assert unknown.value.kid == "one"
    assert asyncio.run(verifier.check(signed(ONE, "one"), NOW)).user_id == "u-1"
    assert answers_at_once(verifier, signed(ONE, "one")) == "u-1"
    assert answers_at_once(verifier, signed(ONE, "one", sub="u-2")) == "u-2"
    assert answers_at_once(verifier, signed(ONE, None, sub="u-3")) == "u-3"
    assert issuer.requests == ["/keys?all=1"]


def test_a_new_key_is_fetched_and_a_withdrawn_one_stops_counting_even_for_known_tokens(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    async def rotate() -> None:
        issuer.body = text(jwk(ONE, kid="one"))
        old = signed(ONE, "one")
        await verifier.check(old, NOW)
        issuer.body = text(jwk(TWO, kid="two"))
        clock.now += jwks.FETCH_INTERVAL_SECONDS
        assert (await verifier.check(signed(TWO, "two"), NOW)).user_id == "u-1"
        with pytest.raises(KeyUnknown):
            await verifier.check(old, NOW)

    asyncio.run(rotate())
    assert len(issuer.requests) == 2


def test_a_key_that_keeps_its_name_but_changes_refuses_what_the_old_one_signed(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    async def replace() -> None:
        issuer.body = text(jwk(ONE, kid="k"))
        await verifier.check(signed(ONE, "k"), NOW)
        issuer.body = text(jwk(TWO, kid="k"))
        clock.now += jwks.FETCH_INTERVAL_SECONDS
        assert await verifier.refresh()
        with pytest.raises(TokenError, match="wrong signature"):
            await verifier.check(signed(ONE, "k"), NOW)

    asyncio.run(replace())


def test_a_storm_of_unknown_keys_makes_one_fetch_and_blocks_nobody(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    issuer.body = text(jwk(ONE, kid="one"))
    issuer.held.clear()

    async def storm() -> int:
        beats = 0

        async def refused(n: int) -> bool:
            try:
                await verifier.check(signed(TWO, f"made-up-{n}"), NOW)
            except KeyUnknown:
                return True
            return False

        attempts = [asyncio.create_task(refused(n)) for n in range(50)]
        good = asyncio.create_task(verifier.check(signed(ONE, "one"), NOW))
        while beats < 200 or not issuer.requests:  # the loop turns while the issuer keeps its answer back
            await asyncio.sleep(0)
            beats += 1
        assert not any(attempt.done() for attempt in attempts)
        assert not good.done()
        issuer.held.set()
        assert all(await asyncio.gather(*attempts))
        assert (await good).user_id == "u-1"
        assert await refused(51)  # within the interval: no further fetch
        assert len(issuer.requests) == 1
        clock.now += jwks.FETCH_INTERVAL_SECONDS
        assert await refused(52)
        return beats

    assert asyncio.run(storm()) >= 200
    assert len(issuer.requests) == 2


def test_one_waiter_that_leaves_does_not_end_the_fetch_for_the_others(verifier: TokenVerifier, issuer: Issuer) -> None:
    issuer.body = text(jwk(ONE, kid="one"))
    issuer.held.clear()

    async def leave() -> None:
        leaver = asyncio.create_task(verifier.check(signed(ONE, "one"), NOW))
        stayer = asyncio.create_task(verifier.check(signed(ONE, "one"), NOW))
        await asyncio.to_thread(issuer.asked.wait)
        leaver.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaver
        issuer.held.set()
        assert (await stayer).user_id == "u-1"

    asyncio.run(leave())
    assert len(issuer.requests) == 1


def test_a_dead_issuer_says_nothing_about_a_token(clock: Clock) -> None:
    with serving() as gone:
        url = gone.url
    verifier = TokenVerifier(AuthSettings(algorithms=("RS256",), jwks_url=url), clock)
    with pytest.raises(KeysUnavailable):
        asyncio.run(verifier.check(signed(ONE, "one"), NOW))
    assert not verifier.has_keys


def test_an_issuer_that_never_answers_says_nothing_about_a_token(
    verifier: TokenVerifier, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT_SECONDS", 0.05)
    issuer.held.clear()
    with pytest.raises(KeysUnavailable):
        asyncio.run(verifier.check(signed(ONE, "one"), NOW))


def test_a_token_of_a_set_that_came_after_a_failure_is_verified_and_others_are_refused(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    async def exercise() -> None:
        issuer.status, issuer.body = 500, text(jwk(ONE, kid="one"))
        with pytest.raises(KeysUnavailable):
            await verifier.check(signed(ONE, "one"), NOW)
        issuer.status = 200
        clock.now += jwks.pause_after(1)
        assert (await verifier.check(signed(ONE, "one"), NOW)).user_id == "u-1"
        with pytest.raises(KeyUnknown):  # the set is current: no key of the issuer has this name
            await verifier.check(signed(TWO, "made-up"), NOW)

    asyncio.run(exercise())
    assert len(issuer.requests) == 2


def test_tokens_of_known_keys_are_verified_while_those_of_a_new_key_wait_for_the_issuer(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    async def rotate() -> None:
        issuer.body = text(jwk(ONE, kid="one"))
        await verifier.check(signed(ONE, "one"), NOW)
        issuer.status, issuer.body = 503, text(jwk(TWO, kid="two"))
        clock.now += jwks.FETCH_INTERVAL_SECONDS
        with pytest.raises(KeysUnavailable):
            await verifier.check(signed(TWO, "two"), NOW)
        assert answers_at_once(verifier, signed(ONE, "one")) == "u-1"
        assert verifier.has_keys
        assert not verifier.is_current
        for bad in (signed(TWO, "one"), signed(TWO, "two", "RS384"), "x.y.z"):  # no key could make these good
            with pytest.raises(TokenError):
                await verifier.check(bad, NOW)
        issuer.status = 200
        clock.now += verifier.next_fetch_in
        assert (await verifier.check(signed(TWO, "two"), NOW)).user_id == "u-1"

    asyncio.run(rotate())


def test_a_fetch_for_a_token_that_failed_is_repeated_though_nobody_asks_again(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "pause_after", lambda failures: 0.01)

    def knows_the_new_key() -> bool:
        clock.now += 0.02
        with suppress(TokenError):
            return verifier.verify(signed(TWO, "two"), NOW).user_id == "u-1"
        return False

    async def exercise() -> None:
        issuer.body = text(jwk(ONE, kid="one"))
        following = asyncio.create_task(verifier.follow(300))
        await eventually_async(lambda: verifier.is_current)
        issuer.status, issuer.body = 503, text(jwk(TWO, kid="two"))
        clock.now += jwks.FETCH_INTERVAL_SECONDS
        with pytest.raises(KeysUnavailable):
            await verifier.check(signed(TWO, "two"), NOW)
        issuer.status = 200
        await eventually_async(knows_the_new_key)
        following.cancel()

    asyncio.run(exercise())


def test_the_pause_after_failures_grows_to_its_bound_and_begins_anew_after_a_good_fetch(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock
) -> None:
    async def exercise() -> list[float]:
        pauses = []
        for _ in range(8):
            issuer.status = 500
            with pytest.raises(KeysUnavailable):
                await verifier.check(signed(ONE, "one"), NOW)
            for n in range(20):  # a flood in the pause fetches nothing
                with pytest.raises(KeysUnavailable):
                    await verifier.check(signed(TWO, f"made-up-{n}"), NOW)
            pauses.append(verifier.next_fetch_in)
            clock.now += pauses[-1]
        issuer.status, issuer.body = 200, text(jwk(ONE, kid="one"))
        assert await verifier.refresh()
        assert verifier.next_fetch_in == jwks.FETCH_INTERVAL_SECONDS
        issuer.status = 500
        clock.now += jwks.FETCH_INTERVAL_SECONDS
        assert not await verifier.refresh()
        return [*pauses, verifier.next_fetch_in]

    assert asyncio.run(exercise()) == [1, 2, 4, 8, 16, 30, 30, 30, 1]
    assert len(issuer.requests) == 10
    assert jwks.pause_after(10_000) == jwks.MAX_PAUSE_SECONDS


def test_a_fetch_that_no_socket_time_out_ends_keeps_nobody_waiting(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "WAIT_SECONDS", 0.05)
    given_up = threading.Event()

    def stuck_in_name_resolution(_: str) -> bytes:
        given_up.wait(10)
        return text(jwk(ONE, kid="one"))

    monkeypatch.setattr(jwks, "_download", stuck_in_name_resolution)

    async def exercise() -> None:
        with pytest.raises(KeysUnavailable):
            await verifier.check(signed(ONE, "one"), NOW)
        given_up.set()
        monkeypatch.setattr(jwks, "WAIT_SECONDS", HANG_SECONDS)
        assert (await verifier.check(signed(ONE, "one"), NOW)).user_id == "u-1"  # by the same fetch

    asyncio.run(exercise())


def test_an_issuer_that_dribbles_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT_SECONDS", 0.2)
    heard_out = threading.Event()

    class Dribble(KeysHandler):
        def do_GET(self) -> None:  # noqa: N802  the name is that of http.server
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                for _ in range(500):
                    self.wfile.write(b" ")
                    threading.Event().wait(0.01)
                heard_out.set()

    with serving() as issuer:
        issuer.RequestHandlerClass = Dribble
        verifier = TokenVerifier(AuthSettings(algorithms=("RS256",), jwks_url=issuer.url))
        assert not asyncio.run(verifier.refresh())  # ends only when the fetching thread has ended
        assert not heard_out.is_set()


BAD_ANSWERS: dict[str, tuple[int, bytes]] = {
    "500": (500, text(jwk(ONE, kid="one"))),
    "a redirect": (302, text(jwk(ONE, kid="one"))),
    "too much": (200, text(jwk(ONE, kid="one")) + b" " * jwks.MAX_KEY_SET_BYTES),
    "no JSON": (200, b"<html>"),
    "an array": (200, b"[]"),
    "nesting without end": (200, b'{"keys":' + b"[" * 100_000),
    "no keys": (200, text()),
    "keys of another family only": (200, text(jwk(CURVE, "ES256", kid="one"))),
}


@pytest.mark.parametrize(("status", "body"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_leaves_the_keys_as_they_were(
    verifier: TokenVerifier, issuer: Issuer, clock: Clock, status: int, body: bytes
) -> None:
    async def exercise() -> None:
        issuer.body = text(jwk(ONE, kid="old"))
        assert await verifier.refresh()
        issuer.status, issuer.body = status, body
        issuer.headers = {"Location": "/elsewhere"}
        clock.now += jwks.FETCH_INTERVAL_SECONDS
        assert not await verifier.refresh()
        with pytest.raises(KeysUnavailable):
            await verifier.check(signed(ONE, "one"), NOW)

    asyncio.run(exercise())
    assert len(issuer.requests) == 2  # no redirect was followed either
    assert verifier.verify(signed(ONE, "old"), NOW).user_id == "u-1"


def test_a_bad_token_of_a_known_key_fetches_nothing(verifier: TokenVerifier, issuer: Issuer) -> None:
    async def exercise() -> None:
        issuer.body = text(jwk(ONE, kid="one"))
        assert await verifier.refresh()
        for bad in (signed(TWO, "one"), signed(ONE, "one", exp=NOW), "x.y.z", signed(CURVE, "no", "ES256")):
            with pytest.raises(TokenError):
                await verifier.check(bad, NOW)

    asyncio.run(exercise())
    assert len(issuer.requests) == 1


def test_a12_addresses_in_a_token_are_never_called(issuer: Issuer, tmp_path: Path) -> None:
    issuer.body = text(jwk(TWO, kid="evil"))
    file = tmp_path / "keys.json"
    file.write_bytes(text(jwk(ONE, kid="one")))
    verifier = TokenVerifier(AuthSettings(algorithms=("RS256",), jwks_file=str(file)))
    headers = {"kid": "evil", "jku": issuer.url, "x5u": issuer.url}
    with pytest.raises(TokenError):
        asyncio.run(verifier.check(jwt.encode(CLAIMS, TWO, "RS256", headers=headers), NOW))
    assert issuer.requests == []


UNUSABLE: dict[str, Any] = {
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "k"},
    "a shared secret posing as RS256": {"kty": "oct", "k": "c2VjcmV0", "kid": "k", "alg": "RS256"},
    "a key for encryption": jwk(TWO, kid="k", use="enc"),
    "a key of RS512": jwk(TWO, kid="k", alg="RS512"),
    "a key with an odd algorithm": jwk(TWO, kid="k", alg=["RS256"]),
    "a short key": jwk(SHORT, kid="k"),
    "a private key": json.loads(str(jwt.get_algorithm_by_name("RS256").to_jwk(TWO))) | {"kid": "k"},
    "P-384 posing as ES256": jwk(ec.generate_private_key(ec.SECP384R1()), "ES384", kid="k", alg="ES256"),
    "Ed25519": jwk(ed25519.Ed25519PrivateKey.generate(), "EdDSA", kid="k"),
    "numbers that are no key": {"kty": "RSA", "n": "!!", "e": None, "kid": "k"},
    "no object": 7,
}


@pytest.mark.parametrize("odd", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_key_that_must_not_verify_tokens_is_ignored_beside_a_good_one(odd: Any) -> None:
    algorithms = ("RS256", "ES256")
    assert [key.key_id for key in jwks.key_set(text(odd, jwk(ONE, kid="good")), algorithms)] == ["good"]
    with pytest.raises(ValueError, match="no public signing key for RS256 or ES256"):
        jwks.key_set(text(odd), algorithms)


def test_a_key_set_file_of_both_kinds_picks_by_name_and_algorithm(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(text(jwk(ONE, kid="a"), jwk(TWO, kid="b"), jwk(CURVE, "ES256", kid="a")))
    verifier = TokenVerifier(AuthSettings(algorithms=("RS256", "ES256"), jwks_file=str(file)))
    for key, kid, alg in [
        (ONE, "a", "RS256"),
        (TWO, "b", "RS256"),
        (CURVE, "a", "ES256"),
        (CURVE, None, "ES256"),
    ]:
        assert verifier.verify(signed(key, kid, alg), NOW).user_id == "u-1"
    for key, kid in [(ONE, "b"), (ONE, "c"), (ONE, None)]:
        with pytest.raises(TokenError) as refused:
            verifier.verify(signed(key, kid), NOW)
        assert not isinstance(refused.value, KeyUnknown)


def test_a_key_set_file_without_a_usable_key_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(b"{}")
    with pytest.raises(ValueError, match=r"^auth\.jwks_file: not a JWK set"):
        TokenVerifier(AuthSettings(algorithms=("RS256",), jwks_file=str(file)))
