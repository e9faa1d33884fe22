"""The dashboard as a child process: begun again when it fails, and never a reason for the service to end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = structlog.get_logger("service")
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0  # seconds before it is begun again
_STEADY = 60.0  # seconds after which a run counts as a good one
_PATIENCE = 10.0  # seconds between asking it to end and ending it


class Companion:
    """One child, `python run.py …`, as long as `run` is not cancelled."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._command = [sys.executable, sys.argv[0], *arguments]

    async def run(self) -> None:
        """Keep it running. An end with status 0 was wanted by somebody, and is the end."""
        loop, wait = asyncio.get_running_loop(), _FIRST_WAIT
        while True:
            began = loop.time()
            status = await self._once()
            if status == 0:
                return
            wait = _FIRST_WAIT if loop.time() - began > _STEADY else min(2 * wait, _LONGEST_WAIT)
            _log.error("the dashboard ended and is begun again; the service goes on", status=status, seconds=wait)
            await asyncio.sleep(wait)

    async def _once(self) -> int:
        child = await asyncio.create_subprocess_exec(*self._command, stdin=asyncio.subprocess.DEVNULL)
        try:
            return await child.wait()
        finally:
            if child.returncode is None:
                await _end(child)


async def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
        try:
            await asyncio.wait_for(child.wait(), _PATIENCE)
        except TimeoutError:
            child.kill()
            await child.wait()
