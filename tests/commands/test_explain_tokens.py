"""A token that `explain` is given is verified by the issuer's key set; one line says why it could not be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from app.commands import cli
from app.commands.file_errors import BAD_START
from tests.security.issuer import Issuer, jwk, serving, text

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def issuer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    """Return the issuer that the configuration names."""
    monkeypatch.chdir(tmp_path)
    with serving() as running:
        running.body = text(jwk(KEY, kid="one"))
        monkeypatch.delenv("DOSSIER_AUTH__SECRET", raising=False)
        monkeypatch.setenv("DOSSIER_AUTH__ALGORITHMS", '["RS256"]')
        monkeypatch.setenv("DOSSIER_AUTH__JWKS_URL", running.url)
        yield running


def explain(token: str) -> int:
    return cli.main(["explain", "--action", "read", "--channel", "global", "--token", token])


def signed(kid: str) -> str:
    claims = {"sub": "ali", "aud": "dossier-realtime", "exp": int(time.time()) + 3600}
    return jwt.encode(claims, KEY, "RS256", headers={"kid": kid})


def test_a_token_is_verified_by_the_key_set_behind_the_address(
    issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(signed("one")) == 0
    assert explain(signed("two")) == BAD_START
    assert "would refuse the token: signed with a key that the key set does not hold" in capsys.readouterr().err


def test_a_key_set_that_cannot_be_fetched_is_named_as_the_reason(
    issuer: Issuer, capsys: pytest.CaptureFixture[str]
) -> None:
    issuer.status = 500
    assert explain(signed("one")) == BAD_START
    said = capsys.readouterr().err
    assert "auth.jwks_url cannot be fetched now" in said
    assert "Traceback" not in said
