"""The place of an insert in text that another user deletes at the same time: inside of it, or directly behind it.

The insert stays where the deleted text was. Where its author's neighbour undoes the delete, the restored text goes on
both sides of it, if the place is known: the client finds it by itself where the insert was committed first, and the
service tells it where the delete was (`remote_operation.payload.within`). An insert directly before deleted text needs
no place: restored text goes behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from ..document import Document, apply
from ..flat import versions
from ..operations import Delete, Insert, Operation, Retain
from ..units import Units

_MAX_DELETIONS: Final = 64  # of one author in one document; an insert that is later by more is told of no place
_MAX_UNITS: Final = 65_536  # of one deletion


class Landing(NamedTuple):
    """The place of another user's insert in text that the author deleted: `offset` units behind its beginning."""

    text: Units
    offset: int


def landing(committed: Operation, unconfirmed: Operation, text: Units) -> Landing | None:
    """Return the place of a committed insert in text that the author's unconfirmed operation deletes.

    Both operations are for `text`. None where it is elsewhere, or no insert.
    """
    first = committed.components[0] if committed.components else None
    place = first.length if isinstance(first, Retain) else 0
    at = 0
    for component in unconfirmed.components:
        if isinstance(component, Insert):
            continue
        if at < place <= at + component.length and isinstance(component, Delete):
            return Landing(Units(text[at : at + component.length]), place - at)
        at += component.length
    return None


def deleted_texts(operation: Operation, text: Units) -> list[Units]:
    """Return the stretches that an operation on `text` deletes, from left to right."""
    found: list[Units] = []
    at = 0
    for component in operation.components:
        if isinstance(component, Insert):
            continue
        if isinstance(component, Delete):
            found.append(Units(text[at : at + component.length]))
        at += component.length
    return found


def first_deleted(position: int, later: Iterable[Operation]) -> tuple[int, int] | None:
    """Return the first of the later operations that deletes the text before a position, and the place in its text.

    The result is (number of the operation, units behind the begin of all text that it deletes). None where no operation
    deletes the unit before the position. An insert at the position itself goes behind it, as it does for an insert that
    is committed after it.
    """
    for number, operation in enumerate(later):
        at, moved, deleted = 0, position, 0
        for component in operation.components:
            if isinstance(component, Insert):
                moved += len(component.text) if at < position else 0
                continue
            if isinstance(component, Delete):
                if at < position <= at + component.length:
                    return number, deleted + position - at
                deleted += component.length
                moved -= max(0, min(position, at + component.length) - at)
            at += component.length
        position = moved
    return None


class PlaceInside(Protocol):
    """A place inside of text that a version deleted, as the service tells it."""

    version: int
    offset: int


class Deletions:
    """The texts that an author's last versions deleted."""

    def __init__(self) -> None:
        self._texts: dict[int, Sequence[Units]] = {}

    def add(self, version: int, texts: Sequence[Units]) -> None:
        """Keep the stretches that a version deleted."""
        if not texts or sum(map(len, texts)) > _MAX_UNITS:
            return
        self._texts[version] = texts
        if len(self._texts) > _MAX_DELETIONS:
            del self._texts[next(iter(self._texts))]

    def keep(self, operation: Operation, document: Document, numbers: Sequence[int]) -> None:
        """Keep what an operation on `document` deleted, which was committed as the versions of these numbers."""
        parts = [operation] if len(numbers) == 1 else versions(operation, batch=False) if numbers else []
        if len(parts) == len(numbers):
            for number, part in zip(numbers, parts, strict=True):
                self.add(number, deleted_texts(part, document.text))
                document = apply(part, document) if len(numbers) > 1 else document

    def landing(self, place: PlaceInside | None) -> Landing | None:
        """Return a place in one of these texts; None for one in another."""
        left = 0 if place is None else place.offset
        for text in () if place is None else self._texts.get(place.version, ()):
            if left <= len(text):
                return Landing(text, left)
            left -= len(text)
        return None
