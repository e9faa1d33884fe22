"""The queue of one document, in which edits are ordered, committed and answered.

A turn takes the edits that wait, decides them against all that is committed, and appends the versions at the log's tip
in one transaction. Nothing in memory changes before the append has succeeded. Others receive the versions from the
broker like any event; the author's `operation_ack` takes the place of its own version, so that a connection receives
everything in the order of versions.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from app.core.authorization import NO_SENDING
from app.core.domain import documents as core
from app.core.domain.documents import EditError, KeyReuseError, RecordMovedError, VersionedDocument
from app.core.origin import origin_now
from app.engine.ports.documents import EditsKnown, Version
from app.engine.ports.errors import Moved, TipMoved, Unavailable
from app.services.quotas import QuotaExceeded
from app.telemetry.stalls import at_turn_end
from dossier_realtime.protocol.errors import ErrorCode

from .document_log import replay
from .edit_decision import EditDecision
from .edit_submission import WholeText
from .pending_versions import PendingVersion, PendingVersions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.core.position import StreamPosition
    from app.engine.ports.documents import DocumentStore, KnownOperation, OperationKey
    from app.engine.ports.events import Broker
    from app.services.quotas import Quotas

    from .edit_submission import EditSubmission

_log = structlog.get_logger("documents")

MAX_BATCH = 64  # edits decided and committed together
SNAPSHOT_VERSIONS = 500  # versions between two snapshots
_NEW_ID = "make a new one (at $.payload.op_id)"
_VERSIONS_PER_TURN = 10  # versions of one edit that one turn of the loop makes


class DocumentQueue:
    """One document: its committed state, the edits that wait, and the versions that are being appended."""

    def __init__(
        self,
        channel: str,
        store: DocumentStore,
        broker: Broker,
        ready: Callable[[], bool],
        quotas: Quotas,
    ) -> None:
        self._decision = EditDecision(channel, broker)
        self._quotas = quotas
        self._channel, self._store, self._broker, self._ready = channel, store, broker, ready
        self.committed = VersionedDocument()
        self.epoch = ""  # the history of the document, once it is loaded
        self._appending: tuple[str, VersionedDocument] | None = None  # the history, and the document after the commit
        self._waiting: deque[EditSubmission] = deque()
        self._pending = PendingVersions()
        self._known: Mapping[OperationKey, KnownOperation] = {}  # edits that the store refused to commit again
        self._loop = asyncio.get_running_loop()
        self._used = self._loop.time()
        self._snapshot = 0
        self._loading: asyncio.Task[None] | None = None
        self._is_loaded = False
        self._at_turn_end = at_turn_end(self._loop)
        self._is_beginning = False  # at the end of this turn of the loop
        self._working: asyncio.Future[Any] | None = None
        self._turned: asyncio.Future[None] = (
            self._loop.create_future()
        )  # done when the turn under way, or the next one, has ended

    @property
    def upcoming(self) -> VersionedDocument:
        """The document with the versions that are being committed; not those of an ended history."""
        if self._appending is not None and self._appending[0] == self.epoch:
            return self._appending[1]
        return self.committed

    def idle_since(self, now: float) -> float:
        """Return the seconds without an edit, 0 while there is work."""
        is_loading = self._loading is not None and not self._loading.done()
        busy = is_loading or self._is_beginning or self._working is not None
        return 0.0 if busy else now - self._used

    async def loaded(self, *, as_known: bool = False) -> None:
        """Return when the document is in memory with all versions that were delivered. Raises Unavailable.

        `as_known`: it may lack versions of other nodes; a commit finds that out.
        """
        self._used = self._loop.time()
        if self._is_loaded and (as_known or await self._is_current()):
            return
        if self._loading is None or self._loading.done():
            self._loading = self._loop.create_task(self._load())
        await asyncio.shield(self._loading)
        if not self._is_loaded:
            await self.loaded(as_known=as_known)

    async def _is_current(self) -> bool:
        """Return whether no other node has committed a version since, and the document is not another one."""
        position = await self._broker.position(self._channel)
        while self._working is not None and self._is_loaded and self._is_behind(position):
            await asyncio.shield(self._turned)  # its commit finds out what others have committed
        if self._is_behind(position):
            self._is_loaded = False
        return self._is_loaded

    def _is_behind(self, position: StreamPosition) -> bool:
        return position.epoch != self.epoch or position.offset > self.committed.version

    def reload(self) -> None:
        """Load the document again before its next use: its history has ended."""
        self._is_loaded = False
        self.epoch = ""

    def submit(self, submission: EditSubmission) -> None:
        """Queue an edit, and begin to work if the queue rests, when all edits that came in this turn are here."""
        self._used = self._loop.time()
        self._waiting.append(submission)
        if self._working is None and not self._is_beginning:
            self._is_beginning = True
            self._at_turn_end(self._begin)

    def _begin(self) -> None:
        self._is_beginning = False
        if self._waiting and self._working is None and not self._begin_at_once():
            self._working = self._loop.create_task(self._work())

    def _begin_at_once(self) -> bool:
        """Decide the first edits that wait and begin to commit them, without a task; return False where that cannot be.

        It does what `_work` does for edits that have to wait for nothing, as almost all that people type.
        """
        if self._known or not self._is_loaded or not self._ready():
            return False
        tentative, epoch = self.committed.copy(), self.epoch
        versions: list[Version] = []
        batch: list[EditSubmission] = []
        try:
            while self._waiting and len(batch) < MAX_BATCH and self._try_decide(self._waiting[0], tentative, versions):
                batch.append(self._waiting.popleft())
            if not batch:
                return False
            appended = self._store.append(self._channel, self.committed.version, versions, epoch)
        except Exception:  # too many changes wait, or a fault: `_work` meets the same, and answers each author
            self._take_back(batch)
            return False
        self._appending = epoch, tentative
        self._working = asyncio.ensure_future(appended)
        self._working.add_done_callback(partial(self._end_at_once, batch, tentative, epoch))
        return True

    def _try_decide(self, submission: EditSubmission, tentative: VersionedDocument, versions: list[Version]) -> bool:
        """Advance `tentative` and `versions` by an edit, if it needs nothing that takes time, and return whether."""
        key = submission.key
        if submission.extras is not None or self._pending.has(key):
            return False
        steps = self._decision.at_once(submission, tentative, self.epoch)
        if not 0 < len(steps) < _VERSIONS_PER_TURN or not submission.holds():
            return False
        made = [self._decision.version(submission, step, tentative.version + n) for n, step in enumerate(steps, 1)]
        author, channels, stored = submission.author, int(tentative.version == 0), sum(len(one.body) for one in made)
        if not self._quotas.charge_at_once(author.user_id, author.role, channels=channels, stored=stored):
            return False
        submission.charged = (channels, stored)
        self._pending.place(submission, steps, made, tentative, made[-1])
        versions += made
        return True

    def _end_at_once(
        self,
        batch: list[EditSubmission],
        tentative: VersionedDocument,
        epoch: str,
        appended: asyncio.Future[Any],
    ) -> None:
        self._appending = self._working = None
        wrong = Unavailable("the node ends") if appended.cancelled() else appended.exception()
        try:
            if wrong is None:
                self._settle(batch, tentative, epoch)
            else:
                self._fail(batch, wrong)
        except Exception as fault:  # each author is answered once, whatever failed
            self._fail(batch, fault)
        finally:
            self._end_turn()
        if self._is_snapshot_due:
            self._working = self._loop.create_task(self._work())
        else:
            self._begin()

    def claim(self, version: int, frame: bytes) -> PendingVersion | None:
        """Take the version that is delivered as `frame` from those that are pending; the caller answers its author."""
        return self._pending.claim(version, frame)

    async def _load(self) -> None:
        position = await self._broker.position(self._channel)
        if position.epoch == self.epoch and position.oldest - 1 <= self.committed.version <= position.offset:
            versioned = self.committed.copy()  # other nodes have gone on from here
        else:
            found = await self._store.snapshot(self._channel, position.offset)
            versioned = VersionedDocument() if found is None else core.unpack(found[1])
            self._snapshot = versioned.version
        await replay(self._broker, self._channel, versioned, position.offset)
        self.committed, self.epoch = versioned, position.epoch
        # The document may have been deleted while it was read: then it is read again.
        self._is_loaded = (await self._broker.position(self._channel)).epoch == position.epoch

    async def _work(self) -> None:
        try:
            await self._keep_due_snapshot()
            while self._waiting:
                try:
                    await self._turn([self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))])
                finally:
                    self._end_turn()
        finally:
            self._working = None
            self._end_turn()  # of a snapshot alone: a reader that came meanwhile waits for a turn

    def _end_turn(self) -> None:
        # The next one is there at once: a reader that comes between two turns must wait for something.
        turned, self._turned = self._turned, self._loop.create_future()
        turned.set_result(None)

    async def _turn(self, batch: list[EditSubmission]) -> None:
        """Decide and commit a batch; what must wait for it goes back to the front of the queue."""
        try:
            await self._commit(batch)
        except Exception as wrong:
            self._fail(batch, wrong)

    def _fail(self, batch: Sequence[EditSubmission], wrong: BaseException) -> None:
        """Answer or take back a batch that was not committed: nothing half decided stays."""
        match wrong:
            case TipMoved():
                self._take_back(batch)
                self._is_loaded = False
            case EditsKnown():
                self._take_back(batch)
                self._known = wrong.known
            case Moved():
                self._refuse(self._drop_pending(), RecordMovedError())  # one alone, see `_must_wait`
            case Unavailable():
                self._drop_pending()
                self._is_loaded = False
                text = "The service cannot store changes now; try again later"
                self._refuse(batch, EditError(ErrorCode.SERVICE_UNAVAILABLE, text))
            case _:  # after any failure each author gets an answer
                _log.error("a document's queue failed", channel=self._channel, exc_info=wrong)
                self._drop_pending()
                self.reload()
                text = "The service failed to take this edit; send it again"
                self._refuse(batch, EditError(ErrorCode.INTERNAL_ERROR, text))

    def _refuse(self, batch: Sequence[EditSubmission], refusal: EditError) -> None:
        for submission in batch:
            if submission not in self._waiting:
                submission.reply(refusal)

    async def _commit(self, batch: list[EditSubmission]) -> None:
        if not self._ready():
            raise Unavailable("the journal cannot be written")
        await self.loaded(as_known=True)
        # Decided and appended as of now: the document may be deleted, and another one be loaded, in the meantime.
        base, epoch = self.committed, self.epoch
        known, self._known = self._known, {}
        tentative = base.copy()
        versions: list[Version] = []
        rest = await self._decide_all(batch, known, (epoch, base.version), tentative, versions)
        self._waiting.extendleft(reversed(rest))
        if not all(submission.holds() for submission in self._pending.submissions):
            # An author lost the right while others were decided: decide again without their edits.
            self._take_back(batch)
            return
        if versions:
            self._appending = epoch, tentative
            try:
                await self._append(base.version, versions, epoch, tentative)
            finally:
                self._appending = None
            self._settle(batch, tentative, epoch)
            await self._keep_snapshot()

    def _settle(self, batch: Sequence[EditSubmission], tentative: VersionedDocument, epoch: str) -> None:
        """Take over what was committed."""
        for submission in batch:
            submission.charged = (0, 0)
        if self.epoch == epoch and self.committed.version < tentative.version:
            self.committed = tentative
        self._pending.answer_all()

    async def _append(self, tip: int, versions: Sequence[Version], epoch: str, tentative: VersionedDocument) -> None:
        submission = self._pending.first
        if submission is None or submission.extras is None:
            await self._store.append(self._channel, tip, versions, epoch)
            return
        # Other events than versions are delivered in the context of this call: it tells the journal their origin.
        before = origin_now.set(submission.origin)
        try:
            await self._store.append(self._channel, tip, versions, epoch, submission.extras(tentative))
        finally:
            origin_now.reset(before)

    async def _decide_all(
        self,
        batch: Sequence[EditSubmission],
        known: Mapping[OperationKey, KnownOperation],
        base: tuple[str, int],
        tentative: VersionedDocument,
        versions: list[Version],
    ) -> list[EditSubmission]:
        """Advance the tentative document by each submission in turn; return those that must wait for the commit.

        `base`: epoch and version of the text from which the tentative document was copied.
        """
        taken: set[OperationKey] = set()
        for index, submission in enumerate(batch):
            if not submission.holds():
                submission.reply(EditError(ErrorCode.PERMISSION_DENIED, NO_SENDING))
                continue
            key = submission.key
            if self._must_wait(submission, taken):
                return list(batch[index:])
            if key is not None and key in known:
                self._answer_known(submission, known[key])
                continue
            # An edit that is new, as almost all are, is not looked up here: the store does that where it commits it.
            try:
                steps = await self._decision.decide(submission, tentative, *base)
                made = [
                    self._decision.version(submission, step, tentative.version + n) for n, step in enumerate(steps, 1)
                ]
                await self._charge(submission, made, begins=tentative.version == 0)
            except EditError as refusal:
                if await self._must_reconsider(submission):
                    return list(batch[index:])
                await self._answer_without_version(submission, refusal)
                continue
            if not steps:
                if versions:
                    return list(batch[index:])  # it has no version: its ack comes after those before it
                await self._answer_without_version(submission, tentative.version)
                continue
            if key is not None:
                taken.add(key)
            for begin in range(0, len(made), _VERSIONS_PER_TURN):
                if begin:
                    await asyncio.sleep(0)
                some = slice(begin, begin + _VERSIONS_PER_TURN)
                self._pending.place(submission, steps[some], made[some], tentative, made[-1])
            versions += made
        return []

    def _must_wait(self, submission: EditSubmission, taken: set[OperationKey]) -> bool:
        """Return whether an edit must wait for the commit of those that were decided before it in this turn."""
        if submission.key in taken:
            return True  # the same edit, sent twice, is being committed: after that it is known
        decided = self._pending.first
        # One with extras is committed alone: a record that has moved refuses no other edit.
        return decided is not None and not (submission.extras is None and decided.extras is None)

    async def _must_reconsider(self, submission: EditSubmission) -> bool:
        """Return whether a refusal was decided without what other nodes have committed: then all is read again."""
        if submission.is_reconsidered or not self._is_behind(await self._broker.position(self._channel)):
            return False
        submission.is_reconsidered = True
        self._is_loaded = False
        return True

    async def _charge(self, submission: EditSubmission, made: Sequence[Version], *, begins: bool) -> None:
        """Charge the bytes and the channel that the edit adds to its author's quotas. Raises EditError and Unavailable.

        What is charged for versions that are not committed in this turn is given back: an edit may need several turns.
        """
        stored = sum(len(version.body) for version in made)
        try:
            author, channels = submission.author, int(begins and bool(made))
            await self._quotas.charge(author.user_id, author.role, channels=channels, stored=stored)
        except QuotaExceeded as enough:
            raise EditError(enough.code, str(enough), retry_after=enough.retry_after) from None
        submission.charged = (channels, stored)

    async def _answer_without_version(self, submission: EditSubmission, outcome: int | EditError) -> None:
        """Answer an edit that makes no version now: as before, if it was committed before."""
        key = submission.key
        known = {} if key is None else await self._store.known(self._channel, [key])
        if key is not None and key in known:
            self._answer_known(submission, known[key])
        else:
            submission.reply(outcome)

    def _answer_known(self, submission: EditSubmission, known: KnownOperation) -> None:
        if known.digest in (b"", submission.digest):
            submission.reply(known.version)
        else:
            if isinstance(submission.change, WholeText):
                submission.reply(KeyReuseError())
                return
            text = f"This op_id was given to another edit, version {known.version}; {_NEW_ID}"
            submission.reply(EditError(ErrorCode.INVALID_MESSAGE_FORMAT, text))

    def _take_back(self, batch: Sequence[EditSubmission]) -> None:
        placed = {id(submission) for submission in self._drop_pending()}
        self._waiting.extendleft(s for s in reversed(batch) if id(s) in placed)

    def _drop_pending(self) -> list[EditSubmission]:
        """Drop what was not committed, give the authors back what they were charged, and return the edits."""
        dropped = self._pending.drop()
        for submission in dropped:
            channels, stored = submission.charged
            submission.charged = (0, 0)
            self._quotas.give_back(submission.author.user_id, channels=channels, stored=stored)
        return dropped

    @property
    def _is_snapshot_due(self) -> bool:
        return self.committed.version - self._snapshot >= SNAPSHOT_VERSIONS

    async def _keep_due_snapshot(self) -> None:
        """Keep the snapshot that the edits decided at once left to do; whatever fails, those that wait go on."""
        try:
            if self._is_loaded:  # else the text may be of a history that has ended
                await self._keep_snapshot()
        except Unavailable:
            pass  # the next one is kept
        except Exception:
            _log.exception("a document's snapshot failed", channel=self._channel)

    async def _keep_snapshot(self) -> None:
        if self._is_snapshot_due:
            self._snapshot = self.committed.version
            await self._store.keep_snapshot(self._channel, self._snapshot, core.pack(self.committed))
