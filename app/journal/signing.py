"""The key that signs exports and anchors: Ed25519, so that an auditor checks with the public half and no secret.

It is made once, in the data folder: `journal-key.pem` for its owner only, `journal-key.pub` to be given away.
"""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from app.journal.store import JournalRefused, write_whole
from dossier_realtime.recording.signed import Purpose, signed_text

PRIVATE, PUBLIC = "journal-key.pem", "journal-key.pub"


class Signer:
    """Signs with the data folder's key, which is made if there is none. Raises JournalRefused where it cannot be."""

    def __init__(self, data: Path) -> None:
        private, self.public = data / PRIVATE, data / PUBLIC
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not private.exists():
                fresh = Ed25519PrivateKey.generate()
                write_whole(private, [fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())])
            key = load_pem_private_key(private.read_bytes(), None)
            if not isinstance(key, Ed25519PrivateKey):
                raise ValueError("it is a key of another kind")  # noqa: TRY301, TRY004  told like the others
            if not self.public.exists():
                pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                write_whole(self.public, [pem])
        except (OSError, ValueError) as wrong:
            raise JournalRefused(
                f"The signing key {private} cannot be used: {wrong}. Put the old one back, or remove both journal-key "
                "files: then a new one is made, and what was signed before needs the old public key."
            ) from wrong
        self._key = key

    def sign(self, purpose: Purpose, text: bytes) -> str:
        """Return the signature of a text for a purpose, in base64."""
        return base64.b64encode(self._key.sign(signed_text(purpose, text))).decode()
