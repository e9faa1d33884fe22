"""The history of channels: which have one, where it stands, and its events page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.core.position import StreamPosition
    from app.engine.ports.events import Broker, Publication


class ChannelHistory:
    """The events of channels, as the engine keeps them."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def channels(self) -> Collection[str]:
        """Return the names of all channels that have events."""
        return await self._broker.channels()

    async def position(self, channel: str) -> StreamPosition:
        """Return the head of a channel; offset 0 where nothing was published."""
        return await self._broker.position(channel)

    async def page(self, channel: str, after: int, limit: int) -> list[Publication]:
        """Return at most `limit` publications after offset `after`, oldest first."""
        return await self._broker.read(channel, after, limit)
