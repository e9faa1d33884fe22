"""Records: what services of the domain keep (commitments, briefs, tasks, inboxes …), each as one encoded object."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec

MAX_RECORD_BYTES: Final = 256 * 1024
MAX_LABELS: Final = 64


class ListPlace(NamedTuple):
    """The place of a record in the lists of its labels: by `order`, then by `key`, both compared as text."""

    order: str
    key: str

    @property
    def text(self) -> str:
        """The place as the `next` of a page says it."""
        return base64.urlsafe_b64encode(msgspec.json.encode(tuple(self))).decode().rstrip("=")


def read_place(text: str) -> ListPlace | None:
    """Return the place that the `text` of one says; None for any other text."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        order, key = msgspec.json.decode(raw, type=tuple[str, str])
    except (binascii.Error, ValueError):
        return None
    return ListPlace(order, key)


@dataclass(frozen=True, slots=True)
class Record:
    """One object, as its service encodes it.

    `kind` and `key` name it. `labels` are the lists that it is in. `due` is the time, in Unix seconds, at which its
    service looks at it, None: never. `expires`: the time from which the engine may remove it, None: it stays.
    `revision` counts its changes from 1.
    """

    kind: str
    key: str
    body: bytes
    revision: int
    labels: tuple[str, ...] = ()
    order: str = ""
    due: float | None = None
    expires: float | None = None

    @property
    def place(self) -> ListPlace:
        """Return its place in lists: the next page of a list begins after it."""
        return ListPlace(self.order, self.key)


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A change of one record: its whole new state, or with `body` None its removal.

    `revision` is the one that the decision was made on; 0: there was no such record. A removed record that is made
    again begins with revision 1. `placed_by`: the index of the entry, of the same commit, whose offset becomes the
    `order` (as `order_of`).
    """

    kind: str
    key: str
    revision: int
    body: bytes | None
    labels: tuple[str, ...] = ()
    order: str = ""
    due: float | None = None
    expires: float | None = None
    placed_by: int | None = None

    def __post_init__(self) -> None:
        if self.body is not None and len(self.body) > MAX_RECORD_BYTES:
            raise ValueError(f"a {self.kind} of {len(self.body)} bytes: a record holds at most {MAX_RECORD_BYTES}")
        if len(self.labels) > MAX_LABELS:
            raise ValueError(f"a {self.kind} with {len(self.labels)} labels: a record has at most {MAX_LABELS}")


def order_of(offset: int) -> str:
    """Return an offset as the `order` of a record: compared as text, later offsets come later."""
    return f"{offset:016d}"


class RecordStore(Protocol):
    """Reading records, over all nodes and restarts. They are changed by `Broker.publish`, with the events that say so.

    Each method raises Unavailable.
    """

    async def find(self, kind: str, keys: Sequence[str]) -> dict[str, Record]:
        """Return those of the records that are there, by key, as of one moment."""

    async def listed(self, kind: str, label: str, after: ListPlace | None, limit: int) -> list[Record]:
        """Return at most `limit` records with a label after a place, in the order of their places.

        There are fewer only at the end of the list.
        """

    async def count(self, kind: str, label: str) -> int:
        """Return the number of records with a label."""

    async def due(self, kind: str, until: float, limit: int) -> list[Record]:
        """Return at most `limit` records that are due at or before a time, the earliest first."""

    async def next_due(self, kind: str) -> float | None:
        """Return the earliest time at which a record is due; None where no record is."""
