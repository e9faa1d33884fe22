"""The content of a store as rows that every backend reads and writes, and the tally by which two stores are compared.

Of a channel the present epoch is moved: positions of earlier ones are void. What lives for minutes only (sessions,
presence, rates) is not moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256
from typing import TypeAlias

import msgspec

from app.core.domain.alerts import AlertStatus
from dossier_realtime.protocol.responses import BriefEnd

Claimed: TypeAlias = tuple[int, str, str]


class MovedRow(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One row. Times are Unix seconds."""


class MovedStore(MovedRow, frozen=True):
    """The store: the id that all epochs are derived from, and the number of its last commit."""

    store: str
    commit: int


class MovedChannel(MovedRow, frozen=True):
    """A channel: its epoch, and the last offset there (0: none)."""

    channel: str
    generation: int
    offset: int


class MovedEvent(MovedRow, frozen=True):
    """An event of the present epoch. `number`: of its commit."""

    channel: str
    generation: int
    offset: int
    number: int
    body: bytes


class MovedSnapshot(MovedRow, frozen=True):
    """The state of a document at a version."""

    channel: str
    generation: int
    version: int
    state: bytes


class MovedSegment(MovedRow, frozen=True):
    """Packed versions of a document."""

    channel: str
    generation: int
    first: int
    last: int
    body: bytes


class MovedName(MovedRow, frozen=True):
    """A version of a document that somebody gave a name to."""

    channel: str
    generation: int
    name: str
    version: int
    user: str
    user_name: str
    at: float


class MovedOperation(MovedRow, frozen=True):
    """The id of an edit, so that it is not made twice."""

    channel: str
    generation: int
    key: bytes
    version: int
    digest: bytes
    at: int


class MovedKey(MovedRow, frozen=True):
    """An idempotency key with the places (channel, offset, epoch) of its request; `expires` in milliseconds."""

    user: str
    key: str
    digest: bytes
    places: tuple[tuple[str, int | None, str | None], ...]
    expires: int


class MovedRecord(MovedRow, frozen=True):
    """A record of a service of the domain."""

    kind: str
    key: str
    body: bytes
    revision: int
    labels: tuple[str, ...]
    order: str
    due: float | None
    expires: float | None


class MovedAlert(MovedRow, frozen=True):
    """An alert with its recipients by id, each with their level. `changed`: its last change."""

    commitment: str
    level: int
    by: str | None
    changed: float
    claim: Claimed
    levels: tuple[tuple[str, int], ...]

    @property
    def status(self) -> AlertStatus:
        """Return its status."""
        return AlertStatus(self.level, self.by)


class MovedBrief(MovedRow, frozen=True):
    """A brief. `changed`: its last step."""

    request: str
    user: str
    ended: BriefEnd | None
    changed: float
    claim: Claimed


class MovedSettings(MovedRow, frozen=True):
    """The settings of a channel."""

    channel: str
    level: int
    presence: bool
    history: bool
    frozen: bool
    read_only_until: int | None


class MovedRevocation(MovedRow, frozen=True):
    """A revocation of a token or a user."""

    kind: str
    subject: str
    at: float
    expires: float


class MovedQuota(MovedRow, frozen=True):
    """A user's spent share of a day's quota."""

    user: str
    kind: str
    since: float
    amount: int


class RowTally:
    """The number of rows of each kind, and a digest over all of them in whatever order they come."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._sum = 0

    def take(self, rows: Iterable[MovedRow]) -> None:
        """Count rows."""
        for row in rows:
            self.counts[type(row).__name__.removeprefix("Moved").lower()] += 1
            self._sum += int.from_bytes(sha256(_encode(row)).digest())

    @property
    def digest(self) -> str:
        """Return the digest in hexadecimal digits."""
        return (self._sum % (1 << 256)).to_bytes(32).hex()

    def difference(self, other: RowTally) -> str:
        """Return what differs between two stores, in words; "" where they are the same."""
        names = sorted(self.counts.keys() | other.counts.keys())
        told = [f"{self.counts[n]} {n} rows, not {other.counts[n]}" for n in names if self.counts[n] != other.counts[n]]
        if told:
            return "; ".join(told)
        return "" if self.digest == other.digest else f"digest {self.digest[:16]}, not {other.digest[:16]}"


_encode = msgspec.msgpack.Encoder().encode
