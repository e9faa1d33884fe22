"""The exchange of the heads of journals between nodes: each writes into its chain what the others had written.

A journal that is cut, or made anew, then shows in the journals of other nodes (docs/protocol.md#journals-of-nodes). A
node's signed head is a record that the other nodes read; nothing waits for the exchange.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from app.engine.ports.errors import Moved, Unavailable
from app.engine.ports.records import RecordChange
from dossier_realtime.recording.proof.checkpoint import Checkpoint
from dossier_realtime.recording.proof.witness import witness_detail

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.ports.events import Broker
    from app.engine.ports.records import RecordStore
    from dossier_realtime.recording.entry import Detail

KIND: Final = "journal_head"
EXCHANGE_SECONDS: Final = 60.0
_NODES: Final = "nodes"  # the label of all heads
_MAX_NODES: Final = 500
_KEPT_SECONDS: Final = 7 * 86_400.0
_log = structlog.get_logger("journal")


class HeadExchange:
    """The exchange of one node. `own` returns its last checkpoint; `record` puts an entry into its chain."""

    def __init__(
        self,
        node: str,
        stores: tuple[RecordStore, Broker],
        own: Callable[[], Checkpoint | None],
        record: Callable[[Detail], object],
        now: Callable[[], float],
    ) -> None:
        self._node, (self._records, self._broker) = node, stores
        self._own, self._record, self._now = own, record, now
        self._told: Checkpoint | None = None
        self._witnessed: dict[str, Checkpoint] = {}

    async def run(self) -> None:
        """Exchange heads once a minute, until cancelled."""
        while True:
            await asyncio.sleep(EXCHANGE_SECONDS)
            try:
                await self.look()
            except (Unavailable, Moved) as wrong:
                _log.warning("heads of journals were not exchanged; it is tried again in a minute", reason=repr(wrong))

    async def look(self) -> None:
        """Tell the own head, and record those of other nodes that are new. Raises Unavailable and Moved."""
        own = self._own()
        if own is not None and own != self._told:
            await self._tell(own)
        fresh = []
        for record in await self._records.listed(KIND, _NODES, None, _MAX_NODES):
            try:
                head = msgspec.json.decode(record.body, type=Checkpoint)
            except ValueError:
                continue  # of another version of the service
            if head.node != self._node and self._witnessed.get(head.node) != head:
                self._witnessed[head.node] = head
                fresh.append(head)
        if fresh:
            self._record(witness_detail(fresh))

    async def _tell(self, own: Checkpoint) -> None:
        known = (await self._records.find(KIND, [self._node])).get(self._node)
        change = RecordChange(
            KIND,
            self._node,
            0 if known is None else known.revision,
            own.encode(),
            labels=(_NODES,),
            order=self._node,
            expires=self._now() + _KEPT_SECONDS,
        )
        await self._broker.publish([], None, [change])
        self._told = own
