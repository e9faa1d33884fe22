"""Sessions, revocations, and the nodes that serve them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session that is open somewhere. Times are Unix seconds."""

    session_id: str
    user_id: str
    name: str
    role: str
    address: str
    node: str
    started_at: float
    reconnect_count: int


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session that was opened: its id (kept, when it could be resumed) and how often it came back.

    `displaced`: the node on which an older connection of the same session is still open; it is to be closed with 4504.
    """

    session_id: str
    reconnect_count: int
    displaced: str | None


class SessionStore(Protocol):
    """Sessions over all nodes."""

    async def open(self, record: SessionRecord, resume: str | None, limit: int) -> OpenedSession:
        """Register a connection, under the record's id if it is a new session.

        `resume` is kept when it belongs to the same user and is open or ended less than 15 min ago, also across a
        restart. A displaced connection does not count against the limit. Raises TooManyConnections.
        """

    async def close(self, session_id: str, reconnect_count: int) -> None:
        """End the session on the connection that opened it with this count; for 15 min it can be resumed.

        It has no effect where a later connection has resumed the session: it goes on over that one.
        """

    async def sessions(self) -> list[SessionRecord]:
        """Return every open session, oldest first."""


class RevocationStore(Protocol):
    """Revoked tokens and users. A revocation outlives restarts, and is known on every node within 2 s."""

    def start(self, revoked: Callable[[str | None, str | None, float], None]) -> None:
        """Begin to deliver.

        `revoked(token_id, user_id, at)` is called on the event loop for each revocation, also for those of this node.
        """

    def is_revoked(self, user_id: str, token_id: str | None, issued_at: int | None) -> bool:
        """Return True where the token is revoked, without waiting.

        It is revoked by its id, or when it was issued at or before the user's revocation (Unix seconds); one without a
        time of issue counts as issued before.
        """

    def revoked_at(self, *, token_id: str | None = None, user_id: str | None = None) -> float | None:
        """Return when the token, or else the user, was last revoked (Unix seconds), without waiting.

        None: never.
        """

    async def revoke(self, *, token_id: str | None, user_id: str | None, at: float) -> None:
        """Shut out, durably. Kept for 90 days: longer than any token is good for, also one made to begin later."""


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node's figures of its last report, at a time in Unix seconds."""

    node: str
    at: int
    values: Mapping[str, float]


class NodeStore(Protocol):
    """The nodes of the service, each by its own reports, once a second. May be lost with the process."""

    def report(self, record: NodeRecord) -> None:
        """Replace what is known of a node, without waiting; other nodes know it within 2 s."""

    async def nodes(self) -> list[NodeRecord]:
        """Return every node that reported in the last minute, by name; one that reports no more has an old time.

        Raises Unavailable: a node that could not be asked for must not count as one that has ended.
        """

    async def others(self) -> int:
        """Return how many other nodes live, also those that have not reported yet. Raises Unavailable.

        One that ended without a word counts for some seconds more; one that stands still counts no more by then.
        """
