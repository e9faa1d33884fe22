"""The receivers of each channel on this node: one encoded frame goes to many outboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.node.sockets.outbox import Outbox


class Subscriber(Protocol):
    """A connection, as the hub sees it."""

    outbox: Outbox
    user_id: str
    connection_id: str


R = TypeVar("R", bound=Subscriber)


class Hub(Generic[R]):
    """The subscriptions of this node's connections.

    A *member* of a channel is subscribed. A *live* member has received all earlier events, and receives each delivery.
    A *watcher* receives changes of presence. `heads` holds the last offset delivered on each joined channel.
    """

    def __init__(self) -> None:
        self._members: dict[str, dict[R, None]] = {}
        self._live: dict[str, dict[R, None]] = {}
        self._watching: dict[str, dict[R, None]] = {}
        self._shut_out: set[R] = set()
        self.heads: dict[str, int] = {}

    def add(self, channel: str, connection: R, head: int) -> None:
        """Make the connection a member; `head` is the channel's last offset, which the broker returned on joining."""
        self._members.setdefault(channel, {})[connection] = None
        self.heads[channel] = max(head, self.heads.get(channel, 0))

    def discard(self, channel: str, connection: R) -> bool:
        """Remove the connection from the channel; return whether it was the node's last member."""
        self.pause(channel, connection)
        self.unwatch(channel, connection)
        members = self._members.get(channel)
        if members is None or connection not in members:
            return False
        del members[connection]
        if members:
            return False
        del self._members[channel]
        self.heads.pop(channel, None)
        return True

    def resume(self, channel: str, connection: R) -> None:
        """Make the connection live: it has received all earlier events."""
        self._live.setdefault(channel, {})[connection] = None

    def pause(self, channel: str, connection: R) -> None:
        """Make the connection a member that is not live, while it reads from the log."""
        _remove(self._live, channel, connection)

    def watch(self, channel: str, connection: R) -> None:
        """Make the connection a watcher."""
        self._watching.setdefault(channel, {})[connection] = None

    def unwatch(self, channel: str, connection: R) -> None:
        """Make the connection no watcher."""
        _remove(self._watching, channel, connection)

    def advance(self, channel: str, offset: int) -> None:
        """Set the channel's head; an `offset` of 0 belongs to an event that is not numbered."""
        if offset and channel in self._members:
            self.heads[channel] = offset

    def shut_out(self, connection: R) -> None:
        """Exclude the connection from all deliveries at once; discarding it from each channel takes time."""
        self._shut_out.add(connection)

    def forget(self, connection: R) -> bool:
        """Forget an exclusion by `shut_out`; return whether there was one."""
        if connection not in self._shut_out:
            return False
        self._shut_out.remove(connection)
        return True

    def live(self, channel: str, *, exclude_user: str = "", exclude_connection: str = "") -> tuple[R, ...]:
        """Return the connections that receive a publication, without `exclude_user` and `exclude_connection`."""
        live = self._received_by(self._live.get(channel, ()))
        if not exclude_user and not exclude_connection:
            return tuple(live)
        return tuple(
            one
            for one in live
            if (not exclude_connection or one.connection_id != exclude_connection)
            and (not exclude_user or one.user_id != exclude_user)
        )

    def watching(self, channel: str, exclude_user: str = "") -> tuple[R, ...]:
        """Return the connections that receive a change of presence, without `exclude_user`."""
        watching = self._received_by(self._watching.get(channel, ()))
        return tuple(one for one in watching if not exclude_user or one.user_id != exclude_user)

    def _received_by(self, connections: Iterable[R]) -> Iterable[R]:
        shut_out = self._shut_out
        return [one for one in connections if one not in shut_out] if shut_out else connections

    def deliver(self, frame: bytes, receivers: tuple[R, ...]) -> None:
        """Queue one frame for each receiver."""
        for connection in receivers:
            connection.outbox.push(frame)

    def members(self, channel: str) -> tuple[R, ...]:
        """Return the members of the channel on this node."""
        return tuple(self._members.get(channel, ()))

    def is_live(self, channel: str, connection: R) -> bool:
        """Return whether the connection receives the channel's deliveries."""
        return connection not in self._shut_out and connection in self._live.get(channel, ())

    def is_watching(self, channel: str, connection: R) -> bool:
        """Return whether the connection receives the channel's changes of presence."""
        return connection not in self._shut_out and connection in self._watching.get(channel, ())

    def channels(self) -> list[str]:
        """Return every channel that is subscribed on this node."""
        return list(self._members)

    def count(self, channel: str) -> int:
        """Return how many connections of this node subscribe the channel."""
        return len(self._members.get(channel, ()))

    def total(self) -> int:
        """Return the number of subscriptions on this node."""
        return sum(map(len, self._members.values()))


def _remove(table: dict[str, dict[R, None]], channel: str, connection: R) -> None:
    row = table.get(channel)
    if row is not None:
        row.pop(connection, None)
        if not row:
            del table[channel]
