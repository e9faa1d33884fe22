"""Briefs of programs that went silent: the service fails them, so that each ends (docs/protocol.md#briefs)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from app.core.domain.briefs import silenced
from app.engine.ports.errors import Moved, Unavailable

from .messages import SILENT

if TYPE_CHECKING:
    from app.engine.ports.domain import BriefStore
    from app.services.publisher import EventPublisher
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

_BATCH: Final = 100
_MAX_PAUSE_SECONDS: Final = 5.0
_log = structlog.get_logger("briefs")


class SilentBriefs:
    """The watch over briefs that programs publish events of."""

    def __init__(
        self, store: BriefStore, publisher: EventPublisher, aggregator: OpsAggregator, silence_seconds: float
    ) -> None:
        self._store, self._publisher, self._aggregator = store, publisher, aggregator
        self._silence = silence_seconds

    async def run(self) -> None:
        """Fail silent briefs until cancelled; not before programs could be heard for as long."""
        await asyncio.sleep(self._silence)
        while True:
            try:
                found = await self._round()
            except Unavailable:
                found = 0
            if found < _BATCH:
                await asyncio.sleep(min(self._silence / 4, _MAX_PAUSE_SECONDS))

    async def _round(self) -> int:
        silent = await self._store.silent(self._silence, _BATCH)
        for brief in silent:
            event = silenced(brief, SILENT)
            try:
                ready = await self._publisher.prepared([(brief.channel, event)])
                await self._store.fail_silent(brief, self._silence, ready.entries, ready.changes)
            except Moved:
                continue  # it went on meanwhile
            self._aggregator.published(event, self._publisher.derived((brief.channel,)))
            _log.warning("a brief had no step for too long, and has failed", request=brief.request_id)
        return len(silent)
