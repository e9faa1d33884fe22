"""Files, done something to: by chance, and as somebody who knows the format would."""

from __future__ import annotations

import random
from collections.abc import Sequence

PIECES = (
    *(b"\0", b"\0" * 64, b"\n", b"\r\n", b"\xef\xbb\xbf", b"\t", b" ", b"{}\n", b"=", b'"', b"\xff", b"/* */", b"null"),
    *(b'"seq":1,', b'"header":{},', b'"kind":"gap",', b'"link":"",', b"0" * 64, b"\x50\x2a\x4d\x18\x04\0\0\0note"),
)
"""The bytes that are put in, besides pieces of the files themselves."""


def mutated(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Return the bytes after one to three changes; `others` are files that pieces are taken from."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = _once(rng, data, others)
    return data


def _once(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    at = _place(rng, data)
    end = _place(rng, data) if rng.random() < 0.5 else min(len(data), at + rng.randrange(40))
    at, end = min(at, end), max(at, end)
    piece = rng.choice((rng.choice(PIECES), _piece(rng, data), _piece(rng, rng.choice(others)), rng.randbytes(5)))
    match rng.randrange(9):
        case 0:
            return data + piece
        case 1:
            return data[:at] + piece + data[at:]
        case 2:
            return data[:at] + data[end:]
        case 3:
            return data[:end] + data[at:end] + data[end:]
        case 4:
            return data[:at] + piece + data[end:]
        case 5:
            return data[:at]
        case 6:
            return data[:at] + b"\0" * (end - at) + data[end:]
        case 7:
            return data + b"\0" * rng.randrange(1, 99) + piece
        case _:
            byte = bytes([data[at] ^ 1 << rng.randrange(8)]) if at < len(data) else b"x"
            return data[:at] + byte + data[at + 1 :]


def _place(rng: random.Random, data: bytes) -> int:
    """Return a byte; in two of three cases the beginning of a line."""
    at = rng.randrange(len(data) + 1)
    return at if rng.random() < 0.34 else data.rfind(b"\n", 0, at) + 1


def _piece(rng: random.Random, data: bytes) -> bytes:
    """Return some bytes, or some whole lines."""
    at, end = sorted((_place(rng, data), _place(rng, data)))
    return data[at : min(end, at + 2_000)]
