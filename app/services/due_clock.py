"""The clock of the domain: it hands each record to its service when the record is due (`Record.due`).

The state is in the records alone. What fell due while the process was down is found at the start, in the order of its
times; a wall clock that jumps forwards makes records due, one that jumps back makes the clock wait. A service that is
handed a record commits its next state on the revision that it was handed: two nodes, or a crash in between, have one
effect. Nodes take turns at each kind, so that the others do not do the same work in vain (nodes/due_lease.py).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

import structlog

from app.core.instant import until_next_second
from app.engine.ports.errors import Moved, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from app.core.instant import Instant
    from app.engine.ports.records import Record, RecordChange, RecordStore
    from app.services.nodes.due_lease import DueLease

_BATCH: Final = 100  # records of one kind, before the next kind has its turn
_LOOK_SECONDS: Final = 1.0  # between two looks at the wall clock, which may jump; they read no store
_READ_SECONDS: Final = 30.0  # between two questions to the store, for what other nodes changed
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 1.0, 300.0  # before a record that failed is handed out again
_STOP_TIMEOUT_SECONDS: Final = 5.0
_LONG_SECONDS: Final = 30.0  # for one record, while all others of all kinds wait
_log = structlog.get_logger("due")

DueHandler: TypeAlias = "Callable[[Record, float], Awaitable[None]]"
"""Takes a record that is due, and the wall time in Unix seconds. It commits a later `due` (or none), or a removal.

It takes no longer than a few commits: other records wait for it. It may raise Moved (the record is read again) and
Unavailable (the kind is tried again later); after any other error the record alone is tried again, later each time.
"""


@dataclass(slots=True)
class _Postponed:
    """A record that was handed out at this revision, and is not handed out again before `until` (steady seconds)."""

    revision: int
    until: float
    pause: float


@dataclass(slots=True)
class _Kind:
    """One kind: its service, the earliest time that a record is due, when the store was asked for that."""

    handle: DueHandler
    next_due: float | None = None
    read_at: float = float("-inf")
    resumes_at: float = float("-inf")
    postponed: dict[str, _Postponed] = field(default_factory=dict)


class DueClock:
    """The timing of all records: one task, whatever their number and kinds."""

    def __init__(
        self,
        records: RecordStore,
        clock: Callable[[], Instant],
        handlers: Mapping[str, DueHandler] | None = None,
        lease: DueLease | None = None,
    ) -> None:
        """Hand records out beside the other nodes of `lease`; None: this node is alone."""
        self._records, self._clock, self._lease = records, clock, lease
        self._kinds: dict[str, _Kind] = {}
        for kind, handle in (handlers or {}).items():
            self.add(kind, handle)
        self._woken = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    def add(self, kind: str, handle: DueHandler) -> None:
        """Hand records of a kind to a service from now on."""
        self._kinds[kind] = _Kind(handle)

    def changed(self, changes: Iterable[RecordChange]) -> None:
        """Take notice of committed changes: one may be due before all that were known."""
        for change in changes:
            kind = self._kinds.get(change.kind)
            if kind is not None and change.due is not None:
                kind.read_at = float("-inf")  # also where the store is being asked now, and may answer from before
                self._woken.set()

    async def run(self) -> None:
        """Hand out records as they fall due, until cancelled; after `stop` no more."""
        while not self._stopping:
            self._idle.clear()
            try:
                wait = await self._round()
            finally:
                self._idle.set()
            if wait > 0:
                await self._rest(wait)
            self._woken.clear()
        await asyncio.Event().wait()  # its end would count as a failure of background work

    async def _rest(self, seconds: float) -> None:
        """Return after so many seconds, or when a record may have become due before."""
        loop = asyncio.get_running_loop()
        if seconds >= _LOOK_SECONDS:
            seconds = until_next_second(loop.time())
        timer = loop.call_later(seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    async def stop(self) -> None:
        """Hand out nothing more, and wait for the record under way, five seconds at most."""
        self._stopping = True
        self._woken.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
                await self._idle.wait()

    async def _round(self) -> float:
        """Hand out one batch of each kind that is due; return the seconds until the next look, 0 for at once."""
        wait = _LOOK_SECONDS
        for name, kind in self._kinds.items():
            try:
                wait = min(wait, await self._serve(name, kind))
            except Unavailable:
                kind.resumes_at = self._clock().steady + _FIRST_PAUSE_SECONDS
                kind.read_at = float("-inf")
                _log.warning("records that are due wait: the store takes no change now", kind=name)
        return max(0.0, wait)

    async def _serve(self, name: str, kind: _Kind) -> float:
        now = self._clock()
        if now.steady < kind.resumes_at:
            return kind.resumes_at - now.steady
        if now.steady - kind.read_at >= _READ_SECONDS:
            kind.read_at = now.steady  # before the question: a change while it is answered asks again
            kind.next_due = await self._records.next_due(name)
        if kind.next_due is None:
            return _LOOK_SECONDS
        if kind.next_due > now.wall:
            return kind.next_due - now.wall
        if self._lease is not None and (turn := await self._lease.wait(name, now)) > 0:
            return turn
        limit = _BATCH + len(kind.postponed)
        due = await self._records.due(name, now.wall, limit)
        kind.postponed = {record.key: kind.postponed[record.key] for record in due if record.key in kind.postponed}
        handed = 0
        for record in due:
            if self._stopping or handed == _BATCH or record.due is None or record.due > self._clock().wall:
                return 0.0  # the wall clock may have been set back while the store answered: ask again
            if self._lease is not None and not self._lease.holds(name, self._clock().steady):
                return 0.0  # this process was held up: another node may have its turn by now
            if not self._is_postponed(kind, record):
                handed += 1
                await self._hand(name, kind, record)
        if handed or len(due) == limit:
            return 0.0  # ask again: they may be due again, or more are
        if self._lease is not None:
            await self._lease.give_back(name, self._clock())
        # All that is due waits for its next attempt; the store knows what comes after it only by being asked.
        return min(each.until for each in kind.postponed.values()) - now.steady if due else self._read_soon(kind)

    def _read_soon(self, kind: _Kind) -> float:
        kind.read_at = float("-inf")
        return 0.0

    def _is_postponed(self, kind: _Kind, record: Record) -> bool:
        known = kind.postponed.get(record.key)
        return known is not None and known.revision == record.revision and self._clock().steady < known.until

    async def _hand(self, name: str, kind: _Kind, record: Record) -> None:
        known = kind.postponed.get(record.key)
        failed_before = known is not None and known.revision == record.revision
        pause = min(2 * known.pause, _MAX_PAUSE_SECONDS) if known and failed_before else _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        warning = loop.call_later(_LONG_SECONDS, self._warn, name, record.key)
        try:
            await kind.handle(record, self._clock().wall)
        except Moved:
            return  # another call changed it first
        except Unavailable:
            raise
        except Exception:
            _log.exception("a record that is due could not be handled; it is tried again", kind=name, record=record.key)
        finally:
            warning.cancel()
        # Where it was handled, its revision is another; where not, it must not hold up the others.
        kind.postponed[record.key] = _Postponed(record.revision, self._clock().steady + pause, pause)

    def _warn(self, name: str, key: str) -> None:
        text = "records that are due wait for one that takes long: nothing is raised meanwhile; start again, report it"
        _log.warning(text, kind=name, record=key, seconds=_LONG_SECONDS)
