"""The TLS context: version 1.3 only, from a certificate and a key file (docs/protocol.md#encryption)."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509


def server_context(certificate: Path, key: Path, now: float) -> ssl.SSLContext:
    """Return the context to listen with. `now` is Unix time in seconds.

    Raises ValueError, in one line, for files that cannot be read, do not belong together, or are out of date.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    for path, name in ((certificate, "tls_certificate"), (key, "tls_key")):
        try:
            path.read_bytes()
        except OSError as error:
            reason = error.strerror or "unreadable"
            raise ValueError(f"server.{name} cannot be read ({reason}): check its path and rights") from error
    try:
        leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except ValueError as error:
        raise ValueError("server.tls_certificate is no PEM certificate: give the chain, leaf first") from error
    at = datetime.fromtimestamp(now, UTC)
    if at >= leaf.not_valid_after_utc:
        raise ValueError(f"server.tls_certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d}: renew it")
    if at < leaf.not_valid_before_utc:
        raise ValueError(f"server.tls_certificate begins on {leaf.not_valid_before_utc:%Y-%m-%d}: check the clock")
    try:
        # An empty passphrase, or OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError("server.tls_key is not the key of server.tls_certificate: give its own") from error
        raise ValueError("server.tls_key is no PEM private key without passphrase: give one") from error
    return context


def reload(context: ssl.SSLContext, certificate: Path, key: Path, now: float) -> None:
    """Let a context in use serve new handshakes with the files as they are now. ValueError as above: the old stay."""
    server_context(certificate, key, now)
    context.load_cert_chain(certificate, key, password="")
