"""Changes of a shared document, as the user of an editor gets them. Pure.

Every position and length counts UTF-16 code units.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dossier_realtime.ot.attributes import PLAIN
from dossier_realtime.ot.batches.steps import Changing, of_steps
from dossier_realtime.ot.flat import Kind, written
from dossier_realtime.ot.operations import Delete, Format, Insert, Operation
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes

Origin = Literal["local", "undo", "redo", "remote", "reload", "refused"]
"""The cause of a change: `local`, `undo`, `redo`: an edit of this client's user; `remote`: an edit of another user or
client; `reload`: the text was loaded; `refused`: an edit that the server refused was removed from the text."""


class Edit(NamedTuple):
    """One edit: `content` of an insert, `length` of a delete or format, `attributes` of an insert or format.

    In a format, None removes an attribute.
    """

    operation_type: Kind
    position: int
    content: str | None
    length: int | None
    attributes: Attributes | None


@dataclass(frozen=True, slots=True)
class Change:
    """Edits to apply one after the other, each to the text that the one before produced.

    `version` is the last server version that the text includes. `user_id` and `user_name` are the author of a
    `remote` change; None for every other origin.
    """

    origin: Origin
    edits: tuple[Edit, ...]
    version: int
    user_id: str | None = None
    user_name: str | None = None


class Cursor(NamedTuple):
    """A caret, or, with a length, a selection."""

    position: int
    selection_length: int


def edits_of(operation: Operation) -> tuple[Edit, ...]:
    """Return the edits that together are `operation`."""
    if not operation.changes:
        return ()
    return tuple(Edit(f.operation_type, f.position, f.content, f.length, f.attributes) for f in written(operation))


def operation_of(edits: Iterable[Edit], length: int) -> Operation:
    """Return the operation of edits, one after the other, on a text of `length` units."""
    return of_steps(((edit.position, _component_of(edit)) for edit in edits), length)


def _component_of(edit: Edit) -> Changing:
    match edit.operation_type:
        case "insert":
            return Insert(to_units(edit.content or ""), edit.attributes or PLAIN)
        case "delete":
            return Delete(edit.length or 0)
        case "format":
            return Format(edit.length or 0, edit.attributes or PLAIN)
