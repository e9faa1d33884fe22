"""Presence on channels, and cursors on documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from app.core.field_locks import WatchedEvent
from app.core.presence import Member, Profile
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.documents.field_locks import LockState
from dossier_realtime.protocol.responses import Roster


class PresenceStore(Protocol):
    """Presence on channels. Several connections of a user on a channel are one presence."""

    def start(self, deliver: Callable[[WatchedEvent], None]) -> None:
        """Begin to deliver.

        `deliver` is called on the event loop with every change of the channels this node joined, in the order in which
        they happened; a roster and the changes after it give the next roster.
        """

    async def enter(self, channel: str, member: Member) -> Roster:
        """Put the connection on the channel; return the present users, itself included unless hidden.

        Entering twice is entering once, and does not wait where nothing changes; the later `hidden` holds. This node
        tells the channel's changes from its first entry on. Others receive PresenceJoin for a user's first
        visible connection. Hidden connections are not listed.
        """

    async def leave(self, channel: str, connection: str) -> None:
        """Remove a connection that left of its own will: PresenceLeave at once if it was the user's last."""

    async def lost(self, connection: str) -> None:
        """End the connection on all channels: PresenceLeave after the grace of 5 s, unless the user returned.

        A user who is present over other connections is shown as these are, by PresenceUpdate.
        """

    async def renew(self, connection: str, profile: Profile) -> None:
        """Take another token's profile; if it is the user's newest, others receive the difference."""

    async def update(self, channel: str, connection: str, change: PresenceChange) -> None:
        """Change the state of the connection; others receive PresenceUpdate with the whole state.

        A user is shown as that open connection that changed last.
        """

    async def lock(self, channel: str, connection: str, field: str, seconds: float) -> LockState | None:
        """Give a field to the connection's user, if no other user has it; return who has it then.

        None where the connection is not visible on the channel. Others receive LockState when a field is taken, and
        when it becomes free: released, its lease over, its connection gone from the channel or, after the grace, ended.
        Raises TooManyLocksError.
        """

    async def unlock(self, channel: str, connection: str, field: str) -> LockState | None:
        """Release a field of the connection's user; return as `lock`."""

    async def roster(self, channel: str) -> Roster:
        """Return the present users, hidden ones aside, and the locks; the list is cut at the cap, `count` is exact.

        Raises Unavailable: nothing is answered from what was known before.
        """

    async def counts(self) -> Mapping[str, int]:
        """Return the number of users of each channel that has any."""


class CursorStore(Protocol):
    """The cursors of all nodes' connections on documents, for those who join: none outlives its connection.

    A body is what the node makes of a cursor; the store only keeps it.
    """

    def start(self, gone: Callable[[str, bytes], None], again: Callable[[], None]) -> None:
        """Begin.

        `gone` is called, on one living node, with the channel and the body of each cursor that a dead node left;
        `again` on a node that counted as dead, once its cursors are known again: the others have taken them away.
        """

    async def put(self, channel: str, connection: str, body: bytes) -> None:
        """Keep the cursor of a connection of this node, before it is published. Raises Unavailable."""

    async def drop(self, channel: str, connection: str) -> None:
        """Forget the cursor of a connection, before that is published; in an outage, soon after it."""

    async def elsewhere(self, channel: str) -> list[bytes]:
        """Return the cursors of other nodes' connections. Raises Unavailable."""
