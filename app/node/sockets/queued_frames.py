"""Frames as outboxes queue them: plain bytes, long frames in parts, and bytes with a property that a queue uses."""

from __future__ import annotations

from typing import TypeAlias

from app.node.sockets.long_frames import LongFrame


class TimedFrame(bytes):
    """A frame of a published event.

    `accepted`: the time (steady clock, seconds) at which the service accepted the event, 0 where it is unknown.
    """

    accepted: float = 0.0

    @staticmethod
    def at(accepted: float, frame: bytes) -> TimedFrame:
        """Return the frame with the time at which its event was accepted."""
        timed = frame if isinstance(frame, TimedFrame) else TimedFrame(frame)
        timed.accepted = accepted
        return timed


class ConflatableFrame(TimedFrame):
    """A frame that a later one with the same key replaces: a cursor, an activity, a progress."""

    key: tuple[str, ...]

    @staticmethod
    def of(frame: bytes, *key: str) -> ConflatableFrame:
        """Return the frame under its key."""
        conflatable = ConflatableFrame(frame)
        conflatable.key = key
        return conflatable


class UnrecordedFrame(bytes):
    """A frame that the journal does not hold: it has no place among messages and is not counted as unsent."""


Frame: TypeAlias = bytes | LongFrame
