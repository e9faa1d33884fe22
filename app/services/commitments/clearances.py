"""The clearances of users who are away: those of the last token that each of them showed.

A clearance is a claim of a token, so the service knows it only of users who were here. One who never was counts as
`internal`, as a token does that names none (docs/protocol.md#commitments).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from app.engine.ports.errors import Moved, Unavailable
from app.engine.ports.records import RecordChange
from dossier_realtime.protocol.classification import Clearance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.engine.ports.events import Broker
    from app.engine.ports.records import RecordStore
    from dossier_realtime.protocol.authorization import Identity

KIND: Final = "clearance"
UNSEEN: Final = Clearance.INTERNAL
_MAX_REMEMBERED: Final = 10_000  # users; the others are read from the store
_BATCH: Final = 200
_RETRY_SECONDS: Final = 2.0
_KEPT_SECONDS: Final = 400 * 86_400.0
_log = structlog.get_logger("clearances")


class Clearances:
    """The last clearance of each user, kept over restarts."""

    def __init__(self, records: RecordStore, broker: Broker, now: Callable[[], float]) -> None:
        self._records, self._broker, self._now = records, broker, now
        self._known: OrderedDict[str, Clearance] = OrderedDict()
        self._unkept: dict[str, Clearance] = {}
        self._woken = asyncio.Event()

    def seen(self, identity: Identity) -> None:
        """Take notice of a token that was verified and is not revoked."""
        user = identity.user_id
        if self._known.get(user) == identity.clearance:
            return
        self._known[user] = self._unkept[user] = identity.clearance
        self._known.move_to_end(user)
        if len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)
        self._woken.set()

    async def of(self, users: Iterable[str]) -> dict[str, Clearance]:
        """Return the clearance of each user. Raises Unavailable."""
        asked = dict.fromkeys(users, UNSEEN)
        absent = [user for user in asked if user not in self._known and user not in self._unkept]
        stored = await self._records.find(KIND, absent) if absent else {}
        for user in asked:
            fresh = self._unkept.get(user, self._known.get(user))
            if fresh is not None:
                asked[user] = fresh
            elif user in stored:
                asked[user] = Clearance.parse(stored[user].body.decode())
        return asked

    async def run(self) -> None:
        """Keep what was seen, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._keep()
            except Unavailable:
                self._woken.set()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _keep(self) -> None:
        while self._unkept:
            some = dict(list(self._unkept.items())[:_BATCH])
            stored = await self._records.find(KIND, list(some))
            changes = []
            for user, clearance in some.items():
                body = clearance.label.encode()
                known = stored.get(user)
                if known is None or known.body != body:
                    revision = 0 if known is None else known.revision
                    changes.append(RecordChange(KIND, user, revision, body, expires=self._now() + _KEPT_SECONDS))
            with suppress(Moved):
                if changes:
                    await self._broker.publish([], changes=changes)
                for user, clearance in some.items():
                    if self._unkept.get(user) == clearance:
                        del self._unkept[user]
