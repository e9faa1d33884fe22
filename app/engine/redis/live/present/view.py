"""One channel's presence as a node sees it: folded from the numbered changes, in their order, without a hole. Pure.

A view that missed changes takes a snapshot, and tells the difference. So what was told always leads from the roster of
before to that of now.
"""

from __future__ import annotations

from itertools import islice

from app.core.field_locks import MAX_LISTED, WatchedEvent
from app.core.presence_record import PresenceRecord, told
from app.engine.redis.live.present.stored import (
    TELL,
    USERS,
    HeldField,
    NumberedChange,
    PresenceSnapshot,
    age_of,
    free,
    held_of,
    record_of,
)
from dossier_realtime.protocol.documents.field_locks import HeldLock
from dossier_realtime.protocol.responses import Roster

MAX_WAITING = 1_000  # changes that wait for one that is missing


class ChannelView:
    """The users and the locks of a channel. Methods return the events for those who watch it, in their order."""

    def __init__(self, channel: str, snapshot: PresenceSnapshot) -> None:
        self.channel = channel
        self.epoch, self.number = snapshot.epoch, snapshot.number
        self.users: dict[str, str] = _by_age(snapshot.users)
        self.locks: dict[str, str] = _by_age(snapshot.locks)
        self._records = {user: _record(stored) for user, stored in self.users.items()}
        self._held = {field: _lock(stored) for field, stored in self.locks.items()}
        self._waiting: dict[int, NumberedChange] = {}
        self.turned: list[tuple[str, str]] = list(self.locks.items())
        """Locks that changed, with their values as stored, for whoever keeps their leases; who reads it empties it."""

    def take(self, change: NumberedChange, now: float) -> list[WatchedEvent] | None:
        """Apply a change and those that waited for it; None where changes before it are missing.

        One that is known is no change. `now`: Unix seconds.
        """
        if change.epoch != self.epoch:
            if self.epoch or change.number != 1:
                return None
            self.epoch = change.epoch
        if change.number <= self.number:
            return []
        if len(self._waiting) < MAX_WAITING:
            self._waiting[change.number] = change
        if change.number != self.number + 1:
            return None
        self._waiting[change.number] = change
        events: list[WatchedEvent] = []
        while (due := self._waiting.pop(self.number + 1, None)) is not None:
            self.number = due.number
            events += self._apply(due, now)
        return events

    def replace(self, snapshot: PresenceSnapshot, now: float) -> list[WatchedEvent]:
        """Take a snapshot; return what leads to it. Nothing where the view is further already."""
        if snapshot.epoch == self.epoch and snapshot.number <= self.number:
            return []
        events: list[WatchedEvent] = []
        for kind, mine, theirs in ((USERS, self.users, snapshot.users), ("l", self.locks, snapshot.locks)):
            differ = [name for name in (*mine, *theirs) if mine.get(name, "") != theirs.get(name, "")]
            for name in dict.fromkeys(differ):
                stored = theirs.get(name, "")
                events += self._put_user(name, stored, "") if kind == USERS else self._put_lock(name, stored, now)
        self.users, self.locks = _by_age(self.users), _by_age(self.locks)
        self.epoch, self.number = snapshot.epoch, snapshot.number
        self._waiting = {number: one for number, one in self._waiting.items() if number > self.number}
        return events

    def record(self, user_id: str) -> PresenceRecord | None:
        """Return what is known of a user; None where they are not present."""
        return self._records.get(user_id)

    def held(self, field: str) -> HeldField | None:
        """Return who holds a field, also where the lease is over and its end was not yet told."""
        return self._held.get(field)

    def held_by(self, user_id: str, now: float) -> int:
        """Return the number of fields that a user holds."""
        return sum(one.user_id == user_id and one.expires > now for one in self._held.values())

    def held_over(self, connection: str) -> list[str]:
        """Return the fields that are tied to a connection."""
        return [field for field, one in self._held.items() if one.connection == connection]

    def roster(self, cap: int, now: float, including: str | None = None) -> Roster:
        """Return the present users, in the order of arrival, and the locks.

        A list that is cut to `cap` users still has `including`.
        """
        listed = [self._records[user].user for user in islice(self.users, cap)]
        count = len(self.users)
        own = self._records.get(including) if including is not None and count > cap else None
        if own is not None and own.user not in listed:
            listed[-1] = own.user
        locks = [
            HeldLock(field=field, user_id=one.user_id, name=one.name, expires_in=max(1, round(one.expires - now)))
            for field, one in self._held.items()
            if one.expires > now
        ]
        return Roster(count=count, users=listed, truncated=count > cap, locks=locks[:MAX_LISTED])

    def _apply(self, change: NumberedChange, now: float) -> list[WatchedEvent]:
        if change.kind == USERS:
            return self._put_user(change.field, change.stored, change.mark)
        return self._put_lock(change.field, change.stored, now)

    def _put_user(self, user_id: str, stored: str, mark: str) -> list[WatchedEvent]:
        before, after = self._records.get(user_id), record_of(stored)
        if after is None:
            self.users.pop(user_id, None)
            self._records.pop(user_id, None)
        else:
            self.users[user_id], self._records[user_id] = stored, after
        return [*told(self.channel, before, after, always=mark == TELL)]

    def _put_lock(self, field: str, stored: str, now: float) -> list[WatchedEvent]:
        before, after = self._held.get(field), held_of(stored)
        self.turned.append((field, stored))
        if after is None:
            self.locks.pop(field, None)
            self._held.pop(field, None)
        else:
            self.locks[field], self._held[field] = stored, after
        if before is None:
            return [] if after is None else [after.state(self.channel, field, now)]
        if after is None:
            return [free(self.channel, field)]
        if after.user_id == before.user_id:
            return []  # a longer lease is no news
        return [free(self.channel, field), after.state(self.channel, field, now)]


def _by_age(stored: dict[str, str]) -> dict[str, str]:
    return dict(sorted(stored.items(), key=lambda item: age_of(item[1])))


def _record(stored: str) -> PresenceRecord:
    found = record_of(stored)
    assert found is not None  # noqa: S101  a snapshot has no empty value
    return found


def _lock(stored: str) -> HeldField:
    found = held_of(stored)
    assert found is not None  # noqa: S101  a snapshot has no empty value
    return found
