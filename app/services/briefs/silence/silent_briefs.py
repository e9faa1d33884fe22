"""Briefs of programs that went silent: the service fails them, so that each ends (docs/protocol.md#briefs)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog

from app.core.domain.briefs import silenced
from app.engine.ports.errors import Moved, Unavailable
from app.services.briefs.messages import SILENT

if TYPE_CHECKING:
    from app.engine.ports.domain import BriefStore
    from app.services.publisher import EventPublisher
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

    from .listening import Listening

_BATCH: Final = 100
_MAX_PAUSE_SECONDS: Final = 5.0
_log = structlog.get_logger("briefs")


class SilentBriefs:
    """The watch over briefs that programs publish events of."""

    def __init__(
        self,
        store: BriefStore,
        publisher: EventPublisher,
        aggregator: OpsAggregator,
        silence_seconds: float,
        listening: Listening,
    ) -> None:
        self._store, self._publisher, self._aggregator = store, publisher, aggregator
        self._silence, self._listening = silence_seconds, listening

    async def run(self) -> None:
        """Fail silent briefs until cancelled; not before programs could be heard for as long without a break."""
        while True:
            found = 0
            with suppress(Unavailable), self._listening.noticing():
                found = await self._round()
            if found < _BATCH:
                await asyncio.sleep(min(self._silence / 4, _MAX_PAUSE_SECONDS))

    async def _round(self) -> int:
        """Fail some silent briefs; return how many were found, 0 while none may be failed.

        The store is asked in any case: this is how it is noticed that it does not answer.
        """
        silent = await self._store.silent(self._silence, _BATCH)
        if self._listening.seconds() < self._silence:
            return 0
        for brief in silent:
            if self._listening.seconds() < self._silence:  # the process was held up meanwhile
                return 0
            event = silenced(brief, SILENT)
            try:
                ready = await self._publisher.prepared([(brief.channel, event)])
                await self._store.fail_silent(brief, self._silence, ready.entries, ready.changes)
            except Moved:
                continue  # it went on meanwhile
            self._aggregator.published(event, self._publisher.derived((brief.channel,)))
            _log.warning("a brief had no step for too long, and has failed", request=brief.request_id)
        return len(silent)
