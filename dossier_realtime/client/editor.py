"""The editor of a shared document: local edits apply at once, online or offline, and are synchronised after."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

from dossier_realtime.ot.attributes import PLAIN, applied
from dossier_realtime.ot.batches.steps import Changing
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.operations import Delete, DoesNotFit, Format, Insert, Operation, Retain
from dossier_realtime.ot.units import from_units
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.responses import FormatRun

from .callbacks import OnError
from .documents.comments import DocumentComments
from .errors import ConnectionClosed, NotSubscribed, RealtimeError
from .io.callback_queue import CallbackQueue, Spawn, logger
from .io.document_subscription import DocumentSubscription, raise_unsaved
from .state.changes import Change, Cursor, operation_of
from .state.document_replica import DocumentReplica
from .state.editing.arguments import attributes_of, inserted, occurrences, units_of_text
from .state.editing.document_status import DocumentStatus
from .state.editing.open_transaction import OpenTransaction
from .state.editing.remote_cursors import RemoteCursor, by_user
from .state.effects import Changed, CommentsChanged, CursorsMoved, EditorEffect, Effect, Opened, StatusChanged, Synced
from .together.quiet_edit import QuietDocument, QuietEdit

FLUSH_SECONDS = 5.0  # at most, for which the end of a document waits until its edits are saved

OnChange = Callable[[Change], None]


class DocumentEditor(QuietDocument):
    """A shared document, as `client.document(id)` returns it.

        document = client.document("brief-7")
        await document.ready()
        document.insert(0, "مرحبا 😀")
        await document.wait_synced(5)

    Every position and length counts UTF-16 code units: `"a😀b"` is 4 long. An edit changes `text` at once and never
    waits; typing is sent as one operation each 0.12 s. Without a connection edits are kept; after a reconnect they are
    merged with those of the others. While the rate limit is exceeded, edits wait. An edit that is denied for now (the
    document is frozen, the right to write is gone) stays in the text, is reported to `on_error` once and sent again
    every 15 s, with `synced` False meanwhile. An edit that can never be accepted is removed from the text (a change of
    origin "refused") and reported. Where the service's store was restored from a backup, edits that were not confirmed
    are moved to the text as it is now, and DocumentRestored is reported with the text as it was. `status` and
    `on_status` tell the state of all this.

    `async with client.document("brief-7") as document:` waits for the text, and at its end saves what waits.

    When the subscription ends (`close`, a lost right to read, the client's end), `text` stays as it was.
    """

    def __init__(
        self,
        replica: DocumentReplica,
        spawn: Spawn,
        perform: Callable[[Iterable[Effect]], None],
        close: Callable[[DocumentEditor], None],
    ) -> None:
        self.subscription = DocumentSubscription(replica.channel, spawn, self._fault, self._ended)
        self._replica = replica
        self._perform = perform
        self._close = close
        self._callbacks = CallbackQueue(spawn)
        self._on_change: list[OnChange] = []
        self._on_cursors: list[Callable[[Mapping[str, Cursor]], Any]] = []
        self._on_synced: list[Callable[[], Any]] = []
        self._on_status: list[Callable[[DocumentStatus], Any]] = []
        self._on_error: list[OnError] = []
        self._changes: deque[Change] = deque()
        self._telling = False
        self._news = asyncio.Event()
        self._draft: OpenTransaction | None = None  # of the transaction that is open
        self._owner: object = None  # the task that opened it
        self.comments: DocumentComments

    # --- state ----------------------------------------------------------------------------------------

    @property
    def channel(self) -> str:
        """The channel of the document, `document:{id}`."""
        return self._replica.channel

    @property
    def text(self) -> str:
        """The text with all local edits, also those that the server has not confirmed."""
        return self._replica.document.content if self._draft is None else from_units(self._draft.text)

    @property
    def length(self) -> int:
        """The length of the text in UTF-16 code units."""
        return self._replica.document.length if self._draft is None else self._draft.length

    @property
    def formatting(self) -> list[FormatRun]:
        """The formatted ranges of the text, in order; plain text is left out."""
        return self._document.format

    @property
    def version(self) -> int:
        """The last server version that the text includes."""
        return self._replica.version

    @property
    def synced(self) -> bool:
        """True when the server has confirmed, durably, every local edit."""
        return self._replica.synced

    @property
    def status(self) -> DocumentStatus:
        """The status of the document: live, saving, throttled, refused, read-only or stale."""
        return DocumentStatus.STALE if self.closed else self._replica.status(asyncio.get_running_loop().time())

    @property
    def closed(self) -> bool:
        """True after the end of the subscription: nothing is received, and nothing can be edited."""
        return self.subscription.ended

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """The cursors of the other users at this moment, by user id. `on_cursors` is called when one of them moves.

        A user with several tabs is shown by the cursor that moved last; `remote_cursors` has all.
        """
        return by_user(self._replica.cursors.values())

    @property
    def remote_cursors(self) -> Mapping[str, RemoteCursor]:
        """All cursors of the other users, one a tab, by cursor id, with name and colour."""
        return self._replica.cursors

    @property
    def cursor(self) -> Cursor | None:
        """The user's own cursor, moved with every change of the text; behind text inserted at it. None until set."""
        return self._replica.cursor if self._draft is None else self._draft.cursor

    # --- editing --------------------------------------------------------------------------------------

    def insert(self, position: int, text: str, *, join: bool = False, **attributes: Any) -> None:
        """Insert `text` at `position`, plain or with the attributes that `format` knows.

        `join`: undo it together with the edit before, as for typing. This and the other edits raise NotSubscribed
        before `ready`, ConnectionClosed after the end, and ValueError for an edit that does not fit (beyond the text,
        inside a character, NUL, over 1 Mi units); the text is then unchanged.
        """
        self._edit(position, inserted(text, attributes), join=join)

    def delete(self, position: int, length: int, *, join: bool = False) -> None:
        """Delete `length` units at `position`."""
        self._edit(position, Delete(length), join=join)

    def replace(self, position: int, length: int, text: str, *, join: bool = False, **attributes: Any) -> None:
        """Replace `length` units by `text`, plain or with attributes, as one edit."""
        self._edit(
            position, Insert(units_of_text(text), applied(attributes_of(attributes), PLAIN)), Delete(length), join=join
        )

    def replace_all(self, old: str, new: str) -> int:
        """Replace each `old`, from left to right, as one edit, and return their number.

        Each `new` has the formatting of the first character that it replaces.
        """
        if not old:
            raise ValueError("There is nothing to look for; name the text to replace")
        found, put = units_of_text(old), units_of_text(new)
        document = self._document
        places = list(occurrences(document.text, found))
        with self.transaction():
            shift = 0
            for position, attributes in zip(places, document.attributes_at(places), strict=True):
                self._edit(position + shift, Insert(put, attributes), Delete(len(found)))
                shift += len(put) - len(found)
        return len(places)

    @contextmanager
    def transaction(self, *, join: bool = False) -> Iterator[None]:
        """Group the edits of a `with` block: one change for `on_change`, one step of `undo`, sent together as batches.

            with document.transaction():
                document.delete(0, 6)
                document.insert(0, "Draft 2: ", bold=True)

        The text is changed at once, for this editor alone; the end of the block makes it known. An error in the block
        takes back all that the block did, and goes on. `join`: undone together with the edit before. Thousands of
        edits in a block cost little more than one. Blocks may stand within each other: one that fails is taken back
        alone, and the outermost sends. A block is best left without an `await`: edits of other tasks meanwhile belong
        to it, and changes by others move the text that its positions were computed for. Raises RuntimeError where
        another task has one open, ConnectionClosed where the document is closed at its end (the edits are then
        dropped), and ValueError where the whole is over the bounds of a document.
        """
        self._now()
        draft = self._opened()
        draft.begin()
        try:
            yield
        except BaseException:
            draft.take_back()
            if not draft.is_open:
                self._draft = None
            raise
        self._end_block(draft, join=join)

    def _end_block(self, draft: OpenTransaction, *, join: bool) -> None:
        operation = draft.end()
        if not draft.is_open:
            self._draft = None
            now = self._now()
            self._do(self._replica.edit(operation, now, join=join))
            if draft.is_cursor_moved and draft.cursor is not None:
                self._perform(self._replica.move_cursor(draft.cursor, now))

    def format(self, position: int, length: int, **attributes: Any) -> None:
        """Set attributes of `length` units; None removes one.

        `bold`, `italic`, `underline`, `strike` (True), `heading` (1–3) or `list` ("bullet", "ordered"), `link` (https),
        `highlight` ("yellow", "green", "blue", "pink", "orange"), `alternative` (the name of a bracketed alternative).
        """
        self._edit(position, Format(length, attributes_of(attributes)))

    def undo(self) -> bool:
        """Undo the user's last edit, also after edits of others; False where there is none (200 are kept)."""
        return self._do(self._replica.undo(self._alone()))

    def redo(self) -> bool:
        """Redo the edit that was undone last, until the next edit; False where there is none."""
        return self._do(self._replica.redo(self._alone()))

    def move_cursor(self, position: int, selection_length: int = 0) -> None:
        """Move the user's cursor and show it to the others: the latest place, ten times a second at most.

        The cursor moves with the text. Raises like an edit.
        """
        now, cursor = self._now(), Cursor(position, selection_length)
        if self._draft is not None:
            self._draft.move_cursor(cursor)
        else:
            self._perform(self._replica.move_cursor(cursor, now))

    # --- callbacks and waiting ------------------------------------------------------------------------

    def on_change(self, callback: OnChange) -> None:
        """Call `callback`, a plain function, with each change of the text, at the moment of the change.

        Local edits are included (`change.origin`). Applied one after the other to an empty text, the edits of all
        changes produce `text`. An edit made in a callback is reported after the change that the callback got.
        """
        self._on_change.append(callback)

    def on_cursors(self, callback: Callable[[Mapping[str, Cursor]], Any]) -> None:
        """Call `callback`, sync or async, with `cursors` when another user's cursor was moved or is gone.

        A slow callback is called with the latest state, not with each.
        """
        self._on_cursors.append(callback)

    def on_synced(self, callback: Callable[[], Any]) -> None:
        """Call `callback`, sync or async, whenever the last local edit is confirmed."""
        self._on_synced.append(callback)

    def on_status(self, callback: Callable[[DocumentStatus], Any]) -> None:
        """Call `callback`, sync or async, with the new `status` when it changes; a slow callback gets the latest."""
        self._on_status.append(callback)

    def on_error(self, callback: OnError) -> None:
        """Call `callback`, sync or async, with errors; edits are kept unless a change of origin "refused" came."""
        self._on_error.append(callback)

    async def ready(self) -> None:
        """Wait until the text is loaded. Raises DeniedError, or ConnectionClosed where it can not come any more."""
        await self._until(lambda: self._replica.loaded)

    async def wait_synced(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  as asyncio.wait_for has it
        """Wait until the server has confirmed every local edit.

        `timeout` is in seconds. Raises TimeoutError, and DeniedError or ConnectionClosed where no confirmation can
        come any more.
        """
        async with asyncio.timeout(timeout):
            await self._until(lambda: self._replica.synced)

    async def flush(self, timeout: float = FLUSH_SECONDS) -> bool:  # noqa: ASYNC109  as asyncio.wait_for has it
        """Send what waits, and wait `timeout` seconds at most for its confirmation; True where all is saved.

        It does not wait where waiting is in vain: the edits are denied, or the connection does not come back.
        """
        if self.closed or not self._replica.loaded:
            return self._replica.synced or not self._replica.loaded
        self._perform(self._replica.flush(self._now()))
        with suppress(TimeoutError, RealtimeError):
            async with asyncio.timeout(timeout):
                await self._until(lambda: self._replica.synced or self._replica.is_hopeless)
        return self._replica.synced

    def close(self) -> None:
        """Close the document. Edits that the server has not confirmed (see `flush`) do not reach it."""
        if not self.closed:
            self._close(self)

    async def __aenter__(self) -> Self:
        await self.ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Save what waits, then close the document. Raises UnsavedEdits."""
        saved = await self.flush()
        unsaved, cause = {} if saved and self._draft is None else self.unsaved, self.why_unsaved
        self.close()
        if unsaved:
            raise_unsaved(unsaved, error, [cause])

    @property
    def unsaved(self) -> dict[str, str]:
        """The whole text by the id of the document, where it has edits that are not confirmed; else nothing."""
        if (self._replica.synced and self._draft is None) or not self._replica.loaded:
            return {}
        return {channels.parse(self.channel).segments[-1]: self.text}

    # --- effects of the document's state --------------------------------------------------------------

    def dispatch(self, effect: EditorEffect) -> None:
        """Carry out an effect of the document's state. Not for users of the SDK."""
        self._news.set()
        match effect:
            case Changed(_, change):
                if self._draft is not None:
                    self._draft.rebase(operation_of(change.edits, self._draft.base_length))
                self._changes.append(change)
                self._tell_changes()
            case CursorsMoved():
                for on_cursors in self._on_cursors:
                    self._callbacks.put_once(on_cursors, partial(self._show_cursors, on_cursors))
            case StatusChanged():
                for on_status in self._on_status:
                    self._callbacks.put_once(on_status, partial(self._show_status, on_status))
            case Synced():
                for on_synced in self._on_synced:
                    self._callbacks.put_once(on_synced, on_synced)
            case Opened() | CommentsChanged():
                self.comments.changed()

    def refresh_status(self) -> None:
        """Tell a status that changed with the connection. Not for users of the SDK."""
        for effect in self._replica.status_changed(asyncio.get_running_loop().time()):
            self._perform([effect])

    def _show_status(self, on_status: Callable[[DocumentStatus], Any]) -> object:
        return on_status(self.status)

    def _show_cursors(self, on_cursors: Callable[[Mapping[str, Cursor]], Any]) -> object:
        return on_cursors(self.cursors)

    def _tell_changes(self) -> None:
        if self._telling:
            return  # a callback made an edit: the loop that called it goes on with this change
        self._telling = True
        try:
            while self._changes:
                change = self._changes.popleft()
                for on_change in tuple(self._on_change):
                    try:
                        on_change(change)
                    except BaseException as wrong:
                        if isinstance(wrong, KeyboardInterrupt | SystemExit):
                            raise
                        logger.exception("on_change of %s failed; mend it, the editing goes on", self.channel)
        finally:
            self._telling = False

    def _fault(self, error: Exception) -> None:
        self._news.set()  # a refusal need not change the status: of a frozen document it does not
        if not self._on_error:
            logger.warning("%s (call document.on_error(callback) to receive it)", error)
        for on_error in self._on_error:
            self._callbacks.put(partial(on_error, error))

    def _ended(self) -> None:
        self._news.set()
        if self.subscription.error is None:
            self._callbacks.stop()

    # --- details --------------------------------------------------------------------------------------

    @property
    def _document(self) -> Document:
        return self._replica.document if self._draft is None else self._draft.document

    def _opened(self) -> OpenTransaction:
        """Return the draft of the transaction that is open, or a new one."""
        task = asyncio.current_task()
        if self._draft is None:
            if not self._replica.loaded:
                raise NotSubscribed(f"{self.channel} has not come yet; await ready() before you edit it")
            self._draft, self._owner = OpenTransaction(self._replica.document, self._replica.cursor), task
        elif self._owner not in (task, QuietEdit):
            raise RuntimeError(f"Another task has a transaction of {self.channel} open; end it before you await")
        return self._draft

    def _alone(self) -> float:
        if self._draft is not None:
            raise RuntimeError(f"A transaction of {self.channel} is open; end it before you undo or redo")
        return self._now()

    def _edit(self, position: int, *changing: Changing, join: bool = False) -> None:
        now = self._now()
        if self._draft is not None:
            self._draft.edit(position, changing)
            return
        length = self._replica.document.length
        reach = sum(component.length for component in changing if not isinstance(component, Insert))
        rest = length - position - reach
        if min(position, reach, rest) < 0:
            raise DoesNotFit(f"The text has {length} units, the edit goes from {position} to {position + reach}")
        operation = Operation.of(Retain(position), *changing, Retain(rest))
        self._do(self._replica.edit(operation, now, join=join))

    def _do(self, effects: list[Effect]) -> bool:
        self._perform(effects)
        if effects:
            self.refresh_status()
        return bool(effects)

    def _now(self) -> float:
        if self.closed:
            text = f"{self.channel} is closed; open it again to edit it"
            raise self.subscription.error or ConnectionClosed(text)
        return asyncio.get_running_loop().time()

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            if self.closed:
                raise self.subscription.error or ConnectionClosed(f"{self.channel} was closed; open it again")
            self._news.clear()
            await self._news.wait()
