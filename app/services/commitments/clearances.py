"""The clearances of users who are away: those of the last token that each of them showed.

A clearance is a claim of a token, so the service knows it only of users who were here. One who never was counts as
`internal`, as a token does that names none (docs/protocol.md#commitments).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from app.engine.ports.errors import Moved, Unavailable
from app.engine.ports.records import RecordChange
from dossier_realtime.protocol.classification import Clearance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.engine.ports.events import Broker
    from app.engine.ports.records import Record, RecordStore
    from dossier_realtime.protocol.authorization import Identity

KIND: Final = "clearance"
UNSEEN: Final = Clearance.INTERNAL
_MAX_REMEMBERED: Final = 10_000  # users; each token of the others is written
_SPARED_SECONDS: Final = 300.0
"""So long the same clearance is not written again: callers of polled lists show their token every few seconds."""

_MAX_SKEW_SECONDS: Final = 5.0
"""Between the clocks of nodes. Of two tokens that were shown at two nodes within it, the lower one counts."""

_MAX_AHEAD_SECONDS: Final = 60.0
"""A time that is further ahead was told by a clock that was set back since."""

_EXACT: Final = 0.01  # seconds: a store may round a time
_BATCH: Final = 200
_RETRY_SECONDS: Final = 2.0
_KEPT_SECONDS: Final = 400 * 86_400.0

_log = structlog.get_logger("commitments")


class _Shown(NamedTuple):
    """The clearance of a token, and the Unix time at which the token was shown; `is_here`: at this node.

    A record has the label as its body, and the time as its end, less `_KEPT_SECONDS`: nodes of earlier versions write
    and read it so.
    """

    clearance: Clearance
    at: float
    is_here: bool


class Clearances:
    """The last clearance of each user, over all nodes, kept over restarts."""

    def __init__(self, records: RecordStore, broker: Broker, now: Callable[[], float]) -> None:
        self._records, self._broker, self._now = records, broker, now
        self._stored: OrderedDict[str, _Shown] = OrderedDict()  # spares writes alone: other nodes write too
        self._unkept: dict[str, _Shown] = {}
        self._spared: dict[str, _Shown] = {}  # written when the minute is over
        self._woken = asyncio.Event()

    def seen(self, identity: Identity) -> None:
        """Take notice of a token that was verified and is not revoked."""
        user, shown = identity.user_id, _Shown(identity.clearance, self._now(), is_here=True)
        stored = self._stored.get(user)
        is_same = stored is not None and stored.clearance == shown.clearance and user not in self._unkept
        if stored is not None and is_same and 0 <= shown.at - stored.at < _SPARED_SECONDS:
            self._spared[user] = shown
            return
        self._spared.pop(user, None)
        self._unkept[user] = shown
        self._woken.set()

    async def of(self, users: Iterable[str]) -> dict[str, Clearance]:
        """Return the clearance of each user. Raises Unavailable.

        The store is always asked: the user may have shown another token at another node since.
        """
        asked = list(dict.fromkeys(users))
        held = {user: self._unkept.get(user) or self._spared.get(user) for user in asked}
        stored = await self._records.find(KIND, asked) if asked else {}
        found = {}
        for user in asked:
            kept = self._read(stored.get(user))
            if user in self._stored:
                self._remember(user, kept)
            last = self._newest(held[user], kept)
            found[user] = UNSEEN if last is None else last.clearance
        return found

    async def run(self) -> None:
        """Keep what was seen, until cancelled."""
        loop = asyncio.get_running_loop()
        spared_until = loop.time() + _SPARED_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(spared_until):
                    await self._woken.wait()
            if loop.time() >= spared_until:
                self._unkept, self._spared = self._spared | self._unkept, {}
                spared_until = loop.time() + _SPARED_SECONDS
            self._woken.clear()
            try:
                await self._keep()
            except Unavailable:
                self._woken.set()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _keep(self) -> None:
        while self._unkept:
            some = dict(list(self._unkept.items())[:_BATCH])
            records = await self._records.find(KIND, list(some))
            changes = []
            for user, shown in some.items():
                record = records.get(user)
                if self._newest(shown, self._read(record)) is shown:  # held back by an outage, it may be the older one
                    revision = 0 if record is None else record.revision
                    body = shown.clearance.label.encode()
                    changes.append(RecordChange(KIND, user, revision, body, expires=shown.at + _KEPT_SECONDS))
            with suppress(Moved):
                if changes:
                    await self._broker.publish([], changes=changes)
                written = {change.key for change in changes}
                for user, shown in some.items():
                    self._remember(user, shown if user in written else self._read(records.get(user)))
                    if self._unkept.get(user) is shown:
                        del self._unkept[user]

    def _newest(self, held: _Shown | None, stored: _Shown | None) -> _Shown | None:
        """Return what was shown last: what this node holds, or what is stored.

        Where the clocks of two nodes cannot tell, it is the lower one: nobody is told what they may not know.
        """
        if held is None or stored is None:
            return held or stored
        if not stored.is_here and abs(held.at - stored.at) <= _MAX_SKEW_SECONDS:
            return min(held, stored, key=lambda one: one.clearance)
        return stored if held.at < stored.at <= self._now() + _MAX_AHEAD_SECONDS else held

    def _read(self, record: Record | None) -> _Shown | None:
        """Return what a record says; None where there is none, or none that this version can read."""
        if record is None:
            return None
        try:
            clearance = Clearance.parse(record.body.decode())
        except ValueError:
            _log.warning("a clearance cannot be read; is it of another version?", user=record.key)
            return None
        at = 0.0 if record.expires is None else record.expires - _KEPT_SECONDS
        mine = self._stored.get(record.key)
        is_mine = mine is not None and mine.is_here and mine.clearance == clearance and abs(mine.at - at) < _EXACT
        return _Shown(clearance, at, is_here=is_mine)

    def _remember(self, user: str, stored: _Shown | None) -> None:
        if stored is None:
            return
        self._stored[user] = stored
        self._stored.move_to_end(user)
        if len(self._stored) > _MAX_REMEMBERED:
            self._stored.popitem(last=False)
