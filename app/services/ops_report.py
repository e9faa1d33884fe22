"""The report to operators, once a second: the aggregate of this node (recording/ops/ops_aggregator.py)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from app.core.instant import until_next_second
from app.engine.delivery_rules import DeliveryRules
from app.engine.ports.errors import Unavailable
from app.engine.ports.events import PublicationEntry
from app.engine.ports.sessions import NodeRecord
from dossier_realtime.recording.ops.ops_rows import encode_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.core.instant import Instant
    from app.engine.ports.engine import Engine
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator


_PER_READER = DeliveryRules(per_reader=True)


async def report(
    aggregator: OpsAggregator,
    engine: Engine,
    listeners: Callable[[str], Sequence[object]],
    clock: Callable[[], Instant],
) -> None:
    """Publish a report on each operators' channel that has subscribers, once a second, until cancelled.

    The figures of this node go to the engine's nodes too, at once.
    """
    while True:
        engine.nodes.report(NodeRecord(aggregator.node, clock().timestamp, aggregator.present("nodes")))
        await asyncio.sleep(until_next_second(asyncio.get_running_loop().time()))
        for made in aggregator.reports(clock().timestamp):
            channel = made.message.channel
            if listeners(channel):
                with suppress(Unavailable):
                    await engine.broker.publish(
                        [PublicationEntry(channel, encode_report(made), durable=False, delivery=_PER_READER)]
                    )
