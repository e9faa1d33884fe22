"""The upkeep of a node's journal besides writing it: checkpoints, compression, retention."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog

from app.configuration.settings import JournalSettings
from app.journal.compression import Compressor
from app.journal.retention import Retention, retain
from app.journal.signatures.checkpoints import Checkpointer, CheckpointSchedule
from app.journal.signatures.signing import Signer
from app.journal.signatures.sinks import Sink, to_file, to_hook, to_syslog
from dossier_realtime.protocol.classification import LEVELS
from dossier_realtime.recording.entry import Detail

_RETAIN_SECONDS = 6 * 3600.0  # between two looks for entries whose time is over
_log = structlog.get_logger("journal")


class Upkeep:
    """The upkeep of one node's journal while `tasks` run. See Checkpointer for `record` and `durable`."""

    def __init__(
        self,
        folder: Path,
        node: str,
        signer: Signer,
        settings: JournalSettings,
        record: Callable[[Detail], object],
        durable: Callable[[], int] | None = None,
    ) -> None:
        self._folder, self._node, self._signer = folder, node, signer
        due = CheckpointSchedule(settings.checkpoint_seconds, settings.checkpoint_entries)
        self.checkpoints = Checkpointer(folder, node, signer, _sinks(settings), record, due, durable)
        self._compressor = Compressor(folder, node)
        kept = settings.frame_days
        days = {level: getattr(kept, level) for level in LEVELS}
        self._retention = Retention(settings.keep_days, days)

    @property
    def trouble(self) -> str:
        """Return what keeps the journal from being vouched for, in a sentence; "" while nothing does."""
        return self.checkpoints.trouble

    def tasks(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Start the thread that compresses, and return by name what is to run on the loop until it is cancelled."""
        self._compressor.start()
        found: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {"checkpoints": self.checkpoints.run}
        return found | ({"retention": self._retain} if self._retention.asked else {})

    def close(self) -> None:
        """Vouch for the end of the journal, which is closed by now. Blocks for some seconds at most."""
        self._compressor.close()
        self.checkpoints.close()

    async def _retain(self) -> None:
        while True:
            try:
                removed, redacted = await asyncio.to_thread(
                    retain, self._folder, self._node, self._retention, time.time(), self._signer
                )
            except (OSError, ValueError) as wrong:
                _log.error("the journal's retention was not carried out; free disk space", reason=str(wrong))
            else:
                _log.info("the journal's retention was carried out", segments=removed, frames=redacted)
            await asyncio.sleep(_RETAIN_SECONDS)


def _sinks(settings: JournalSettings) -> list[Sink]:
    made = []
    if settings.checkpoint_file:
        made.append(Sink("file", to_file(Path(settings.checkpoint_file))))
    if settings.checkpoint_syslog:
        made.append(Sink("syslog", to_syslog(settings.checkpoint_syslog)))
    if settings.checkpoint_url:
        made.append(Sink("hook", to_hook(settings.checkpoint_url)))
    return made
