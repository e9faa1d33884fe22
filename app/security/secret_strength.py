"""The tests that a secret has to pass before anything is signed or opened with it.

`weakness` finds secrets that are never acceptable, `guessable` finds secrets that people type. Production refuses both;
elsewhere a guessable secret gives a warning, because a developer's machine may use one that is easy to read.

No test can prove that a secret is random. This one finds those that people type: short ones, one character or one word
repeated, the alphabet, the placeholder of an example. Of 20,000 random secrets it refuses none
(tests/security/test_secrets.py).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

SECRET_BYTES = 32
"""The shortest HS256 secret, in bytes (RFC 7518 §3.2)."""
TOKEN_BYTES = 16
"""The shortest secret that only opens a door over HTTP, where each guess costs a request."""

_MIN_BITS_A_BYTE = 2.0
"""The least entropy a byte, in bits, by the frequency of the bytes; 32 random hexadecimal digits have 3.4."""
_WORDS = re.compile(
    "placeholder|development|production|change|replace|password|passwort|example|default|realtime|dossier|secret|"
    "insert|letmein|qwerty|asdfgh|please|string|random|admin|token|value|super|your|here|test|long|some|this|key|jwt"
)
_MIN_REST_BYTES = 12
"""Bytes that must remain when such words are taken out."""


def weakness(secret: str, least: int = SECRET_BYTES) -> str:
    """Return why a text can be no secret of `least` bytes or more, as the end of a sentence; "" where it can.

    The sentence never holds a part of the secret.
    """
    octets = secret.encode(errors="surrogatepass")
    if not octets:
        return "is empty"
    if len(octets) < least:
        return f"has {len(octets)} bytes"
    if any(byte < 0x20 or byte == 0x7F for byte in octets):
        return "holds a control character or a new line"
    return ""


def guessable(secret: str) -> str:
    """Return why a secret is easily guessed, as the end of a sentence; "" for one that is not, and for an empty text.

    The sentence never holds a part of the secret.
    """
    octets = secret.encode(errors="surrogatepass")
    if not octets:
        return ""
    if _repeats(octets):
        return "is one piece again and again"
    if _is_a_row(octets):
        return "is a row of neighbouring characters"
    if _bits(octets) < _MIN_BITS_A_BYTE:
        return "has too few different characters"
    if len(_WORDS.sub("", re.sub(r"[\W_]", "", secret.lower()))) < _MIN_REST_BYTES:
        return "is made of words that everybody tries first"
    return ""


def _repeats(octets: bytes) -> bool:
    """Return True when a piece of at most half the length, repeated, makes the whole (the last one may be cut)."""
    border = [0] * len(octets)
    for at in range(1, len(octets)):
        length = border[at - 1]
        while length and octets[at] != octets[length]:
            length = border[length - 1]
        border[at] = length + (octets[at] == octets[length])
    return len(octets) - border[-1] <= len(octets) // 2


def _is_a_row(octets: bytes) -> bool:
    steps = Counter(after - before for before, after in pairwise(octets))
    return sum(steps[step] for step in (-1, 0, 1)) > (len(octets) - 1) * 0.8


def _bits(octets: bytes) -> float:
    return -sum(n / len(octets) * math.log2(n / len(octets)) for n in Counter(octets).values())
