"""Soft locks on fields of channels, pure: first come, for a lease (docs/protocol.md#soft-locks).

A lock says who works on a field; it refuses nobody's edit. It belongs to a user and is tied to the connection that took
it last: it ends with that connection's subscription, with the grace of a connection that was lost, or with its lease.
Any connection of the user may renew or release it. Times are seconds on a steady clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final, NamedTuple

from app.core.presence import PresenceEvent
from dossier_realtime.protocol.documents.field_locks import HeldLock, LockState, LockStatePayload

WatchedEvent = PresenceEvent | LockState
"""The events for those who see the presence of a channel."""

MAX_LOCKS: Final = 50  # of a user on a channel
MAX_LISTED: Final = 1_000  # locks of a channel, for those who join it


class TooManyLocksError(Exception):
    """Raised for a user who holds as many fields of a channel as may be held."""


class Holder(NamedTuple):
    """The connection that takes a lock, and its user as others see them."""

    connection: str
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class _Lock:
    """`expires`: the end of the lease, or of the grace."""

    holder: Holder
    expires: float


class FieldLocks:
    """The locks of all channels. Methods return the events for those who see the channel's presence."""

    def __init__(self, grace: float = 5.0) -> None:
        self._grace = grace
        self._channels: dict[str, dict[str, _Lock]] = {}
        self._held: dict[str, dict[tuple[str, str], None]] = {}  # connection → its (channel, field)
        self._due: list[tuple[float, str, str]] = []  # a heap of (end, channel, field), some out of date

    @property
    def deadline(self) -> float | None:
        """Return the moment at which the next lock expires; None where there is none."""
        while self._due and self._lock_at(self._due[0]) is None:
            heappop(self._due)
        return self._due[0][0] if self._due else None

    def take(
        self, channel: str, field: str, holder: Holder, seconds: float, now: float
    ) -> tuple[LockState, list[LockState]]:
        """Give a field to a user if no other has it, or for longer; return its state, and what others are told.

        Raises TooManyLocksError.
        """
        told = self.tick(now)
        fields = self._channels.get(channel, {})
        before = fields.get(field)
        if before is not None and before.holder.user_id != holder.user_id:
            return _state(channel, field, before, now), told
        own = sum(lock.holder.user_id == holder.user_id for lock in fields.values())
        if before is None and own >= MAX_LOCKS:
            raise TooManyLocksError
        lock = _Lock(holder, now + seconds)
        if before is not None:
            self._forget(channel, field, before)
        self._put(channel, field, lock)
        self._held.setdefault(holder.connection, {})[channel, field] = None
        state = _state(channel, field, lock, now)
        return state, told if before is not None else [*told, state]  # a longer lease is no news

    def release(self, channel: str, field: str, user_id: str, now: float) -> tuple[LockState, list[LockState]]:
        """Release a field if the user has it; return its state, and what others are told."""
        told = self.tick(now)
        lock = self._channels.get(channel, {}).get(field)
        if lock is not None and lock.holder.user_id != user_id:
            return _state(channel, field, lock, now), told
        if lock is not None:
            told += self._end(channel, field, lock)
        return _free(channel, field), told

    def left(self, channel: str, connection: str) -> list[LockState]:
        """End the locks of a connection that left a channel of its own will."""
        mine = [place for place in self._held.get(connection, ()) if place[0] == channel]
        return [told for place in mine for told in self._end(*place, self._channels[channel][place[1]])]

    def lost(self, connection: str, now: float) -> None:
        """Let the locks of a connection that ended expire with the grace, or earlier."""
        for channel, field in self._held.get(connection, ()):
            lock = self._channels[channel][field]
            self._put(channel, field, _Lock(lock.holder, min(lock.expires, now + self._grace)))

    def tick(self, now: float) -> list[LockState]:
        """End all that has expired."""
        told: list[LockState] = []
        while self._due and self._due[0][0] <= now:
            entry = heappop(self._due)
            lock = self._lock_at(entry)
            if lock is not None:
                told += self._end(*entry[1:], lock)
        return told

    def on(self, channel: str, now: float) -> list[HeldLock]:
        """Return the locks of a channel, the earliest taken first."""
        fields = self._channels.get(channel, {})
        there = [(field, lock) for field, lock in fields.items() if lock.expires > now]
        return [
            HeldLock(field=field, user_id=lock.holder.user_id, name=lock.holder.name, expires_in=_left(lock, now))
            for field, lock in there[:MAX_LISTED]
        ]

    def _put(self, channel: str, field: str, lock: _Lock) -> None:
        self._channels.setdefault(channel, {})[field] = lock
        heappush(self._due, (lock.expires, channel, field))

    def _lock_at(self, entry: tuple[float, str, str]) -> _Lock | None:
        """Return the lock that an entry of the heap is about; None where it ended, or ends at another time."""
        expires, channel, field = entry
        lock = self._channels.get(channel, {}).get(field)
        return lock if lock is not None and lock.expires == expires else None

    def _end(self, channel: str, field: str, lock: _Lock) -> list[LockState]:
        self._forget(channel, field, lock)
        fields = self._channels[channel]
        del fields[field]
        if not fields:
            del self._channels[channel]
        return [_free(channel, field)]

    def _forget(self, channel: str, field: str, lock: _Lock) -> None:
        held = self._held[lock.holder.connection]
        del held[channel, field]
        if not held:
            del self._held[lock.holder.connection]


def _left(lock: _Lock, now: float) -> int:
    return max(1, round(lock.expires - now))


def _state(channel: str, field: str, lock: _Lock, now: float) -> LockState:
    _, user_id, name = lock.holder
    payload = LockStatePayload(field=field, user_id=user_id, name=name, expires_in=_left(lock, now))
    return LockState(channel=channel, payload=payload)


def _free(channel: str, field: str) -> LockState:
    return LockState(channel=channel, payload=LockStatePayload(field=field))
