"""The comments of a document as its editor knows them: each at its place in the server's text, moved along. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import structs

from dossier_realtime.ot.operations import DoesNotFit, Operation
from dossier_realtime.ot.places.anchors import TextAnchor, moved
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload

_RECENT = 1_000  # operations kept: a comment that comes may be of a version that many ago


class CommentStates:
    """The comments of one document. `is_behind`: they must be read anew."""

    def __init__(self) -> None:
        self.is_behind = True
        self._comments: dict[str, DocumentCommentPayload] = {}
        self._anchors: dict[str, tuple[TextAnchor, int]] = {}  # and the version of each
        self._removed: set[str] = set()
        self._recent: deque[tuple[int, Operation]] = deque(maxlen=_RECENT)

    def reset(self) -> None:
        """Forget the places: the text was loaded anew, and nobody knows the way there."""
        self.is_behind = True
        self._recent.clear()
        self._comments, self._anchors = {}, {}

    def move(self, operation: Operation, version: int) -> None:
        """Move the comments past what the server committed as `version`."""
        self._recent.append((version, operation))
        for name, (anchor, at) in self._anchors.items():
            if at < version:
                self._anchors[name] = moved(anchor, operation, to_units(self._comments[name].quote)), version

    def put(self, said: DocumentCommentPayload) -> bool:
        """Take a comment as the service tells it; False for one that is older than what is known."""
        known = self._comments.get(said.id)
        if said.id in self._removed or (known is not None and known.revision >= said.revision):
            return False
        if said.status == "removed":
            self._removed.add(said.id)
            self._comments.pop(said.id, None)
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

    def load(self, listed: Iterable[DocumentCommentPayload]) -> None:
        """Take the whole list; what the events told since it was made stays."""
        rows = list(listed)
        self.is_behind = False
        there = {row.id for row in rows}
        for name in [name for name in self._comments if name not in there and not self._is_newer(name, rows)]:
            del self._comments[name], self._anchors[name]
        for row in rows:
            self.put(row)

    def _is_newer(self, name: str, rows: list[DocumentCommentPayload]) -> bool:
        """Return whether a comment that is not in a list was made after it, as far as its version tells."""
        return not rows or self._anchors[name][1] >= max(row.version for row in rows)

    def shown(self, unconfirmed: Operation) -> list[DocumentCommentPayload]:
        """Return the comments on the text with the user's unconfirmed edits, from its begin to its end."""
        rows = []
        for name, (anchor, version) in self._anchors.items():
            comment = self._comments[name]
            try:
                start, end, orphaned = moved(anchor, unconfirmed, to_units(comment.quote))
            except DoesNotFit:
                continue  # of a version that is still to come
            rows.append(structs.replace(comment, start=start, end=end, orphaned=orphaned, version=version))
        return sorted(rows, key=lambda row: (row.start, row.end, row.timestamp, row.id))
