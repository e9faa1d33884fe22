"""The text that a signature of the service is over: a first line that names its purpose, then the text.

So a signature of one kind never passes as one of another kind, whatever the texts hold. Signatures are Ed25519 in
base64. A key is named by its fingerprint: SHA-256 over its 32 public bytes, in 64 lower-case hexadecimal digits.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Literal

Purpose = Literal["export", "anchor", "checkpoint", "key"]

Check = Callable[[bytes, str], bool]
"""A check that a text has this signature (base64) of the service."""


def signed_text(purpose: Purpose, text: bytes) -> bytes:
    """Return the bytes that are signed for `text`."""
    return b"dossier-realtime/%b/1\n%b" % (purpose.encode(), text)


def fingerprint(public: bytes) -> str:
    """Return the name of a key by its 32 public bytes."""
    return sha256(public).hexdigest()
