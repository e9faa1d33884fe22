"""Signed checkpoints of the journal, each minute or 10,000 entries: in the chain, and in sinks elsewhere.

A checkpoint signs the head, which is on the disk. Signing may take seconds (an external command), so it happens beside
the loop, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from app.core.instant import until_next_second
from app.journal.signatures.signing import Signer, SigningError
from app.journal.signatures.sinks import Sink
from app.journal.store import read_head
from dossier_realtime.recording.entry import Detail
from dossier_realtime.recording.proof.checkpoint import Checkpoint

_log = structlog.get_logger("journal")


@dataclass(frozen=True)
class CheckpointSchedule:
    """The interval of checkpoints: these seconds or entries, whichever comes first."""

    seconds: float = 60.0
    entries: int = 10_000


class Checkpointer:
    """The maker of checkpoints of one node's journal.

    `record` puts one into the chain; it is called on the loop. `durable` returns the number of the last entry that is
    on the disk, so that a look at which nothing is due reads no file. `trouble` is a sentence while none can be made or
    signed, else "".
    """

    def __init__(
        self,
        folder: Path,
        node: str,
        signer: Signer,
        sinks: Sequence[Sink],
        record: Callable[[Detail], object],
        due: CheckpointSchedule | None = None,
        durable: Callable[[], int] | None = None,
    ) -> None:
        self._durable = durable
        self._folder, self._node, self._signer = folder, node, signer
        self._sinks, self._record = sinks, record
        self._due = due or CheckpointSchedule()
        self._last_seq = 0
        self._last_at = time.monotonic()
        self.made = 0
        self.last: Checkpoint | None = None
        """The last one that was made."""
        self.trouble = ""

    @property
    def failures(self) -> int:
        """Return the number of failed attempts to send a checkpoint on, over all sinks."""
        return sum(sink.failures for sink in self._sinks)

    async def run(self) -> None:
        """Make them until cancelled."""
        fault = ""
        while True:
            try:
                await self.look()
            except Exception as wrong:  # a journal without checkpoints must not look like one that has them
                if not self.trouble:
                    _log.exception("no checkpoint of the journal could be made; it is tried again")
                fault = self.trouble = f"no checkpoint of the journal could be made: {wrong!r}"
            else:
                if self.trouble == fault:
                    fault = self.trouble = ""
            await asyncio.sleep(until_next_second(asyncio.get_running_loop().time()))

    async def look(self) -> None:
        """Make one if it is due."""
        if self._durable is not None and not self._is_due(self._durable(), time.monotonic()):
            return
        if (made := await asyncio.to_thread(self._make, always=False)) is not None:
            self._record(made.detail())

    def _is_due(self, seq: int, now: float) -> bool:
        """Return whether a checkpoint of the journal up to entry `seq` is due at `now` (steady seconds)."""
        behind = seq - self._last_seq
        # The last checkpoint is itself an entry: an idle journal makes none of it.
        return behind > 1 and (behind >= self._due.entries or now - self._last_at >= self._due.seconds)

    def close(self) -> None:
        """Sign the journal's end, after it is closed, and send that on. Blocks for some seconds at most."""
        try:
            self._make(always=True)
        finally:
            for sink in self._sinks:
                sink.close()

    def _make(self, *, always: bool) -> Checkpoint | None:
        """Sign the head and send it on; None when nothing is due, or it cannot be read or signed."""
        try:
            head = read_head(self._folder, self._node)
        except OSError as wrong:  # the writer does not read it, and may go on
            if not self.trouble:
                _log.error("the journal's head could not be read, so no checkpoint is made", reason=str(wrong))
            self.trouble = f"the journal's head could not be read: {wrong}"
            return None
        now = time.monotonic()
        if head is None or head.seq <= self._last_seq or not (always or self._is_due(head.seq, now)):
            return None
        unsigned = Checkpoint(self._node, head.seq, head.link, round(time.time(), 3), self._signer.fingerprint)
        try:
            signature = self._signer.sign_bytes(unsigned.text)
        except SigningError as wrong:
            if not self.trouble:
                _log.error("the journal's checkpoint could not be signed", reason=str(wrong))
            self.trouble = str(wrong)
            return None
        self.trouble = ""
        self._last_seq, self._last_at = head.seq, now
        made = msgspec.structs.replace(unsigned, signature=signature)
        self.made += 1
        self.last = made
        for sink in self._sinks:
            sink.send(made.encode().rstrip(b"\n"))
        return made
