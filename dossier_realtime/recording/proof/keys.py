"""The signing keys that a chain names, and the check of the signatures in it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Final

from ..entry import Detail
from .checkpoint import Checkpoint, rotation_text
from .signed import Check, fingerprint

_MAX_LINKS: Final = 65_536  # a checkpoint is at most 10,000 entries and a minute behind
_LINK_BYTES: Final = 32


class RecentLinks:
    """The links of the last 65,536 entries, by seq: 2 MiB."""

    def __init__(self) -> None:
        self._links = bytearray(_MAX_LINKS * _LINK_BYTES)
        self._first = self._last = 0

    def put(self, seq: int, link: bytes) -> None:
        """Keep the link of the next entry."""
        place = seq % _MAX_LINKS * _LINK_BYTES
        self._links[place : place + _LINK_BYTES] = link
        self._first = self._first or seq
        self._last = seq

    def get(self, seq: int) -> str | None:
        """Return the link in hexadecimal; None for an entry that is not kept."""
        if not max(self._first, self._last - _MAX_LINKS + 1) <= seq <= self._last or not seq:
            return None
        place = seq % _MAX_LINKS * _LINK_BYTES
        return self._links[place : place + _LINK_BYTES].hex()


class Keys:
    """The key in force, and the known checks by fingerprint: the given ones, and those of keys rotated to from them.

    The methods return "" or the fault in a sentence. `named` is the key in force, "" before the first is named;
    `signatures` counts checkpoints whose signature was checked, `unchecked` those whose key is not known.
    """

    def __init__(self, checks: Mapping[str, Check], make_check: Callable[[bytes], Check] | None = None) -> None:
        self._make_check = make_check
        self._checks = dict(checks)
        self._given = bool(checks)
        self.named = ""
        self.signatures = self.unchecked = self.rotations = 0

    @property
    def is_trusted(self) -> bool:
        """True for a key in force that was given, or follows a given one by a signed rotation."""
        return not self._given or not self.named or self.named in self._checks

    def started(self, detail: Detail) -> str:
        """Check the key of a `start` entry."""
        key = str(detail.get("key", ""))
        if key and self.named not in ("", key):
            return "the service started with another signing key than the chain names, and no rotation is recorded"
        self.named = key or self.named
        return ""

    def signed(self, checkpoint: Checkpoint) -> str:
        """Check the key and the signature of a checkpoint in the chain."""
        if self.named not in ("", checkpoint.key):
            return "this checkpoint is signed with another key than the chain names, and no rotation is recorded"
        self.named = checkpoint.key
        check = self._checks.get(checkpoint.key)
        if check is None:
            self.unchecked += 1
        elif not check(checkpoint.text, checkpoint.signature):
            return "the signature of this checkpoint is not by the key that it names"
        else:
            self.signatures += 1
        return ""

    def rotated(self, node: str, detail: Detail) -> str:
        """Check a rotation from one key to another."""
        old, new = str(detail.get("old", "")), str(detail.get("new", ""))
        try:
            public = base64.b64decode(str(detail.get("public", "")), validate=True)
        except binascii.Error:
            public = b""
        if self.named not in ("", old) or fingerprint(public) != new:
            return "this rotation does not go on from the key that the chain names"
        text = rotation_text(node, detail)
        before, after = self._checks.get(old), self._checks.get(new)
        if after is None and self._make_check is not None:
            after = self._make_check(public)
        if after is not None and not after(text, str(detail.get("accepted", ""))):
            return "the new key has not signed this rotation"
        if before is not None and detail.get("signature"):
            if not before(text, str(detail["signature"])):
                return "the old key has not signed this rotation, though it says so"
            if after is not None:
                self._checks[new] = after
        self.named = new
        self.rotations += 1
        return ""
