"""The cursors of other users, on the server's text: there each moves as its owner sees it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dossier_realtime.ot.cursor import transform_selection
from dossier_realtime.ot.operations import Operation
from dossier_realtime.ot.units import Units, splits_pair
from dossier_realtime.protocol.documents.cursor_colors import cursor_color
from dossier_realtime.protocol.events import CursorPositionPayload
from dossier_realtime.protocol.responses import RestingCursor

from ..changes import Cursor


class RemoteCursor(NamedTuple):
    """A cursor of another user: one a tab. `color` is `#rrggbb`, the same for all cursors of a user."""

    user_id: str
    name: str
    color: str
    position: int
    selection_length: int


class RemoteCursors:
    """The cursors of other users, by their id; a server that sends no ids has one cursor a user."""

    def __init__(self) -> None:
        self._cursors: dict[str, RemoteCursor] = {}

    def place(self, said: CursorPositionPayload | RestingCursor, text: Units) -> None:
        """Place a cursor. It may be of another version than `text`: it is brought to an edge of a character in it."""
        start = min(said.position, len(text))
        end = min(start + said.selection_length, len(text))
        start -= splits_pair(text, start)
        end -= splits_pair(text, end)
        color, key = said.color or cursor_color(said.user_id), said.cursor_id or said.user_id
        self._cursors.pop(key, None)  # the one that moved last comes last
        self._cursors[key] = RemoteCursor(said.user_id, said.name or said.user_id, color, start, end - start)

    def load(self, resting: Iterable[RestingCursor], text: Units) -> bool:
        """Replace the cursors that have ids by those that the server tells anew; True where one was there or is.

        A server that sends no ids does not tell them anew: its cursors go with their users.
        """
        told = [key for key, cursor in self._cursors.items() if key != cursor.user_id]
        for key in told:
            del self._cursors[key]
        before = len(self._cursors)
        for cursor in resting:
            self.place(cursor, text)
        return bool(told) or len(self._cursors) > before

    def move(self, committed: Operation, author: str | None = None) -> None:
        """Move all cursors along a committed operation; `author`: the user who made it."""
        for key, cursor in self._cursors.items():
            place = transform_selection(
                cursor.position, cursor.selection_length, committed, own=cursor.user_id == author
            )
            self._cursors[key] = RemoteCursor(cursor.user_id, cursor.name, cursor.color, *place)

    def gone(self, cursor_id: str) -> bool:
        """Remove a cursor; False where there is none of this id."""
        return self._cursors.pop(cursor_id, None) is not None

    def keep(self, users: set[str]) -> bool:
        """Remove the cursors of all users but these; False where there are none."""
        gone = [key for key, cursor in self._cursors.items() if cursor.user_id not in users]
        for key in gone:
            del self._cursors[key]
        return bool(gone)

    def left(self, user_id: str) -> bool:
        """Remove the cursors of a user; False where there are none."""
        return self.keep({cursor.user_id for cursor in self._cursors.values()} - {user_id})

    def shown(self, unconfirmed: Operation) -> dict[str, RemoteCursor]:
        """Return the cursors by id, on the text with the operations that the server has not confirmed."""
        return {
            key: RemoteCursor(*cursor[:3], *transform_selection(*cursor[3:], unconfirmed))
            for key, cursor in self._cursors.items()
        }


def by_user(cursors: Iterable[RemoteCursor]) -> dict[str, Cursor]:
    """Return one cursor a user: the one that moved last."""
    return {cursor.user_id: Cursor(cursor.position, cursor.selection_length) for cursor in cursors}
