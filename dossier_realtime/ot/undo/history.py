"""Undo and redo of one author's edits: their inverses, transformed along every later edit of the others.

Edits of others stay: where both set an attribute, theirs holds. This is local (per-author) undo, as described by
Prakash and Knister ("A framework for undoing actions in collaborative systems", TOCHI 1994).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from ..document import Document, invert
from ..operations import Operation
from ..transform import compose, transform
from .landing import Landing
from .placing import placed

MAX_STEPS = 200  # edits that can be undone


class History:
    """The undo and redo steps of one author in one document. It must be given every change of the text."""

    def __init__(self) -> None:
        self._undos: list[_Step] = []
        self._redos: list[_Step] = []
        self._made = ""  # the name of the last edit, where the service made it: it is undone without what is typed next

    @property
    def can_undo(self) -> bool:
        """True where an edit can be undone."""
        return bool(self._undos)

    @property
    def can_redo(self) -> bool:
        """True where an edit can be redone."""
        return bool(self._redos)

    def edited(self, operation: Operation, before: Document, *, join: bool = False) -> None:
        """Add an edit of the author on `before`; `join`: it is undone together with the last one."""
        step = _Step(invert(operation, before))
        if join and self._undos and not self._made:
            last = self._undos.pop()
            step = _Step(compose(step.operation, last.operation), last.beneath)
        self._undos.append(step)
        del self._undos[:-MAX_STEPS]
        self._redos.clear()
        self._made = ""

    def changed(
        self,
        operation: Operation,
        within: Landing | None = None,
        own: Document | None = None,
        name: str = "",
    ) -> None:
        """Transform the steps along a change of the author's text that another user made.

        `within`: the change is an insert into text that the author had deleted meanwhile. `own`: the text before it,
        where the service made the change for the author: it is an edit as any other, and can be undone. `name`: the
        name of that edit, which may come as several changes; they are undone together.
        """
        if own is not None:
            is_more, self._made = name == self._made != "", ""
            self.edited(operation, own, join=is_more)
            self._made = name
            return
        if within is None or not _place(self._undos, operation, within):
            _carry(self._undos, operation)
        _carry(self._redos, operation)

    def undo(self, document: Document) -> NextStep | None:
        """Return the step that undoes the last edit in `document`; None without one.

        The history is as before until the caller has applied its operation and calls `done`; an operation that the
        document does not take leaves the step where it was.
        """
        return _next(self._undos, self._redos, document)

    def redo(self, document: Document) -> NextStep | None:
        """Return the step that redoes the last undone edit in `document`; None without one."""
        return _next(self._redos, self._undos, document)


class NextStep(NamedTuple):
    """The operation of an undo or a redo, and the function to call once it is applied."""

    operation: Operation
    done: Callable[[], None]


class _Step(NamedTuple):
    """One undo or redo step.

    The last step of a list applies to the present text; every other one to the text that the step after it leaves.
    `beneath` is the composition of the others' changes that the steps below this one have not been transformed along
    yet. It is applied to them one by one, when this step is taken: so a change costs the same with any number of steps.
    """

    operation: Operation
    beneath: Operation | None = None


def _place(steps: list[_Step], change: Operation, within: Landing) -> bool:
    """Put an insert into the text that the steps restore; False where they do not restore it."""
    found = placed(_up_to_date(steps), change, within)
    if found is None:
        return False
    for number, operation in enumerate(found.steps, 1):
        steps[-number] = _Step(operation, steps[-number].beneath)
    lowest = steps[-len(found.steps)]
    beneath = found.beneath if lowest.beneath is None else compose(lowest.beneath, found.beneath)
    steps[-len(found.steps)] = _Step(lowest.operation, beneath)
    return True


def _up_to_date(steps: list[_Step]) -> Iterator[Operation]:
    """Yield the operations of the steps from the last one on, each on the text that the one after it leaves."""
    for depth in range(1, len(steps) + 1):
        operation, beneath = steps[-depth]
        yield operation
        if beneath is not None and depth < len(steps):
            steps[-depth] = _Step(operation)
            _carry(steps, beneath, depth + 1)


def _carry(steps: list[_Step], change: Operation, depth: int = 1) -> None:
    # Only one step is transformed now; the change, transformed past it, is kept for the steps below (`beneath`).
    if len(steps) >= depth:
        operation, beneath = steps[-depth]
        operation, change = transform(operation, change)
        steps[-depth] = _Step(operation, change if beneath is None else compose(beneath, change))


def _next(taken: list[_Step], other: list[_Step], document: Document) -> NextStep | None:
    while taken:
        operation, beneath = taken[-1]
        if operation.changes:
            return NextStep(operation, partial(_take, taken, other, invert(operation, document)))
        _pop(taken, beneath)  # edits of the others left nothing of it; the step below is next
    return None


def _take(taken: list[_Step], other: list[_Step], inverse: Operation) -> None:
    _pop(taken, taken[-1].beneath)
    other.append(_Step(inverse))


def _pop(steps: list[_Step], beneath: Operation | None) -> None:
    steps.pop()
    if beneath is not None:
        _carry(steps, beneath)
