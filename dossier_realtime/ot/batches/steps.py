"""Many steps in a row as one operation. The time is linear for steps from left to right, else n log n.

To compose one step after the other would be quadratic: each composition walks over everything before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..operations import Component, Delete, DoesNotFit, Format, Insert, Operation, extend, keep
from ..transform import compose

Changing = Insert | Delete | Format
"""The components that change something."""

Step = tuple[int, Changing]
"""A component that changes something, and its position in the text after the steps before it."""


class StepDoesNotFit(DoesNotFit):
    """A step, the `number`-th from 0, that reaches beyond the text."""

    def __init__(self, number: int, reach: int, length: int) -> None:
        super().__init__(f"The operation reaches unit {reach} of a text of {length}; load the document again")
        self.number = number


def of_steps(steps: Iterable[Step], length: int) -> Operation:
    """Return the operation with the effect of the steps one after the other, on a text of `length` units.

    Raises StepDoesNotFit for a step that reaches beyond the text that the steps before it made.
    """
    runs: list[Operation] = []
    run: list[Component] = []
    at = 0  # the end of what the run has passed, in the text after it; all behind is as it was before the run
    for number, (position, component) in enumerate(steps):
        reach = position if isinstance(component, Insert) else position + component.length
        if position < 0 or reach > length:
            raise StepDoesNotFit(number, reach, length)
        if position < at:
            keep(run, length - at)
            runs.append(Operation(tuple(run)))
            run, at = [], 0
        keep(run, position - at)
        extend(run, component)
        match component:
            case Insert(text):
                length += len(text)
                at = position + len(text)
            case Delete(deleted):
                length -= deleted
                at = position
            case _:
                at = position + component.length
    keep(run, length - at)
    return composed([*runs, Operation(tuple(run))])


def composed(operations: Sequence[Operation]) -> Operation:
    """Return one operation with the effect of all, each for the text after those before it; at least one.

    It composes neighbours in pairs, then the pairs: every component is walked over log n times. Raises DoesNotFit.
    """
    rows = list(operations)
    while len(rows) > 1:
        pairs = [compose(rows[at], rows[at + 1]) for at in range(0, len(rows) - 1, 2)]
        rows = pairs if len(rows) % 2 == 0 else [*pairs, rows[-1]]
    return rows[0]
