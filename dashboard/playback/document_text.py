"""The documents of a recording: an initial text, and every edit with its author. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from dossier_realtime.ot.flat import listed, units_of
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.commands import FlatOperation
from dossier_realtime.recording.recording import Recording
from dossier_realtime.recording.replay.documents import DocumentHistory, RecordedEdit

if TYPE_CHECKING:
    from dossier_realtime.recording.entry import Header

MAX_DOCUMENTS = 50
MAX_EDITS = 20_000  # of one document
_KINDS = {"insert": 0, "delete": 1, "format": 2}
_BATCH = 3


class RecordedPairs:
    """The pairs of documents and their counterparts, folded from the acts that made them and took them apart."""

    def __init__(self) -> None:
        self._counterparts: dict[str, str] = {}
        self._acts: dict[int, tuple[str, str, str]] = {}  # by seq, until their outcome

    def take(self, header: Header) -> None:
        """Take the next entry."""
        if header.kind == "act" and header.detail.get("verb") in ("pair_documents", "part_documents"):
            names = header.detail.get("channels")
            if isinstance(names, list) and len(names) == 2:
                self._acts[header.seq] = str(header.detail["verb"]), str(names[0]), str(names[1])
        elif header.kind == "outcome" and header.cause in self._acts:
            verb, own, other = self._acts.pop(header.cause)
            if header.detail.get("outcome") == "failed":
                return
            for name, counterpart in ((own, other), (other, own)):
                self._counterparts.pop(name, None)
                if verb == "pair_documents":
                    self._counterparts[name] = counterpart

    def of(self, channel: str) -> str | None:
        """Return the channel of a document's counterpart."""
        return self._counterparts.get(channel)


def documents(
    recording: Recording, since: float, until: float, pairs: RecordedPairs | None = None
) -> list[dict[str, Any]]:
    """Return the documents that were edited before `until`, the busiest first. Times are ms since `since`.

    `beside`: the place of the document's counterpart in this list.
    """
    named = [channel for channel in recording.index.fanouts if channels.is_in(channel, "document")]
    histories = []
    for channel in named:
        try:
            histories.append(recording.document(channel))
        except KeyError:
            continue  # cursors alone, or a document whose text is not in the recording
    histories.sort(key=lambda history: (-len(history.edits), history.name))
    shown = histories[:MAX_DOCUMENTS]
    told = [written(history, since, until) for history in shown]
    places = {history.name: place for place, history in enumerate(shown)}
    for history, one in zip(shown, told, strict=True):
        other = None if pairs is None else pairs.of(history.name)
        if other in places:
            one["beside"] = places[other]
    return told


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
