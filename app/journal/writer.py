"""The thread that writes the journal beside the event loop.

The loop appends to a queue; encoding, hashing, writing and fsync happen here. A crash of the process loses at
most the entries of the last 50 ms, a power cut those of the last second; what is acknowledged is in the event
store, and comes into the journal at the next start as `recovered`.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from app.journal import store
from app.journal.commits import RecordedCommits, recorded_commits
from app.journal.joining import EntryAlone, JoinedEdit, Joiner, header_of, mark, seals
from app.journal.lanes import (
    GAP_SECONDS,
    HIGH_WATER,
    MAX_WAITING_ACTS,
    MAX_WAITING_BYTES,
    MAX_WAITING_ENTRIES,
    TRAFFIC,
    ActNotRecorded,
    AwaitedActs,
    Lane,
    LaneState,
    Waiting,
)
from app.journal.waking.queue_sleep import QueueSleep
from dossier_realtime.recording.entry import (
    FORMAT,
    Audience,
    Detail,
    Head,
    Header,
    Kind,
    SegmentHeader,
    encode_entry,
    encode_segment_header,
    segment_name,
)
from dossier_realtime.recording.joined import encode_joined

SEGMENT_BYTES: Final = 64 * 1024 * 1024
SEGMENT_SECONDS: Final = 86_400.0  # after which the next entry begins a segment: a closed one is compressed, to a fifth
WAKE_ENTRIES: Final = 1_000
WAKE_SECONDS: Final = 0.05
SYNC_SECONDS: Final = 1.0
SYNC_BYTES: Final = 8 * 1024 * 1024
RETRY_SECONDS: Final = 1.0
ACT_TIMEOUT_SECONDS: Final = 10.0  # an act that is not durable by then is not done
SLICE: Final = 64  # entries encoded between two writes: each write lets the loop have the interpreter
_EDITED: Final = "remote_operation"  # the type of the frame that an edit leads to

_log = structlog.get_logger("journal")


class Journal:
    """An open journal. `record` and `close` belong to the event loop's thread; `record` never waits.

    Opening writes the `start` entry, with `about` (versions and the like) as its detail; `close` writes `stop`.
    `joins`: an edit shares its line with what it leads to (joining.py). Raises store.JournalError when another process
    writes the journal, it is not intact, or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        node: str,
        *,
        about: Mapping[str, str] | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        sync_seconds: float = SYNC_SECONDS,
        clock: Callable[[], float] = time.time,
        joins: bool = True,
    ) -> None:
        self._folder, self._node, self._clock = folder, node, clock
        self._segment_bytes, self._sync_seconds = segment_bytes, sync_seconds
        self._folder_lock, tail = store.take_folder(folder, node)
        self.last_commit = tail.commit
        """The highest `commit` recorded; what the event store has beyond it is to come as `recovered`."""
        self.trouble = ""
        """A sentence about a fault of the disk; "" while there is none."""

        # Between loop and writer. Each counter has one writing thread, and deque's ends are atomic: no lock.
        # One queue for all lanes: what happened first stands first.
        self._queue: deque[Waiting] = deque()
        self._joins = joins
        self._latest: Waiting | None = None  # the last entry that was recorded
        self._lanes: dict[Lane, LaneState] = {
            "acts": LaneState("acts", MAX_WAITING_ACTS, MAX_WAITING_BYTES),
            "events": LaneState("events", MAX_WAITING_ENTRIES, MAX_WAITING_BYTES),
            "traffic": LaneState("traffic", MAX_WAITING_ENTRIES, MAX_WAITING_BYTES),
        }
        self._own = LaneState("events", 0, 0)  # of the journal's own entries, which no bound refuses
        self._lost_in = self._lost_out = 0
        self._acts = AwaitedActs()
        self._sleep = QueueSleep(self._queue)
        self._closing = self._closed = False

        # The writer's own. `_tail` is what is not known to be on the disk: it begins at byte `_synced` of the
        # segment, and its first `_written` bytes are with the kernel.
        self._seq, self._link, self._commit = tail.seq, tail.link, tail.commit
        self._file = -1 if tail.path is None else os.open(tail.path, os.O_WRONLY | os.O_CLOEXEC)
        self._begun = (None if tail.path is None else store.first_time(tail.path)) or clock()
        """The time of the segment's first entry, in Unix seconds."""
        self._synced, self._tail, self._written = tail.size, bytearray(), 0
        self._synced_at = 0.0
        self._joiner, self._seals = Joiner(), seals()
        self.durable_seq = tail.seq
        """The number of the last entry that is known to be on the disk."""
        self._ballast, self._retry_at = False, 0.0

        detail: Detail = dict(about or {})
        if tail.cut_bytes:
            detail["cut_bytes"] = tail.cut_bytes
        self.record("start", detail=detail)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """Return False while the disk refuses or the lane of events is over 80 % of its bound: refuse changes then."""
        return not self.trouble and not self._closed and self._lanes["events"].fits(HIGH_WATER)

    @property
    def waiting(self) -> int:
        """Return the number of entries recorded and not yet written."""
        return len(self._queue)

    @property
    def lost(self) -> int:
        """Return the number of entries that could not be recorded since the start."""
        return self._lost_in + self._lost_out

    def record(
        self,
        kind: Kind,
        *,
        at: float = 0.0,
        session: str = "",
        user: str = "",
        channel: str = "",
        offset: int = 0,
        epoch: str = "",
        commit: int = 0,
        rule: str = "",
        level: str = "",
        audience: Audience = "all",
        exclude_user: str = "",
        exclude_connection: str = "",
        receivers: int = 0,
        detail: Detail | None = None,
        type: str = "",  # noqa: A002  the field's name in the entry
        by: str = "",
        via: str = "",
        cause: Waiting | int = 0,
        frame: bytes | str | None = None,
        lane: Lane | None = None,
        durable: asyncio.Future[int] | None = None,
    ) -> Waiting | None:
        """Append one entry; its fields are `Header`'s in recording/entry.py. `at` is Unix seconds, 0 for now.

        Never waits or raises: past the bound of its lane the entry is counted as lost (then None is returned), and a
        `gap` stands for it as soon as there is room. `cause` is an entry recorded before, or its seq. `detail` is not
        copied. `durable` is for `record_act`.
        """
        queue = self._queue
        state = self._lanes[lane or ("traffic" if kind in TRAFFIC else "events")]
        if state.lost is not None or not state.fits():
            if self._closed or not state.fits(HIGH_WATER):
                self._lose(state, kind, user)
                return None
            self._tell_lost(state)
        if commit > self.last_commit:
            self.last_commit = commit
        if frame is not None:
            state.bytes_in += len(frame)
        state.entries_in += 1
        fields = (
            kind, at or self._clock(), session, user, channel, offset, epoch, commit, rule, level, audience,
            exclude_user, exclude_connection, receivers, detail or {}, type, by, via,
        )  # fmt: skip
        waiting = Waiting(state, fields, frame, cause, durable)
        queue.append(waiting)
        if kind == "fanout" and self._joins and type == _EDITED:
            mark(waiting, self._latest)
        self._latest = waiting
        if self._sleep.is_deep:
            self._sleep.wake()
        elif len(queue) == WAKE_ENTRIES:
            self._sleep.hurry()
        return waiting

    async def record_act(
        self,
        detail: Detail,
        *,
        session: str = "",
        user: str = "",
        channel: str = "",
        level: str = "",
        via: str = "",
        cause: Waiting | int = 0,
    ) -> int:
        """Record an act and return its seq once it is on the disk; many that wait at once share one fsync.

        Raises ActNotRecorded when the journal cannot take it now: then the act must not be done.
        """
        if self.trouble:
            raise ActNotRecorded(self.trouble)
        durable = self._acts.new_future()
        waiting = self.record(
            "act", session=session, user=user, channel=channel, level=level, via=via, by=user, cause=cause,
            detail=detail, lane="acts", durable=durable,
        )  # fmt: skip
        if waiting is None:
            raise ActNotRecorded("More acts wait for the disk than the journal has room for; try again later")
        self._sleep.hurry()
        return await self._acts.wait(waiting, durable, ACT_TIMEOUT_SECONDS)

    def close(self) -> int:
        """Write all that waits, then `stop`, and let the folder go. Returns how many could not be written."""
        for state in self._lanes.values():
            self._tell_lost(state)
        self._enqueue("stop", {})
        for state in self._lanes.values():
            state.max_entries = 0  # whatever comes after is counted as lost
        self._closing = self._closed = True
        self._sleep.hurry()
        self._thread.join()
        if self._file >= 0:
            os.close(self._file)
        os.close(self._folder_lock)
        return len(self._queue) + len(self._joiner) + self._seq - self.durable_seq

    def recorded_commits(self) -> RecordedCommits:
        """Read which commits the journal holds; for a thread of its own. Raises OSError."""
        return recorded_commits(self._folder, self._node)

    # On the loop's side

    def _lose(self, state: LaneState, kind: Kind, user: str) -> None:
        now = self._clock()
        state.lose(kind, user, now)
        self._lost_in += 1
        if state.lost is not None and now - state.lost.since >= GAP_SECONDS and not self._closed:
            self._tell_lost(state)

    def _tell_lost(self, state: LaneState) -> None:
        if state.lost is not None:
            self._enqueue("gap", state.lost.detail())
            state.lost = None

    def _enqueue(self, kind: Kind, detail: Detail) -> None:
        """Append an entry of the journal itself, past any bound."""
        fields = (kind, self._clock(), "", "", "", 0, "", 0, "", "", "all", "", "", 0, detail, "", "", "")
        self._queue.append(Waiting(self._own, fields))

    # In the writer's thread

    def _run(self) -> None:
        try:
            while not self._closing:
                self._rest()
                if time.monotonic() >= self._retry_at:
                    self._turn(self._sync_seconds)
            if not self._turn(0.0):
                self._turn(0.0)  # the first has released the ballast
        except Exception as error:  # a thread must not die unseen: nothing is healthy after this
            self.trouble = f"The journal's writer failed ({error!r}): restart the service and report the log."
            self._acts.refused(self.trouble)
            _say("error", "journal_failed", exc_info=error)

    def _rest(self) -> None:
        """Return when entries are to be written, or what is written is to be made durable."""
        is_idle = self._ballast and not self.trouble and not self._tail and self.durable_seq == self._seq
        left = self._synced_at + self._sync_seconds - time.monotonic()
        self._sleep.rest(WAKE_SECONDS, None if is_idle else max(WAKE_SECONDS, left))

    def _turn(self, sync_seconds: float) -> bool:
        """Write what waits, and make it durable when that is due. False when the disk refused."""
        try:
            self._write_queue()
            if time.monotonic() - self._synced_at >= sync_seconds:
                self._sync()
            if not self._ballast:
                store.reserve_ballast(self._folder, self._node)
                self._ballast = True
        except OSError as error:
            self._refused(error)
            return False
        if self.trouble:
            self.trouble = ""
            _say("info", "journal_healthy", lost=self.lost)
        return True

    def _refused(self, error: OSError) -> None:
        if not self.trouble:
            _say("error", "journal_refused", error=str(error))
        self.trouble = (
            f"The journal cannot be written ({error.strerror}): "
            f"free space on the disk of {self._folder}, or make it writable."
        )
        self._acts.refused(self.trouble)
        if self._ballast:
            self._ballast = False
            with suppress(OSError):
                store.release_ballast(self._folder, self._node)
        else:
            self._retry_at = time.monotonic() + RETRY_SECONDS

    def _write_queue(self) -> None:
        """Write the entries that wait.

        An act waits only for the entries before it: acts are synced when those are written, together with the acts that
        came meanwhile.
        """
        due = len(self._queue)  # entries after which acts are made durable
        while True:
            self._flush()
            if len(self._tail) >= SYNC_BYTES or (self._acts.undurable and (due <= 0 or not self._queue)):
                self._sync()
                due = len(self._queue)
            if not self._queue:
                return
            due -= SLICE
            if self._file < 0 or self._is_full():
                self._rotate()
            self._encode(min(len(self._queue), SLICE))

    def _is_full(self) -> bool:
        size, age = self._synced + len(self._tail), self._clock() - self._begun
        return size >= self._segment_bytes or age >= SEGMENT_SECONDS

    def _flush(self) -> None:
        while self._written < len(self._tail):
            with memoryview(self._tail)[self._written :] as rest:
                self._written += os.pwrite(self._file, rest, self._synced + self._written)

    def _sync(self) -> None:
        """Make all that is encoded durable, then say so in the head."""
        if self._tail:
            try:
                self._flush()
                os.fsync(self._file)
            except OSError:
                self._written = 0  # the kernel may have dropped what it had: all of it is written again
                raise
            self._synced += len(self._tail)
            self._tail.clear()
            self._written = 0
        if self.durable_seq != self._seq:
            store.write_head(self._folder, self._node, Head(self._seq, self._link.hex()))
            self.durable_seq = self._seq
        self._synced_at = time.monotonic()
        self._acts.synced()

    def _rotate(self) -> None:
        self._sync()
        first = self._seq + 1
        file = store.create_segment(self._folder, segment_name(self._node, first))
        if self._file >= 0:
            os.close(self._file)
        self._file, self._synced, self._begun = file, 0, self._clock()
        header = SegmentHeader(FORMAT, self._node, first, self._link.hex(), self._commit)
        line, self._link = encode_segment_header(header, self._link)
        self._tail += line

    def _encode(self, count: int) -> None:
        for _ in range(count):
            waiting = self._queue.popleft()
            for item in self._joiner.take(waiting, self._seq):
                if isinstance(item, EntryAlone):
                    self._encode_alone(item)
                else:
                    self._encode_joined(item)

    def _encode_alone(self, item: EntryAlone) -> None:
        waiting = item.entry
        self._seq += 1
        waiting.seq = self._seq
        header = header_of(waiting, self._seq, item.after)
        seal = next(self._seals)
        try:
            line, self._link = encode_entry(header, waiting.frame, seal, self._link)
            self._commit = max(self._commit, header.commit)
        except (TypeError, ValueError) as error:
            _say("error", "journal_entry_unfit", kind=header.kind, error=repr(error))
            self._lost_out += 1
            gap = Header(self._seq, "gap", header.at, detail={"lost": 1, "since": header.at})
            line, self._link = encode_entry(gap, None, seal, self._link)
            self._acts.unfit(waiting)
        self._tail += line
        self._written_out(waiting)

    def _encode_joined(self, item: JoinedEdit) -> None:
        seq = self._seq + len(item.entries)
        line, self._link = encode_joined(item.line, seq, item.after, next(self._seals), self._link)
        self._commit = max(self._commit, item.line.header.commit)
        self._tail += line
        for waiting in item.entries:
            self._seq += 1
            waiting.seq = self._seq
            self._written_out(waiting)

    def _written_out(self, waiting: Waiting) -> None:
        """Count an entry that is encoded."""
        waiting.lane.entries_out += 1
        waiting.joins = None
        if waiting.frame is not None:
            waiting.lane.bytes_out += len(waiting.frame)
            waiting.frame = None
        if waiting.durable is not None:
            self._acts.undurable.append(waiting)


def _say(level: str, event: str, **facts: object) -> None:
    """Log; the log may lie on the disk that is full, and the thread must outlive that."""
    with suppress(OSError):
        getattr(_log, level)(event, **facts)
