"""The settings of channels: who changes them changes them everywhere (decisions, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.ports import Engine
    from dossier_realtime.protocol.classification import ChannelPolicy, Settings
    from dossier_realtime.protocol.commands import SettingsChange


class ChannelAdministration:
    """Reads and changes what holds on a channel."""

    def __init__(self, engine: Engine, policy: ChannelPolicy) -> None:
        self._engine = engine
        self._policy = policy

    def planned(self, channel: str, change: SettingsChange) -> tuple[Settings, Settings]:
        """Return what holds on the channel now, and what would hold after the change."""
        before = self._policy.settings(channel)
        return before, before.changed(change, channel)

    async def change(self, channel: str, change: SettingsChange) -> Settings:
        """Apply a change (an empty one only reads); returns what holds afterwards. Raises Unavailable.

        Where history is switched, a new epoch begins: a place taken before says nothing any more.
        """
        before, after = self.planned(channel, change)
        if after != before:
            await self._engine.settings.put(channel, after)
            if before.history != after.history:
                await self._engine.broker.renew_epoch(channel)
        return after
