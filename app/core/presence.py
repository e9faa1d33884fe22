"""Presence on channels, pure (docs/protocol.md#present-users). Several connections of a user are one presence.

A connection that ended stays as a *ghost* for the grace: while a user has an open connection or a ghost, the user is
present, and no event is sent. A return removes the user's ghosts. Hidden connections are not recorded at all, so they
can be neither listed nor announced.

Status, activity and field belong to a connection. A user is shown as the open connection that changed last; while only
ghosts are left, as before. Name, role and avatar are the user's, from the newest token.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count, islice
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET, Struct, structs

from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.events import (
    PresenceJoin,
    PresenceJoinPayload,
    PresenceLeave,
    PresenceLeavePayload,
    PresenceUpdate,
    PresenceUpdatePayload,
)
from dossier_realtime.protocol.responses import PresentUser, Roster

if TYPE_CHECKING:
    from dossier_realtime.protocol.authorization import Identity

PresenceEvent = PresenceJoin | PresenceLeave | PresenceUpdate


class Profile(NamedTuple):
    """A user as a token describes them. `token_at`: when it was issued and when it was presented (seconds)."""

    name: str
    role: str
    avatar: str | None
    token_at: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of(cls, identity: Identity, token_at: tuple[float, float]) -> Profile:
        """Return what the token of this identity says."""
        return cls(identity.name, identity.role, identity.avatar, token_at)


@dataclass(frozen=True, slots=True)
class Member:
    """A connection that comes onto a channel. `connection` is unique over all nodes."""

    connection: str
    user_id: str
    profile: Profile
    hidden: bool


class _Place(Struct, gc=False):
    """One connection on one channel.

    It holds the connection's state, a number that grows with each change (0: never changed), and its deadline (steady
    seconds) as a ghost, None while it is open.

    There may be 100,000: the collector of cycles passes over them, and so over the tables that hold nothing else.
    """

    status: str = "online"
    activity: str = "viewing"
    field: str | None = None
    changed: int = 0
    deadline: float | None = None


class _Presence:
    """One user on one channel, with their connections."""

    __slots__ = ("connections", "user")

    def __init__(self, user: PresentUser) -> None:
        self.user = user  # replaced, never changed: rosters share it
        self.connections: dict[str, _Place] = {}


@dataclass(slots=True)
class _Person:
    """A user who is visible somewhere: as their newest token describes them, and where."""

    profile: Profile
    channels: dict[str, None] = field(default_factory=dict)


class Presences:
    """The rosters of all channels. Methods return the events for the other users, in their order."""

    def __init__(self, grace: float = 5.0) -> None:
        self._grace = grace
        self._channels: dict[str, dict[str, _Presence]] = {}
        self._people: dict[str, _Person] = {}
        self._places: dict[str, dict[str, str]] = {}  # open connection → channel → user
        self._ghosts: deque[tuple[float, str, str, str]] = deque()  # (deadline, channel, user, connection)
        self._changes = count(1)

    @property
    def deadline(self) -> float | None:
        """Return the moment at which `tick` may next have an event (steady seconds)."""
        return self._ghosts[0][0] if self._ghosts else None

    def enter(self, channel: str, member: Member) -> list[PresenceEvent]:
        """Put the connection on the channel. For one that enters again, the last `hidden` holds."""
        if member.hidden:
            return self.leave(channel, member.connection)
        told = self._describe(member.user_id, member.profile)
        person = self._people.setdefault(member.user_id, _Person(member.profile))
        users = self._channels.setdefault(channel, {})
        here = users.get(member.user_id)
        if here is None:
            name, role, avatar, _ = person.profile
            user = PresentUser(user_id=member.user_id, name=name, role=role, avatar=avatar)
            here = users[member.user_id] = _Presence(user)
            person.channels[channel] = None
            told.append(join_event(channel, user))
        else:
            here.connections = {name: one for name, one in here.connections.items() if one.deadline is None}
        here.connections.setdefault(member.connection, _Place())
        self._places.setdefault(member.connection, {})[channel] = member.user_id
        return told + _show(channel, here)

    def renew(self, connection: str, profile: Profile) -> list[PresenceEvent]:
        """Take the profile of the connection's new token."""
        user_id = next(iter(self._places.get(connection, {}).values()), None)
        return [] if user_id is None else self._describe(user_id, profile)

    def leave(self, channel: str, connection: str) -> list[PresenceEvent]:
        """Remove an open connection that left of its own will."""
        places = self._places.get(connection, {})
        user_id = places.pop(channel, None)
        if user_id is None:
            return []
        if not places:
            del self._places[connection]
        return self._without(channel, user_id, connection)

    def lost(self, connection: str, now: float) -> list[PresenceEvent]:
        """Mark the connection as ended on all channels; `tick` announces it when the grace is over."""
        deadline, told = now + self._grace, list[PresenceEvent]()
        for channel, user_id in self._places.pop(connection, {}).items():
            here = self._channels[channel][user_id]
            here.connections[connection].deadline = deadline
            self._ghosts.append((deadline, channel, user_id, connection))
            told += _show(channel, here)
        return told

    def tick(self, now: float, most: int | None = None) -> list[PresenceEvent]:
        """Return what time has brought, of `most` ghosts at a time; the `deadline` tells whether that was all."""
        told: list[PresenceEvent] = []
        for _ in range(len(self._ghosts) if most is None else min(most, len(self._ghosts))):
            if self._ghosts[0][0] > now:
                break
            deadline, channel, user_id, connection = self._ghosts.popleft()
            here = self._channels.get(channel, {}).get(user_id)
            ghost = None if here is None else here.connections.get(connection)
            if ghost is not None and ghost.deadline == deadline:
                told += self._without(channel, user_id, connection)
        return told

    def update(self, channel: str, connection: str, change: PresenceChange) -> list[PresenceEvent]:
        """Change the state of the user on this connection; nothing where it is not visible there."""
        user_id = self._places.get(connection, {}).get(channel)
        if user_id is None:
            return []
        here = self._channels[channel][user_id]
        place = here.connections[connection]
        for name in ("status", "activity", "field"):
            value = getattr(change, name)
            if value is not UNSET:
                setattr(place, name, value)
        place.changed = next(self._changes)
        return _show(channel, here) or [update_event(channel, here.user)]

    def roster(self, channel: str, cap: int, including: str | None = None) -> Roster:
        """Return the present users, in the order of arrival.

        A list that is cut to `cap` users still has `including`.
        """
        users = self._channels.get(channel, {})
        listed = [here.user for here in islice(users.values(), cap)]
        own = users.get(including) if including is not None and len(users) > cap else None
        if own is not None and own.user not in listed:
            listed[-1] = own.user
        return Roster(count=len(users), users=listed, truncated=len(users) > cap)

    def user_of(self, channel: str, connection: str) -> PresentUser | None:
        """Return the user on an open connection; None where it is not visible on the channel."""
        user_id = self._places.get(connection, {}).get(channel)
        return None if user_id is None else self._channels[channel][user_id].user

    def counts(self) -> dict[str, int]:
        """Return the number of visible users of each channel that has any."""
        return {channel: len(users) for channel, users in self._channels.items()}

    def _describe(self, user_id: str, profile: Profile) -> list[PresenceEvent]:
        """Take the profile over everywhere, if its token is the newest, and announce every difference."""
        person = self._people.get(user_id)
        if person is None or profile.token_at < person.profile.token_at:
            return []
        before, person.profile = person.profile, profile
        if before[:3] == profile[:3]:
            return []
        told: list[PresenceEvent] = []
        for channel in person.channels:
            here = self._channels[channel][user_id]
            name, role, avatar, _ = profile
            here.user = structs.replace(here.user, name=name, role=role, avatar=avatar)
            update = update_event(channel, here.user)
            update.payload.name, update.payload.role, update.payload.avatar = name, role, avatar
            told.append(update)
        return told

    def _without(self, channel: str, user_id: str, connection: str) -> list[PresenceEvent]:
        users = self._channels[channel]
        here = users[user_id]
        del here.connections[connection]
        if here.connections:
            return _show(channel, here)
        del users[user_id]
        if not users:
            del self._channels[channel]
        person = self._people[user_id]
        del person.channels[channel]
        if not person.channels:
            del self._people[user_id]
        return [PresenceLeave(channel=channel, payload=PresenceLeavePayload(user_id))]


def _show(channel: str, here: _Presence) -> list[PresenceEvent]:
    """Show the user as the open connection that changed last; the change, if it is one."""
    places = [place for place in here.connections.values() if place.deadline is None]
    if not places:
        return []
    place, user = max(places, key=lambda one: one.changed), here.user
    if (place.status, place.activity, place.field) == (user.status, user.activity, user.field):
        return []
    here.user = structs.replace(user, status=place.status, activity=place.activity, field=place.field)
    return [update_event(channel, here.user)]


def update_event(channel: str, user: PresentUser) -> PresenceUpdate:
    """Return the event that says how a user is shown."""
    payload = PresenceUpdatePayload(user_id=user.user_id, status=user.status, activity=user.activity, field=user.field)
    return PresenceUpdate(channel=channel, payload=payload)


def join_event(channel: str, user: PresentUser) -> PresenceJoin:
    """Return the event that says that a user came."""
    payload = PresenceJoinPayload(
        user_id=user.user_id,
        name=user.name,
        role=user.role,
        avatar=user.avatar,
        status=user.status,
        activity=user.activity,
    )
    return PresenceJoin(channel=channel, payload=payload)
