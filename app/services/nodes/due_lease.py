"""Turns of the nodes at handing out records that are due: of each kind one node at a time.

A record has one effect whoever hands it out, because its service commits on the revision that it was handed. The lease
only spares the work that all other nodes would do in vain. It is a record itself, taken by its revision. Clocks of
machines are not compared: a lease of another node is over once it has not changed for `LEASE_SECONDS` on the own steady
clock, and the holder counts from before its commit, so that it stops first.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from app.engine.ports.errors import Moved, Unavailable
from app.engine.ports.records import RecordChange

if TYPE_CHECKING:
    from app.core.instant import Instant
    from app.engine.ports.events import Broker
    from app.engine.ports.records import Record, RecordStore

KIND: Final = "due_lease"
LEASE_SECONDS: Final = 5.0
_KEPT_SECONDS: Final = 86_400.0
_LOOK_SECONDS: Final = 0.5  # between two looks at the lease of another node


class _Body(msgspec.Struct, frozen=True):
    node: str
    """The holder; "": it was given back."""


@dataclass(frozen=True, slots=True)
class _Held:
    revision: int
    until: float  # steady seconds


class DueLease:
    """The leases of one node. `taken` counts those that it took or prolonged."""

    def __init__(self, node: str, records: RecordStore, broker: Broker) -> None:
        self._node, self._records, self._broker = node, records, broker
        self._held: dict[str, _Held] = {}
        self._seen: dict[str, tuple[int, float]] = {}  # the revision of another node's lease, and since when
        self.taken = 0

    def holds(self, kind: str, steady: float) -> bool:
        """Return whether this node may hand out records of a kind now."""
        held = self._held.get(kind)
        return held is not None and steady < held.until

    async def wait(self, kind: str, now: Instant) -> float:
        """Return 0.0 where this node has the lease of a kind for some time; else the seconds until the next look.

        Raises Unavailable.
        """
        held = self._held.get(kind)
        if held is not None and now.steady < held.until - LEASE_SECONDS / 2:
            return 0.0
        record = (await self._records.find(KIND, [kind])).get(kind)
        if record is not None and not self._is_free(kind, record, now.steady):
            self._held.pop(kind, None)
            return _LOOK_SECONDS
        revision = 0 if record is None else record.revision
        try:
            await self._put(kind, revision, self._node, now)
        except Moved:
            return _LOOK_SECONDS
        self._held[kind] = _Held(revision + 1, now.steady + LEASE_SECONDS)
        self.taken += 1
        return 0.0

    async def give_back(self, kind: str, now: Instant) -> None:
        """Let another node have its turn at once, where this one has nothing left to do."""
        held = self._held.pop(kind, None)
        if held is not None and now.steady < held.until:
            with suppress(Moved, Unavailable):  # then it runs out
                await self._put(kind, held.revision, "", now)

    def _is_free(self, kind: str, record: Record, steady: float) -> bool:
        try:
            node = msgspec.json.decode(record.body, type=_Body).node
        except ValueError:
            node = "?"  # of another version of the service: it runs out like any other
        if node in ("", self._node):
            return True
        revision, since = self._seen.get(kind, (0, 0.0))
        if revision != record.revision:
            self._seen[kind] = (record.revision, steady)
            return False
        return steady - since >= LEASE_SECONDS

    async def _put(self, kind: str, revision: int, node: str, now: Instant) -> None:
        body = msgspec.json.encode(_Body(node))
        change = RecordChange(KIND, kind, revision, body, expires=now.wall + _KEPT_SECONDS)
        await self._broker.publish([], None, [change])
