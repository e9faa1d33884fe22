"""The text of a signature of the service: a first line that names its purpose, then the signed text.

So a signature for one purpose is never valid for another one, whatever the texts are. Signatures are Ed25519 in
base64. A key is named by its fingerprint: SHA-256 over its 32 public bytes, in 64 lower-case hexadecimal digits.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Literal

Purpose = Literal["export", "anchor", "checkpoint", "key", "brief", "snapshot"]

Check = Callable[[bytes, str], bool]
"""A function that returns True for a text with a valid signature (base64) of the service."""


def signed_text(purpose: Purpose, text: bytes) -> bytes:
    """Return the bytes that are signed for `text`."""
    return b"dossier-realtime/%b/1\n%b" % (purpose.encode(), text)


def fingerprint(public: bytes) -> str:
    """Return the fingerprint of a key by its 32 public bytes."""
    return sha256(public).hexdigest()
