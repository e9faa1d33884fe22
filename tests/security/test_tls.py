"""The certificate that the service is started with: what is refused before the port is bound."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from app.configuration.config import ConfigError, load
from app.security.tls import server_context

NOW = datetime.now(UTC)
Files = tuple[Path, Path]

SECRET = "for these tests, and not for anything else"


@pytest.fixture
def issue(tmp_path: Path) -> Callable[..., Files]:
    """Writes a certificate and its key; `days` are those until it expires and since it began."""
    authority = trustme.CA()

    def issue(name: str = "one", expires: float = 1, began: float = -1) -> Files:
        made = authority.issue_cert(
            "localhost", not_before=NOW + timedelta(days=began), not_after=NOW + timedelta(days=expires)
        )
        certificate, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return certificate, key

    return issue


def test_tls_is_version_1_3_and_nothing_older(issue: Callable[..., Files]) -> None:
    context = server_context(*issue(), NOW.timestamp())
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3


def test_a_good_certificate_lets_the_service_listen_to_others(issue: Callable[..., Files]) -> None:
    certificate, key = issue()
    config = load(
        None,
        {"DOSSIER_AUTH__SECRET": SECRET},
        {"server.host": "0.0.0.0", "server.tls_certificate": str(certificate), "server.tls_key": str(key)},
    )
    assert config.server.tls_key == str(key)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda issue: (issue()[0], issue("two")[1]), "not the key"),
        (lambda issue: issue(expires=-0.01), "expired"),
        (lambda issue: issue(expires=9, began=8), "begins on"),
        (lambda issue: (issue()[0], issue()[0]), "no PEM private key"),
        (lambda issue: (issue()[1], issue()[1]), "no PEM certificate"),
        (lambda issue: (issue()[0], Path("/absent.key")), "tls_key cannot be read"),
        (lambda issue: (Path("/absent.pem"), issue()[1]), "tls_certificate cannot be read"),
        (lambda issue: (issue()[0], ""), "go together"),
        (lambda issue: ("", issue()[1]), "go together"),
    ],
)
def test_a_certificate_that_cannot_serve_is_refused(
    issue: Callable[..., Files], break_it: Callable[..., tuple[object, object]], said: str
) -> None:
    certificate, key = break_it(issue)
    overrides = {"server.tls_certificate": str(certificate), "server.tls_key": str(key)}
    with pytest.raises(ConfigError, match=said):
        load(None, {"DOSSIER_AUTH__SECRET": SECRET}, overrides)


def test_a_key_with_a_passphrase_is_refused_without_asking_for_it(issue: Callable[..., Files], tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as forms

    certificate, key = issue()
    private = forms.load_pem_private_key(key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        private.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.BestAvailableEncryption(b"word"))
    )
    with pytest.raises(ValueError, match="without passphrase"):
        server_context(certificate, locked, NOW.timestamp())
