"""The end of a process that was started beside the service."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_STOP_TIMEOUT_SECONDS = 5.0


async def end(child: asyncio.subprocess.Process) -> None:
    """Ask a process to end, and wait for that; kill it where it takes longer than five seconds."""
    with suppress(ProcessLookupError):
        child.terminate()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()
