"""The place of an insert inside of text that another user deletes at the same time.

The insert stays where the deleted text was. Where its author's neighbour undoes the delete, the restored text goes on
both sides of it, if the place is known: the client finds it by itself where the insert was committed first, and the
service tells it where the delete was (`remote_operation.payload.within`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from ..operations import Delete, Insert, Operation, Retain
from ..units import Units

_MAX_DELETIONS: Final = 64  # of one author in one document; an insert that is later by more is told of no place
_MAX_UNITS: Final = 65_536  # of one deletion


class Landing(NamedTuple):
    """The place of another user's insert in text that the author deleted: `offset` units behind its beginning."""

    text: Units
    offset: int


def landing(committed: Operation, unconfirmed: Operation, text: Units) -> Landing | None:
    """Return the place of a committed insert inside of text that the author's unconfirmed operation deletes.

    Both operations are for `text`. None where it is elsewhere, or no single insert.
    """
    first = committed.components[0] if committed.components else None
    place = first.length if isinstance(first, Retain) else 0
    at = 0
    for component in unconfirmed.components:
        if isinstance(component, Insert):
            continue
        if at < place < at + component.length and isinstance(component, Delete):
            return Landing(Units(text[at : at + component.length]), place - at)
        at += component.length
    return None


def deleted_text(operation: Operation, text: Units) -> Units | None:
    """Return the text that an operation on `text` deletes; None where it deletes in no place, or in several."""
    found: Units | None = None
    at = 0
    for component in operation.components:
        if isinstance(component, Insert):
            continue
        if isinstance(component, Delete):
            if found is not None:
                return None
            found = Units(text[at : at + component.length])
        at += component.length
    return found


def first_deleted(position: int, later: Iterable[Operation]) -> tuple[int, int] | None:
    """Return the first of the later operations that deletes the text around a position, and the place within its text.

    The result is (number of the operation, units behind the begin of the deleted text). None where no operation deletes
    on both sides of the position, or where the one that does deletes in several places. An insert at the position
    itself goes behind it, as it does for an insert that is committed after it.
    """
    for number, operation in enumerate(later):
        at, moved, deletes, inside = 0, position, 0, -1
        for component in operation.components:
            if isinstance(component, Insert):
                moved += len(component.text) if at < position else 0
                continue
            if isinstance(component, Delete):
                deletes += 1
                if at < position < at + component.length:
                    inside = position - at
                moved -= max(0, min(position, at + component.length) - at)
            at += component.length
        if inside >= 0:
            return (number, inside) if deletes == 1 else None
        position = moved
    return None


class PlaceInside(Protocol):
    """A place inside of text that a version deleted, as the service tells it."""

    version: int
    offset: int


class Deletions:
    """The texts that an author's last versions deleted."""

    def __init__(self) -> None:
        self._texts: dict[int, Units] = {}

    def add(self, version: int, text: Units | None) -> None:
        """Keep the text that a version deleted; None where it deleted in no place, or in several."""
        if text is None or len(text) > _MAX_UNITS:
            return
        self._texts[version] = text
        if len(self._texts) > _MAX_DELETIONS:
            del self._texts[next(iter(self._texts))]

    def landing(self, place: PlaceInside | None) -> Landing | None:
        """Return a place inside of one of these texts; None for one inside of another."""
        text = None if place is None else self._texts.get(place.version)
        return None if text is None or place is None else Landing(text, place.offset)
