"""The settings of channels: who changes them changes them everywhere (docs/protocol.md#channel-settings)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.engine.ports import Engine
    from dossier_realtime.protocol.classification import ChannelPolicy, ChannelSettings
    from dossier_realtime.protocol.commands import SettingsChange


class ChannelAdmin:
    """Reads and changes what holds on a channel."""

    def __init__(self, engine: Engine, policy: ChannelPolicy) -> None:
        self._engine = engine
        self._policy = policy
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def read(self, channel: str) -> ChannelSettings:
        """Return what holds on the channel now."""
        return self._policy.settings(channel)

    async def change(
        self,
        channel: str,
        change: SettingsChange,
        record: Callable[[ChannelSettings, ChannelSettings], Awaitable[None]],
    ) -> tuple[ChannelSettings, ChannelSettings]:
        """Apply a change; return what held before and what holds afterwards. Raises Unavailable.

        `record` is given the same two before anything is done; what it raises keeps the change from being done.
        Changes of one channel are done one after the other: each begins with what the one before has left.
        Where history is switched, a new epoch begins: a place taken before says nothing any more.
        """
        async with self._under_way.setdefault(channel, asyncio.Lock()):
            before = self._policy.settings(channel)
            after = before.changed(change, channel)
            await record(before, after)
            if after != before:
                await self._engine.settings.put(channel, after)
                if before.history != after.history:
                    await self._engine.broker.renew_epoch(channel)
            return before, after
