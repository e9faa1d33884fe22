"""The edits of a transaction that is open: they are on the user's text, and no other user has them. Pure.

An edit costs about as much as the text around it; only the end composes them, into one operation. Positions count
UTF-16 code units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dossier_realtime.ot.batches.chunked_text import ChunkedText
from dossier_realtime.ot.batches.steps import Changing, Step, composed, of_steps
from dossier_realtime.ot.cursor import transform_selection
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.flat import InvalidOperation
from dossier_realtime.ot.operations import Delete, Insert, Operation
from dossier_realtime.ot.transform import transform
from dossier_realtime.ot.units import Units
from dossier_realtime.protocol.fields import MAX_DOCUMENT

from ..changes import Cursor


@dataclass(slots=True)
class _Level:
    """The edits of one block, on the text of `length` units that the blocks around it have made."""

    length: int
    cursor: Cursor | None
    """The user's own cursor at the beginning."""
    rebased: Operation | None = None
    """The edits before a change by another user came in, moved past it."""
    steps: list[Step] = field(default_factory=list)

    @property
    def operation(self) -> Operation:
        if self.rebased is None:
            return of_steps(self.steps, self.length)
        return composed([self.rebased, of_steps(self.steps, self.rebased.after)])


class OpenTransaction:
    """The open transaction of a document. Blocks may stand within each other; each can be taken back alone.

    `cursor` is the user's own, on the text of the draft; `is_cursor_moved`: by the user, since the beginning.
    """

    def __init__(self, document: Document, cursor: Cursor | None) -> None:
        self.cursor = cursor
        self.is_cursor_moved = False
        self._base = document
        self._text = ChunkedText(document.text)
        self._levels: list[_Level] = []
        self._made: Document | None = document

    @property
    def is_open(self) -> bool:
        """True while a block is open."""
        return bool(self._levels)

    @property
    def length(self) -> int:
        """The length of the text with the edits."""
        return self._text.length

    @property
    def base_length(self) -> int:
        """The length of the text without the edits."""
        return self._base.length

    @property
    def text(self) -> Units:
        """The text with the edits."""
        return self._text.text

    @property
    def document(self) -> Document:
        """The document with the edits."""
        if self._made is None:
            self._made = apply(self.operation, self._base)
        return self._made

    @property
    def operation(self) -> Operation:
        """All edits of the open blocks as one operation."""
        return composed([Operation.nothing(self._base.length), *(level.operation for level in self._levels)])

    def begin(self) -> None:
        """Begin a block."""
        self._levels.append(_Level(self.length, self.cursor))

    def end(self) -> Operation:
        """End the innermost block, whose edits become those of the one around it; return the operation of all."""
        whole = self.operation
        ended = self._levels.pop()
        if self._levels:
            outer = self._levels[-1]
            outer.rebased, outer.steps = composed([outer.operation, ended.operation]), []
        return whole

    def take_back(self) -> None:
        """End the innermost block, without its edits."""
        self.cursor = self._levels.pop().cursor
        self._renew()

    def edit(self, position: int, changing: Sequence[Changing]) -> None:
        """Make an edit: its components at `position`, one after the other, on the text before them.

        Raises DoesNotFit, SplitsPair and InvalidOperation, without any change.
        """
        inserted = sum(len(one.text) for one in changing if isinstance(one, Insert))
        deleted = sum(one.length for one in changing if isinstance(one, Delete))
        reach = sum(one.length for one in changing if not isinstance(one, Insert))
        self._text.check(position, reach)
        if any("\0" in one.text for one in changing if isinstance(one, Insert)):
            raise InvalidOperation("A document takes no NUL; remove it", "$.payload.content")
        if inserted > deleted and self.length + inserted - deleted > MAX_DOCUMENT:
            raise InvalidOperation(f"A document holds {MAX_DOCUMENT} units; shorten it first", "$.payload.content")
        steps, length, at = self._levels[-1].steps, self.length, position
        made: list[Step] = []
        for component in changing:
            made.append((at, component))
            match component:
                case Insert(text):
                    self._text.replace(at, 0, text)
                    at += len(text)
                case Delete(count):
                    self._text.replace(at, count, Units(""))
                case _:
                    at += component.length
        steps += made
        self._made = None
        if self.cursor is not None:
            self.cursor = Cursor(*transform_selection(*self.cursor, of_steps(made, length), own=True))

    def move_cursor(self, cursor: Cursor) -> None:
        """Move the user's cursor. Raises DoesNotFit and SplitsPair."""
        self._text.check(*cursor)
        self.cursor, self.is_cursor_moved = cursor, True

    def rebase(self, change: Operation) -> None:
        """Move the edits past a change of the document that came while the transaction is open."""
        self._base = apply(change, self._base)
        for level in self._levels:
            length, operation = change.after, level.operation
            change, level.rebased = transform(change, operation)
            level.length, level.steps = length, []
        if self.cursor is not None:
            self.cursor = Cursor(*transform_selection(*self.cursor, change))
        self._renew()

    def _renew(self) -> None:
        self._made = None
        self._text = ChunkedText(self.document.text)
        if self.cursor is not None:
            start = min(self.cursor.position, self.length)
            self.cursor = Cursor(start, min(self.cursor.selection_length, self.length - start))
