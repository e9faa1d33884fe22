"""Where a position or a selection is after an operation. All offsets are UTF-16 code units.

As editors do: a caret stays where it is when somebody else inserts exactly there, so that its owner's next letter
joins the owner's last one; it follows its owner's own insert. A selection does not grow by text that somebody else
inserts at its edges. What is deleted around a position leaves it where the deleted text was.
"""

from __future__ import annotations

from .operations import Delete, DoesNotFit, Insert, Operation


def transform_position(position: int, operation: Operation, *, own: bool = False) -> int:
    """Where `position` is after `operation`; `own`: it goes behind a text inserted exactly there.

    Raises DoesNotFit for a position beyond the text.
    """
    at, moved = 0, position
    for component in operation.components:
        if at > position:
            return moved
        if isinstance(component, Insert):
            if at < position or own:
                moved += len(component.text)
        else:
            if isinstance(component, Delete):
                moved -= min(component.length, position - at)
            at += component.length
    if position > at:
        raise DoesNotFit(f"The text has {at} units, the position is {position}; send one within the text")
    return moved


def transform_selection(
    position: int, selection_length: int, operation: Operation, *, own: bool = False
) -> tuple[int, int]:
    """(position, selection_length) after `operation`; `own`: its author is the owner of the selection."""
    if not selection_length:
        return transform_position(position, operation, own=own), 0
    start = transform_position(position, operation, own=True)
    end = transform_position(position + selection_length, operation, own=own)
    return start, end - start
