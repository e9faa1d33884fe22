"""Places in lists, of rows that their readers may not see, as text that says nothing.

A page that ends because enough was looked at ends at any row. Its `next` must not tell the id of that row.
Source: docs/protocol.md#lists-of-what-stands.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from app.engine.ports.records import ListPlace

_MARK: Final = "~"  # in no text of a place that is not sealed
_NONCE_BYTES: Final = 12
_PADDED_BYTES: Final = 256  # the length of a text does not tell that of an id


class SealedPlaces:
    """Seals places with a key of this process: after a restart a reader begins the list again."""

    def __init__(self) -> None:
        self._cipher = ChaCha20Poly1305(ChaCha20Poly1305.generate_key())

    def seal(self, place: ListPlace) -> str:
        """Return a place as text that says nothing."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        clear = msgspec.json.encode(tuple(place)).ljust(_PADDED_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, clear, None)
        return _MARK + base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, text: str) -> ListPlace | None:
        """Return the place of a text that was sealed here; None for any other text."""
        try:
            sealed = base64.b64decode(
                text.removeprefix(_MARK) + "=" * (-(len(text) - 1) % 4), altchars=b"-_", validate=True
            )
            clear = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except (binascii.Error, InvalidTag, ValueError):
            return None
        return ListPlace(*msgspec.json.decode(clear, type=tuple[str, str]))
