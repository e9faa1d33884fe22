"""What happens to a shared document, as its user is told. Pure.

Every position and length counts UTF-16 code units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from dossier_realtime.ot.flat import Kind, parts, write
from dossier_realtime.ot.operations import Operation
from dossier_realtime.protocol.commands import Attributes

Origin = Literal["local", "undo", "redo", "remote", "reload", "refused"]
"""Why a text changes: an edit of this client's user; one of somebody else's (or of the same user's elsewhere);
the text was loaded; the server refused an edit, which is taken out again."""


class Edit(NamedTuple):
    """`content` of an insert, `length` of a delete or format, `attributes` of a format (`None` removes one)."""

    operation_type: Kind
    position: int
    content: str | None
    length: int | None
    attributes: Attributes | None


@dataclass(frozen=True, slots=True)
class Change:
    """Edits to make one after the other, each on the text that the one before left.

    `version` is the last one of the server's that the text includes. `user_id` and `user_name`: whose edit came from
    elsewhere; None for every other origin.
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
    """The edits that together are `operation`."""
    flat = (write(part, 0) for part in parts(operation))
    return tuple(Edit(p.operation_type, p.position, p.content, p.length, p.attributes) for p in flat)
