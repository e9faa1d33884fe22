"""The text of a document at any version or time, and its authors."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from datetime import UTC
from itertools import groupby
from math import inf, nextafter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.flat import listed, read, units_of
from dossier_realtime.ot.operations import Operation
from dossier_realtime.ot.units import Units, from_units, to_units
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload
from dossier_realtime.protocol.responses import DocumentState, Subscribed

from ..index import Index
from ..moments import Zone, unix, version_or_time, written
from ..reading import UNFIT
from .document_notes import DocumentNotes, NotesHistory, RecordedLock, TimedNote, note_of, placed

if TYPE_CHECKING:
    from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
    from dossier_realtime.protocol.documents.document_events import DocumentStatePayload

    from ..moments import Moment, Place

_operations = msgspec.json.Decoder(RemoteOperation)
_states = msgspec.json.Decoder(Subscribed)
_CHECKPOINT_VERSIONS = 256  # between two texts that are kept
_MIN_TIME = 100_000_000  # an integer from here on is probably meant as Unix seconds
_INTEGER = ". An integer is a version: give a time as a float, a datetime or text"


class RecordedEdit(NamedTuple):
    """One version: the time of its delivery (Unix seconds), and the operation with its author."""

    version: int
    at: float
    payload: RemoteOperationPayload


class Piece(NamedTuple):
    """A range of text by one user; `user` is empty for text older than the recording."""

    user: str
    text: str


class DocumentHistory:
    """The versions of a document. `first` is the first one with a known text, `last` the last.

    `since`: the time (Unix seconds) from which on the version in force is known; None: from the beginning on. `ends`:
    the time from which on it is not, because a version is not in the recording.
    """

    def __init__(
        self,
        name: str,
        edits: list[RecordedEdit],
        base: tuple[int, Document],
        since: float | None = None,
        notes: NotesHistory | None = None,
        ends: float = inf,
    ) -> None:
        self.name = name
        self.edits = edits
        self.since = since
        self.ends = ends
        self._notes = notes or NotesHistory()
        self.first, document = base
        self._texts = [document]

    @property
    def last(self) -> int:
        """The last version that the recording holds."""
        return self.first + len(self.edits)

    def at(self, place: Place, tz: Zone = UTC) -> str:
        """Return the text at a version (any integer) or a time (moments.py says which forms; without a zone in `tz`).

        Raises KeyError for a version or a time that is not recorded, TypeError and ValueError for other values.
        """
        return self.document_at(place, tz).content

    def document_at(self, place: Place, tz: Zone = UTC) -> Document:
        """Return the text with its formatting; raises as `at`."""
        version = self.version(place, tz)
        checkpoint = min((version - self.first) // _CHECKPOINT_VERSIONS, len(self._texts) - 1)
        document = self._texts[checkpoint]
        for edit in self.edits[checkpoint * _CHECKPOINT_VERSIONS : version - self.first]:
            document = apply(read(edit.payload, document.length), document)
            if edit.version == self.first + len(self._texts) * _CHECKPOINT_VERSIONS:
                self._texts.append(document)
        return document

    def pieces(self, place: Place, tz: Zone = UTC) -> list[Piece]:
        """Return the text at a version or a time in ranges by the user who inserted them; raises as `at`.

        Pasted text, and text restored by an undo, counts as that of the user who did it.
        """
        version = self.version(place, tz)
        text, authors = to_units(self.at(version)), [""] * self._texts[0].length
        for _, _, payload in self.edits[: version - self.first]:
            for one in listed(payload):
                begin, length = one.position, units_of(one)
                if one.operation_type == "insert":
                    authors[begin:begin] = [payload.user_id] * length
                elif one.operation_type == "delete":
                    del authors[begin : begin + length]
        pieces, at = [], 0
        for user, units in groupby(authors):
            end = at + len(list(units))
            pieces.append(Piece(user, from_units(Units(text[at:end]))))
            at = end
        return pieces

    def comments(self, place: Place, tz: Zone = UTC, *, closed: bool = False) -> list[DocumentCommentPayload]:
        """Return the open comments and suggestions at a version or a time, at their places in its text, by place.

        `closed`: those that are resolved, accepted or rejected too. A recording knows a comment from the first time on
        at which its readers were told of it. Raises as `at`.
        """
        version, notes = self.version(place, tz), self._beside(place, tz)
        threads = [thread for thread in notes.threads.values() if closed or thread.status == "open"]
        operations = self._operations(min((thread.version for thread in threads), default=version), version)
        there = [placed(thread, operations) for thread in threads]
        return sorted(there, key=lambda thread: (thread.start, thread.timestamp, thread.id))

    def locks(self, place: Place, tz: Zone = UTC) -> list[RecordedLock]:
        """Return the soft locks that users held at a version or a time, the earliest taken first; raises as `at`."""
        self.version(place, tz)
        return list(self._beside(place, tz).locks.values())

    def state(self, place: Place, tz: Zone = UTC) -> DocumentStatePayload:
        """Return whether the document took edits at a version or a time; raises as `at`."""
        self.version(place, tz)
        return self._beside(place, tz).state

    def _operations(self, since: int, version: int) -> list[tuple[int, Operation]]:
        """Return the operations from one version to another, each with the version that it leads to."""
        first = max(since, self.first)
        if first >= version:
            return []
        length, found = self.document_at(first).length, list[tuple[int, Operation]]()
        for edit in self.edits[first - self.first : version - self.first]:
            operation = read(edit.payload, length)
            found.append((edit.version, operation))
            length = operation.after
        return found

    def _beside(self, place: Place, tz: Zone) -> DocumentNotes:
        """Return what stood at a time, or until the version after a version came."""
        asked, at = version_or_time(place, tz)
        if asked is None:
            return self._notes.until(at)
        later = self.edits[asked - self.first :]
        return self._notes.until(nextafter(later[0].at, 0.0) if later else inf)

    def version_at(self, moment: Moment, tz: Zone = UTC) -> int:
        """Return the version in force at a time. Raises KeyError for a time before the recording knows of one."""
        at = unix(moment, tz)
        if self.since is not None and at < self.since:
            begins = written(self.since)
            raise KeyError(f"{self.name} is recorded from {begins} on; of what it said before nothing is known")
        return self.first + bisect_right(self.edits, at, key=lambda edit: edit.at)

    def is_known(self, at: float) -> bool:
        """Return whether the text in force at a time (Unix seconds) is the one that this history gives."""
        return (self.since is None or at >= self.since) and at < self.ends

    def version(self, place: Place, tz: Zone = UTC) -> int:
        """Return the version of a version or a time. Raises KeyError where it is not recorded."""
        asked, at = version_or_time(place, tz)
        if asked is None:
            return self.version_at(at)
        if not self.first <= asked <= self.last:
            there = f"{self.name} is recorded from version {self.first} to {self.last}; ask for one of these"
            raise KeyError(there + (_INTEGER if asked >= _MIN_TIME else ""))
        return asked


def history(index: Index, channel: str) -> DocumentHistory:
    """Return the history of `document:…`.

    It begins at version 0, or, where the recording begins later, at the first recorded load of the document. Raises
    KeyError where the recording holds nothing of it.
    """
    found: dict[int, RecordedEdit] = {}
    versions_told: list[tuple[str, int, float]] = []
    for number in index.fanouts.get(channel, ()):
        header, frame, _ = index.entry(number)
        if header.offset and header.kind in ("fanout", "recovered"):
            versions_told.append((header.epoch, header.offset, index.times[number]))
            if frame is None:
                continue
            with suppress(*UNFIT):  # the history ends before a version that cannot be read
                payload = _operations.decode(frame).payload
                found.setdefault(header.offset, RecordedEdit(header.offset, index.times[number], payload))
    if not found:
        raise KeyError(f"no edit of {channel} in this recording; channels() lists what there is")
    versions = sorted(found)
    since = None
    base = 0, Document()
    if versions[0] != 1:
        loaded, base = _loaded(index, channel, versions)
        since = min(loaded, found[base[0]].at) if base[0] in found else loaded
    edits: list[RecordedEdit] = []
    while base[0] + len(edits) + 1 in found:
        edits.append(found[base[0] + len(edits) + 1])
    ends = _ends(index, versions_told, base[0] + len(edits), edits[-1].at if edits else since or 0.0)
    return DocumentHistory(channel, edits, base, since, _notes(index, channel), ends)


def _ends(index: Index, told: list[tuple[str, int, float]], last: int, at: float) -> float:
    """Return the time from which on a text is not known: of a version behind a hole, or of another history."""
    epoch = told[0][0]
    lost = [time for other, version, time in told if version > last or other != epoch]
    for number in index.rare["gap"]:  # the next version may have been in it
        since = index.entry(number).header.detail.get("since")
        if index.times[number] >= at:
            lost.append(max(at, since) if isinstance(since, int | float) else at)
    return min(lost, default=inf)


def _notes(index: Index, channel: str) -> NotesHistory:
    """Return what was told of a document beside its text, and where its only node began anew."""
    told = [TimedNote(index.times[number], None) for number in index.rare["start"] if not index.entry(number)[0].node]
    for number in index.fanouts.get(channel, ()):
        with suppress(*UNFIT):  # a note that cannot be read is left out
            note = note_of(index.entry(number))
            if note is not None:
                told.append(TimedNote(index.times[number], note))
    return NotesHistory(sorted(told, key=lambda one: one.at))


def _loaded(index: Index, channel: str, versions: list[int]) -> tuple[float, tuple[int, Document]]:
    """Return the oldest recorded text that the recorded versions continue, and the time when it was first sent."""
    states: list[tuple[int, float, DocumentState]] = []
    for numbers in index.sessions.values():
        for number in numbers:
            header, frame, _ = index.entry(number)
            if header.kind == "out" and header.channel == channel and frame and b'"document":' in frame:
                try:
                    state = _states.decode(frame).document
                except UNFIT:
                    continue
                if state is not None and state.version >= versions[0] - 1:
                    states.append((state.version, index.times[number], state))
    if not states:
        raise KeyError(f"the recording begins at version {versions[0]} of {channel}, and nobody loaded it: no text")
    _, at, state = min(states, key=lambda known: known[:2])
    return at, (state.version, Document.of(state.content, state.format))
