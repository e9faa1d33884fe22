"""The settings of channels, changed on all nodes at once (docs/protocol.md#channel-settings)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from app.services.editing.document_state import state_entry
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.documents.document_events import DocumentStatePayload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.engine.ports.engine import Engine
    from dossier_realtime.protocol.classification import ChannelPolicy, ChannelSettings
    from dossier_realtime.protocol.commands import SettingsChange


class ChannelAdmin:
    """The administration of channels' settings."""

    def __init__(self, engine: Engine, policy: ChannelPolicy) -> None:
        self._engine = engine
        self._policy = policy
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

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
            if after != before:
                await self._engine.settings.put(channel, after)
                if before.frozen != after.frozen and channels.is_in(channel, "document"):
                    state = DocumentStatePayload(frozen=after.frozen)
                    await self._engine.broker.publish([state_entry(channel, state)])
                if before.history != after.history:
                    await self._engine.broker.renew_epoch(channel)
            return before, after
