"""Many operations in a row as one, for moving an edit past all of them at once.

An edit that was made long ago is transformed past every operation since. A motion holds as many of them as one likes,
joined, and an edit is moved past it in the time that it takes to find its place.

A motion is no operation: `transform.compose` brings its result into the normal form, with an insert before the delete
at its place, and so forgets on which side of deleted text something was inserted. An edit at a place within deleted
text would then come to lie on the other side of it than where its author, who received the operations one by one, has
it.
A motion keeps that order: text that was inserted where text is gone lies behind all that is gone there, because an
insert that is committed later keeps the left place (docs/protocol.md#concurrent-edits). Texts and formats do not move
an edit, so a motion has neither.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from dossier_realtime.ot.operations import (
    Component,
    Delete,
    DoesNotFit,
    Insert,
    Operation,
    Retain,
    Span,
    cut,
    extend,
    keep,
    size,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_KEEP, _INSERT, _DELETE = range(3)
Step = tuple[int, int]
"""The fate of so many units: they stay, are inserted, or are deleted."""

_BEYOND: Final = "The operation is for another text; load the document again"


class Motion:
    """Operations in a row. All after its last step stays as it is."""

    __slots__ = ("afters", "growth", "kinds", "reach", "sizes", "starts")

    def __init__(self, steps: Sequence[Step]) -> None:
        self.kinds = array("b", [kind for kind, _ in steps])
        self.sizes = array("i", [length for _, length in steps])
        self.starts, self.afters = array("i"), array("i")
        before = after = 0
        for kind, length in steps:
            self.starts.append(before)
            self.afters.append(after)
            before += length if kind != _INSERT else 0
            after += length if kind != _DELETE else 0
        self.reach = before
        """The units of the text before, up to the last step."""
        self.growth = after - before

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> Motion:
        """Return the motion of operations, each for the text that the one before makes."""
        return cls(_all(_steps(operation) for operation in operations))

    @classmethod
    def joined(cls, motions: Iterable[Motion]) -> Motion:
        """Return the motion of motions in a row."""
        return cls(_all(list(zip(motion.kinds, motion.sizes, strict=True)) for motion in motions))

    def move(self, operation: Operation) -> Operation:
        """Return `operation`, made on the text before this motion and committed after it, for the text after it.

        The same as the transformation past each operation, for one that `is_movable`. Raises DoesNotFit.
        """
        if operation.before < self.reach:
            raise DoesNotFit(_BEYOND)
        first = operation.components[0] if operation.components else None
        place = first.length if isinstance(first, Retain) else 0
        at = max(0, bisect_left(self.starts, place) - 1)  # the step that the edit begins in; those before are skipped
        skipped = self.starts[at] if self.starts else 0
        walk = _Walk(self, at)
        if place:
            walk.past(Retain(place - skipped))
        changing = operation.components[1 if place else 0 :]
        if changing and isinstance(changing[-1], Retain):
            changing = changing[:-1]
        for component in changing:
            if isinstance(component, Insert):
                extend(walk.built, component)
            else:
                walk.past(component)
        keep(walk.built, operation.before + self.growth - walk.covered)
        return Operation(tuple(walk.built))


class _Walk:
    """The walk of an edit along a motion, from the step `at` on. `covered`: units of the text after that are built."""

    def __init__(self, motion: Motion, at: int) -> None:
        self._kinds, self._sizes, self._at = motion.kinds, motion.sizes, at
        self._left = self._sizes[at] if at < len(self._sizes) else 0
        self.built: list[Component] = []
        self.covered = motion.afters[at] if at < len(self._sizes) else 0
        keep(self.built, self.covered)

    def past(self, component: Span) -> None:
        """Move on by the units of a component of the edit, and build what is left of it."""
        taken, length = 0, component.length
        while taken < length:
            if self._at >= len(self._kinds):
                kind, shared = _KEEP, length - taken
            else:
                kind = self._kinds[self._at]
                shared = self._left if kind == _INSERT else min(self._left, length - taken)
                self._left -= shared
                if not self._left:
                    self._at += 1
                    self._left = self._sizes[self._at] if self._at < len(self._sizes) else 0
            if kind == _INSERT:
                keep(self.built, shared)
                self.covered += shared
                continue
            if kind == _KEEP:
                extend(self.built, cut(component, taken, taken + shared))
                self.covered += shared
            taken += shared


def is_movable(operation: Operation) -> bool:
    """Return whether a motion moves an operation as the operations in it would, one by one.

    Where text is inserted behind text that is deleted, the normal form may turn the two round on the way.
    """
    deleted = False
    for component in operation.components:
        if isinstance(component, Insert) and deleted:
            return False
        deleted = deleted or isinstance(component, Delete)
    return True


def then(first: Sequence[Step], second: Sequence[Step]) -> list[Step]:
    """Return the steps of `first` and then `second`."""
    built: list[Step] = []
    i = j = 0
    x_kind, x_left = first[0] if first else (_KEEP, 0)
    y_kind, y_left = second[0] if second else (_KEEP, 0)
    while i < len(first) or j < len(second):
        if i < len(first) and x_kind == _DELETE:
            _add(built, _DELETE, x_left)
            x_left = 0
        elif j < len(second) and y_kind == _INSERT:
            _add(built, _INSERT, y_left)
            y_left = 0
        elif j >= len(second):  # all behind stays
            _add(built, x_kind, x_left)
            x_left = 0
        elif i >= len(first):
            _add(built, y_kind, y_left)
            y_left = 0
        else:
            shared = min(x_left, y_left)
            if y_kind == _KEEP:
                _add(built, x_kind, shared)
            elif x_kind == _KEEP:
                _add(built, _DELETE, shared)
            x_left -= shared
            y_left -= shared
        if not x_left and i < len(first):
            i += 1
            x_kind, x_left = first[i] if i < len(first) else (_KEEP, 0)
        if not y_left and j < len(second):
            j += 1
            y_kind, y_left = second[j] if j < len(second) else (_KEEP, 0)
    while built and built[-1][0] == _KEEP:
        built.pop()
    return built


def _all(rows: Iterable[list[Step]]) -> list[Step]:
    """Return the steps of all rows, one after the other; joined in pairs, so that the work is that of a merge sort."""
    row = list(rows)
    while len(row) > 1:
        row = [then(row[at], row[at + 1]) if at + 1 < len(row) else row[at] for at in range(0, len(row), 2)]
    return row[0] if row else []


def _steps(operation: Operation) -> list[Step]:
    built: list[Step] = []
    for component in operation.components:
        kind = _INSERT if isinstance(component, Insert) else _DELETE if isinstance(component, Delete) else _KEEP
        _add(built, kind, size(component))
    if built and built[-1][0] == _KEEP:
        built.pop()
    return built


def _add(built: list[Step], kind: int, length: int) -> None:
    if built and built[-1][0] == kind:
        built[-1] = kind, built[-1][1] + length
    elif length:
        built.append((kind, length))
