"""The demo beside a service that was started for a newcomer: an office at work, in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from app.commands.processes.ending import end

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 3600


async def demo_beside(url: str, data: str, file: Path | None) -> None:
    """Run the demo against the service at `url` until it ends or the task is cancelled.

    It signs its users' tokens with the secret of the service, which it finds where the service does.
    """
    command = [sys.executable, sys.argv[0], "demo", "--url", url, "--data", data, "--seconds", str(_SECONDS)]
    if file is not None:
        command += ["--config", str(file)]
    child = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    try:
        await child.wait()
    finally:
        if child.returncode is None:
            await end(child)
