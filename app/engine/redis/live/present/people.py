"""Users as their newest token describes them, and where they are, over all nodes; and the places of each home."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from app.core.presence import Member, Profile
from app.engine.redis.live.access import LiveAccess

_BATCH: Final = 200
_PROFILE = msgspec.json.Decoder(tuple[str, str, str | None])


class PlaceName(NamedTuple):
    """A connection of a user on a channel."""

    channel: str
    user_id: str
    connection: str


class People:
    """The index of places. A place is in it before it is in the channel, and until it is no longer there."""

    def __init__(self, access: LiveAccess) -> None:
        self._access = access
        clocks = access.clocks
        self._offset = clocks.unix() - clocks.steady()  # one for all tokens: it only orders them

    async def enter(self, channel: str, member: Member, home: str) -> tuple[Member, list[str]]:
        """Put a place into the index; return the member as the newest token describes them, and where else they are.

        The list is empty but where the description has changed. Raises Unavailable.
        """
        place = f"{channel}\0{member.connection}"
        await self._access.ask("SADD", self._places(home), f"{channel}\0{member.user_id}\0{member.connection}")
        profile, channels = await self.describe(member.user_id, member.profile, place, home)
        return replace(member, profile=profile), [one for one in channels if one != channel]

    async def describe(
        self, user_id: str, profile: Profile, place: str = "", home: str = ""
    ) -> tuple[Profile, list[str]]:
        """Take a token's description, if it is the newest; return the one in force, and where it is news.

        Raises Unavailable.
        """
        issued, presented = profile.token_at
        presented += self._offset  # a moment on this node's clock, as all nodes understand it
        text = msgspec.json.encode((profile.name, profile.role, profile.avatar)).decode()
        name = self._access.keys.of_user(user_id, "person")
        reply = await self._access.run("person_put", [name], text, repr(issued), repr(presented), place, home)
        name_, role, avatar = _PROFILE.decode(reply[0])
        channels = dict.fromkeys(one.decode().partition("\0")[0] for one in reply[3:])
        return Profile(name_, role, avatar, (float(reply[1]), float(reply[2]))), list(channels)

    async def leave(self, place: PlaceName, home: str) -> None:
        """Take a place out of the index. Raises Unavailable."""
        channel, user_id, connection = place
        name = self._access.keys.of_user(user_id, "person")
        await self._access.run("person_leave", [name], f"{channel}\0{connection}", home)
        await self._access.ask("SREM", self._places(home), f"{channel}\0{user_id}\0{connection}")

    async def some_of(self, home: str, cursor: int) -> tuple[int, list[PlaceName]]:
        """Return some places of a home, and the cursor for more; 0 after the last. Raises Unavailable."""
        after, found = await self._access.ask("SSCAN", self._places(home), cursor, "COUNT", _BATCH)
        return int(after), [PlaceName(*one.decode().split("\0")) for one in found]

    def _places(self, home: str) -> str:
        return self._access.keys.of_home(home, "places")
