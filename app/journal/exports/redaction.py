"""The redaction of an export: frames that are replaced by their digests, counted by the pattern that matched."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.channels import SHAPES, is_channel
from dossier_realtime.protocol.fields import SEGMENT
from dossier_realtime.recording.names import channel_pattern, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dossier_realtime.recording.entry import Header

_NAMED = re.compile(rf"(?:{'|'.join(SHAPES)})(?::{SEGMENT}){{1,3}}|global".encode())
_MAX_COMPARED = 20_000  # names of channels that are kept, to offer one that is near


class UnmatchedRedaction(ValueError):
    """A pattern of a redaction fits nothing: what was to be taken out may be in the export."""


class Redaction:
    """The decision, for each entry of an export, whether its frame is redacted; it counts them.

    It covers the frames of a channel that fits. Of frames on no channel, it covers those that name one that fits, and
    those that could not be read as a message, because their channel is unknown. Raises ValueError for text that can
    name no channel.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self._patterns = {text: channel_pattern(text) for text in patterns}
        self.frames = dict.fromkeys(patterns, 0)
        self._unmatched = set(patterns)
        self._channels: set[str] = set()

    def hides(self, header: Header, body: bytes) -> bool:
        """Return whether the frame of an entry that is taken gives way to its digest."""
        if not self._patterns:
            return False
        if len(self._channels) < _MAX_COMPARED and header.channel:
            self._channels.add(header.channel)
        names = [header.channel] if header.channel else _named(body)
        fitting = [text for text, pattern in self._patterns.items() if any(map(pattern.matches, names))]
        self._unmatched.difference_update(fitting)
        unread = not header.channel and header.kind == "refused" and header.rule == "format"
        taken = list(self._patterns) if unread else fitting
        if body:
            for text in taken:
                self.frames[text] += 1
        return bool(taken)

    def must_match(self) -> None:
        """Raise UnmatchedRedaction where a pattern fitted no entry; the sentence offers near names."""
        for text in sorted(self._unmatched):
            offered = sorted(filter(is_channel, self._channels)) + sorted(
                {f"{channels.namespace(name)}:*" for name in self._channels}
            )
            raise UnmatchedRedaction(
                f"--redact {text!r} fits no channel of this export, so nothing was written{did_you_mean(text, offered)}"
            )


def _named(body: bytes) -> list[str]:
    return [found[0].decode() for found in _NAMED.finditer(body)]
