"""Documents that many people edit: one lane each, in which edits are ordered, committed and answered.

A lane takes what waits, decides it against everything committed, and appends it at the log's tip in one step. Others
receive the versions from the broker like any event; the author's `operation_ack` takes the place of its own version,
so what a connection receives is in version order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import structlog

from app.core import documents as core
from app.core.authorization import NO_SENDING
from app.core.documents import EditError, Manuscript
from app.core.origin import Origin, origin_now
from app.engine.ports import TipMoved, Unavailable, Version
from app.services.quotas import QuotaExceeded
from dossier_realtime.ot.flat import write_remote
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload
from dossier_realtime.protocol.responses import DocumentState

from .differences import Differences
from .shared_texts import SharedText, SharedTexts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.engine.ports import Broker, DocumentStore, KnownOperation
    from app.services.quotas import Quotas
    from dossier_realtime.ot.collab import Log
    from dossier_realtime.ot.difference import Hunk
    from dossier_realtime.ot.operations import Operation
    from dossier_realtime.protocol.commands import EditPayload

_log = structlog.get_logger("documents")

BATCH = 64  # edits decided and committed together
SNAPSHOT_EVERY = 500  # versions
IDLE = 60.0  # seconds without an edit after which a document nobody is on is let go
_PAGE = 500
_STEPS = 10  # versions of one edit that one turn of the loop makes


@dataclass(slots=True, eq=False)
class Submission:
    """An edit on its way to its document.

    `answer` gets the version that it became, or why it did not. The connection `connection_id` gets no other notice of
    its own versions; it is empty for an edit over HTTP. `whole`: instead of an edit, the document's new text; `hunks`:
    how it came from the text of version `expected`, where that is known. `holds`: whether the author has the right
    still; asked before a commit.
    """

    connection_id: str
    user_id: str
    user_name: str
    answer: Callable[[int | EditError], None]
    edit: EditPayload | None = None
    whole: str = ""
    expected: int = 0
    role: str = ""
    hunks: list[Hunk] | None = None
    answered: bool = False
    holds: Callable[[], bool] = lambda: True
    origin: Origin | None = field(default_factory=origin_now.get)

    def reply(self, outcome: int | EditError) -> None:
        """Answer, once."""
        if not self.answered:
            self.answered = True
            self.answer(outcome)


class Documents:
    """The open documents of this node."""

    def __init__(
        self,
        store: DocumentStore,
        broker: Broker,
        ready: Callable[[], bool],
        in_use: Callable[[str], bool],
        quotas: Quotas,
    ) -> None:
        self._store, self._broker, self._ready, self._in_use = store, broker, ready, in_use
        self._quotas = quotas
        self.differences = Differences()
        self._texts = SharedTexts()
        self._lanes: dict[str, _Lane] = {}

    async def exists(self, channel: str) -> bool:
        """Return whether the document has a version: one look at its head, which costs the same for any name."""
        return (await self._broker.position(channel)).offset > 0

    async def state(self, channel: str) -> DocumentState:
        """The document as it is. An unknown one is version 0 and empty."""
        return (await self.manuscript(channel)).state()

    async def opened(self, channel: str) -> tuple[DocumentState, SharedText]:
        """Return the document as it is, without its text, and the text as it goes to everybody who opens it."""
        manuscript = await self.manuscript(channel)
        return DocumentState(manuscript.version, "", []), self._texts.of(channel, manuscript.document)

    async def manuscript(self, channel: str) -> Manuscript:
        """The document as it is committed; not to be changed."""
        lane = self._lane(channel)
        await lane.loaded()
        return lane.committed

    async def upcoming(self, channel: str) -> Manuscript:
        """The document with what is being committed; not to be changed. What is published now is delivered after it."""
        lane = self._lane(channel)
        await lane.loaded()
        return lane.appending or lane.committed

    async def at(self, channel: str, version: int) -> tuple[DocumentState, SharedText] | None:
        """Return the document as it was at a version, as `opened` does; None where that is not kept, or yet to come."""
        position = await self._broker.position(channel)
        if version > position.offset:
            return None
        found = await self._store.snapshot(channel, version)
        if found is None and position.oldest > 1:
            return None
        manuscript = Manuscript() if found is None else core.unpack(found[1])
        await _replay(self._broker, channel, manuscript, version)
        return DocumentState(manuscript.version, "", []), SharedText(manuscript.document)

    async def replace(self, channel: str, submission: Submission) -> None:
        """Take a whole new text into its document's lane, after the difference was looked for. Others edit meanwhile;
        if they do, it is a conflict. Raises Unavailable."""
        manuscript = await self.manuscript(channel)
        if submission.expected == manuscript.version:
            try:
                new = core.whole_text(submission.whole)
            except EditError as refusal:
                submission.reply(refusal)
                return
            submission.hunks = await self.differences.between(manuscript.document.text, new)
        self.submit(channel, submission)

    def submit(self, channel: str, submission: Submission) -> None:
        """Take an edit into its document's lane; the order of the calls is the order of the lane."""
        self._lane(channel).submit(submission)

    def claim(self, channel: str, version: int, frame: bytes) -> Submission | None:
        """Return the submission whose version is being delivered, if it came through here; the last version of an
        edit answers it."""
        lane = self._lanes.get(channel)
        return None if lane is None else lane.claim(version, frame)

    def sweep(self) -> None:
        """Let go of documents that rest and that nobody is on."""
        now = asyncio.get_running_loop().time()
        for channel, lane in list(self._lanes.items()):
            if lane.idle_since(now) > IDLE and not self._in_use(channel):
                del self._lanes[channel]

    @property
    def open(self) -> int:
        """How many documents are in memory."""
        return len(self._lanes)

    def _lane(self, channel: str) -> _Lane:
        lane = self._lanes.get(channel)
        if lane is None:
            lane = self._lanes[channel] = _Lane(
                channel, self._store, self._broker, self._ready, self._quotas, self.differences
            )
        return lane


