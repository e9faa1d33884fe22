"""Presence for readers over HTTP: the roster of a channel, and how many users each channel has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.engine.ports.presence import PresenceStore
    from dossier_realtime.protocol.responses import Roster


class PresenceRosters:
    """The users present on channels, over all nodes."""

    def __init__(self, store: PresenceStore) -> None:
        self._store = store

    async def roster(self, channel: str) -> Roster:
        """Return the users present on a channel, hidden ones aside. The list is cut at its cap, `count` is exact."""
        return await self._store.roster(channel)

    async def counts(self) -> Mapping[str, int]:
        """Return the number of users of each channel that has any."""
        return await self._store.counts()
