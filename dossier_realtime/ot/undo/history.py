"""Undo and redo of one author's edits: their inverses, transformed along every later edit of the others.

Edits of others stay: where both set an attribute, theirs holds. This is local (per-author) undo, as described by
Prakash and Knister ("A framework for undoing actions in collaborative systems", TOCHI 1994).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..document import Document, invert
from ..operations import Insert, Operation, Retain
from ..transform import compose, transform
from ..units import Units
from .landing import Landing

MAX_STEPS = 200  # edits that can be undone


class History:
    """The undo and redo steps of one author in one document. It must be given every change of the text."""

    def __init__(self) -> None:
        self._undos: list[_Step] = []
        self._redos: list[_Step] = []

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
        if join and self._undos:
            last = self._undos.pop()
            step = _Step(compose(step.operation, last.operation), last.beneath)
        self._undos.append(step)
        del self._undos[:-MAX_STEPS]
        self._redos.clear()

    def changed(self, operation: Operation, within: Landing | None = None) -> None:
        """Transform the steps along a change of the author's text that another user made.

        `within`: the change is an insert into text that the author had deleted meanwhile.
        """
        around = None if within is None or not self._undos else _around(self._undos[-1].operation, operation, within)
        if around is None:
            _carry(self._undos, operation)
        else:
            beneath = self._undos[-1].beneath
            self._undos[-1] = _Step(around[0], around[1] if beneath is None else compose(beneath, around[1]))
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


def _around(step: Operation, change: Operation, within: Landing) -> tuple[Operation, Operation] | None:
    """Return the step that restores the deleted text on both sides of the insert, and the insert behind the step.

    None where the step does not restore exactly this text at this place.
    """
    inserts = [component for component in change.components if isinstance(component, Insert)]
    if len(inserts) != 1 or any(not isinstance(component, Insert | Retain) for component in change.components):
        return None
    first = change.components[0]
    place = first.length if isinstance(first, Retain) else 0
    at = 0
    for number, component in enumerate(step.components):
        if isinstance(component, Insert):
            if at == place and component.text == within.text:
                before, after = step.components[:number], step.components[number + 1 :]
                left = Insert(Units(component.text[: within.offset]), component.attributes)
                right = Insert(Units(component.text[within.offset :]), component.attributes)
                split = Operation.of(*before, left, Retain(len(inserts[0].text)), right, *after)
                start = Operation(before).after + within.offset
                return split, Operation.of(Retain(start), inserts[0], Retain(step.after - start))
        else:
            at += component.length
    return None


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


def _carry(steps: list[_Step], change: Operation) -> None:
    # Only the top step is transformed now; the change, transformed past it, is kept for the steps below (`beneath`).
    if steps:
        operation, beneath = steps[-1]
        operation, change = transform(operation, change)
        steps[-1] = _Step(operation, change if beneath is None else compose(beneath, change))


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
