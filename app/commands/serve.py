"""The command `serve`: the service, its lines on the terminal, and the dashboard beside it."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from app import bootstrap
from app.commands.beside import start_beside
from app.commands.dashboard import reachable
from app.commands.file_errors import refuse_start
from app.commands.workers.worker import READY
from app.configuration.config import Config
from app.security.private_files import check_folder
from app.security.token_secrets import guessable_secret
from app.telemetry import logs
from app.telemetry.collections import FrozenSurvivors
from app.telemetry.stalls import MeasuredLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_log = structlog.get_logger("service")
_GC_THRESHOLDS = (500, 3, 50)  # small ones sooner than by default, each a short stop of the loop; full ones as often
_SWITCH_SECONDS = 0.0005  # that a thread beside the loop (the journal's) runs on while the loop waits to go on


def run_measured(work: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine on a loop that measures its longest turns; return its exit status."""
    with asyncio.Runner(loop_factory=MeasuredLoop) as runner:
        return runner.run(work)


def announce(config: Config, port: int) -> None:
    """Print the addresses that the service has on this machine, and what a developer is to know of its secret."""
    host = reachable(config.server.host)
    secure = "s" if config.server.tls_certificate else ""
    print(f"Dossier Realtime serves ws{secure}://{host}:{port}/v1", flush=True)
    print(f"  publish   http{secure}://{host}:{port}/v1/publish", flush=True)
    print(f"  health    http{secure}://{host}:{port}/readyz", flush=True)
    if config.development_secret:
        print(f"  secret    made for development, in {config.storage.data}/development-secret", flush=True)
    if warning := guessable_secret(config.auth):
        print(f"  warning   {warning}; production refuses this one", flush=True)


def _stop_with_parent(stop: Callable[[], None]) -> None:
    """Call `stop` when the other end of standard input is closed: the parent has ended."""
    loop, parent = asyncio.get_running_loop(), sys.stdin.fileno()

    def heard() -> None:
        if not os.read(parent, 4096):
            loop.remove_reader(parent)
            stop()

    loop.add_reader(parent, heard)


async def serve(config: Config, *, beside: argparse.Namespace | None = None, worker: bool = False) -> int:
    """Run the service; with `beside` also a dashboard, with the same arguments.

    `worker`: as one of several processes, which ends when the pipe at its standard input is closed.
    """
    logs.configure(config.log.level, config.log.format, worker=config.node.id if worker else "")
    tightened = check_folder(Path(config.storage.data), production=config.server.production)
    if tightened:
        _log.warning("the data folder was open to others and is tightened", folder=config.storage.data, files=tightened)
    service = await bootstrap.build(config)
    try:
        service.handle_signals()
        if worker:
            _stop_with_parent(service.ask_to_stop)
        await service.start()
    except OSError as wrong:
        await service.stop()
        return refuse_start(
            f"cannot listen on {config.server.host}:{config.server.port} ({wrong.strerror}); "
            "choose a free address with --host and --port"
        )
    except BaseException:
        await service.stop()  # what goes on beside it would keep the process from ending
        raise
    gc.set_threshold(*_GC_THRESHOLDS)
    sys.setswitchinterval(_SWITCH_SECONDS)
    FrozenSurvivors().install()
    if worker:
        print(READY, config.node.id, flush=True)
    else:
        announce(config, service.port)
    if service.listeners.metrics_port:
        print(f"  metrics   http://{config.metrics.host}:{service.listeners.metrics_port}/metrics", flush=True)
    if service.listeners.room is not None:
        key = service.listeners.room.guests.link()
        secure, host = "s" if config.server.tls_certificate else "", reachable(config.server.host)
        print(f"  try it    http{secure}://{host}:{service.port}/#{key}  (a link for one guest, once)", flush=True)
    children = start_beside(config, service, beside) if beside is not None else []
    await service.run()
    for child in children:
        child.cancel()
        with suppress(asyncio.CancelledError):
            await child
    return 0
