"""Places in a channel's history, and whether a client's place can still be continued (docs/protocol.md#recovery)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dossier_realtime.protocol.commands import Since


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """The head of a channel: `offset` is the last event's number, `oldest` the first that is still kept."""

    epoch: str
    offset: int
    oldest: int = 1

    def can_continue(self, since: Since) -> bool:
        """Return whether every event after `since` is still kept. Without an epoch it is a place in the present one."""
        if since.offset is None or since.epoch not in (None, self.epoch):
            return False
        return self.oldest - 1 <= since.offset <= self.offset

    def before_last(self, count: int) -> int:
        """Return the offset after which the last `count` events stand, or as many of them as are kept."""
        return max(self.oldest - 1, self.offset - count)


def epoch_of(store: str, channel: str, generation: int) -> str:
    """Return the epoch of a channel in a store.

    It is derived, so that a channel without events has one that survives a restart. It differs for each channel, so
    that a position on another channel never fits by accident.
    """
    return blake2b(f"{store}\0{channel}\0{generation}".encode(), digest_size=8).hexdigest()
