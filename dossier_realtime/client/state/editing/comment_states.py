"""The comments of a document as its editor knows them: each at its place in the server's text, moved along. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import structs

from dossier_realtime.ot.operations import Delete, DoesNotFit, Insert, Operation
from dossier_realtime.ot.places.anchors import TextAnchor, moved
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload, acceptance_prefix

_RECENT = 1_000  # operations kept: a comment that comes may be of a version that many ago


class CommentStates:
    """The comments of one document. `is_behind`: they must be read anew.

    `accepting`: the suggestions that this client has accepted, whether they are answered or not.
    `resets` counts how often the text was loaded: a list that was asked for before is of another text.
    """

    def __init__(self) -> None:
        self.is_behind = True
        self.resets = 0
        self.accepting: set[str] = set()
        self._comments: dict[str, DocumentCommentPayload] = {}
        self._anchors: dict[str, tuple[TextAnchor, int]] = {}  # and the version of each
        self._removed: set[str] = set()
        self._told_at: dict[str, int] = {}  # the number of the event that told of a comment last
        self._events = self._head = 0
        self._recent: deque[tuple[int, Operation]] = deque(maxlen=_RECENT)

    def reset(self) -> None:
        """Forget the places: the text was loaded anew, and the way there is not known."""
        self.is_behind = True
        self.resets += 1
        self._recent.clear()
        self._comments, self._anchors, self._told_at = {}, {}, {}
        self._head = 0

    def is_accepted(self, op_id: str | None) -> bool:
        """Return whether an edit is a suggestion that this client has accepted."""
        return op_id is not None and any(op_id.startswith(acceptance_prefix(each)) for each in self.accepting)

    def move(self, operation: Operation, version: int) -> None:
        """Move the comments past what the server committed as `version`."""
        self._recent.append((version, operation))
        self._head = version
        begin, end, shift = _touched(operation)
        for name, (anchor, at) in self._anchors.items():
            if at >= version or anchor.end < begin:
                continue  # of a text that is still to come, or before all that changed
            if anchor.start > end:
                after = TextAnchor(anchor.start + shift, anchor.end + shift, anchor.orphaned)
            else:
                after = moved(anchor, operation, to_units(self._comments[name].quote))
            self._anchors[name] = after, version

    def tell(self, said: DocumentCommentPayload) -> bool:
        """Take a comment from an event; False for one that is older than what is known."""
        self._events += 1
        self._told_at[said.id] = self._events
        return self._put(said)

    def _put(self, said: DocumentCommentPayload) -> bool:
        known = self._comments.get(said.id)
        if said.id in self._removed or (known is not None and not _is_newer(said, known)):
            return False
        if said.status == "removed":
            self._removed.add(said.id)
            self._comments.pop(said.id, None)
            self._told_at.pop(said.id, None)
            self._anchors.pop(said.id, None)
            return True
        anchor, at = TextAnchor(said.start, said.end, said.orphaned), said.version
        later = [(version, operation) for version, operation in self._recent if version > at]
        if later and at < self._recent[0][0] - 1 and len(self._recent) == _RECENT:
            self.is_behind = True
        try:
            for version, operation in later:
                anchor, at = moved(anchor, operation, to_units(said.quote)), version
        except DoesNotFit:
            self.is_behind = True
            return False
        self._comments[said.id], self._anchors[said.id] = said, (anchor, at)
        return True

    @property
    def mark(self) -> int:
        """The number of events so far, to be read before the list is asked for."""
        return self._events

    def load(self, listed: Iterable[DocumentCommentPayload], mark: int) -> None:
        """Take the whole list, asked for at `mark`: what is not in it, and no event told since, was removed."""
        rows = list(listed)
        self.is_behind = False
        there = {row.id for row in rows}
        for name in [name for name in self._comments if name not in there and self._told_at.get(name, 0) <= mark]:
            del self._comments[name], self._anchors[name]
            self._told_at.pop(name, None)
        for row in rows:
            self._put(row)

    def shown(self, unconfirmed: Operation) -> list[DocumentCommentPayload]:
        """Return the comments on the text with the user's unconfirmed edits, from its begin to its end."""
        rows = []
        for name, (anchor, version) in self._anchors.items():
            comment = self._comments[name]
            try:
                start, end, orphaned = moved(anchor, unconfirmed, to_units(comment.quote))
            except DoesNotFit:
                continue  # of a version that is still to come
            at = max(version, self._head)
            rows.append(structs.replace(comment, start=start, end=end, orphaned=orphaned, version=at))
        return sorted(rows, key=lambda row: (row.start, row.end, row.timestamp, row.id))


def _is_newer(said: DocumentCommentPayload, known: DocumentCommentPayload) -> bool:
    """Return True also for the same thread at a later version: its place is the one that the service gives it there."""
    return (said.revision, said.version) > (known.revision, known.version)


def _touched(operation: Operation) -> tuple[int, int, int]:
    """Return where an operation changes the text, from the first to the last place, and what follows is shifted by."""
    at, begin, end, shift = 0, -1, -1, 0
    for component in operation.components:
        if isinstance(component, Insert):
            begin, end, shift = at if begin < 0 else begin, at, shift + len(component.text)
            continue
        if isinstance(component, Delete):
            begin, end, shift = at if begin < 0 else begin, at + component.length, shift - component.length
        at += component.length
    return (at + 1, at + 1, 0) if begin < 0 else (begin, end, shift)
