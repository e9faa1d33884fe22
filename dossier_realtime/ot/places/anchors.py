"""Anchors: stretches of a text that something is said about, moved along with the text. Pure.

All offsets are UTF-16 code units. An anchor does not grow by text that is inserted at its edges. Where all of its text
is deleted it is orphaned, at the place where the text was. It returns when its text comes back at that place, as by an
undo. Source: docs/protocol.md#anchors-of-comments.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..cursor import transform_selection
from ..operations import Delete, Insert, Operation
from ..units import Units

_LEAST_UNITS = 3  # of a text that is found within a longer insert; a shorter one must be the whole insert
NO_TEXT = Units("")


class TextAnchor(NamedTuple):
    """A stretch of a text; empty for a place. `orphaned`: its text is gone, both ends are where it was."""

    start: int
    end: int
    orphaned: bool = False


def moved(anchor: TextAnchor, operation: Operation, quote: Units = NO_TEXT) -> TextAnchor:
    """Return the anchor after an operation. `quote`: the text by which an orphaned one is found again.

    Raises DoesNotFit for an anchor beyond the text.
    """
    length = anchor.end - anchor.start
    start, left = transform_selection(anchor.start, length, operation)
    lost = anchor.orphaned or (not left if length else _buries(operation, anchor.start))
    if not lost:
        return TextAnchor(start, start + left)
    found = _found(operation, start, quote) if quote else -1
    return TextAnchor(start, start, orphaned=True) if found < 0 else TextAnchor(found, found + len(quote))


def moved_past(anchor: TextAnchor, operations: Iterable[Operation], quote: Units = NO_TEXT) -> TextAnchor:
    """Return the anchor after operations, one after the other."""
    for operation in operations:
        anchor = moved(anchor, operation, quote)
    return anchor


def _buries(operation: Operation, position: int) -> bool:
    """Return whether the text on both sides of a position is deleted by one stretch."""
    at = 0
    for component in operation.components:
        if at >= position:
            return False
        if not isinstance(component, Insert):
            if isinstance(component, Delete) and position < at + component.length:
                return True
            at += component.length
    return False


def _found(operation: Operation, position: int, quote: Units) -> int:
    """Return the place of `quote` in text that an operation inserts at `position` of its outcome; -1: none."""
    after = 0  # the end, in the outcome, of what was passed
    put: list[str] = []  # text that is inserted there; differently formatted stretches are inserts of their own
    for component in operation.components:
        if isinstance(component, Insert):
            put.append(component.text)
        elif not isinstance(component, Delete):
            text = "".join(put)
            if after + len(text) >= position:
                break
            after += len(text) + component.length
            put = []
        if after > position:
            return -1
    text = "".join(put)
    at = text.find(quote) if text == quote or len(quote) >= _LEAST_UNITS else -1
    return -1 if at < 0 or after + len(text) < position else after + at
