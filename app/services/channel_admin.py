"""The settings of channels, changed on all nodes at once (docs/protocol.md#channel-settings)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from app.core.read_only import KIND
from app.engine.ports.errors import Moved
from app.engine.ports.records import RecordChange
from app.services.editing.document_state import state_entry
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.commands import SettingsChange
from dossier_realtime.protocol.documents.document_events import DocumentStatePayload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from app.engine.ports.engine import Engine
    from app.engine.ports.records import Record
    from dossier_realtime.protocol.classification import ChannelPolicy, ChannelSettings


class ChannelAdmin:
    """The administration of channels' settings."""

    def __init__(self, engine: Engine, policy: ChannelPolicy) -> None:
        self._engine = engine
        self._policy = policy
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._when_due: Callable[[Sequence[RecordChange]], None] | None = None

    def report_changes(self, to: Callable[[Sequence[RecordChange]], None]) -> None:
        """Report changes of records, once they are committed, to the clock that knows when records are due."""
        self._when_due = to

    def read(self, channel: str) -> ChannelSettings:
        """Return the settings of a channel."""
        return self._policy.settings(channel)

    async def change(
        self,
        channel: str,
        change: SettingsChange,
        record: Callable[[ChannelSettings, ChannelSettings], Awaitable[None]],
    ) -> tuple[ChannelSettings, ChannelSettings]:
        """Apply a change; return the settings before and after it. Raises Unavailable.

        `record` is called with the same two before the change is stored; an error of it prevents the change.
        Changes of one channel are made one after the other, each from the settings that the one before left.
        Where history is switched, a new epoch begins: positions of before are void.
        """
        async with self._under_way.setdefault(channel, asyncio.Lock()):
            before = self._policy.settings(channel)
            after = before.changed(change, channel)
            await record(before, after)
            await self._put(channel, before, after)
            return before, after

    async def end_read_only(self, record: Record, now: float) -> None:
        """Let a document take edits again whose time as read-only is over at `now`. Raises Unavailable and Moved."""
        channel = record.key
        async with self._under_way.setdefault(channel, asyncio.Lock()):
            before = self._policy.settings(channel)
            if before.read_only_until is not None and before.read_only_until <= now:
                await self._put(channel, before, before.changed(SettingsChange(frozen=False), channel))
            elif before.read_only_until is not None:
                return await self._wake_at(channel, before.read_only_until)
            await self._commit(RecordChange(KIND, channel, record.revision, None))
        return None

    async def _put(self, channel: str, before: ChannelSettings, after: ChannelSettings) -> None:
        if after == before:
            return
        if after.read_only_until not in (None, before.read_only_until):
            # The waking first: settings without it would hold for ever, a waking without settings does nothing.
            await self._wake_at(channel, after.read_only_until)
        await self._engine.settings.put(channel, after)
        states = [(each.frozen, each.read_only_until) for each in (before, after)]
        if states[0] != states[1] and channels.is_in(channel, "document"):
            state = DocumentStatePayload(frozen=after.frozen, read_only_until=after.read_only_until)
            await self._engine.broker.publish([state_entry(channel, state)])
        if before.history != after.history:
            await self._engine.broker.renew_epoch(channel)

    async def _wake_at(self, channel: str, until: int | None) -> None:
        while True:
            there = (await self._engine.records.find(KIND, [channel])).get(channel)
            revision = 0 if there is None else there.revision
            try:
                return await self._commit(RecordChange(KIND, channel, revision, b"{}", due=until))
            except Moved:
                continue  # another node was first

    async def _commit(self, change: RecordChange) -> None:
        await self._engine.broker.publish([], changes=[change])
        if self._when_due is not None:
            self._when_due([change])
