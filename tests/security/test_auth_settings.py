"""What a deployment may set for tokens, the keys it may give, and the tokens it makes itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.security.auth import TokenVerifier
from app.security.auth_settings import AuthSettings
from app.security.minting import mint
from dossier_realtime.protocol.classification import Clearance
from tests.security.signing import EC_KEY, NOW, RSA_KEY, SECRET, SETTINGS, pem

BAD_SETTINGS: dict[str, dict[str, Any]] = {
    "algorithm none": {"algorithms": ["none"]},
    "no algorithm": {"algorithms": []},
    "HS512": {"algorithms": ["HS512"]},
    "two families": {"algorithms": ["HS256", "RS256"], "public_key_file": "k.pem"},
    "public key for HS256": {"public_key_file": "k.pem"},
    "RS256 without a key": {"algorithms": ["RS256"]},
    "RS256 with two": {"algorithms": ["RS256"], "public_key_file": "k.pem", "jwks_file": "k.json"},
    "key set by http": {"algorithms": ["RS256"], "jwks_url": "http://issuer.example/jwks"},
    "key set by a look-alike": {"algorithms": ["RS256"], "jwks_url": "http://localhost.evil.example/jwks"},
    "key set from a file URL": {"algorithms": ["RS256"], "jwks_url": "file:///etc/passwd"},
    "key set without a host": {"algorithms": ["RS256"], "jwks_url": "https:///jwks"},
    "key set at a bad port": {"algorithms": ["RS256"], "jwks_url": "https://issuer.example:x/"},
    "leeway of 61": {"leeway": 61},
    "leeway below 0": {"leeway": -1},
    "over a day": {"max_lifetime": 86_401},
    "no audience": {"audience": ""},
    "unknown key": {"secrets": "x"},
}


@pytest.mark.parametrize("table", BAD_SETTINGS.values(), ids=BAD_SETTINGS.keys())
def test_settings_that_contradict_themselves_are_refused_in_one_line(table: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(table, AuthSettings)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://issuer.example/jwks", "http://127.0.0.1:9/", "http://[::1]/", "http://localhost/"]
)
def test_a_key_set_may_come_by_https_or_from_this_machine(url: str) -> None:
    assert AuthSettings(algorithms=("ES256",), jwks_url=url).jwks_url == url


@pytest.mark.parametrize(
    "secret",
    ["", "x" * 31, "é" * 15, pem(RSA_KEY).decode(), '{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}'],
    ids=["none", "31 bytes", "30 bytes in 15 characters", "public key", "JWK"],
)
def test_a_weak_or_mistaken_secret_is_refused_at_once_and_not_printed(secret: str) -> None:
    settings = AuthSettings(secret=secret)
    with pytest.raises(ValueError, match=r"^auth\.secret: .*give at least 32") as refused:
        TokenVerifier(settings)
    assert not secret or secret not in str(refused.value)


def test_settings_do_not_print_their_secret() -> None:
    assert SECRET not in repr(SETTINGS)
    assert SECRET not in f"{SETTINGS}"


def private_pem() -> bytes:
    return RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        private_pem(),
        pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505 - it must be refused
        pem(EC_KEY),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ec.generate_private_key(ec.SECP224R1())),
    ],
    ids=["empty", "text", "private key", "RSA of 1,024 bits", "P-256 for RS256", "P-384", "P-224"],
)
def test_a_key_file_that_does_not_fit_is_refused_at_once(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"^auth\.public_key_file: [^\n]*$"):
        TokenVerifier(AuthSettings(algorithms=("RS256",), public_key_file=str(file)))


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^auth\.public_key_file cannot be read \(No such file"):
        TokenVerifier(AuthSettings(algorithms=("RS256",), public_key_file=str(tmp_path / "none.pem")))


def test_a_minted_token_verifies_as_what_was_asked_for() -> None:
    settings = AuthSettings(secret=SECRET, issuer="https://issuer.example")
    made = mint(
        settings,
        sub="u-9",
        now=NOW + 0.7,
        ttl=60,
        name="Nine",
        role="editor",
        avatar="https://faces.example/9",
        permissions=["read:dossier:*"],
        clearance="confidential",
    )
    identity = TokenVerifier(settings).verify(made, NOW + 1)
    assert (identity.user_id, identity.name, identity.role) == ("u-9", "Nine", "editor")
    assert identity.avatar == "https://faces.example/9"
    assert [grant.text for grant in identity.grants] == ["read:dossier:*"]
    assert identity.clearance is Clearance.CONFIDENTIAL
    assert (identity.issued_at, identity.expires_at) == (NOW, NOW + 60)


def test_minted_tokens_differ_by_their_jti_unless_it_is_given() -> None:
    assert mint(SETTINGS, sub="u", now=NOW) != mint(SETTINGS, sub="u", now=NOW)
    assert mint(SETTINGS, sub="u", now=NOW, jti="t") == mint(SETTINGS, sub="u", now=NOW, jti="t")


@pytest.mark.parametrize(
    "wish",
    [
        {"sub": "a b"},
        {"ttl": 0},
        {"ttl": 86_401},
        {"clearance": "cosmic"},
        {"avatar": "ftp://x"},
        {"name": "n" * 201},
        {"role": ""},
        {"permissions": ["admin"]},
        {"permissions": [f"read:document:{n}" for n in range(400)]},
    ],
    ids=lambda wish: next(iter(wish)),
)
def test_mint_refuses_what_the_verifier_would(wish: dict[str, Any]) -> None:
    wishes: dict[str, Any] = {"sub": "u", "now": NOW} | wish
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        mint(SETTINGS, **wishes)


def test_mint_needs_a_shared_secret() -> None:
    rs256 = AuthSettings(algorithms=("RS256",), public_key_file="public.pem")
    with pytest.raises(ValueError, match="shared secret"):
        mint(rs256, sub="u", now=NOW)
    with pytest.raises(ValueError, match="at least 32"):
        mint(AuthSettings(secret="short"), sub="u", now=NOW)
