"""The dashboard as a child process: restarted when it fails, and never a reason for the service to end.

The key that signs tokens stays with the service. The child receives a token over a pipe, the next one before that ends,
and of the environment only the settings that it needs. It ends when the pipe is closed, which the kernel does however
the service ends: no dashboard is left on its port.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Protocol

import structlog

from app.commands.processes.ending import end

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_log = structlog.get_logger("service")
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 1.0, 60.0  # seconds before it is begun again
_STEADY_SECONDS = 60.0  # seconds after which a run counts as a good one
_POLL_SECONDS = 5.0  # between two looks at the wall clock: a machine that slept wakes to a token that is old

_PREFIX = "DOSSIER_"
_INHERITED = ("DOSSIER_DASHBOARD__", "DOSSIER_LOG__", "DOSSIER_AUTH__ALGORITHMS")


def environment_of_child(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what of an environment the dashboard is given: of the settings its own, the log's, and no key."""
    return {
        name: value for name, value in environ.items() if not name.startswith(_PREFIX) or name.startswith(_INHERITED)
    }


class Tokens(Protocol):
    """Tokens for the child."""

    @property
    def seconds(self) -> int:
        """Return the lifetime of each token, in seconds; the next one is made after a third of it."""

    def make(self) -> str:
        """Return a new one."""

    def holds(self, token: str) -> bool:
        """Return whether the service still takes it."""


class DashboardProcess:
    """One child, `python run.py …`, as long as `run` is not cancelled.

    It reads `tokens` from its standard input, one a line. Without them it has a token of its own, and nothing is
    written there. In either case it must end when its standard input does.
    """

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], tokens: Tokens | None = None) -> None:
        self._command = [sys.executable, sys.argv[0], *arguments]
        self._environment = environment_of_child(environ)
        self._tokens = tokens

    async def run(self) -> None:
        """Keep the dashboard running. An exit with status 0 was wanted: it is not started again."""
        loop, wait = asyncio.get_running_loop(), _MIN_PAUSE_SECONDS
        while True:
            began = loop.time()
            status = await self._once()
            if status == 0:
                return
            wait = _MIN_PAUSE_SECONDS if loop.time() - began > _STEADY_SECONDS else min(2 * wait, _MAX_PAUSE_SECONDS)
            _log.error("the dashboard ended and is begun again; the service goes on", status=status, seconds=wait)
            await asyncio.sleep(wait)

    async def _once(self) -> int:
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, env=self._environment)
        feeding = None
        if self._tokens is not None and child.stdin is not None:
            feeding = asyncio.create_task(_feed(child.stdin, self._tokens))
        try:
            return await child.wait()
        finally:
            if feeding is not None:
                feeding.cancel()
                await asyncio.wait([feeding])
            if child.returncode is None:
                await end(child)


async def _feed(pipe: asyncio.StreamWriter, tokens: Tokens) -> None:
    """Write a token, then the next one before it ends or once the key has changed, until the pipe is closed."""
    with contextlib.suppress(ConnectionError):
        while True:
            token = tokens.make()
            pipe.write(token.encode() + b"\n")
            await pipe.drain()
            renewed_at = time.time() + tokens.seconds / 3  # before the service tells its bearer that it ends soon
            while (left := renewed_at - time.time()) > 0 and tokens.holds(token):  # noqa: ASYNC110  time is waited for
                await asyncio.sleep(min(left, _POLL_SECONDS))
