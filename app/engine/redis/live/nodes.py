"""The reports of nodes, stored with the renewal of their leases."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec
import structlog

from app.engine.ports.errors import Unavailable
from app.engine.ports.sessions import NodeRecord
from app.engine.redis.live.access import LiveAccess, pairs
from app.engine.redis.live.homes import Homes

_KEPT_SECONDS = 60.0
_log = structlog.get_logger("redis")
_DECODER = msgspec.json.Decoder(NodeRecord)


class RedisNodes:
    """`ports.NodeStore`."""

    def __init__(self, access: LiveAccess, homes: Homes) -> None:
        self._access, self._homes = access, homes
        self._own: dict[str, NodeRecord] = {}
        self._is_told = False  # whether a report that cannot be read was logged

    def report(self, record: NodeRecord) -> None:
        self._own[record.node] = record
        self._homes.report = record.node, msgspec.json.encode(record)

    async def nodes(self) -> list[NodeRecord]:
        name, from_ = self._access.keys.live("nodes"), self._access.clocks.unix() - _KEPT_SECONDS
        stored = self._decoded(pairs(await self._access.ask("HGETALL", name)))
        old = [node for node, record in stored.items() if record.at < from_]
        if old:
            with suppress(Unavailable):  # by whoever asks next
                await self._access.ask("HDEL", name, *old)
        known = {node: record for node, record in (stored | self._own).items() if record.at >= from_}
        return [known[node] for node in sorted(known)]

    async def others(self) -> int:
        """Count the leases: a node has one before it serves."""
        homes = await self._access.ask("ZRANGE", self._homes.names[0], 0, -1)
        return len({home.decode() for home in homes} - {self._homes.current})

    def _decoded(self, found: Mapping[str, str]) -> dict[str, NodeRecord]:
        """Return the reports that this version can read: in a rolling upgrade a node may write another form."""
        known = {}
        for node, report in found.items():
            try:
                known[node] = _DECODER.decode(report)
            except msgspec.DecodeError as wrong:
                if not self._is_told:
                    _log.warning("a node's report cannot be read; is it of another version?", node=node, why=str(wrong))
                self._is_told = True
        return known
