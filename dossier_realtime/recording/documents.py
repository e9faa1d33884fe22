"""A document as it was at any version or time, and who made it so."""

from __future__ import annotations

from bisect import bisect_right
from itertools import groupby
from typing import NamedTuple

import msgspec

from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.flat import read
from dossier_realtime.ot.units import Units, from_units, to_units
from dossier_realtime.protocol.answers import DocumentState, Subscribed
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload

from .index import Index

_operations = msgspec.json.Decoder(RemoteOperation)
_states = msgspec.json.Decoder(Subscribed)
_CHECKPOINT = 256  # versions between two texts that are kept


class Edit(NamedTuple):
    """One version: when it was delivered (Unix seconds), and the operation, which says whose it is."""

    version: int
    at: float
    payload: RemoteOperationPayload


class Piece(NamedTuple):
    """A stretch of text by one user; `user` is empty for what is older than the recording."""

    user: str
    text: str


class DocumentHistory:
    """A document's versions. `first` is the first one whose text can be made, `last` the last."""

    def __init__(self, name: str, edits: list[Edit], base: tuple[int, Document]) -> None:
        self.name = name
        self.edits = edits
        self.first, document = base
        self._texts = [document]

    @property
    def last(self) -> int:
        """The last version that the recording holds."""
        return self.first + len(self.edits)

    def at(self, moment: int | float) -> str:
        """The text at a version (an int) or a time (a float, Unix seconds). Raises KeyError for one not recorded."""
        return self.document_at(moment).content

    def document_at(self, moment: int | float) -> Document:
        """Likewise, with its formatting."""
        version = moment if isinstance(moment, int) else self.version_at(moment)
        if not self.first <= version <= self.last:
            raise KeyError(f"{self.name} is recorded from version {self.first} to {self.last}; ask for one of these")
        checkpoint = min((version - self.first) // _CHECKPOINT, len(self._texts) - 1)
        document = self._texts[checkpoint]
        for edit in self.edits[checkpoint * _CHECKPOINT : version - self.first]:
            document = apply(read(edit.payload, document.length), document)
            if edit.version == self.first + len(self._texts) * _CHECKPOINT:
                self._texts.append(document)
        return document

    def pieces(self, moment: int | float) -> list[Piece]:
        """The text at a version or a time, stretch by stretch by who put it in. Raises KeyError likewise.

        What somebody pasted, or brought back by undoing, counts as theirs.
        """
        version = moment if isinstance(moment, int) else self.version_at(moment)
        text, authors = to_units(self.at(version)), [""] * self._texts[0].length
        for _, _, payload in self.edits[: version - self.first]:
            place, length = payload.position, payload.length or len(to_units(payload.content or ""))
            if payload.operation_type == "insert":
                authors[place:place] = [payload.user_id] * length
            elif payload.operation_type == "delete":
                del authors[place : place + length]
        pieces, at = [], 0
        for user, units in groupby(authors):
            end = at + len(list(units))
            pieces.append(Piece(user, from_units(Units(text[at:end]))))
            at = end
        return pieces

    def version_at(self, moment: float) -> int:
        """The version in force at a time (Unix seconds)."""
        return self.first + bisect_right(self.edits, moment, key=lambda edit: edit.at)


def history(index: Index, channel: str) -> DocumentHistory:
    """The history of `document:…`. It begins at version 0, or where somebody loaded the document if the recording
    begins later. Raises KeyError where the recording holds nothing of it."""
    found: dict[int, Edit] = {}
    for number in index.fanouts.get(channel, ()):
        header, frame, _ = index.entry(number)
        if header.offset and frame is not None and header.kind in ("fanout", "recovered"):
            found.setdefault(header.offset, Edit(header.offset, index.times[number], _operations.decode(frame).payload))
    if not found:
        raise KeyError(f"no edit of {channel} in this recording; channels() lists what there is")
    versions = sorted(found)
    base = (0, Document()) if versions[0] == 1 else _loaded(index, channel, versions)
    edits: list[Edit] = []
    while base[0] + len(edits) + 1 in found:
        edits.append(found[base[0] + len(edits) + 1])
    return DocumentHistory(channel, edits, base)


def _loaded(index: Index, channel: str, versions: list[int]) -> tuple[int, Document]:
    """The oldest text that somebody was sent, from which the recorded versions go on."""
    states: list[DocumentState] = []
    for numbers in index.sessions.values():
        for number in numbers:
            header, frame, _ = index.entry(number)
            if header.kind == "out" and header.channel == channel and frame and b'"document":' in frame:
                state = _states.decode(frame).document
                if state is not None and state.version >= versions[0] - 1:
                    states.append(state)
    if not states:
        raise KeyError(f"the recording begins at version {versions[0]} of {channel}, and nobody loaded it: no text")
    state = min(states, key=lambda state: state.version)
    return state.version, Document.of(state.content, state.format)
