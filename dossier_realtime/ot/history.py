"""Undo and redo of one's own edits: their inverses, carried along over what everybody does since.

What others did since stays: where both touched an attribute, theirs holds.
"""

from __future__ import annotations

from typing import NamedTuple

from .document import Document, invert
from .operations import Operation
from .transform import compose, transform

KEPT = 200  # steps back


class History:
    """The steps back and forth of one author in one document. Every change of the text must be told to it."""

    def __init__(self) -> None:
        self._undos: list[_Step] = []
        self._redos: list[_Step] = []

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
        step = _Step(invert(operation, before))
        if join and self._undos:
            last = self._undos.pop()
            step = _Step(compose(step.operation, last.operation), last.beneath)
        self._undos.append(step)
        del self._undos[:-KEPT]
        self._redos.clear()

    def changed(self, operation: Operation) -> None:
        """Somebody else changed the text of the author by `operation`."""
        _carry(self._undos, operation)
        _carry(self._redos, operation)

    def undo(self, document: Document) -> Operation | None:
        """The step back from `document`, to be made as an edit that is not told to `edited`; None without one."""
        return _take(self._undos, self._redos, document)

    def redo(self, document: Document) -> Operation | None:
        """The step forth from `document`, likewise."""
        return _take(self._redos, self._undos, document)


class _Step(NamedTuple):
    """The last step is for the text as it is, each other one for what the step after it leaves; but `beneath`, which
    others did meanwhile, is still to be carried down to it. So a change costs the same however many steps there are.
    """

    operation: Operation
    beneath: Operation | None = None


def _carry(steps: list[_Step], change: Operation) -> None:
    if steps:
        operation, beneath = steps[-1]
        operation, change = transform(operation, change)
        steps[-1] = _Step(operation, change if beneath is None else compose(beneath, change))


def _take(taken: list[_Step], other: list[_Step], document: Document) -> Operation | None:
    while taken:
        operation, beneath = taken.pop()
        if beneath is not None:
            _carry(taken, beneath)
        if operation.changes:  # else others have done it already
            other.append(_Step(invert(operation, document)))
            return operation
    return None
