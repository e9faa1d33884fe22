"""The connections of this node, as operators' calls read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dossier_realtime.protocol.authorization import Identity


class OpenConnection(NamedTuple):
    """The connection of a session: the channels that it receives, and the bytes that wait to be written to it."""

    channels: tuple[str, ...]
    waiting_bytes: int


class LocalConnections(Protocol):
    """A read-only view of the connections of one node; those of other nodes are not in it."""

    def connection(self, session_id: str) -> OpenConnection | None:
        """Return the connection of a session; None where it is open elsewhere, or no longer."""

    def identities(self, user_id: str, channel: str | None = None) -> Iterator[Identity]:
        """Yield the identities of a user's sessions, newest first; with a channel, of those that receive it."""

    def channels(self) -> list[str]:
        """Return every channel that is subscribed on this node."""

    def subscribers(self, channel: str) -> int:
        """Return the number of connections of this node that subscribe a channel."""
