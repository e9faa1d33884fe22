"""The cursors of other users, on the server's text: there each moves as its owner sees it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import dropwhile
from typing import NamedTuple

from dossier_realtime.ot.collab import Pending
from dossier_realtime.ot.cursor import transform_selection
from dossier_realtime.ot.operations import DoesNotFit, Operation
from dossier_realtime.ot.units import Units, splits_pair
from dossier_realtime.protocol.documents.cursor_colors import cursor_color
from dossier_realtime.protocol.events import CursorPositionPayload
from dossier_realtime.protocol.responses import RestingCursor

from ..changes import Cursor

_MAX_RECENT = 200  # operations that a late cursor is moved along; nodes that share a store relay cursors in a second


class RemoteCursor(NamedTuple):
    """A cursor of another user: one a tab. `color` is `#rrggbb`, the same for all cursors of a user."""

    user_id: str
    name: str
    color: str
    position: int
    selection_length: int


class _Committed(NamedTuple):
    """An operation that the server's text was changed by, the version before it, and the user who made it."""

    before: int
    operation: Operation
    author: str | None


class RemoteCursors:
    """The cursors of other users, by their id; a server that sends no ids has one cursor a user.

    A cursor names the version of the text that it is placed on. One of a version that has not come waits for it; one of
    a past version is moved along what was committed since.
    """

    def __init__(self) -> None:
        self._cursors: dict[str, RemoteCursor] = {}
        self._waiting: dict[str, CursorPositionPayload | RestingCursor] = {}
        self._recent: deque[_Committed] = deque(maxlen=_MAX_RECENT)

    def place(self, said: CursorPositionPayload | RestingCursor, text: Units, version: int) -> None:
        """Place a cursor on `text`, the server's at `version`, or keep it until its own version has come."""
        key = said.cursor_id or said.user_id
        self._waiting.pop(key, None)
        if said.version is not None and said.version > version:
            self._waiting[key] = said
            return
        position, selection_length = self._brought(said, version)
        # One of a version that is not known is brought to an edge of a character.
        start = min(position, len(text))
        end = min(start + selection_length, len(text))
        start -= splits_pair(text, start)
        end -= splits_pair(text, end)
        color = said.color or cursor_color(said.user_id)
        self._cursors.pop(key, None)  # the one that moved last comes last
        self._cursors[key] = RemoteCursor(said.user_id, said.name or said.user_id, color, start, end - start)

    def _brought(self, said: CursorPositionPayload | RestingCursor, version: int) -> tuple[int, int]:
        """Return the place of a cursor at `version`; as it was told, where the operations since are not known."""
        told = said.position, said.selection_length
        if said.version is None or said.version == version:
            return told
        since = list(dropwhile(lambda one: one.before < (said.version or 0), self._recent))
        if not since or since[0].before != said.version:
            return told
        place = told
        try:
            for one in since:
                place = _moved(*place, said.user_id, one)
        except DoesNotFit:
            return told
        return place

    def load(self, resting: Iterable[RestingCursor], text: Units, version: int) -> bool:
        """Replace the cursors that have ids by those that the server tells anew; True where one was there or is.

        A server that sends no ids does not tell them anew: its cursors go with their users.
        """
        told = [key for key, cursor in self._cursors.items() if key != cursor.user_id]
        for key in told:
            del self._cursors[key]
        self._waiting.clear()
        before = len(self._cursors)
        for cursor in resting:
            self.place(cursor, text, version)
        return bool(told) or len(self._cursors) > before

    def move(self, pending: Pending, before: int, author: str | None = None) -> bool:
        """Move all cursors along the operation that has led the server's text from version `before` to that of now.

        `author`: the user who made it. True where a cursor waited for this version.
        """
        if pending.version == before:
            return False
        committed = _Committed(before, pending.committed, author)
        self._recent.append(committed)
        for key, cursor in self._cursors.items():
            place = _moved(cursor.position, cursor.selection_length, cursor.user_id, committed)
            self._cursors[key] = RemoteCursor(cursor.user_id, cursor.name, cursor.color, *place)
        due = [said for said in self._waiting.values() if (said.version or 0) <= pending.version]
        for said in due:
            self.place(said, pending.server.text, pending.version)
        return bool(due)

    def reload(self, committed: Operation) -> None:
        """Move all cursors along the difference to a text that was loaded anew, maybe of another history."""
        self._recent.clear()
        self._waiting.clear()
        for key, cursor in self._cursors.items():
            place = transform_selection(cursor.position, cursor.selection_length, committed)
            self._cursors[key] = RemoteCursor(cursor.user_id, cursor.name, cursor.color, *place)

    def gone(self, cursor_id: str) -> bool:
        """Remove a cursor; False where there is none of this id."""
        self._waiting.pop(cursor_id, None)
        return self._cursors.pop(cursor_id, None) is not None

    def keep(self, users: set[str]) -> bool:
        """Remove the cursors of all users but these; False where there are none."""
        self._waiting = {key: said for key, said in self._waiting.items() if said.user_id in users}
        gone = [key for key, cursor in self._cursors.items() if cursor.user_id not in users]
        for key in gone:
            del self._cursors[key]
        return bool(gone)

    def left(self, user_id: str) -> bool:
        """Remove the cursors of a user; False where there are none."""
        users = {cursor.user_id for cursor in (*self._cursors.values(), *self._waiting.values())}
        return self.keep(users - {user_id})

    def shown(self, unconfirmed: Operation) -> dict[str, RemoteCursor]:
        """Return the cursors by id, on the text with the operations that the server has not confirmed."""
        return {
            key: RemoteCursor(*cursor[:3], *transform_selection(*cursor[3:], unconfirmed))
            for key, cursor in self._cursors.items()
        }


def by_user(cursors: Iterable[RemoteCursor]) -> dict[str, Cursor]:
    """Return one cursor a user: the one that moved last."""
    return {cursor.user_id: Cursor(cursor.position, cursor.selection_length) for cursor in cursors}


def _moved(position: int, selection_length: int, user_id: str, by: _Committed) -> tuple[int, int]:
    return transform_selection(position, selection_length, by.operation, own=by.author == user_id)
