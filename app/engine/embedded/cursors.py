"""Cursors of other nodes, where there are none."""

from __future__ import annotations

from collections.abc import Callable


class EmbeddedCursors:
    """`ports.CursorStore`: what this node knows of its own connections is all there is."""

    def start(self, gone: Callable[[str, bytes], None], again: Callable[[], None]) -> None:
        pass

    async def put(self, channel: str, connection: str, body: bytes) -> None:
        pass

    async def drop(self, channel: str, connection: str) -> None:
        pass

    async def elsewhere(self, channel: str) -> list[bytes]:
        return []
