"""The user's own cursor: moved along with the text, and told where the others would show it at another place. Pure.

The others move a cursor along all committed operations, and behind what its owner inserts exactly at it. So typing
needs no further message: only a place that they cannot find out by themselves is told.
"""

from __future__ import annotations

from dossier_realtime.ot.collab import Pending
from dossier_realtime.ot.cursor import transform_selection
from dossier_realtime.ot.document import invert
from dossier_realtime.ot.operations import Operation
from dossier_realtime.protocol.commands import CursorPayload

from ..changes import Cursor

CURSOR_INTERVAL_SECONDS = 0.1  # between two cursors of ours; the server relays no more


class OwnCaret:
    """The user's cursor on the text with all local edits, and what the others know of it."""

    def __init__(self) -> None:
        self.place: Cursor | None = None
        self._shown: Cursor | None = None  # on the server's text, as the others show it; None where they know of none
        self._is_unchecked = False  # what the others show may not be the place of now
        self._is_doubtful = False  # told over a break of the connection: told once more when every edit is saved
        self._due_at = 0.0

    def move(self, place: Cursor) -> None:
        """Move it to a place of the user's choice."""
        self.place, self._is_unchecked = place, True

    def follow(self, change: Operation, *, own: bool = False) -> None:
        """Move it along with a change of the local text; `own`: the user made it."""
        if self.place is not None:
            self.place = Cursor(*transform_selection(*self.place, change, own=own))
            self._is_unchecked |= not own

    def committed(self, operation: Operation, *, own: bool) -> None:
        """Note that the others have moved it along a committed operation; `own`: of this user, maybe in another tab."""
        if self._shown is not None:
            self._shown = Cursor(*transform_selection(*self._shown, operation, own=own))
        self._is_unchecked = True

    def renew(self, due_at: float | None = None) -> None:
        """Tell it again, from `due_at` on: the others may not know it any more."""
        self._shown, self._is_unchecked = None, True
        self._is_doubtful |= self.place is not None
        if due_at is not None:
            self._due_at = due_at

    def deadline(self) -> float | None:
        """Return the time from which it is to be looked at again; None where the others show it in its place."""
        return self._due_at if self._is_unchecked and self.place is not None else None

    def take(self, pending: Pending, now: float) -> CursorPayload | None:
        """Return the cursor to tell now, on the server's text of the replica; None where there is none, or not yet."""
        if self.place is None or not self._is_unchecked or now < self._due_at:
            return None
        self._is_unchecked = False
        unconfirmed = pending.unconfirmed
        if self._is_doubtful and not unconfirmed.changes:
            self._is_doubtful, self._shown = False, None
        if self._shown is not None and transform_selection(*self._shown, unconfirmed, own=True) == self.place:
            return None
        told = Cursor(*transform_selection(*self.place, invert(unconfirmed, pending.server)))
        if told == self._shown:
            return None  # it is inside of text that the server does not have yet: the acknowledgement comes first
        self._shown, self._due_at = told, now + CURSOR_INTERVAL_SECONDS
        return CursorPayload(*told, pending.version)
