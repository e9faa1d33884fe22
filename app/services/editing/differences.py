"""Differences of whole texts: small ones at once, others in a process of their own, so that the loop goes on meanwhile.

The work is bounded by `Effort`, so the answer is the same on a slow machine. The deadline is for a process that does
not run at all: then all between the common beginning and the common end is replaced.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from dossier_realtime.ot.difference import hunks, middle
from dossier_realtime.ot.matching import Effort
from dossier_realtime.ot.units import from_units

if TYPE_CHECKING:
    from dossier_realtime.ot.difference import Hunk
    from dossier_realtime.ot.units import Units

_log = structlog.get_logger("documents")
_ROOT = Path(__file__).parents[3]
_SMALL_UNITS = 16_384  # that differ, and
_SMALL_EFFORT = 20_000  # steps: up to here the search takes less time than a process takes to start
_SEARCH_TIMEOUT_SECONDS = 30.0  # the wait for other searches included
_MAX_SEARCHES = 1  # at once

_found = msgspec.json.Decoder(list[tuple[int, int, int]])


class Differences:
    """The searches of this process, one at a time. `gave_up` counts those that took too long."""

    def __init__(self, deadline: float = _SEARCH_TIMEOUT_SECONDS) -> None:
        self._deadline = deadline
        self._room = asyncio.Semaphore(_MAX_SEARCHES)
        self.gave_up = 0

    async def between(self, old: Units, new: Units) -> list[Hunk]:
        """Return the hunks that turn `old` into `new`."""
        whole = middle(old, new)
        if min(whole[0][1:]) == 0:
            return whole
        if max(whole[0][1:]) <= _SMALL_UNITS:
            effort = Effort(_SMALL_EFFORT)
            found = hunks(old, new, effort)
            if not effort.exceeded:
                return found
        try:
            async with asyncio.timeout(self._deadline), self._room:
                return await self._searched(old, new)
        except (TimeoutError, OSError, msgspec.DecodeError) as wrong:
            self.gave_up += 1
            _log.warning("a difference was not found in time; the text between is replaced", reason=repr(wrong))
            return whole

    async def _searched(self, old: Units, new: Units) -> list[Hunk]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app.services.editing.difference_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=_ROOT,
            env={
                "PATH": os.environ.get("PATH", ""),
                "PYTHONPATH": str(_ROOT),
            },  # no secret of the service
        )
        try:
            out, _ = await process.communicate(msgspec.json.encode((from_units(old), from_units(new))))
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        return _found.decode(out)
