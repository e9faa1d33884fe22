"""Sessions over all nodes.

What is known of a user's sessions lies in one hash, so that the limit is exact. Beside it each home keeps the records
of its own: they are the list of all sessions, and what is ended when the home is dead.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import msgspec

from app.engine.ports.errors import TooManyConnections, Unavailable
from app.engine.ports.sessions import OpenedSession, SessionRecord
from app.engine.redis.live.access import LiveAccess, pairs
from app.engine.redis.live.homes import Homes
from app.engine.redis.together import all_done


class _Kept(msgspec.Struct):
    """A session in the hash of its home. `opening`: the id of the connection's attempt; `at`: Unix seconds.

    `resume`: None once it is open; before, the session that the attempt asks for ("" for none). An attempt is written
    before it is made: what it opened in the hash of the user is ended with the home, wherever the node was cut off.
    """

    record: SessionRecord
    opening: str
    at: float
    resume: str | None = None


class _Owed(NamedTuple):
    """An end that could not be stored yet."""

    user_id: str
    session_id: str
    opening: str
    at: float


_DECODER = msgspec.json.Decoder(_Kept)


class RedisSessions:
    """`ports.SessionStore`. An end that comes in an outage is stored after it."""

    def __init__(self, access: LiveAccess, homes: Homes, resume_seconds: float) -> None:
        self._access, self._homes, self._window = access, homes, resume_seconds
        self._mine: dict[str, _Kept] = {}  # the sessions that this node serves, by id
        self._owed: dict[str, _Owed] = {}  # by the id of the opening
        self._last = 0.0
        homes.sweeps.append(self._sweep)
        homes.moved.append(self._enter_again)
        homes.ticks.append(self._pay)

    async def open(self, record: SessionRecord, resume: str | None, limit: int) -> OpenedSession:
        home, user, now = await self._homes.assure(), record.user_id, self._access.clocks.unix()
        opening = record.session_id
        arguments = (opening, resume or "", limit, home, record.node, repr(now), repr(self._window))
        try:
            await self._list(home, _Kept(record, opening, now, resume or ""))
            reply = await self._access.run("session_open", [self._of_user(user)], *arguments)
            if not reply:
                await self._forget(home, opening)
                raise TooManyConnections(f"This user has {limit} open connections: close one first")
            session_id, count, node, displaced_home = reply[0].decode(), int(reply[1]), reply[2].decode(), reply[3]
            self._last = at = max(self._last + 1e-6, now)
            kept = _Kept(replace(record, session_id=session_id, reconnect_count=count), opening, at)
            await self._list(home, kept)
            if session_id != opening:
                await self._forget(home, opening)
        except Unavailable:
            for one in (opening, resume):
                if one is not None:  # it may be open without anybody who speaks for it
                    self._owed[f"{opening}:{one}"] = _Owed(user, one, opening, now)
            raise
        self._mine[session_id] = kept
        if home != self._homes.current:  # the node has moved meanwhile, and entered again all but this one
            self._homes.owe(self._enter_again)
        if displaced_home and displaced_home.decode() != home:
            await self._forget(displaced_home.decode(), session_id)
        return OpenedSession(session_id, count, node or None)

    async def close(self, session_id: str, reconnect_count: int) -> None:
        kept = self._mine.get(session_id)
        if kept is None or kept.record.reconnect_count != reconnect_count:
            return
        del self._mine[session_id]
        owed = _Owed(kept.record.user_id, session_id, kept.opening, self._access.clocks.unix())
        try:
            await self._end(owed)
        except Unavailable:
            self._owed[kept.opening] = owed

    async def sessions(self) -> list[SessionRecord]:
        homes = await self._access.ask("ZRANGE", self._homes.names[0], 0, -1)
        latest: dict[str, _Kept] = {}
        for home in homes:
            found = pairs(await self._access.ask("HGETALL", self._of_home(home.decode())))
            for kept in (_DECODER.decode(text) for text in found.values()):
                other = latest.get(kept.record.session_id)
                if kept.resume is not None:
                    continue
                if other is None or other.record.reconnect_count < kept.record.reconnect_count:
                    latest[kept.record.session_id] = kept
        return [kept.record for kept in sorted(latest.values(), key=lambda kept: kept.at)]

    async def close_all(self) -> None:
        """End every session that this node still serves, and what else is owed, as far as it can: it stops."""
        mine = [(one.record.session_id, one.record.reconnect_count) for one in self._mine.values()]
        await all_done(partial(self.close, *one) for one in mine)
        with suppress(Unavailable):  # the rest is done with the end of the home
            await self._pay()

    def _of_user(self, user_id: str) -> str:
        return self._access.keys.of_user(user_id, "sessions")

    def _of_home(self, home: str) -> str:
        return self._access.keys.of_home(home, "sessions")

    async def _list(self, home: str, kept: _Kept) -> None:
        text = msgspec.json.encode(kept)
        await self._access.ask("HSET", self._of_home(home), kept.record.session_id, text)

    async def _forget(self, home: str, session_id: str) -> None:
        await self._access.ask("HDEL", self._of_home(home), session_id)

    async def _end(self, one: _Owed) -> None:
        arguments = (one.session_id, one.opening, repr(one.at), repr(self._window))
        await self._access.run("session_close", [self._of_user(one.user_id)], *arguments)
        if one.session_id not in self._mine:
            await self._forget(self._homes.current, one.session_id)

    async def _pay(self) -> None:
        """Store the ends that are owed. Raises Unavailable."""
        for name, one in list(self._owed.items()):
            await self._end(one)
            self._owed.pop(name, None)

    async def _enter_again(self) -> None:
        """List the sessions under the node's new home, but those that another node has resumed meanwhile."""
        await all_done(partial(self._again, kept) for kept in list(self._mine.values()))

    async def _again(self, kept: _Kept) -> None:
        record, home, now = kept.record, self._homes.current, self._access.clocks.unix()
        if self._mine.get(record.session_id) is not kept:
            return
        await self._list(home, kept)  # first, as with an attempt
        arguments = (record.session_id, kept.opening, home, record.node, record.reconnect_count)
        keys = [self._of_user(record.user_id)]
        if not await self._access.run("session_again", keys, *arguments, repr(now), repr(self._window)):
            await self._forget(home, record.session_id)

    async def _sweep(self, home: str) -> None:
        """End the sessions of a home that is dead."""
        name, now = self._of_home(home), self._access.clocks.unix()
        await self._end_each(pairs(await self._access.ask("HGETALL", name)).values(), home, now)
        await self._access.ask("DEL", name)

    async def _end_each(self, texts: Iterable[str], home: str, now: float) -> None:
        for kept in (_DECODER.decode(text) for text in texts):
            record = kept.record
            for session_id in filter(None, (record.session_id, kept.resume)):
                arguments = (session_id, kept.opening, repr(now), repr(self._window), home)
                await self._access.run("session_close", [self._of_user(record.user_id)], *arguments)
