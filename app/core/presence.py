"""Who is on which channel, pure (decisions, section 6). Several connections of a user are one presence.

A connection that ended stays as a *ghost* for the grace: while a user has an open connection or a ghost they
are there, and nobody is told of anything. A return lays the user's ghosts to rest. Hidden connections are not
recorded at all, so they can be neither listed nor announced.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice

from msgspec import UNSET, structs

from dossier_realtime.protocol.answers import PresentUser, Roster
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.events import (
    PresenceJoin,
    PresenceJoinPayload,
    PresenceLeave,
    PresenceLeavePayload,
    PresenceUpdate,
    PresenceUpdatePayload,
)

PresenceEvent = PresenceJoin | PresenceLeave | PresenceUpdate


@dataclass(frozen=True, slots=True)
class Member:
    """Who is on a channel. `connection` is unique over all nodes."""

    connection: str
    user_id: str
    name: str
    role: str
    avatar: str | None
    hidden: bool


class _Presence:
    """One user on one channel. A connection's value is its deadline (steady seconds) as a ghost, None while
    open."""

    __slots__ = ("connections", "user")

    def __init__(self, user: PresentUser) -> None:
        self.user = user  # replaced, never changed: rosters share it
        self.connections: dict[str, float | None] = {}


class Presences:
    """The rosters of all channels. What a method returns is what others are to be told, in that order."""

    def __init__(self, grace: float = 5.0) -> None:
        self._grace = grace
        self._channels: dict[str, dict[str, _Presence]] = {}
        self._places: dict[str, dict[str, str]] = {}  # open connection → channel → user
        self._ghosts: deque[tuple[float, str, str, str]] = deque()  # (deadline, channel, user, connection)

    @property
    def deadline(self) -> float | None:
        """When `tick` may have something to say next (steady seconds)."""
        return self._ghosts[0][0] if self._ghosts else None

    def enter(self, channel: str, member: Member) -> list[PresenceEvent]:
        """The connection is on the channel. Of one that enters again, the last wish to be hidden or not
        holds."""
        if member.hidden:
            return self.leave(channel, member.connection)
        users = self._channels.setdefault(channel, {})
        here = users.get(member.user_id)
        told: list[PresenceEvent] = []
        if here is None:
            user = PresentUser(user_id=member.user_id, name=member.name, role=member.role, avatar=member.avatar)
            here = users[member.user_id] = _Presence(user)
            told.append(_join(channel, user))
        else:
            here.connections = {name: ghost for name, ghost in here.connections.items() if ghost is None}
        here.connections[member.connection] = None
        self._places.setdefault(member.connection, {})[channel] = member.user_id
        return told

    def leave(self, channel: str, connection: str) -> list[PresenceEvent]:
        """The open connection left of its own will."""
        places = self._places.get(connection, {})
        user_id = places.pop(channel, None)
        if user_id is None:
            return []
        if not places:
            del self._places[connection]
        return self._without(channel, user_id, connection)

    def lost(self, connection: str, now: float) -> None:
        """The connection ended, on all channels; `tick` tells when the grace is over."""
        deadline = now + self._grace
        for channel, user_id in self._places.pop(connection, {}).items():
            self._channels[channel][user_id].connections[connection] = deadline
            self._ghosts.append((deadline, channel, user_id, connection))

    def tick(self, now: float, most: int | None = None) -> list[PresenceEvent]:
        """What time has brought, of `most` ghosts at a time; the `deadline` tells whether that was all."""
        told: list[PresenceEvent] = []
        for _ in range(len(self._ghosts) if most is None else min(most, len(self._ghosts))):
            if self._ghosts[0][0] > now:
                break
            deadline, channel, user_id, connection = self._ghosts.popleft()
            here = self._channels.get(channel, {}).get(user_id)
            if here is not None and here.connections.get(connection) == deadline:
                told += self._without(channel, user_id, connection)
        return told

    def update(self, channel: str, user_id: str, change: PresenceChange) -> list[PresenceEvent]:
        """The user does something else; nothing, of one who is not visibly there."""
        here = self._channels.get(channel, {}).get(user_id)
        if here is None:
            return []
        new = {name: getattr(change, name) for name in ("status", "activity", "field")}
        here.user = user = structs.replace(
            here.user, **{name: value for name, value in new.items() if value is not UNSET}
        )
        payload = PresenceUpdatePayload(user_id=user_id, status=user.status, activity=user.activity, field=user.field)
        return [PresenceUpdate(channel=channel, payload=payload)]

    def roster(self, channel: str, cap: int, including: str | None = None) -> Roster:
        """Who is there, in the order of coming. A list that is cut to `cap` users still has `including`."""
        users = self._channels.get(channel, {})
        listed = [here.user for here in islice(users.values(), cap)]
        own = users.get(including) if including is not None and len(users) > cap else None
        if own is not None and own.user not in listed:
            listed[-1] = own.user
        return Roster(count=len(users), users=listed, truncated=len(users) > cap)

    def counts(self) -> dict[str, int]:
        """How many users are visibly on each channel that has any."""
        return {channel: len(users) for channel, users in self._channels.items()}

    def _without(self, channel: str, user_id: str, connection: str) -> list[PresenceEvent]:
        users = self._channels[channel]
        here = users[user_id]
        del here.connections[connection]
        if here.connections:
            return []
        del users[user_id]
        if not users:
            del self._channels[channel]
        return [PresenceLeave(channel=channel, payload=PresenceLeavePayload(user_id))]


def _join(channel: str, user: PresentUser) -> PresenceJoin:
    payload = PresenceJoinPayload(
        user_id=user.user_id,
        name=user.name,
        role=user.role,
        avatar=user.avatar,
        status=user.status,
        activity=user.activity,
    )
    return PresenceJoin(channel=channel, payload=payload)
