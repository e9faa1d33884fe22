"""The stored form of a channel's presence: users, locks, and their numbered changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from app.core.presence_record import PresenceRecord
from app.engine.redis.live.access import entry, pairs
from dossier_realtime.protocol.documents.field_locks import LockState, LockStatePayload

USERS: Final = "u"
LOCKS: Final = "l"
TELL: Final = "1"
"""The mark of a change that is told also where nothing shown changed."""

_PREFIX = 16  # hexadecimal digits: the number of the change that began the value


class HeldField(msgspec.Struct, frozen=True, array_like=True):
    """A field that a user holds. `expires`: Unix seconds; `home`: the run of the node that serves the connection."""

    connection: str
    user_id: str
    name: str
    expires: float
    home: str

    def state(self, channel: str, field: str, now: float) -> LockState:
        """Return the state of the field as the wire says it."""
        left = max(1, round(self.expires - now))
        payload = LockStatePayload(field=field, user_id=self.user_id, name=self.name, expires_in=left)
        return LockState(channel=channel, payload=payload)


def free(channel: str, field: str) -> LockState:
    """Return the state of a field that nobody holds."""
    return LockState(channel=channel, payload=LockStatePayload(field=field))


class NumberedChange(msgspec.Struct, frozen=True, array_like=True):
    """One numbered change: a user's or a lock's value as stored, "" where it was removed."""

    epoch: str
    number: int
    kind: Literal["u", "l"]
    field: str
    stored: str
    mark: str


class PresenceSnapshot(NamedTuple):
    """All that is kept of a channel at one number. Values as stored."""

    epoch: str
    number: int
    users: dict[str, str]
    locks: dict[str, str]


_CHANGES = msgspec.msgpack.Decoder(NumberedChange)
_RECORDS = msgspec.json.Decoder(PresenceRecord)
_HELD = msgspec.json.Decoder(HeldField)


def record_of(stored: str) -> PresenceRecord | None:
    """Return the record of a stored value; None for ""."""
    return _RECORDS.decode(stored[_PREFIX:]) if stored else None


def held_of(stored: str) -> HeldField | None:
    """Return the lock of a stored value; None for ""."""
    return _HELD.decode(stored[_PREFIX:]) if stored else None


def text_of(value: PresenceRecord | HeldField | None) -> str:
    """Return a value as it is put; "" removes."""
    return "" if value is None else msgspec.json.encode(value).decode()


def age_of(stored: str) -> str:
    """Return what orders values by the change that began each of them."""
    return stored[:_PREFIX]


def hinted(payload: bytes) -> NumberedChange:
    """Return the change that a hint carries."""
    return _CHANGES.decode(payload)


def snapshot_of(reply: Sequence[bytes | int | Sequence[bytes]]) -> PresenceSnapshot:
    """Return the reply of `presence_load`."""
    epoch, number, users, locks = reply
    return PresenceSnapshot(_text(epoch), _number(number), pairs(_list(users)), pairs(_list(locks)))


def changes_of(epoch: str, entries: Sequence[tuple[bytes, Sequence[bytes]]]) -> list[NumberedChange]:
    """Return the entries of a stream of changes."""
    found: list[NumberedChange] = []
    for id_, fields in entries:
        one = entry(fields)
        kind: Literal["u", "l"] = "u" if one["c"] == USERS else "l"
        found.append(NumberedChange(epoch, int(id_.partition(b"-")[0]), kind, one["f"], one["s"], one["m"]))
    return found


def _text(part: bytes | int | Sequence[bytes]) -> str:
    assert isinstance(part, bytes)  # noqa: S101  the script's reply
    return part.decode()


def _number(part: bytes | int | Sequence[bytes]) -> int:
    assert isinstance(part, int)  # noqa: S101  the script's reply
    return part


def _list(part: bytes | int | Sequence[bytes]) -> Sequence[bytes]:
    assert isinstance(part, list)  # noqa: S101  the script's reply
    return part
