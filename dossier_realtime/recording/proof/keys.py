"""The signing keys that a chain names, and what they vouch for in it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Final

from ..entry import Detail
from .checkpoint import Checkpoint, rotation_text
from .signed import Check, fingerprint

_KEPT: Final = 65_536  # links; a checkpoint is at most 10,000 entries and a minute behind
_LINK_BYTES: Final = 32


class RecentLinks:
    """The links of the last 65,536 entries, by seq: 2 MiB."""

    def __init__(self) -> None:
        self._links = bytearray(_KEPT * _LINK_BYTES)
        self._first = self._last = 0

    def put(self, seq: int, link: bytes) -> None:
        """Keep the link of the next entry."""
        place = seq % _KEPT * _LINK_BYTES
        self._links[place : place + _LINK_BYTES] = link
        self._first = self._first or seq
        self._last = seq

    def get(self, seq: int) -> str | None:
        """Return the link in hexadecimal; None for an entry that is not kept."""
        if not max(self._first, self._last - _KEPT + 1) <= seq <= self._last or not seq:
            return None
        place = seq % _KEPT * _LINK_BYTES
        return self._links[place : place + _LINK_BYTES].hex()


class Keys:
    """The key that is in force, and the checks that are known: by fingerprint those that were given, and after a
    rotation that one of these signed the new key's too.

    The methods return "" or a sentence. `named` is the key in force, "" before the first is named; `signatures` counts
    checkpoints whose signature was checked, `unchecked` those whose key is not known.
    """

    def __init__(self, checks: Mapping[str, Check], make_check: Callable[[bytes], Check] | None = None) -> None:
        self._make_check = make_check
        self._checks = dict(checks)
        self._given = bool(checks)
        self.named = ""
        self.signatures = self.unchecked = self.rotations = 0

    @property
    def is_trusted(self) -> bool:
        """Return whether the key in force is one that was given, or follows one by a signed rotation."""
        return not self._given or not self.named or self.named in self._checks

    def started(self, detail: Detail) -> str:
        """A service started with a key."""
        key = str(detail.get("key", ""))
        if key and self.named not in ("", key):
            return "the service started with another signing key than the chain names, and no rotation is recorded"
        self.named = key or self.named
        return ""

    def signed(self, told: Checkpoint) -> str:
        """A checkpoint stands in the chain."""
        if self.named not in ("", told.key):
            return "this checkpoint is signed with another key than the chain names, and no rotation is recorded"
        self.named = told.key
        check = self._checks.get(told.key)
        if check is None:
            self.unchecked += 1
        elif not check(told.text, told.signature):
            return "the signature of this checkpoint is not by the key that it names"
        else:
            self.signatures += 1
        return ""

    def rotated(self, node: str, detail: Detail) -> str:
        """A key follows another."""
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
