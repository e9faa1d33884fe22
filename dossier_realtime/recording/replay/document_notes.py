"""The comments, soft locks and state of a document at a time: a fold over what its readers were told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from dossier_realtime.ot.operations import DoesNotFit, Operation
from dossier_realtime.ot.places.anchors import TextAnchor, moved
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.documents.comments import DocumentComment, DocumentCommentPayload
from dossier_realtime.protocol.documents.document_events import DocumentStateEvent, DocumentStatePayload
from dossier_realtime.protocol.documents.field_locks import LockState

from ..reading import entry_type

if TYPE_CHECKING:
    from ..entry import Entry

Note = DocumentComment | DocumentStateEvent | LockState
_notes = msgspec.json.Decoder(Note)
_TYPES = frozenset({"document_comment", "document_state", "lock_state"})


@dataclass(frozen=True, slots=True)
class RecordedLock:
    """A soft lock on a field or clause. Times are Unix seconds; `until` is the end that was told when it was taken.

    A holder may keep a lock for longer, which is told to nobody: it is held until it is given back.
    """

    field: str
    user: str
    name: str
    since: float
    until: float


@dataclass(slots=True)
class DocumentNotes:
    """The things that stand beside a text. `threads`: comments and suggestions by id, also those that are resolved."""

    threads: dict[str, DocumentCommentPayload] = field(default_factory=dict)
    locks: dict[str, RecordedLock] = field(default_factory=dict)
    state: DocumentStatePayload = field(default_factory=lambda: DocumentStatePayload(frozen=False))

    def take(self, note: Note, at: float) -> None:
        """Take the next note, as it was told at a time (Unix seconds)."""
        match note:
            case DocumentComment(payload=thread):
                known = self.threads.get(thread.id)
                if thread.status == "removed":
                    self.threads.pop(thread.id, None)
                elif known is None or thread.revision >= known.revision:
                    self.threads[thread.id] = thread
            case DocumentStateEvent(payload=state):
                self.state = state
                if state.deleted:
                    self.threads.clear()
            case LockState(payload=told):
                self.locks.pop(told.field, None)
                if told.user_id is not None:
                    until, name = at + (told.expires_in or 0), told.name or told.user_id
                    self.locks[told.field] = RecordedLock(told.field, told.user_id, name, at, until)

    def restarted(self) -> None:
        """Note that the only node began anew: it knows of no lock."""
        self.locks.clear()


class TimedNote(NamedTuple):
    """A note and the time at which it was told; None for the start of the only node of a recording."""

    at: float
    note: Note | None


class NotesHistory:
    """All that was told of a document beside its text, in the order in which it was told."""

    def __init__(self, told: Iterable[TimedNote] = ()) -> None:
        self._told = list(told)

    def until(self, moment: float) -> DocumentNotes:
        """Return what stood at a time (Unix seconds)."""
        notes = DocumentNotes()
        for at, note in self._told:
            if at > moment:
                break
            if note is None:
                notes.restarted()
            else:
                notes.take(note, at)
        return notes


def note_of(entry: Entry) -> Note | None:
    """Return the note that the message of an entry is; None for another message. Raises msgspec.MsgspecError."""
    frame = entry.frame
    return None if frame is None or entry_type(entry) not in _TYPES else _notes.decode(frame)


def placed(thread: DocumentCommentPayload, later: Iterable[tuple[int, Operation]]) -> DocumentCommentPayload:
    """Return a thread at its place after operations, each with the version that it leads to.

    Its place is as it was told where it was told for a later version, or for one before the recording.
    """
    anchor, quote, at = TextAnchor(thread.start, thread.end, thread.orphaned), to_units(thread.quote), thread.version
    for version, operation in later:
        if at < version:
            try:
                anchor, at = moved(anchor, operation, quote), version
            except DoesNotFit:
                return thread
    return msgspec.structs.replace(thread, start=anchor.start, end=anchor.end, orphaned=anchor.orphaned, version=at)
