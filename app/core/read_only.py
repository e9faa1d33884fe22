"""Documents that are read-only for a time (docs/protocol.md#read-only-for-a-time). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from dossier_realtime.protocol import channels

if TYPE_CHECKING:
    from dossier_realtime.protocol.commands import SettingsChange

MAX_READ_ONLY_SECONDS: Final = 366 * 86_400
KIND: Final = "read_only"
"""The kind of the records that wake the service when a document takes edits again; the key is its channel."""


def read_only_fault(change: SettingsChange, channel: str, now: float) -> str:
    """Return the fault of a change's `read_only_until` in a sentence; "" for none. `now` in Unix seconds."""
    until = change.read_only_until
    if until is UNSET:
        return ""
    if not channels.is_in(channel, "document"):
        return "Only a document is read-only for a time; use frozen on another channel"
    if change.frozen is False:
        return "Give either frozen false or a time until which the document is read-only"
    if not now < until <= now + MAX_READ_ONLY_SECONDS:
        return "A document is read-only until a time within the next 366 days, in Unix seconds"
    return ""
