"""Bounds of the journal's queue, and the acts that somebody waits for.

Three lanes share one order, and each has a bound that the others cannot fill.
Acts (changes by people with rights) are awaited, so other traffic never fills their lane. Events are the result of
changes. Traffic is the result of reading, refusing and connecting: it is dropped first, and never makes the journal
unhealthy.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dossier_realtime.recording.entry import Detail, Kind

Lane = Literal["acts", "events", "traffic"]

MAX_WAITING_ENTRIES: Final = 50_000
MAX_WAITING_BYTES: Final = 32 * 1024 * 1024
MAX_WAITING_ACTS: Final = 4_096
HIGH_WATER: Final = 0.8
GAP_SECONDS: Final = 1.0  # a gap is written after this time even while more is being lost
_MAX_NAMES: Final = 1_000  # users counted by name in one gap
_MAX_TOP_NAMES: Final = 10

TRAFFIC: Final[frozenset[Kind]] = frozenset(
    {"refused", "out", "http", "attach", "detach", "conflated", "replayed", "sampled"}
)
"""The kinds of the traffic lane, where a caller does not say otherwise."""


class ActNotRecorded(Exception):
    """The act could not be made durable in the journal, so it must not be done: answer 503 (docs/protocol.md#acts).

    `entry` is its entry where one is written nevertheless, sooner or later; its outcome is then to follow.
    """

    def __init__(self, reason: str, entry: Waiting | None = None) -> None:
        super().__init__(reason)
        self.entry = entry


class Waiting:
    """An entry between the loop and the disk. `seq` is 0 until the writer has numbered it.

    `joins`: of an edit the three entries that one line may hold (joining.py).
    """

    __slots__ = ("cause", "durable", "fields", "frame", "joins", "lane", "seq")

    def __init__(
        self,
        lane: LaneState,
        fields: tuple[Any, ...],
        frame: bytes | str | None = None,
        cause: Waiting | int = 0,
        durable: asyncio.Future[int] | None = None,
    ) -> None:
        self.lane = lane
        self.fields = fields
        self.frame = frame
        self.cause = cause
        self.durable = durable
        self.joins: tuple[Waiting, Waiting, Waiting] | None = None
        self.seq = 0

    def settle(self, trouble: str = "") -> None:
        """Tell the one who awaits this act that it is durable, or why it is not."""
        durable = self.durable
        if durable is None or durable.done():
            return
        if trouble:
            durable.set_exception(ActNotRecorded(trouble, self))
        else:
            durable.set_result(self.seq)


class AwaitedActs:
    """The acts that somebody on the loop waits for. The writer's thread says when they are durable, or refused."""

    def __init__(self) -> None:
        self.undurable: list[Waiting] = []
        """The writer's: acts that are encoded and not yet known to be on the disk."""
        self._awaited: dict[Waiting, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    # On the loop's side

    def new_future(self) -> asyncio.Future[int]:
        """Return what an act of the running loop settles with its seq."""
        self._loop = asyncio.get_running_loop()
        return self._loop.create_future()

    async def wait(self, waiting: Waiting, durable: asyncio.Future[int], seconds: float) -> int:
        """Return the seq of an act once it is on the disk. Raises ActNotRecorded when it is refused or takes longer."""
        self._awaited[waiting] = None
        try:
            async with asyncio.timeout(seconds):
                return await durable
        except TimeoutError:
            raise ActNotRecorded("The disk took too long to keep the act; try again later", waiting) from None
        finally:
            del self._awaited[waiting]

    def fail(self, trouble: str) -> None:
        """Tell all who wait. `trouble` as it was then: the disk may be well again, and nothing of it is durable yet."""
        for waiting in self._awaited:
            waiting.settle(trouble)

    # In the writer's thread

    def synced(self) -> None:
        """Have those told whose acts were encoded: all of it is on the disk."""
        done, self.undurable = self.undurable, []
        if done:
            self._call(lambda: _settle_all(done))

    def refused(self, trouble: str) -> None:
        """Have all told that the disk does not take their acts."""
        self.undurable.clear()
        self._call(lambda: self.fail(trouble))

    def unfit(self, waiting: Waiting) -> None:
        """Have the one told whose act cannot be encoded, where the entry is an act."""
        if waiting.durable is not None:
            durable, waiting.durable = waiting.durable, None
            reason = ActNotRecorded("The act cannot be written; report the log", waiting)
            self._call(lambda: None if durable.done() else durable.set_exception(reason))

    def _call(self, tell: Callable[[], None]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: no future is awaited
                self._loop.call_soon_threadsafe(tell)


def _settle_all(acts: Sequence[Waiting]) -> None:
    for waiting in acts:
        waiting.settle()


@dataclass(slots=True)
class Lost:
    """Entries that found no room, until a `gap` entry tells of them."""

    since: float
    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, user: str) -> None:
        """Count one more; past a bound of names, users are counted together."""
        self.count += 1
        self.kinds[kind] += 1
        if user:
            self.users[user if user in self.users or len(self.users) < _MAX_NAMES else "(others)"] += 1

    def detail(self) -> Detail:
        """Return the detail of the `gap` entry: how many entries, of which kinds, the users with most."""
        detail: Detail = {"lost": self.count, "since": round(self.since, 3), "kinds": _rows(self.kinds)}
        if self.users:
            detail["users"] = _rows(self.users)
        return detail


class LaneState:
    """The fill of a lane. The loop counts in, the writer's thread counts out: each counter has one writer."""

    __slots__ = ("bytes_in", "bytes_out", "entries_in", "entries_out", "lost", "max_bytes", "max_entries", "name")

    def __init__(self, name: Lane, max_entries: int, max_bytes: int) -> None:
        self.name = name
        self.max_entries, self.max_bytes = max_entries, max_bytes
        self.entries_in = self.entries_out = self.bytes_in = self.bytes_out = 0
        self.lost: Lost | None = None

    @property
    def waiting(self) -> int:
        """Return the number of entries recorded and not yet encoded."""
        return self.entries_in - self.entries_out

    def fits(self, share: float = 1.0) -> bool:
        """Return whether less than this share of both bounds is in use."""
        return (
            self.entries_in - self.entries_out < self.max_entries * share
            and self.bytes_in - self.bytes_out < self.max_bytes * share
        )

    def lose(self, kind: str, user: str, at: float) -> None:
        """Count an entry that found no room."""
        if self.lost is None:
            self.lost = Lost(at)
        self.lost.add(kind, user)


def _rows(counts: Counter[str]) -> list[str]:
    return [f"{count} {name}" for name, count in counts.most_common(_MAX_TOP_NAMES)]
