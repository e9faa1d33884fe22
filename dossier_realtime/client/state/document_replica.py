"""The client's replica of a document: local edits at once, all edits in the server's order. Pure.

Calls of the user and messages of the server go in, effects come out; the algorithm is
`dossier_realtime.ot.collab.Pending`. At most one operation is in flight. After a reconnect it is sent again unchanged,
under its `op_id`, so that the server can recognise it; later edits wait in a buffer, online or offline.

`now` is seconds on a steady clock; positions and lengths count UTF-16 code units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import structs

from dossier_realtime.ot.collab import OutOfStep, Pending
from dossier_realtime.ot.difference import difference
from dossier_realtime.ot.document import Document, effective
from dossier_realtime.ot.operations import DoesNotFit, Operation
from dossier_realtime.ot.undo.history import History
from dossier_realtime.ot.undo.landing import Deletions, Landing, landing
from dossier_realtime.ot.units import splits_pair
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.commands import EditOperation, MoveCursor, Since
from dossier_realtime.protocol.documents.comments import DocumentComment
from dossier_realtime.protocol.documents.document_events import CursorGone, DocumentStateEvent
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.events import CursorPosition, RemoteOperation, RemoteOperationPayload

from ..errors import FOR_NOW, DeniedError, DocumentRestored, NotSubscribed, ProtocolViolation
from .changes import Change, Cursor, Origin, edits_of
from .editing.comment_states import CommentStates
from .editing.document_status import DocumentStatus, takes_no_edits
from .editing.edit_pace import EditPace
from .editing.own_caret import OwnCaret
from .editing.remote_cursors import RemoteCursor, RemoteCursors
from .effects import Changed, CommentsChanged, CursorsMoved, Effect, ErrorReport, Opened, StatusChanged, Synced, Write

RETRY_AFTER_SECONDS = 15.0  # until a refused operation is sent again, where the server names no delay
RELOAD_INTERVAL_SECONDS = 1.0  # between two loads; bounds the requests to a server that is wrong each time

_ID_PATH = "$.payload.op_id"  # in the refusal of an id that was given to another edit
_CURSOR = "cursor"  # the ref of every cursor message: its refusal is not reported

Followed = RemoteOperation | responses.OperationAck | CursorPosition | CursorGone | DocumentStateEvent | DocumentComment
"""The messages of a subscribed document that its replica follows."""


class DocumentReplica:
    """The replica of one document. `new_id` returns an `op_id` that nobody can guess, `next_ref` a new ref.

    `user_id` is the user's own: the same `op_id` of another user names another edit. `epoch` names the history of the
    document that `version` belongs to; it is empty before the text is loaded, and where the server tells none.
    `pace`: the pace of the user's edits; without one, edits are sent as fast as they are confirmed.
    `out_of_sync`: the document must be loaded again, by a subscription that is asked for now or at `load_at`.
    """

    def __init__(
        self, channel: str, new_id: Callable[[], str], next_ref: Callable[[], str], pace: EditPace | None = None
    ) -> None:
        self.channel = channel
        self._pace = pace or EditPace(0.0)
        self._others, self._deletions, self.comments = RemoteCursors(), Deletions(), CommentStates()
        self._within: Landing | None = None  # of the remote insert that is being applied
        self._takes_no_edits = False  # frozen, deleted or read-only for a time
        self.out_of_sync = False
        self.load_at = float("-inf")
        self._new_id, self._next_ref = new_id, next_ref
        self._pending: Pending | None = None
        self._history = History()
        self._live, self.epoch, self.confirmed_version = False, "", 0
        self.user_id: str | None = None
        self._made_in = ""  # the epoch that the operation in flight was made in
        self._id_was_taken = False
        self._load = True  # the next subscribe asks for the whole text
        self._doubtful = False  # reloaded with an operation in flight: to be out of step is then no protocol violation
        self._ref: str | None = None  # of the operation in flight, once it is on this connection
        self._hold_until = 0.0
        self._sent_at = float("-inf")  # the time of the last operation that went out
        self._is_hurried = False  # the document is closing: what waits goes out without the pace
        self._denied: DeniedError | None = None
        self._removed = False  # the last edit was refused for good, and no edit was made since
        self._limited = False  # the rate limit refused the operation in flight
        self._told = DocumentStatus.STALE
        self._caret = OwnCaret()

    @property
    def loaded(self) -> bool:
        """True when the text is loaded; before, nothing can be edited."""
        return self._pending is not None

    @property
    def document(self) -> Document:
        """The document with all local edits; empty before it is loaded."""
        return Document() if self._pending is None else self._pending.local

    @property
    def version(self) -> int:
        """The last server version that the text includes; 0 before it is loaded."""
        return 0 if self._pending is None else self._pending.version

    @property
    def synced(self) -> bool:
        """True when the text is loaded and the server has confirmed every local edit."""
        return self._pending is not None and self._pending.synced

    @property
    def cursors(self) -> dict[str, RemoteCursor]:
        """The cursors of the other users, by cursor id, on the text as this client shows it."""
        return {} if self._pending is None else self._others.shown(self._pending.unconfirmed)

    @property
    def cursor(self) -> Cursor | None:
        """The user's own cursor, moved along with the text."""
        return self._caret.place

    def unsaved(self) -> tuple[Operation, Document]:
        """Return the user's unconfirmed edits, and the server's text that they are for. Raises NotSubscribed."""
        return (text := self._text()).unconfirmed, text.server

    def status(self, now: float) -> DocumentStatus:
        """Return the status at this time."""
        if self._pending is None or not self._live:
            return DocumentStatus.STALE
        if self._takes_no_edits:
            return DocumentStatus.READ_ONLY
        if self._denied or self._removed:
            return DocumentStatus.REFUSED
        if self._pending.synced:
            return DocumentStatus.LIVE
        is_throttled = self._limited or self._pace.is_throttled(now)
        return DocumentStatus.THROTTLED if is_throttled else DocumentStatus.SAVING

    def status_changed(self, now: float) -> list[Effect]:
        """Return the effect that tells a new status, once; none where it is the one that was told last."""
        status = self.status(now)
        if status is self._told:
            return []
        self._told = status
        return [StatusChanged(self.channel, status)]

    @property
    def is_hopeless(self) -> bool:
        """True while the server denies the edits that wait, so that no short wait can help."""
        return self._denied is not None

    @property
    def denied(self) -> DeniedError | None:
        """The refusal of the edits that wait; None where none was refused."""
        return self._denied

    # --- calls of the user ----------------------------------------------------------------------------

    def edit(self, operation: Operation, now: float, *, join: bool) -> list[Effect]:
        """Make an edit; `join`: it is undone together with the last one.

        Raises NotSubscribed before the text is loaded, and ValueError where the edit does not fit; the text is then
        unchanged.
        """
        before = self._text().local
        return self._make("local", operation, now, lambda: self._history.edited(operation, before, join=join))

    def undo(self, now: float) -> list[Effect]:
        """Undo the user's last edit, also after edits of others; no effect where there is none."""
        step = self._history.undo(self._text().local)
        return [] if step is None else self._make("undo", step.operation, now, step.done)

    def redo(self, now: float) -> list[Effect]:
        """Redo the edit that was undone last."""
        step = self._history.redo(self._text().local)
        return [] if step is None else self._make("redo", step.operation, now, step.done)

    def flush(self, now: float) -> list[Effect]:
        """Send what waits without the pace, until everything is confirmed."""
        self._is_hurried = True
        return list(self._send(now))

    def move_cursor(self, cursor: Cursor, now: float) -> list[Effect]:
        """Move the user's cursor. Raises NotSubscribed, and ValueError for a place outside of the text."""
        text, (position, selection_length) = self._text().local.text, cursor
        end = position + selection_length
        if not 0 <= position <= end <= len(text):
            raise DoesNotFit(f"The text has {len(text)} units, the cursor reaches {end}; keep it within the text")
        if splits_pair(text, position) or splits_pair(text, end):
            raise ValueError("The cursor is inside a character; move it to an edge")
        self._caret.move(cursor)
        return list(self._send(now))

    # --- the subscription -----------------------------------------------------------------------------

    def asked(self) -> Since | None:
        """Return the place to subscribe from; None to ask for the whole text."""
        self.lost()
        return None if self._load else Since(version=self.version, epoch=self.epoch or None)

    def lost(self) -> None:
        """Note the loss of the subscription or the connection."""
        self._live = self.out_of_sync = False
        self._ref = None

    def subscribed(self, answer: responses.Subscribed, now: float) -> list[Effect]:
        """Take the server's answer; an operation in flight is sent again unchanged."""
        effects: list[Effect] = []
        if answer.document is not None:
            try:
                effects = self._loaded(Document.of(answer.document.content, answer.document.format), answer.document)
            except ValueError as wrong:
                return self._lose_sync(f"{self.channel} came with a text that is none: {wrong}", now)
        elif self._load or not answer.recovered:
            return self._lose_sync(f"{self.channel} came without its text", now)
        self._live = True
        self._set_state(takes_no_edits=answer.document is not None and answer.document.frozen, now=now)
        resting = [] if answer.document is None else answer.document.cursors
        if self._pending is not None and self._others.load(resting, self._pending.server.text, self.version):
            effects.append(CursorsMoved(self.channel))
        if answer.presence is not None and not answer.presence.truncated:
            here = {user.user_id for user in answer.presence.users}
            effects += [CursorsMoved(self.channel)] if self._others.keep(here) else []
        if self._denied:
            self._hold_until = now  # the edit may be allowed by now
        self._caret.renew()
        self.comments.is_behind = True
        return [*effects, CommentsChanged(self.channel), *self._send(now)]

    def follow(self, event: Followed, now: float) -> list[Effect]:
        """Apply a message of the live subscription, in the server's order."""
        pending = self._pending
        if pending is None or not self._live:
            return []
        before, version = pending.synced, pending.version
        effects: list[Effect] = []
        try:
            match event:
                case RemoteOperation(payload=by):
                    unconfirmed, text, local = pending.unconfirmed, pending.server.text, pending.local
                    change = pending.remote(self._own_or_nameless(by))
                    self._within = self._deletions.landing(by.within) or landing(pending.committed, unconfirmed, text)
                    effects = self._committed(version, by.user_id)
                    own = local if by.user_id == self.user_id and self.comments.is_accepted(by.op_id) else None
                    effects += self._changed("remote", change, by, own)
                case responses.OperationAck(payload=ack):
                    self.confirmed_version, self._id_was_taken = ack.version, False
                    before_it = pending.server
                    change = pending.acknowledged(ack.op_id, ack.version)
                    self._deletions.keep(pending.committed, before_it, range(version + 1, pending.version + 1))
                    effects = self._committed(version)
                    effects += self._changed("reload", change)
                case CursorPosition(payload=placed):
                    self._others.place(placed, pending.server.text, pending.version)
                    return [CursorsMoved(self.channel)]
                case DocumentComment(payload=comment):
                    return [CommentsChanged(self.channel)] if self.comments.tell(comment) else []
                case CursorGone(payload=gone):
                    return [CursorsMoved(self.channel)] if self._others.gone(gone.cursor_id) else []
                case DocumentStateEvent(payload=state):
                    self._set_state(takes_no_edits=takes_no_edits(state), now=now)
        except OutOfStep as wrong:
            return self._lose_sync(str(wrong), now)
        return [*effects, *self._settled(pending, before), *self._send(now)]

    def refused(self, error: responses.ErrorMessage, now: float) -> list[Effect] | None:
        """Handle an error; None where it is not about this document's operation or cursor."""
        if error.ref == _CURSOR and error.channel == self.channel:
            if error.error_code in FOR_NOW:
                self._caret.renew(now + (error.retry_after or RETRY_AFTER_SECONDS))
            elif error.error_code is ErrorCode.VERSION_CONFLICT:  # what is under way to this client comes first
                self._caret.renew(now + RELOAD_INTERVAL_SECONDS)
            return []
        pending = self._pending
        if error.ref is None or error.ref != self._ref or pending is None or pending.in_flight is None:
            return None
        self._ref = None
        before, op_id = pending.synced, pending.in_flight.op_id
        why = DeniedError(error.error_code, error.message, self.channel)
        match error.error_code:
            case ErrorCode.VERSION_CONFLICT:
                if pending.conflict(op_id):
                    return self._lose_sync(None, now)
                self._doubtful = False
                return list(self._send(now))
            case ErrorCode.INVALID_MESSAGE_FORMAT if _ID_PATH in error.message:
                # Nothing was committed under this id but another edit: this one is sent again under a new id. A server
                # that refuses the new one too is not asked at once.
                pending.conflict(op_id)
                self._hold_until = now + (RETRY_AFTER_SECONDS if self._id_was_taken else 0)
                self._doubtful, self._id_was_taken = False, True
                return [ErrorReport(why, self.channel), *self._send(now)]
            case code if code in FOR_NOW:
                wait = error.retry_after or RETRY_AFTER_SECONDS
                self._hold_until = now + wait
                if code is ErrorCode.RATE_LIMIT_EXCEEDED:
                    self._limited = True
                    self._pace.exceeded(wait, now)
                return []
            case ErrorCode.PERMISSION_DENIED:
                # The document may be released or the right come back: the edit stays and is sent again later.
                self._hold_until = now + RETRY_AFTER_SECONDS
                first, self._denied = self._denied is None, why
                return [ErrorReport(why, self.channel)] if first else []
            case _:
                effects = self._changed("refused", pending.refused(op_id))
                self._removed = True
                return [*effects, ErrorReport(why, self.channel), *self._settled(pending, before), *self._send(now)]

    def left(self, user_id: str) -> list[Effect]:
        """Remove the cursor of a user who left."""
        return [CursorsMoved(self.channel)] if self._others.left(user_id) else []

    # --- time -----------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """Send what waited for its time."""
        return list(self._send(now))

    def deadline(self) -> float | None:
        """Return the time of the next `tick`; None while nothing waits for a time."""
        if not self._live or self._pending is None or self._ref is not None:
            return None
        due = [] if self._pending.synced else [self._due()]
        caret = self._caret.deadline()
        if caret is not None and self._pending.in_flight is None:
            due.append(caret)
        return min(due, default=None)

    def _due(self) -> float:
        """Return the time from which the next operation may go out."""
        pending = self._pending
        if self._is_hurried or (pending is not None and pending.in_flight is not None):
            return self._hold_until
        return max(self._hold_until, self._sent_at + self._pace.interval(self._sent_at))

    # --- changes of the text and of cursors -----------------------------------------------------------

    def _text(self) -> Pending:
        if self._pending is None:
            raise NotSubscribed(f"{self.channel} has not come yet; await ready() first")
        return self._pending

    def _make(self, origin: Origin, operation: Operation, now: float, record: Callable[[], None]) -> list[Effect]:
        """Make an edit of the user; `record` enters it into the history, once it is made and before it is sent."""
        pending = self._text()
        if not effective(operation, pending.local).changes:
            return []
        pending.edit(operation)
        self._removed = False
        record()
        self._caret.follow(operation, own=True)
        return [Changed(self.channel, self._change(origin, operation)), *self._send(now)]

    def _loaded(self, document: Document, state: responses.DocumentState) -> list[Effect]:
        first = self._pending is None
        told: list[Effect] = []
        if self._pending is None:
            self._pending = Pending(document, state.version)
            change = difference(Document(), document)
        else:
            self._doubtful = self._pending.in_flight is not None
            if self.epoch not in ("", state.epoch) and self._pending.server != document:
                restored = DocumentRestored(self.channel, self._pending.server.content, self._pending.local.content)
                told.append(ErrorReport(restored, self.channel))
            change = self._pending.reload(document, state.version)
            self._others.reload(self._pending.committed)
            self.comments.reset()
        self._load, self.epoch = False, state.epoch
        effects = self._changed("reload", change)
        return [*effects, Opened(self.channel)] if first else [*told, *effects]

    def _own_or_nameless(self, by: RemoteOperationPayload) -> RemoteOperationPayload:
        """Return a committed operation; without its id, where another user has given it the id of the one in flight."""
        sent = self._text().in_flight
        if sent is not None and by.op_id == sent.op_id:
            if by.user_id != self.user_id:
                return structs.replace(by, op_id=None)
            self.confirmed_version = by.version  # its acknowledgement was lost
        return by

    def _committed(self, before: int, author: str | None = None) -> list[Effect]:
        """Move what stands on the server's text along what came behind version `before`; no `author`: an own edit."""
        pending = self._text()
        self._caret.committed(pending.committed, own=author in (None, self.user_id))
        self.comments.move(pending.committed, pending.version)
        return [CursorsMoved(self.channel)] if self._others.move(pending, before, author) else []

    def _changed(
        self, origin: Origin, change: Operation, by: RemoteOperationPayload | None = None, own: Document | None = None
    ) -> list[Effect]:
        """Report a change that is no local edit, and move the history and the user's cursor along."""
        within, self._within = self._within, None
        if not change.changes:
            return []
        self._history.changed(change, within, own, (by and by.op_id) or "")
        self._caret.follow(change)
        return [Changed(self.channel, self._change(origin, change, by))]

    def _change(self, origin: Origin, change: Operation, by: RemoteOperationPayload | None = None) -> Change:
        author = (by.user_id, by.user_name) if by is not None else (None, None)
        return Change(origin, edits_of(change), self.version, *author)

    def _set_state(self, *, takes_no_edits: bool, now: float) -> None:
        if self._takes_no_edits and not takes_no_edits and self._denied:
            self._hold_until = now  # the edit may be allowed now
        self._takes_no_edits = takes_no_edits

    def _settled(self, pending: Pending, before: bool) -> Iterator[Effect]:
        if pending.in_flight is None:
            self._ref, self._denied, self._doubtful, self._limited = None, None, False, False
        if pending.synced:
            self._is_hurried = False
            if not before:
                yield Synced(self.channel)

    def _lose_sync(self, why: str | None, now: float) -> list[Effect]:
        """Ask for the whole text, because a message did not continue the known one. No local edit is lost."""
        self.lost()
        self._load = self.out_of_sync = True
        self.load_at = max(now, self.load_at + RELOAD_INTERVAL_SECONDS)
        if why is None or self._doubtful:
            return []
        return [ErrorReport(ProtocolViolation(why), self.channel)]

    # --- output ---------------------------------------------------------------------------------------

    def _send(self, now: float) -> Iterator[Effect]:
        """Send the next operation, or the one in flight again, unless it is on this connection already.

        The user's cursor goes before it: the cursor is made for the version that the operation is made on.
        """
        pending = self._pending
        while self._live and pending is not None and self._ref is None:
            if pending.in_flight is None and (caret := self._caret.take(pending, now)) is not None:
                yield Write(codec.encode(MoveCursor(channel=self.channel, payload=caret, ref=_CURSOR)))
            if now < self._due():
                return
            before = pending.synced
            if pending.in_flight is None and not before:
                pending.send(self._new_id())
                self._made_in = self.epoch
            if pending.in_flight is None:
                yield from self._settled(pending, before)  # what waited is on the server already
                return
            payload = pending.in_flight
            if self._made_in not in ("", self.epoch):
                # Its version is one of a history that has ended. The server may have committed it before that.
                payload = structs.replace(payload, epoch=self._made_in)
            self._ref, self._sent_at = self._next_ref(), now
            self._pace.sent(now)
            yield Write(codec.encode(EditOperation(channel=self.channel, payload=payload, ref=self._ref)))
