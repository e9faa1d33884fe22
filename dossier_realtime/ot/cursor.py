"""The place of a caret or a selection after an operation. All offsets are UTF-16 code units.

The rules are those of editors. A caret stays before text that another user inserts exactly at it, so that the next
letter of its owner joins the last one; it moves behind text that its owner inserts. A selection does not grow by text
that another user inserts at its edges. Where the text around a position is deleted, the position is that of the
deleted text.
"""

from __future__ import annotations

from .operations import Delete, DoesNotFit, Insert, Operation


def transform_position(position: int, operation: Operation, *, own: bool = False) -> int:
    """Return `position` after `operation`; `own`: it moves behind text inserted exactly at it.

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
    """Return (position, selection_length) after `operation`; `own`: its author is the owner of the selection."""
    if not selection_length:
        return transform_position(position, operation, own=own), 0
    # The start always moves behind an insert exactly at it: text inserted before a selection stays outside of it.
    start = transform_position(position, operation, own=True)
    end = transform_position(position + selection_length, operation, own=own)
    return start, end - start
