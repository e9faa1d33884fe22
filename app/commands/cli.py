"""The command line of the service.

Commands: `serve`, `dashboard`, `token`, `explain`, `calendar`, `commitments`, `verify`, `export`, `rerun`, `backup`,
`restore`, `move`, `demo`. Without a command: the service and the dashboard, and a ready login for both.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import time
from typing import TYPE_CHECKING

from app.commands import backups, calendar, commitments, explain, export, verify
from app.commands.arguments import overrides, parse
from app.commands.dashboard import reachable, run_dashboard
from app.commands.engines import move
from app.commands.file_errors import error_sentence, refuse_start
from app.commands.serve import announce, run_measured, serve
from app.commands.workers.parent import run_workers, unfit
from app.configuration.config import KEYS_OF_SERVICE, Config, ConfigError, load
from app.configuration.limits import rate_limits, session_limits
from app.engine.ports.errors import EngineError, Unavailable
from app.journal import store
from app.security.minting import mint
from app.security.private_files import keep_private
from app.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOW_PRIORITY = (
    "dashboard",
    "verify",
    "commitments",
    "explain",
    "export",
    "rerun",
    "backup",
)  # commands that take only what the service leaves
_NICE = 10
_SERVING = (None, "serve")
_WITH_KEYS = (*_SERVING, "token", "demo")  # `explain` only for a token that it is given
_READERS = {
    "calendar": calendar.calendar,
    "commitments": commitments.commitments,
    "explain": explain.explain,
    "export": export.export,
    "backup": backups.backup,
    "restore": backups.restore,
    "move": move.run,
}


def main(arguments: Sequence[str], command: str = "run.py") -> int:
    """Run one command; return the exit status: 0 done, 1 found wrong, 2 could not begin.

    `command` is what the command line itself is called in `--help` and in its errors.
    """
    asked = parse(arguments, command)
    keep_private()
    try:
        config = _configuration(asked)
    except ConfigError as wrong:
        return refuse_start(str(wrong))
    if asked.command in _LOW_PRIORITY:
        os.nice(_NICE)
    try:
        match asked.command:
            case "token":
                return _token(config, asked)
            case "verify" | "rotate-key":
                return verify.run(config, asked)
            case "calendar" | "commitments" | "explain" | "export" | "backup" | "restore" | "move" as command:
                return _READERS[command](config, asked)
            case "rerun":
                return export.run_again(config, asked, lambda: rate_limits(config), session_limits(config))
            case "demo":
                return _demo(config, asked)
            case "dashboard":
                wrong_start = asyncio.run(run_dashboard(config, asked.token_fd, asked.parent_fd))
                return refuse_start(wrong_start) if wrong_start else 0
            case "serve":
                return _serve(config, asked)
            case _:
                return run_measured(serve(config, beside=asked))
    except (
        EngineError,
        Unavailable,
        store.JournalError,
        export.ExportError,
        OSError,
        ValueError,
        sqlite3.Error,
    ) as wrong:
        return refuse_start(error_sentence(wrong))
    except KeyboardInterrupt:
        return 0


def _serve(config: Config, asked: argparse.Namespace) -> int:
    workers = getattr(asked, "workers", 1)
    if wrong := unfit(config, workers):
        return refuse_start(wrong)
    if workers > 1:
        return asyncio.run(run_workers(config, workers, getattr(asked, "config", None), announce))
    return run_measured(serve(config, worker=getattr(asked, "worker", False)))


def _configuration(asked: argparse.Namespace) -> Config:
    """Return the configuration of the command.

    Only the service makes a secret, and a command that neither signs nor verifies tokens reads none. The dashboard
    keeps no key of the service in its environment either.
    """
    keys = asked.command in _WITH_KEYS or bool(getattr(asked, "token", None))
    make = asked.command in _SERVING
    config = load(getattr(asked, "config", None), os.environ, overrides(asked), keys=keys, make=make)
    if asked.command == "dashboard":
        for name in KEYS_OF_SERVICE:
            os.environ.pop(name, None)  # nor does what it starts
    return config


def _token(config: Config, asked: argparse.Namespace) -> int:
    token = mint(
        config.auth,
        sub=asked.sub,
        name=asked.name,
        role=asked.role,
        permissions=asked.permission,
        clearance=asked.clearance,
        ttl=asked.ttl,
        now=int(time.time()),
    )
    print(token)
    return 0


def _demo(config: Config, asked: argparse.Namespace) -> int:
    from demo import simulation  # noqa: PLC0415  the office is no part of the service

    def minted(sub: str, name: str, role: str, permissions: Sequence[str], clearance: str) -> str:
        return mint(
            config.auth,
            sub=sub,
            name=name,
            role=role,
            permissions=permissions,
            clearance=clearance,
            ttl=3600,
            now=int(time.time()),
        )

    secure = "s" if config.server.tls_certificate else ""
    host = reachable(config.server.host)
    url = asked.url or f"ws{secure}://{host}:{config.server.port}/v1"
    logs.configure("warning", config.log.format)
    return asyncio.run(simulation.run_simulation(url, minted, seconds=asked.seconds, people=asked.people))
