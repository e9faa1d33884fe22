"""The whole service inside the test's own loop, so that a test can stand between it and its engine.

    async with running(tmp_path / "data") as service:
        gate = Gate()
        gate.hold(service.engine.sessions, "open")

It listens on a real port and is spoken to over real sockets; only the moment at which the engine answers is the test's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app import bootstrap
from app.configuration.config import load
from app.lifecycle import Service
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import QUICK, as_environment
from tests.harness.tokens import SECRET


@asynccontextmanager
async def running(
    data: Path, settings: Mapping[str, object] | None = None, secret: str | None = SECRET
) -> AsyncIterator[Service]:
    """Start a service on a free port of the loopback, its `port`, and stop it at the end.

    `secret` is that of its tokens, None where they are verified by public keys.
    """
    asked = {**QUICK, "server.port": 0, "storage.data": str(data), **(settings or {})}
    secrets = {} if secret is None else {"DOSSIER_AUTH__SECRET": secret}
    service = await bootstrap.build(load(None, {**secrets, **as_environment(asked)}))
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


class Gate:
    """Holds calls of one method where they stand. `reached` is set when a call has come, `open()` lets all go on.

    With `after`, the call is carried out first and its answer held back.
    """

    def __init__(self, part: object, method: str, *, after: bool = False) -> None:
        self.reached = asyncio.Event()
        self.calls = 0
        self._go = asyncio.Event()
        self._after = after
        self._through: Callable[..., Awaitable[Any]] = getattr(part, method)
        setattr(part, method, self._call)

    async def _call(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        answer = await self._through(*arguments, **named) if self._after else None
        self.reached.set()
        await self._go.wait()
        return answer if self._after else await self._through(*arguments, **named)

    async def wait_reached(self) -> None:
        """Wait until a call is held. Raises TimeoutError after HANG_SECONDS."""
        async with asyncio.timeout(HANG_SECONDS):
            await self.reached.wait()

    def open(self) -> None:
        """Let those that wait, and all later ones, go on."""
        self._go.set()
