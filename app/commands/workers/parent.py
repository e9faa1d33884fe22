"""The parent of workers: it starts them, renews them, and ends them one after the other."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from app.commands.file_errors import BAD_START, refuse_start
from app.commands.workers.port import reserved_port
from app.commands.workers.worker import Worker
from app.journal.node_name import folder_id, kept_name
from app.journal.signatures.signing import key_place, named_key, open_signer
from app.telemetry import logs

if TYPE_CHECKING:
    from app.configuration.config import Config

MAX_WORKERS: Final = 64
_log = structlog.get_logger("workers")

Announcement = Callable[["Config", int], None]
"""A function that prints the addresses of the service, given its port."""


def unfit(config: Config, workers: int) -> str:
    """Return a sentence for a number of workers that cannot be run with these settings; "" where it can."""
    if not 1 <= workers <= MAX_WORKERS:
        return f"--workers: {workers} is not from 1 to {MAX_WORKERS}"
    if workers > 1 and not config.storage.shared:
        return (
            "--workers: the embedded engine belongs to one process; "
            "set storage.engine to a Redis (--engine redis://…), or leave --workers out"
        )
    return ""


def settings_of_worker(config: Config, number: int, node: str, port: int) -> dict[str, str]:
    """Return the environment variables that make a configuration that of one worker."""
    settings = {
        "SERVER__HOST": config.server.host,
        "SERVER__PORT": str(port),
        "SERVER__REUSE_PORT": "true",
        "STORAGE__DATA": config.storage.data,
        "STORAGE__ENGINE": config.storage.engine,
        "NODE__ID": f"{node}-w{number}",
        "METRICS__PORT": str(config.metrics.port + number - 1 if config.metrics.port else 0),
    }
    if config.development_secret:
        settings["AUTH__SECRET_FILE"] = str(Path(config.storage.data) / "development-secret")
    return {f"DOSSIER_{name}": value for name, value in settings.items()}


class Workers:
    """All workers of one parent."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None
        self._signals = 0

    def handle_signals(self) -> None:
        """Let SIGTERM and SIGINT end all, SIGHUP reach all, and SIGUSR1 renew them one after the other."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._each, signal.SIGHUP)
        loop.add_signal_handler(signal.SIGUSR1, self._asked_to_renew)

    async def serve(self) -> bool:
        """Start all; return True once all serve, False where one was refused or a signal came first."""
        self._tasks = [asyncio.create_task(each.run()) for each in self._workers]
        for each, task in zip(self._workers, self._tasks, strict=True):
            ready = asyncio.create_task(each.ready.wait())
            stopped = asyncio.create_task(self._stop.wait())
            await asyncio.wait([ready, task, stopped], return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            stopped.cancel()
            if self._stop.is_set() or each.refused:
                return False
        return True

    @property
    def refused(self) -> bool:
        """True where the start of a worker was refused."""
        return any(each.refused for each in self._workers)

    async def run(self) -> None:
        """Wait for a signal that ends all."""
        await self._stop.wait()

    async def end(self) -> None:
        """End the workers one after the other, so that clients of one find the next; asked again, all at once."""
        if self._renewing is not None:
            self._renewing.cancel()
        for each in self._workers:
            await each.stop()
        await asyncio.gather(*self._tasks)

    def _asked_to_stop(self) -> None:
        self._signals += 1
        self._stop.set()
        if self._signals > 1:
            self._each(signal.SIGTERM)

    def _asked_to_renew(self) -> None:
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        for each in self._workers:
            await each.renew()
        _log.info("all workers were started again")

    def _each(self, number: signal.Signals) -> None:
        for each in self._workers:
            each.signal(number)


def _prepare(config: Config, node: str) -> None:
    """Make once what workers would otherwise make at the same time: the name of the folder, and the key that signs."""
    data = Path(config.storage.data)
    folder_id(data)
    open_signer(data, key_place(config.journal), named_key(data / "journal", f"{node}-w1"))


async def run_workers(config: Config, count: int, config_file: Path | None, announce: Announcement) -> int:
    """Run the workers until a signal ends them; return the exit status."""
    logs.configure(config.log.level, config.log.format)
    try:
        kept = reserved_port(config.server.host, config.server.port)
    except OSError as wrong:
        return refuse_start(
            f"cannot listen on {config.server.host}:{config.server.port} ({wrong.strerror}); "
            "choose a free address with --host and --port"
        )
    port = kept[0].getsockname()[1]
    node = config.node.id or kept_name(Path(config.storage.data))
    _prepare(config, node)
    command = [sys.executable, sys.argv[0], "serve", "--worker"]
    if config_file is not None:
        command += ["--config", str(config_file)]
    workers = Workers(
        [
            Worker(
                number,
                command,
                os.environ | settings_of_worker(config, number, node, port),
                config.server.drain_seconds,
            )
            for number in range(1, count + 1)
        ]
    )
    workers.handle_signals()
    try:
        if await workers.serve():
            announce(config, port)
            print(f"  workers   {count}, as {node}-w1 to {node}-w{count}", flush=True)
            await workers.run()
    finally:
        await workers.end()
        for each in kept:
            each.close()
    return BAD_START if workers.refused else 0
