"""Undo and redo of one's own edits: their inverses, carried along over what everybody does since.

What others did since stays: where both touched an attribute, theirs holds.
"""

from __future__ import annotations

from .document import Document, invert
from .operations import Operation
from .transform import compose, transform

KEPT = 200  # steps back


class History:
    """The steps back and forth of one author in one document. Every change of the text must be told to it."""

    def __init__(self) -> None:
        self._undos: list[Operation] = []  # the last one is for the text as it is, each for what the next leaves
        self._redos: list[Operation] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is a step back."""
        return bool(self._undos)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step forth."""
        return bool(self._redos)

    def edited(self, operation: Operation, before: Document, *, join: bool = False) -> None:
        """The author made `operation` on `before`; `join`: it goes back together with the last one."""
        inverse = invert(operation, before)
        if join and self._undos:
            inverse = compose(inverse, self._undos.pop())
        self._undos.append(inverse)
        del self._undos[:-KEPT]
        self._redos.clear()

    def changed(self, operation: Operation) -> None:
        """Somebody else changed the text of the author by `operation`."""
        _carry(self._undos, operation)
        _carry(self._redos, operation)

    def undo(self, document: Document) -> Operation | None:
        """The step back from `document`, to be made as an edit that is not told to `edited`; None without one."""
        return _step(self._undos, self._redos, document)

    def redo(self, document: Document) -> Operation | None:
        """The step forth from `document`, likewise."""
        return _step(self._redos, self._undos, document)


def _step(taken: list[Operation], other: list[Operation], document: Document) -> Operation | None:
    while taken:
        operation = taken.pop()
        if operation.changes:  # else others have done it already
            other.append(invert(operation, document))
            return operation
    return None


def _carry(steps: list[Operation], change: Operation) -> None:
    for index in reversed(range(len(steps))):
        steps[index], change = transform(steps[index], change)
