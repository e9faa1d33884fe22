"""The dashboard's own token: from a file that is renewed, or from the process that started it, over a pipe.

Neither way needs the key that signs tokens, and this process never reads it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

_FIRST_TOKEN_TIMEOUT_SECONDS = 30.0
_WANTED = "put the dashboard's token there (admin:*, clearance secret), for the dashboard's user to read"


class MissingTokenError(OSError):
    """Raised when there is no token; the message says where it was expected."""


class TokenFile:
    """A token in a file, read again for each use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        """Return the content of the file. Raises MissingTokenError."""
        try:
            token = (await asyncio.to_thread(self._path.read_text, encoding="utf-8")).strip()
        except OSError as wrong:
            reason = wrong.strerror or type(wrong).__name__
            raise MissingTokenError(
                f"dashboard.token_file: {self._path} cannot be read ({reason}): {_WANTED}"
            ) from None
        except UnicodeDecodeError:
            raise MissingTokenError(f"dashboard.token_file: {self._path} is no text: {_WANTED}") from None
        if not token:
            raise MissingTokenError(f"dashboard.token_file is empty: {_WANTED}")
        return token


class TokenPipe:
    """Tokens from an inherited file descriptor, one per line; the last one is in force."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._token = ""
        self._came = asyncio.Event()

    async def token(self) -> str:
        """Return the token in force, the first time after waiting for it. Raises MissingTokenError."""
        try:
            async with asyncio.timeout(_FIRST_TOKEN_TIMEOUT_SECONDS):
                await self._came.wait()
        except TimeoutError:
            raise MissingTokenError(f"no token came on file descriptor {self._descriptor}") from None
        return self._token

    async def run(self) -> None:
        """Read until the other end is closed. Raises OSError and ValueError for a descriptor that is no pipe."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        with os.fdopen(self._descriptor, "rb", buffering=0, closefd=False) as pipe:
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
            try:
                while line := (await reader.readline()).decode("ascii", "replace").strip():
                    self._token = line
                    self._came.set()
            finally:
                transport.close()
