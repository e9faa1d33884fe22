"""The documents of a recording: an initial text, and every edit with its author. Pure.

Times of edits are milliseconds since the player begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from dossier_realtime.ot.flat import listed, units_of
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.commands import FlatOperation
from dossier_realtime.recording.replay.documents import DocumentHistory, RecordedEdit

if TYPE_CHECKING:
    from dossier_realtime.recording.recording import Recording

MAX_DOCUMENTS = 50
MAX_EDITS = 20_000  # of one document
_KINDS = {"insert": 0, "delete": 1, "format": 2}
_BATCH = 3


def histories(recording: Recording) -> list[DocumentHistory]:
    """Return the documents of a recording, the busiest first."""
    found = []
    for channel in recording.index.fanouts:
        if not channels.is_in(channel, "document"):
            continue
        try:
            found.append(recording.document(channel))
        except KeyError:
            continue  # cursors alone, or a document whose text is not in the recording
    found.sort(key=lambda history: (-len(history.edits), history.name))
    return found[:MAX_DOCUMENTS]


def written(history: DocumentHistory, since: float, until: float) -> dict[str, Any]:
    """Return one document as a player needs it, with the last MAX_EDITS edits until `until`."""
    edits = [edit for edit in history.edits if edit.at <= until]
    early = max(0, len(edits) - MAX_EDITS)
    base = history.document_at(history.first + early)
    authors: dict[str, str] = {}
    for edit in edits[early:]:
        authors[edit.payload.user_id] = edit.payload.user_name
    numbers = {user: number for number, user in enumerate(authors)}
    return {
        "name": channels.identifier(history.name),
        "first": history.first + early,
        "content": base.content,
        "format": msgspec.to_builtins(base.format),
        "authors": list(authors.values()),
        "edits": [_edit(edit, numbers, since) for edit in edits[early:]],
    }


def _edit(edit: RecordedEdit, numbers: dict[str, int], since: float) -> list[Any]:
    """Return time, author, and the operation; of a batch, the operations instead, each on the text after the others."""
    steps = [_step(one) for one in listed(edit.payload)]
    row = [round(1000 * (edit.at - since)), numbers[edit.payload.user_id]]
    return [*row, *steps[0]] if len(steps) == 1 else [*row, _BATCH, steps]


def _step(operation: FlatOperation) -> list[Any]:
    """Return kind, position, length in UTF-16 units, and the text (of an insert, then its attributes) or attributes."""
    attributes = msgspec.to_builtins(operation.attributes) if operation.attributes is not None else None
    row = [_KINDS[operation.operation_type], operation.position, units_of(operation)]
    if operation.operation_type == "insert":
        return [*row, operation.content] if attributes is None else [*row, operation.content, attributes]
    return [*row, attributes]
