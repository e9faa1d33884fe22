"""Secrets: which are refused, where they come from, and how one follows another while the service runs."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.configuration.config import ConfigError, load
from app.security import token_secrets
from app.security.auth import TokenError, TokenVerifier
from app.security.auth_settings import AuthSettings
from app.security.minting import mint
from app.security.secret_strength import SECRET_BYTES, TOKEN_BYTES, guessable, weakness
from app.security.token_secrets import guessable_secret
from tests.harness import tokens
from tests.harness.service import Service
from tests.harness.wire import Client

NOW = 1_750_000_000
OLD, NEW = "the secret before: blue horses jump at dawn", "the secret after: green lamps hum in winter"
WEAK = {
    "empty": "",
    "31 bytes": secrets.token_hex(16)[:31],
    "a new line in it": "the first line of a file\nand its second line",
    "NUL": "a secret that somebody padded\0\0\0\0\0",
}
GUESSABLE = {
    "one character": "x" * 64,
    "two characters": "ab" * 20,
    "a word again and again": "changeme" * 5,
    "a word again and again, cut": ("correct-horse-" * 4)[:45],
    "a placeholder": "please-change-me-this-is-the-secret-key",
    "another placeholder": "your_super_secret_jwt_key_here_please_change",
    "the name of the product": "dossier-realtime-production-secret-token",
    "a row of digits": "01234567890123456789012345678901",
    "the alphabet": "abcdefghijklmnopqrstuvwxyz012345",
    "zeros and a few others": "0" * 30 + "abc",
}
ABROAD = {
    "server.production": True,
    "server.allowed_hosts": ["realtime.example.org"],
    "server.allowed_origins": ["https://dossier.example.org"],
}


@pytest.mark.parametrize("secret", WEAK.values(), ids=WEAK.keys())
def test_a_weak_secret_is_refused_and_not_repeated(secret: str) -> None:
    assert weakness(secret)
    with pytest.raises(ValueError, match=r"^auth\.secret: the secret .*give at least 32") as refused:
        TokenVerifier(AuthSettings(secret=secret))
    assert not secret.strip() or secret not in str(refused.value)


@pytest.mark.parametrize("name", ["secret", "previous_secret"])
@pytest.mark.parametrize("secret", GUESSABLE.values(), ids=GUESSABLE.keys())
def test_a_guessable_secret_is_refused_in_production_and_told_elsewhere(name: str, secret: str) -> None:
    environ = {"DOSSIER_AUTH__SECRET": OLD, f"DOSSIER_AUTH__{name.upper()}": secret}
    with pytest.raises(ConfigError, match=rf"^auth\.{name}: the secret .*openssl rand") as refused:
        load(None, environ, ABROAD)
    told = guessable_secret(load(None, environ, {"storage.data": "unused"}).auth)
    for sentence in (str(refused.value), told):
        assert sentence.startswith(f"auth.{name}: the secret ")
        assert secret not in sentence


def test_secrets_made_by_chance_are_never_refused() -> None:
    chance = random.Random(5)  # noqa: S311  repeatable
    for _ in range(20_000):
        octets = chance.randbytes(16)
        for secret in (octets.hex(), chance.randbytes(24).hex()):
            assert weakness(secret) == guessable(secret) == ""
        assert weakness(octets.hex()[:TOKEN_BYTES], TOKEN_BYTES) == ""


@given(secret=st.text(max_size=100), least=st.sampled_from([TOKEN_BYTES, SECRET_BYTES]))
def test_whatever_a_secret_is_the_answer_is_a_short_sentence_without_it(secret: str, least: int) -> None:
    for answer in (weakness(secret, least), guessable(secret)):
        assert len(answer) < 80
        assert len(secret) < 8 or secret not in answer


SECRETS = [
    "DOSSIER_AUTH__SECRET",
    "DOSSIER_AUTH__PREVIOUS_SECRET",
    "DOSSIER_METRICS__TOKEN",
    "DOSSIER_DASHBOARD__OIDC__CLIENT_SECRET",
]


def _paths(table: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _paths(value, (*above, name))
        elif isinstance(value, str):
            yield (*above, name)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_a_secret_that_is_set_but_empty_is_an_error_and_not_the_same_as_unset(
    name: str, text: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"{name} is set, but empty"):
        load(None, {"DOSSIER_AUTH__SECRET": OLD} | {name: text}, {"storage.data": str(tmp_path / "data")})
    assert not (tmp_path / "data").exists()


def test_every_setting_that_is_a_secret_is_among_those_above() -> None:
    tables = msgspec.to_builtins(load(None, {"DOSSIER_AUTH__SECRET": OLD}, {"storage.data": "unused"}))
    kinds = ("secret", "previous_secret", "client_secret", "password")
    found = {"__".join(path).upper() for path in _paths(tables) if path[-1] in kinds or path == ("metrics", "token")}
    assert {f"DOSSIER_{name}" for name in found} == set(SECRETS)


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" \n")
    with pytest.raises(ConfigError, match=r"auth\.secret_file is empty"):
        load(None, {"DOSSIER_AUTH__SECRET_FILE": str(tmp_path / "secret")})


def test_a_weak_secret_of_the_dashboard_is_refused() -> None:
    provider = {
        "dashboard.oidc.issuer": "https://id.example.org",
        "dashboard.oidc.client_id": "dossier",
        "dashboard.service": "https://realtime.example.org",
    }
    environ = {"DOSSIER_AUTH__SECRET": OLD, "DOSSIER_DASHBOARD__OIDC__CLIENT_SECRET": "hunter2"}
    with pytest.raises(ConfigError, match="CLIENT_SECRET has 7 bytes") as refused:
        load(None, environ, provider)
    assert "hunter2" not in str(refused.value)


# --- two at once


def _minted(secret: str, sub: str = "u-1") -> str:
    return mint(AuthSettings(secret=secret), sub=sub, now=NOW)


def _taken(verifier: TokenVerifier, token: str) -> bool:
    try:
        verifier.verify(token, NOW)
    except TokenError:
        return False
    return True


def test_what_the_previous_secret_signed_is_good_until_it_is_taken_away() -> None:
    verifier = TokenVerifier(AuthSettings(secret=OLD))
    assert _taken(verifier, _minted(OLD))
    assert not _taken(verifier, _minted(NEW))
    verifier.renew(AuthSettings(secret=NEW, previous_secret=OLD))
    assert _taken(verifier, _minted(OLD))
    assert _taken(verifier, _minted(NEW))
    verifier.renew(AuthSettings(secret=NEW))
    assert not _taken(verifier, _minted(OLD)), "what was verified once is forgotten with the secret that proved it"
    assert _taken(verifier, _minted(NEW))
    with pytest.raises(ValueError, match="previous_secret"):
        verifier.renew(AuthSettings(secret=NEW, previous_secret="short"))
    assert _taken(verifier, _minted(NEW))


@pytest.mark.parametrize(
    ("environ", "complaint"),
    [
        ({"DOSSIER_AUTH__SECRET": NEW, "DOSSIER_AUTH__PREVIOUS_SECRET": NEW}, "is the current one"),
        (
            {"DOSSIER_AUTH__SECRET": NEW, "DOSSIER_AUTH__PREVIOUS_SECRET": "short"},
            "auth.previous_secret: the secret ",
        ),
        ({"DOSSIER_AUTH__PREVIOUS_SECRET": OLD}, "without a current one"),
        (
            {
                "DOSSIER_AUTH__SECRET": NEW,
                "DOSSIER_AUTH__PREVIOUS_SECRET": OLD,
                "DOSSIER_AUTH__PREVIOUS_SECRET_FILE": "x",
            },
            "keep one of them",
        ),
        ({"DOSSIER_AUTH__SECRET": NEW, "DOSSIER_AUTH__PREVIOUS_SECRET_FILE": "/nothing/here"}, "cannot be read"),
        (
            {
                "DOSSIER_AUTH__ALGORITHMS": "RS256",
                "DOSSIER_AUTH__PUBLIC_KEY_FILE": "x",
                "DOSSIER_AUTH__PREVIOUS_SECRET": OLD,
            },
            "goes with HS256 only",
        ),
    ],
)
def test_a_previous_secret_that_makes_no_sense_is_refused(environ: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint.replace(".", r"\.")):
        load(None, environ)


def test_an_empty_file_of_the_previous_secret_means_that_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "previous").write_text("")
    config = load(None, {"DOSSIER_AUTH__SECRET": NEW, "DOSSIER_AUTH__PREVIOUS_SECRET_FILE": str(tmp_path / "previous")})
    assert config.auth.previous_secret == ""
    (tmp_path / "previous").write_text(OLD + "\n")
    assert token_secrets.read_files(config.auth, production=True).previous_secret == OLD


def test_secrets_rotate_on_sighup_and_sessions_stay(tmp_path: Path) -> None:
    current, previous = tmp_path / "current", tmp_path / "previous"
    current.write_text(tokens.SECRET)
    previous.write_text("")
    settings = {"auth.secret_file": str(current), "auth.previous_secret_file": str(previous)}
    service = Service(tmp_path / "data", settings, environment={"DOSSIER_AUTH__SECRET": None})
    old, new = tokens.token("u-1"), mint(AuthSettings(secret=NEW), sub="u-2", now=time.time())

    async def scene() -> None:
        live = await Client.connect(service, old)
        current.write_text(NEW)
        previous.write_text(tokens.SECRET)
        await _reload(service, 1)
        for token in (old, new):
            async with await Client.connect(service, token) as client:
                await client.settle()
        previous.write_text("")
        await _reload(service, 2)
        late = await Client.unauthenticated(service)
        await late.send({"type": "auth", "payload": {"token": old}})
        await late.expect_error("INVALID_TOKEN")
        await late.close()
        await live.settle()  # a session that stands is ended by its token's end or a revocation, not by a rotation
        await live.send({"type": "auth", "payload": {"token": tokens.token("u-1", name="Renewed")}})
        await live.expect_error("INVALID_TOKEN")  # and cannot be renewed any more
        current.write_text("short")
        await _reload(service, 1, "the old ones stay")
        async with await Client.connect(service, new) as client:
            await client.settle()
        await live.close()

    with service:
        asyncio.run(scene())
    service.assert_log_clean()


async def _reload(service: Service, times: int, said: str = "keys of tokens were read again") -> None:
    service.signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while service.log().count(said) < times:
        assert time.monotonic() < deadline, service.log()[-2000:]
        await asyncio.sleep(0.02)
