"""One worker process: its start, its end, and its start again when it ended unasked."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from app.commands.file_errors import BAD_START

READY: Final = "worker serves"
"""The first words of the line that a worker writes to its standard output once it listens."""

_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.5, 30.0  # before a worker that ended is started again
_STEADY_SECONDS = 60.0  # after which a run counts as a good one
_GRACE_SECONDS = 30.0  # beyond its drain, for a worker to end; then it is killed

_log = structlog.get_logger("workers")


class Worker:
    """One worker process at a time, started again when it ends unasked."""

    def __init__(self, number: int, command: Sequence[str], environment: Mapping[str, str], drain: float) -> None:
        self.name = environment.get("DOSSIER_NODE__ID", str(number))
        self.ready = asyncio.Event()
        self.refused = False
        """True where the first start was refused: its sentence is in the log, and no other start would be better."""
        self._command, self._environment = command, environment
        self._patience = drain + _GRACE_SECONDS
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._served = self._renewed = False

    async def run(self) -> None:
        """Keep the worker running until it is stopped, or its first start is refused."""
        loop, pause = asyncio.get_running_loop(), _MIN_PAUSE_SECONDS
        while not self._stopping.is_set():
            began = loop.time()
            status = await self._once()
            renewed, self._renewed = self._renewed, False
            self.ready.clear()
            if self._stopping.is_set() or renewed:
                continue
            if status == BAD_START and not self._served:
                self.refused = True
                return
            pause = _MIN_PAUSE_SECONDS if loop.time() - began > _STEADY_SECONDS else min(2 * pause, _MAX_PAUSE_SECONDS)
            _log.error("a worker ended and is started again", worker=self.name, status=status, seconds=pause)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def stop(self) -> None:
        """Let the worker drain, and wait until it has ended; a worker that does not end is killed."""
        self._stopping.set()
        self.signal(signal.SIGTERM)
        if self._process is None or self._process.returncode is not None:
            return
        try:
            async with asyncio.timeout(self._patience):
                await self._process.wait()
        except TimeoutError:
            _log.error("a worker did not end and is killed", worker=self.name)
            self.signal(signal.SIGKILL)
            await self._process.wait()

    async def renew(self) -> None:
        """Let the worker drain, and wait until its successor serves."""
        process = self._process
        if process is None or process.returncode is not None or self._stopping.is_set():
            return
        self._renewed = True
        self.ready.clear()
        self.signal(signal.SIGTERM)
        await process.wait()
        await self.ready.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if the worker runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _once(self) -> int:
        pipe = asyncio.subprocess.PIPE
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, env=self._environment, start_new_session=True
        )
        if self._stopping.is_set():  # asked to stop while it was being started
            self.signal(signal.SIGTERM)
        assert process.stdout is not None  # noqa: S101  it is a pipe
        async for line in process.stdout:
            if line.startswith(READY.encode()):
                self._served = True
                self.ready.set()
        return await process.wait()
