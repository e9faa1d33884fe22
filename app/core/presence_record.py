"""One user on one channel as a value, pure: what nodes that share a store keep of a presence.

The rules are those of `app.core.presence`, one user at a time: each function returns the record after a step, None
where the user is no longer there, and `told` the events that lead from one record to the next. A node that missed
records in between is told the difference, so a roster and the events after it always give the next roster. Time is not
in it: whoever keeps a lost connection's grace calls `gone` when it is over.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, structs

from app.core.presence import Member, PresenceEvent, Profile, join_event, update_event
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.events import PresenceLeave, PresenceLeavePayload
from dossier_realtime.protocol.responses import PresentUser


class Place(Struct, frozen=True, array_like=True, gc=False):
    """One connection of the user. `home`: the run of the node that serves it.

    `changed` grows with each change (0: never changed); `is_ghost`: the connection ended, and its grace is not over.
    """

    home: str
    status: str = "online"
    activity: str = "viewing"
    field: str | None = None
    changed: int = 0
    is_ghost: bool = False


class PresenceRecord(Struct, frozen=True, array_like=True):
    """A user as the channel shows them, and the connections over which they are there."""

    user: PresentUser
    token_at: tuple[float, float]
    places: dict[str, Place]


def entered(before: PresenceRecord | None, member: Member, home: str) -> PresenceRecord:
    """Put a visible connection on the channel; it is open from now on, and the user's ghosts are gone."""
    profile = member.profile
    if before is None:
        user = PresentUser(user_id=member.user_id, name=profile.name, role=profile.role, avatar=profile.avatar)
        return PresenceRecord(user, profile.token_at, {member.connection: Place(home)})
    described_ = described(before, profile)
    places = {name: place for name, place in described_.places.items() if not place.is_ghost}
    own = places.get(member.connection, Place(home))
    places[member.connection] = own if own.home == home else structs.replace(own, home=home)
    return _shown(described_, places)


def described(before: PresenceRecord, profile: Profile) -> PresenceRecord:
    """Take the profile over, if its token is not older than the one that is known."""
    if profile.token_at < before.token_at:
        return before
    user = structs.replace(before.user, name=profile.name, role=profile.role, avatar=profile.avatar)
    return structs.replace(before, user=user, token_at=profile.token_at)


def left(before: PresenceRecord | None, connection: str) -> PresenceRecord | None:
    """Remove a connection, whether it is open or a ghost."""
    if before is None or connection not in before.places:
        return before
    places = {name: place for name, place in before.places.items() if name != connection}
    return _shown(before, places) if places else None


def lost(before: PresenceRecord | None, connection: str) -> PresenceRecord | None:
    """Mark the connection as ended: `gone` removes it when the grace is over."""
    place = None if before is None else before.places.get(connection)
    if before is None or place is None or place.is_ghost:
        return before
    return _shown(before, before.places | {connection: structs.replace(place, is_ghost=True)})


def gone(before: PresenceRecord | None, connection: str) -> PresenceRecord | None:
    """End the grace of a connection; nothing where it has come back."""
    place = None if before is None else before.places.get(connection)
    return left(before, connection) if place is not None and place.is_ghost else before


def swept(before: PresenceRecord | None, connection: str, home: str) -> PresenceRecord | None:
    """Remove a connection of a run that is dead; nothing where another run serves it now."""
    place = None if before is None else before.places.get(connection)
    return left(before, connection) if place is not None and place.home == home else before


def updated(before: PresenceRecord | None, connection: str, change: PresenceChange) -> PresenceRecord | None:
    """Change the state of the user on an open connection; nothing where it is not visible there."""
    place = None if before is None else before.places.get(connection)
    if before is None or place is None or place.is_ghost:
        return before
    named: dict[str, Any] = {}
    for name in ("status", "activity", "field"):
        value = getattr(change, name)
        if value is not UNSET:
            named[name] = value
    latest = max(one.changed for one in before.places.values())
    changed = structs.replace(place, changed=latest + 1, **named)
    return _shown(before, before.places | {connection: changed})


def told(
    channel: str, before: PresenceRecord | None, after: PresenceRecord | None, *, always: bool = False
) -> list[PresenceEvent]:
    """Return the events that lead from one record to another; `always`: an update also where nothing shown changed."""
    if before is None:
        if after is None:
            return []
        join: list[PresenceEvent] = [join_event(channel, after.user)]
        return join if after.user.field is None else [*join, update_event(channel, after.user)]  # a join has no field
    if after is None:
        return [PresenceLeave(channel=channel, payload=PresenceLeavePayload(before.user.user_id))]
    events: list[PresenceEvent] = []
    old, new = before.user, after.user
    if (old.name, old.role, old.avatar) != (new.name, new.role, new.avatar):
        described_ = update_event(channel, new)
        described_.payload.name, described_.payload.role, described_.payload.avatar = new.name, new.role, new.avatar
        events.append(described_)
    elif always or (old.status, old.activity, old.field) != (new.status, new.activity, new.field):
        events.append(update_event(channel, new))
    return events


def _shown(before: PresenceRecord, places: dict[str, Place]) -> PresenceRecord:
    """Return the record with these places, shown as the open one that changed last; as before, where none is open."""
    open_ = [place for place in places.values() if not place.is_ghost]
    user = before.user
    if open_:
        latest = max(open_, key=lambda one: one.changed)
        user = structs.replace(user, status=latest.status, activity=latest.activity, field=latest.field)
    return structs.replace(before, user=user, places=places)