class _Placed(NamedTuple):
    """A version on its way to the log, and whether it is its edit's last."""

    submission: Submission
    body: bytes
    last: bool


class _Lane:
    """One document: what is committed, what waits, and what is being appended."""

    def __init__(
        self,
        channel: str,
        store: DocumentStore,
        broker: Broker,
        ready: Callable[[], bool],
        quotas: Quotas,
        differences: Differences,
    ) -> None:
        self._differences = differences
        self._quotas = quotas
        self._channel, self._store, self._broker, self._ready = channel, store, broker, ready
        self.committed = Manuscript()
        self.appending: Manuscript | None = None
        self._waiting: deque[Submission] = deque()
        self._placed: dict[int, _Placed] = {}
        self._loop = asyncio.get_running_loop()
        self._used = self._loop.time()
        self._snapshot = 0
        self._loading: asyncio.Task[None] | None = None
        self._is_loaded = False
        self._working: asyncio.Task[None] | None = None

    def idle_since(self, now: float) -> float:
        busy = self._working is not None or (self._loading is not None and not self._loading.done())
        return 0.0 if busy else now - self._used

    async def loaded(self) -> None:
        """Return when the document is in memory. Raises Unavailable."""
        self._used = self._loop.time()
        if self._is_loaded:
            return
        if self._loading is None or self._loading.done():
            self._loading = self._loop.create_task(self._load())
        await asyncio.shield(self._loading)

    def submit(self, submission: Submission) -> None:
        self._used = self._loop.time()
        self._waiting.append(submission)
        if self._working is None:
            self._working = self._loop.create_task(self._work())

    def claim(self, version: int, frame: bytes) -> Submission | None:
        found = self._placed.get(version)
        if found is None or found.body != frame:
            return None  # another node's: ours comes behind it
        del self._placed[version]
        if found.last:
            found.submission.reply(version)
        return found.submission

    async def _load(self) -> None:
        position = await self._broker.position(self._channel)
        found = await self._store.snapshot(self._channel, position.offset)
        manuscript = Manuscript() if found is None else core.unpack(found[1])
        self._snapshot = manuscript.version
        await _replay(self._broker, self._channel, manuscript, position.offset)
        self.committed = manuscript
        self._is_loaded = True

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._turn([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])
        finally:
            self._working = None

    async def _turn(self, batch: list[Submission]) -> None:
        """Decide and commit a batch; what must wait for it goes back to the front of the queue."""
        try:
            await self._commit(batch)
        except TipMoved:
            self._take_back(batch)
            self._is_loaded = False
        except Unavailable:
            self._placed.clear()
            self._is_loaded = False
            refusal = EditError(ErrorCode.SERVICE_UNAVAILABLE, "The service cannot store changes now; try again later")
            self._refuse(batch, refusal)
        except Exception:
            # Whatever it was, nobody may wait for ever, and nothing half decided may stay.
            _log.exception("a document's lane failed", channel=self._channel)
            self._placed.clear()
            self._is_loaded = False
            text = "The service failed to take this edit; send it again"
            self._refuse(batch, EditError(ErrorCode.INTERNAL_ERROR, text))

    def _refuse(self, batch: Sequence[Submission], refusal: EditError) -> None:
        for submission in batch:
            if submission not in self._waiting:
                submission.reply(refusal)

    async def _commit(self, batch: list[Submission]) -> None:
        if not self._ready():
            raise Unavailable("the journal cannot be written")
        await self.loaded()
        known = await self._known(batch)
        tentative = self.committed.copy()
        versions: list[Version] = []
        rest = await self._decide_all(batch, known, tentative, versions)
        self._waiting.extendleft(reversed(rest))
        if not all(one.submission.holds() for one in self._placed.values()):
            self._take_back(batch)  # a right was lost while others were decided: once more, without its holder's
            return
        if versions:
            self.appending = tentative
            try:
                await self._store.append(self._channel, self.committed.version, versions)
            finally:
                self.appending = None
            self.committed = tentative
            self._answer_undelivered()
            await self._keep_snapshot()

    async def _known(self, batch: Sequence[Submission]) -> dict[str, KnownOperation]:
        ids = [s.edit.op_id for s in batch if s.edit is not None and s.edit.op_id is not None]
        return dict(await self._store.known(self._channel, ids)) if ids else {}

    async def _decide_all(
        self,
        batch: Sequence[Submission],
        known: dict[str, KnownOperation],
        tentative: Manuscript,
        versions: list[Version],
    ) -> list[Submission]:
        """Advance the tentative manuscript by each submission in turn; returns those that must wait for the commit."""
        taken: set[str] = set()
        for index, submission in enumerate(batch):
            if not submission.holds():
                submission.reply(EditError(ErrorCode.PERMISSION_DENIED, NO_SENDING))
                continue
            op_id = submission.edit.op_id if submission.edit is not None else None
            if op_id is not None and op_id in taken:
                return list(batch[index:])  # its twin is being committed: then it is known
            if op_id is not None and op_id in known:
                self._answer_known(submission, known[op_id])
                continue
            try:
                steps = await self._decide(submission, tentative)
                made = [self._version(submission, step, tentative.version + n) for n, step in enumerate(steps, 1)]
                self._charge(submission, made, begins=tentative.version == 0)
            except EditError as refusal:
                submission.reply(refusal)
                continue
            if not steps:
                if versions:
                    return list(batch[index:])  # its ack comes after the versions before it
                submission.reply(tentative.version)
                continue
            if op_id is not None:
                taken.add(op_id)
            for number, (step, version) in enumerate(zip(steps, made, strict=True), 1):
                if number % _STEPS == 0:
                    await asyncio.sleep(0)
                versions.append(version)
                tentative.advance(step)
                self._placed[tentative.version] = _Placed(submission, version.body, version is made[-1])
        return []

    def _charge(self, submission: Submission, made: Sequence[Version], *, begins: bool) -> None:
        """Count what the edit makes the service keep to its author. Raises EditError."""
        stored = sum(len(version.body) for version in made)
        try:
            self._quotas.charge(submission.user_id, submission.role, channels=int(begins and bool(made)), stored=stored)
        except QuotaExceeded as enough:
            raise EditError(enough.code, str(enough), retry_after=enough.retry_after) from None

    async def _decide(self, submission: Submission, tentative: Manuscript) -> list[Operation]:
        edit = submission.edit
        if edit is None:
            if submission.expected != tentative.version:
                text = f"The document is at version {tentative.version}; read it and try again"
                raise EditError(ErrorCode.VERSION_CONFLICT, text, tentative.version)
            new = core.whole_text(submission.whole)
            found = submission.hunks
            if found is None:  # its version came only after it was submitted
                found = await self._differences.between(tentative.document.text, new)
            return core.replacement(tentative.document, new, found)
        log = tentative.log
        if edit.version < log.start:
            log = await self._reaching(edit.version, tentative)
        deciding = core.decide(tentative, edit, log)
        while True:
            try:
                next(deciding)
            except StopIteration as decided:
                steps: list[Operation] = decided.value
                return steps
            await asyncio.sleep(0)

    async def _reaching(self, version: int, tentative: Manuscript) -> Log:
        """The manuscript's log with what came before it, back to a version as far as the store keeps it."""
        start, older = tentative.log.start, list[RemoteOperationPayload]()
        while version + len(older) < start:
            page = await self._broker.read(self._channel, version + len(older), start - version - len(older))
            if not page:
                return tentative.log
            older += [_payload(publication.frame) for publication in page]
        return core.extended(tentative.log, core.length_at_start(tentative), older)

    def _version(self, submission: Submission, step: Operation, version: int) -> Version:
        op_id = submission.edit.op_id if submission.edit is not None else None
        payload = write_remote(step, version, submission.user_id, submission.user_name, op_id)
        body = codec.encode(RemoteOperation(channel=self._channel, payload=payload))
        return Version(body, submission.user_id, op_id, submission.connection_id)

    def _answer_known(self, submission: Submission, known: KnownOperation) -> None:
        if known.user_id == submission.user_id:
            submission.reply(known.version)
        else:
            text = "This op_id is another user's; make a new one (at $.payload.op_id)"
            submission.reply(EditError(ErrorCode.PERMISSION_DENIED, text))

    def _answer_undelivered(self) -> None:
        """Nobody on this node receives the channel: the versions came by no delivery."""
        for version, placed in sorted(self._placed.items()):
            self.claim(version, placed.body)

    def _take_back(self, batch: Sequence[Submission]) -> None:
        placed = {id(one.submission) for one in self._placed.values()}
        self._placed.clear()
        self._waiting.extendleft(s for s in reversed(batch) if id(s) in placed)

    async def _keep_snapshot(self) -> None:
        if self.committed.version - self._snapshot >= SNAPSHOT_EVERY:
            self._snapshot = self.committed.version
            await self._store.keep_snapshot(self._channel, self._snapshot, core.pack(self.committed))


async def _replay(broker: Broker, channel: str, manuscript: Manuscript, until: int) -> None:
    """Advance the manuscript by the log up to a version. Raises Unavailable where the log does not reach."""
    while manuscript.version < until:
        page = await broker.read(channel, manuscript.version, min(_PAGE, until - manuscript.version))
        if not page:
            raise Unavailable(f"the log of {channel} has a hole after version {manuscript.version}")
        for publication in page:
            manuscript.advance_by(_payload(publication.frame))


def _payload(frame: bytes) -> RemoteOperationPayload:
    event = codec.decode_event(frame)
    assert isinstance(event, RemoteOperation)  # noqa: S101  a document's log holds nothing else
    return event.payload
