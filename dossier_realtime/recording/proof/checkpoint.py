"""Checkpoints: signed statements of a service about its own journal, to be kept outside of the journal's folder.

An attacker with the journal's folder can cut its end off, or remove an entry and recompute every link behind it: the
folder alone does not show it. A checkpoint states the link that entry `seq` had at a time. One line of JSON each:

    {"node": …, "seq": …, "link": …, "at": …, "key": …, "signature": …}

`key` is the fingerprint of the signing key; the signature (signed.py, purpose `checkpoint`) is over the same object
with an empty signature. The same values stand in the chain as the detail of a `checkpoint` entry. A `key` entry says
that the key changed: its detail holds `old` and `new` fingerprints, `public` (the new key's 32 bytes in base64), `at`,
and over `rotation_text` (purpose `key`) the signatures of the new key (`accepted`) and, where it was at hand, of the
old one (`signature`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from ..entry import Detail
from .signed import Check, signed_text


class Checkpoint(msgspec.Struct, frozen=True):
    """The link of entry `seq` at a time (Unix seconds), signed by the key with this fingerprint."""

    node: str
    seq: int
    link: str
    at: float
    key: str
    signature: str = ""

    @property
    def text(self) -> bytes:
        """The bytes that its signature is over."""
        return signed_text("checkpoint", _encode(msgspec.structs.replace(self, signature="")))

    def encode(self) -> bytes:
        """Return its line."""
        return _encode(self) + b"\n"

    def detail(self) -> Detail:
        """Return the detail of its entry in the chain; the node is the chain's own."""
        return {"seq": self.seq, "link": self.link, "at": self.at, "key": self.key, "signature": self.signature}


@dataclass(frozen=True)
class Outside:
    """Knowledge of a journal from outside its folder: links by seq, and keys by fingerprint.

    `make_check` returns the check by a key's 32 bytes; with it a given key also proves the keys that it is rotated to.
    """

    links: Mapping[int, str] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    make_check: Callable[[bytes], Check] | None = None


class Damage(NamedTuple):
    """A line of a file of checkpoints that is not exactly one checkpoint; `number` counts from 1."""

    number: int
    why: str


def read_checkpoints(lines: Iterable[bytes]) -> tuple[list[Checkpoint], list[Damage]]:
    """Return the checkpoints of a file, and its damaged lines.

    A checkpoint may stand behind the prefix of a log, as syslog writes it. A damaged line may still hold a checkpoint,
    behind a part of another. Empty lines, and a last line that is cut off, are skipped.
    """
    found, damaged = list[Checkpoint](), list[Damage]()
    for number, line in enumerate(lines, 1):
        begin, last = line.find(_BEGIN), line.rfind(_BEGIN)
        if begin != last:
            damaged.append(Damage(number, "a part of one checkpoint stands before another"))
        try:
            found.append(_checkpoints.decode(line[last:].rstrip() if last >= 0 else line))
        except (ValueError, RecursionError) as wrong:
            if begin == last and line.endswith(b"\n") and line.strip():
                damaged.append(Damage(number, f"it holds no checkpoint: {wrong}"))
    return found, damaged


def checkpoint_of(node: str, detail: Detail) -> Checkpoint:
    """Return the checkpoint of an entry. Raises ValueError for a detail that holds none."""
    return msgspec.convert({"node": node, **detail}, Checkpoint)


def rotation_text(node: str, detail: Detail) -> bytes:
    """Return the text that both keys sign at a rotation."""
    fields = {"node": node, **{name: detail.get(name, "") for name in ("old", "new", "public", "at")}}
    return signed_text("key", _encode(fields))


_BEGIN = b'{"node":'
_encode = msgspec.json.Encoder().encode
_checkpoints = msgspec.json.Decoder(Checkpoint)
