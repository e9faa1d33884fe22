"""The lane of a node: its commits, one after the other, each answered once.

Commits that wait while others are under way share the next pipeline. The server remembers the answers of a lane until
the next request says that they came, so a commit whose answer was lost is asked again and has no second effect. Whoever
waits too long is refused; what became of his commit is found out before the lane goes on.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import structlog
from redis.exceptions import NoScriptError, RedisError, ResponseError

from app.core.position import epoch_of
from app.engine.options import EngineOptions
from app.engine.ports.documents import EditsKnown
from app.engine.ports.errors import EngineError, KeyConflict, Moved, TipMoved, Unavailable
from app.engine.ports.events import IdempotencyKey, PublishResult
from app.engine.ports.records import RecordChange
from app.engine.redis.connection import CALL_SECONDS, Client, execute
from app.engine.redis.keys import RedisKeys
from app.engine.redis.log.cursors import ChannelCursors
from app.engine.redis.log.requests import CommitParts, RequestArguments, known_edits
from app.engine.redis.log.store_state import StoreState
from app.engine.redis.log.stored_event import LANE_BYTES, NumberedEvent
from app.engine.redis.refusals import refused
from app.engine.redis.scripts import loader

MAX_WAITING: Final = 10_000
MAX_BATCH: Final = 128
MAX_DECISIONS: Final = 20
LOGGED_COMMITS: Final = 20_000
RETRY_SECONDS: Final = 0.05

Decide = Callable[[], Awaitable[Sequence[RecordChange]]]

_log = structlog.get_logger("redis")


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """Times in seconds, and the number of ids of edits that are kept."""

    key_seconds: float
    operation_rows: int


@dataclass(slots=True, eq=False)
class _Job:
    parts: CommitParts
    decide: Decide | None
    future: asyncio.Future[list[PublishResult]]
    deadline: float
    context: Context = field(default_factory=copy_context)
    timer: asyncio.TimerHandle | None = None
    seq: int = 0
    store: str = ""  # the id of the store that it was asked of under this number
    tries: int = 0
    given_up: bool = False
    extended: CommitParts | None = None  # with the changes that were decided on

    @property
    def is_undecided(self) -> bool:
        return self.decide is not None and self.extended is None


class CommitLane:
    """The commits of one node. `id` names the lane to the server and in hints."""

    def __init__(
        self,
        client: Client,
        keys: RedisKeys,
        store: StoreState,
        cursors: ChannelCursors,
        limits: LaneLimits,
        now: Callable[[], float],
    ) -> None:
        self._client, self._keys, self._store, self._cursors = client, keys, store, cursors
        self._limits, self._now = limits, now
        self.options = EngineOptions()
        self.sharded = False
        self.id = secrets.token_hex(LANE_BYTES)
        self.committed: Callable[[Sequence[NumberedEvent]], None] = lambda events: None
        """Called with what was committed, after its delivery has begun."""
        self._queue: deque[_Job] = deque()
        self._unresolved: list[_Job] = []
        self._seq = self._acked = 0
        self._is_asking = False
        self._wake = asyncio.Event()
        self._closing = False
        self.trouble = ""
        """A sentence about the last failure; "" while commits go through."""
        cursors.has_unanswered = lambda: self._has_unanswered
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    @property
    def healthy(self) -> bool:
        """Return True while the last commits went through and there is room for more."""
        return not (self.trouble or self._closing) and len(self._queue) < MAX_WAITING

    def submit(self, parts: CommitParts, decide: Decide | None = None) -> asyncio.Future[list[PublishResult]]:
        """Commit in the order of the calls; the future is done when this node has delivered the events.

        `decide` returns more changes, which are of records that it has read; it is asked again where one of them was
        changed meanwhile. Raises Unavailable at once when too many wait.
        """
        if self._closing:
            raise Unavailable("The engine is closed: try again when the service is up")
        if len(self._queue) >= MAX_WAITING:
            raise Unavailable("Too many changes wait for Redis: try again in a few seconds")
        job = _Job(parts, decide, self._loop.create_future(), time.monotonic() + CALL_SECONDS)
        job.timer = self._loop.call_later(CALL_SECONDS, self._give_up, job)
        self._queue.append(job)
        self._wake.set()
        return job.future

    def beaten(self) -> None:
        """Note that the server takes writes: a beat is refused where a commit would be."""
        if not self._queue and not self._unresolved:
            self._succeeded()

    async def repeated(self, key: IdempotencyKey) -> list[PublishResult] | None:
        """Return the first results of a request with this key; None where there was none. Raises as `submit`."""
        try:
            return await self.submit(CommitParts((), (), key, _NEVER))
        except Moved:
            return None

    async def barrier(self) -> None:
        """Return when all that was submitted before is done. Raises Unavailable."""
        with suppress(Moved):
            await self.submit(CommitParts((), (), None, _NEVER))

    async def close(self) -> None:
        """Commit what waits, then stop."""
        self._closing = True
        self._wake.set()
        await self._task

    def _give_up(self, job: _Job) -> None:
        job.given_up = True
        if not job.future.done():
            told = self.trouble or "Redis does not answer"
            job.future.set_exception(Unavailable(f"{told}: try again in a few seconds"))

    # The task

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            while self._queue or self._unresolved:
                self._is_asking = False
                try:
                    await self._step()
                except (RedisError, OSError, TimeoutError, Unavailable, EngineError) as error:
                    self._failed(error)
                except Exception as error:  # a lane that ends would refuse every change from then on
                    _log.exception("redis_lane_failed")
                    self._failed(error)
                else:
                    self._succeeded()
                    self._forget_read()
                    continue
                self._drop_given_up()
                self._forget_read()
                if self._closing and not self._queue:
                    return
                await asyncio.sleep(RETRY_SECONDS)
            if self._closing:
                return
            await self._wake.wait()

    async def _step(self) -> None:
        if self._unresolved:
            await self._resolve()
        jobs = self._take()
        if not jobs or (jobs[0].is_undecided and not await self._decided(jobs[0])):
            return
        for job in jobs:
            if not job.seq:
                self._seq += 1
                job.seq, job.store = self._seq, self._store.store
        self._is_asking = True
        try:
            replies = await self._ask(jobs)
        except BaseException:
            self._put_back(jobs)
            raise
        self._acked = jobs[-1].seq
        await self._settle(jobs, replies)

    async def _settle(self, jobs: Sequence[_Job], replies: Sequence[Any]) -> None:
        """Finish the jobs that were answered; put the others back."""
        again: list[_Job] = []
        is_other_store, refusal = False, None
        for job, reply in zip(jobs, replies, strict=True):
            if isinstance(reply, ResponseError):
                refusal = reply
                self._finish(job, refused(reply))
            elif not self._answered(job, reply):
                job.seq = 0
                again.append(job)
                is_other_store |= reply[0] in (b"STORE", b"BEHIND")
        self._put_back(again)
        if is_other_store:
            await self._store.open()
        if refusal is not None:
            raise refusal

    def _take(self) -> list[_Job]:
        """Return the next jobs: all that need no decision, or one that does."""
        jobs: list[_Job] = []
        while self._queue and len(jobs) < MAX_BATCH:
            job = self._queue[0]
            if job.given_up and not job.seq:
                self._queue.popleft()
                continue
            if not job.seq and self._has_other_history(job):
                self._queue.popleft()
                self._answered(job, [b"TIP"])
                continue
            if job.decide is not None and jobs:
                break
            jobs.append(self._queue.popleft())
            if job.decide is not None:
                break
        return jobs

    def _has_other_history(self, job: _Job) -> bool:
        """Return whether a job is for versions of a store that is not there any more."""
        return job.parts.tip is not None and job.parts.tip.store not in ("", self._store.store)

    def _put_back(self, jobs: Sequence[_Job]) -> None:
        for job in reversed(jobs):
            if not job.given_up:
                self._queue.appendleft(job)
            elif job.seq:
                self._unresolved.insert(0, job)

    def _drop_given_up(self) -> None:
        """Take those out of the queue that nobody waits for: it is in the order of their deadlines."""
        while self._queue and self._queue[0].given_up:
            job = self._queue.popleft()
            if job.seq:  # it may have been carried out
                self._unresolved.append(job)

    async def _decided(self, job: _Job) -> bool:
        """Decide on changes of records; return False where the job ended."""
        decide = job.decide or _nothing
        try:
            async with asyncio.timeout(max(0.05, job.deadline - time.monotonic())):
                changes = await job.context.run(self._loop.create_task, _as_coroutine(decide))
        except (Unavailable, TimeoutError, OSError, RedisError):
            self._put_back([job])
            raise
        except Exception as refusal:
            # A request that was carried out before is answered as it was, whatever would be decided now.
            if job.parts.key is None or not await self._is_repeated(job):
                self._finish(job, refusal)
            return False
        job.extended = job.parts.with_changes(changes)
        return True

    async def _is_repeated(self, job: _Job) -> bool:
        job.extended = CommitParts((), (), job.parts.key, _NEVER)
        self._seq += 1
        job.seq, job.store = self._seq, self._store.store
        (reply,) = await self._ask([job])
        self._acked, job.seq, job.extended = job.seq, 0, None
        return (
            not isinstance(reply, ResponseError) and reply[0] in (b"AGAIN", b"CONFLICT") and self._answered(job, reply)
        )

    async def _ask(self, jobs: Sequence[_Job]) -> list[Any]:
        script, keys = loader.script("commit"), [self._keys.meta, self._keys.lane(self.id)]
        shared = self._shared_fields()
        pipeline = self._client.pipeline(transaction=False)
        for job in jobs:
            until = self._store.server_ms(job.deadline)
            # One that may have been carried out is asked again of that store: no other one may take it for its own.
            fields = {**shared, "store": job.store, "seq": job.seq, "until": until}
            arguments = RequestArguments(self._keys.log, fields, job.extended or job.parts)
            pipeline.execute_command(*script.call(keys, arguments.all()))
        if self.options.durability == "replicated":
            pipeline.execute_command("WAIT", self.options.replicas, int(CALL_SECONDS * 500))
        left = min(job.deadline for job in jobs) - time.monotonic()
        async with asyncio.timeout(max(0.05, left)):
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
        if self.options.durability == "replicated" and replies.pop() < self.options.replicas:
            raise Unavailable("Too few replicas of Redis have the change")
        for reply in replies:
            if isinstance(reply, NoScriptError):
                await execute(self._client, "SCRIPT", "LOAD", script.text)
                return await self._ask(jobs)
            if isinstance(reply, RedisError) and not isinstance(reply, ResponseError):
                raise reply
        return replies

    def _shared_fields(self) -> dict[str, Any]:
        now = self._now()
        return {
            "seen": self._store.seen,
            "acked": self._acked,
            "lane": bytes.fromhex(self.id),
            "node": self.options.node,
            "sharded": self.sharded,
            "keep": int(self._limits.key_seconds * 1000),
            "now": int(now),
            "oldest": int(now - self._limits.key_seconds),
            "rows": self._limits.operation_rows,
            "logged": LOGGED_COMMITS,
        }

    async def _resolve(self) -> None:
        jobs = self._unresolved
        replies = await loader.run(
            self._client, "resolve", [self._keys.lane(self.id)], self._acked, *(job.seq for job in jobs)
        )
        self._unresolved = []
        self._acked = max(self._acked, jobs[-1].seq)
        for job, packed in zip(jobs, replies, strict=True):
            if packed:
                self._answered(job, _unpacked(packed))

    def _answered(self, job: _Job, reply: Sequence[Any]) -> bool:
        """Finish the job with the script's reply; return False where it is to be asked again."""
        status, told = bytes(reply[0]), reply[1:]
        if status == b"DONE":
            self._done(job, told)
        elif status == b"AGAIN":
            places = zip(told[0::3], told[1::3], told[2::3], strict=True)
            results = [self._result(job, bytes(channel).decode(), g, o, repeated=True) for channel, g, o in places]
            self._finish(job, results)
        elif status == b"CONFLICT":
            self._finish(job, KeyConflict("The idempotency key was used with another body: take a new key"))
        elif status == b"MOVED":
            return self._moved(job, int(told[0]))
        elif status == b"TIP":
            self._finish(job, TipMoved(job.parts.tip.channel if job.parts.tip else ""))
        elif status == b"KNOWN":
            self._finish(job, EditsKnown(known_edits(job.parts, told)))
        elif status == b"LATE":
            self._store.set_clock(int(told[0]))
            return False
        else:  # STORE, BEHIND, VOID
            return False
        return True

    def _moved(self, job: _Job, index: int) -> bool:
        own = len(job.parts.changes)
        if index < own or job.tries >= MAX_DECISIONS:
            parts = job.extended or job.parts
            self._finish(job, Moved(f"{parts.changes[index].kind} {parts.changes[index].key}"))
            return True
        job.tries += 1
        job.extended = None
        return False

    def _done(self, job: _Job, told: Sequence[Any]) -> None:
        number, places = int(told[0]), told[1:]
        events, results = [], []
        for event, generation, offset in zip(job.parts.events, places[0::2], places[1::2], strict=True):
            events.append(NumberedEvent(generation, offset, number if offset else 0, event, job.store))
            number += 1 if offset else 0
            results.append(self._result(job, event.channel, generation, offset))
        self._store.saw(number - 1)
        if events:
            self._cursors.own(events, job.context, lambda: self._finish(job, results))
            self.committed(events)
        else:
            self._finish(job, results)

    def _result(
        self, job: _Job, channel: str, generation: int, offset: int, *, repeated: bool = False
    ) -> PublishResult:
        if not offset:
            return PublishResult(channel, None, None, repeated)
        return PublishResult(channel, offset, epoch_of(job.store, channel, generation), repeated)

    @property
    def _has_unanswered(self) -> bool:
        """True while a commit may be in the store of which this node has not learned the place."""
        return self._is_asking or bool(self._unresolved) or (bool(self._queue) and self._queue[0].seq > 0)

    def _forget_read(self) -> None:
        self._is_asking = False
        if not self._has_unanswered:
            self._cursors.forget_read()

    def _finish(self, job: _Job, outcome: list[PublishResult] | Exception) -> None:
        if job.timer is not None:
            job.timer.cancel()
        if job.future.done():
            return
        if isinstance(outcome, Exception):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)

    def _failed(self, error: BaseException) -> None:
        if not self.trouble:
            _log.error("redis_refused", error=repr(error))
        self.trouble = str(error if isinstance(error, Unavailable) else refused(error)).partition(": try again")[0]

    def _succeeded(self) -> None:
        if self.trouble:
            self.trouble = ""
            _log.info("redis_healthy")


_NEVER: Final = (RecordChange("", "", -1, None),)
"""A change that never holds: it makes the script only look for the key."""


async def _nothing() -> Sequence[RecordChange]:
    return ()


async def _as_coroutine(decide: Decide) -> Sequence[RecordChange]:
    return await decide()


def _unpacked(packed: bytes) -> list[Any]:
    """Return a reply that Lua packed: its strings may be no text."""
    return [one.encode() if isinstance(one, str) else one for one in msgspec.msgpack.decode(packed)]
