"""Public keys, and the check of the service's signatures by them."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING

from dossier_realtime.recording.proof.signed import Check, fingerprint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class ExportError(ValueError):
    """An export or key that can not be used; the message says why and what to do."""


def public_key_check(file: Path) -> Check:
    """Return the check of signatures by a public key (PEM). Raises ExportError for a file that holds none."""
    return named_check(file)[1]


def named_check(file: Path) -> tuple[str, Check]:
    """Return the fingerprint of a public key (PEM), and the check by it. Raises ExportError likewise."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  an extra
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  likewise
        Encoding,
        PublicFormat,
        load_pem_public_key,
    )

    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError) as wrong:
        raise ExportError(f"{file} holds no public key ({wrong}); give the service's journal-key.pub") from wrong
    if not isinstance(key, Ed25519PublicKey):
        raise ExportError(f"{file} holds a key of another kind; give the service's journal-key.pub")
    return fingerprint(key.public_bytes(Encoding.Raw, PublicFormat.Raw)), _check_by(key)


def _check_by(key: Ed25519PublicKey) -> Check:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  likewise

    def check(text: bytes, signature: str) -> bool:
        try:
            decoded = base64.b64decode(signature, validate=True)
            key.verify(decoded, text)
        except (InvalidSignature, binascii.Error):
            return False
        # Else some bits of the last character could be changed in a file that is proven.
        return base64.b64encode(decoded).decode() == signature

    return check


def check_by_bytes(public: bytes) -> Check:
    """Return the check by a public key's 32 bytes. Raises ValueError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  likewise

    return _check_by(Ed25519PublicKey.from_public_bytes(public))
