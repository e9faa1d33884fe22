"""The command line of the service.

Commands: `serve`, `dashboard`, `token`, `explain`, `verify`, `export`, `rerun`, `backup`, `restore`, `demo`. Without a
command: the service and the dashboard, and a ready login for both.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from app import bootstrap
from app.commands import backups, explain, export, verify
from app.commands.dashboard import NO_LOGIN_OF_ITS_OWN, beside_service, reachable, run_dashboard
from app.commands.file_errors import told, without_number
from app.configuration.config import KEYS_OF_SERVICE, Config, ConfigError, load
from app.configuration.limits import rate_limits, session_limits
from app.engine.ports.errors import EngineError
from app.journal import store
from app.security.auth import mint
from app.security.private_files import check_folder, keep_private
from app.security.token_secrets import guessable_secret
from app.telemetry import logs
from app.telemetry.collections import FrozenSurvivors
from app.telemetry.stalls import MeasuredLoop
from dossier_realtime.protocol.classification import LEVELS
from dossier_realtime.protocol.plain_text import visible

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

_log = structlog.get_logger("service")
BAD_START = 2
_LOGIN_HOURS = 12
_LOW_PRIORITY = (
    "dashboard",
    "verify",
    "explain",
    "export",
    "rerun",
    "backup",
)  # commands that take only what the service leaves
_NICE = 10
_GC_THRESHOLDS = (500, 3, 50)  # small ones sooner than by default, each a short stop of the loop; full ones as often
_SWITCH_SECONDS = 0.0005  # that a thread beside the loop (the journal's) runs on while the loop waits to go on
_SERVING = (None, "serve")
_WITH_KEYS = (*_SERVING, "token", "demo")  # `explain` only for a token that it is given
_LISTENING = (*_SERVING, "demo")
_OWN_OPTIONS = {"dashboard": ("host", "port")}  # options that the command has too, and that mean its own there
_READERS = {
    "explain": explain.explain,
    "export": export.export,
    "backup": backups.backup,
    "restore": backups.restore,
}


def main(arguments: Sequence[str], command: str = "run.py") -> int:
    """Run one command; return the exit status: 0 done, 1 found wrong, 2 could not begin.

    `command` is what the command line itself is called in `--help` and in its errors.
    """
    asked = _parse(arguments, command)
    keep_private()
    try:
        config = _configuration(asked)
    except ConfigError as wrong:
        return _cannot(str(wrong))
    if asked.command in _LOW_PRIORITY:
        os.nice(_NICE)
    try:
        match asked.command:
            case "token":
                return _token(config, asked)
            case "verify" | "rotate-key":
                return verify.run(config, asked)
            case "explain" | "export" | "backup" | "restore" as command:
                return _READERS[command](config, asked)
            case "rerun":
                return export.run_again(config, asked, lambda: rate_limits(config), session_limits(config))
            case "demo":
                return _demo(config, asked)
            case "dashboard":
                wrong_start = asyncio.run(run_dashboard(config, asked.token_fd, asked.parent_fd))
                return _cannot(wrong_start) if wrong_start else 0
            case "serve":
                return _run_measured(_serve(config))
            case _:
                return _run_measured(_serve(config, beside=asked))
    except (EngineError, store.JournalError, export.ExportError, OSError, ValueError, sqlite3.Error) as wrong:
        return _cannot(told(wrong))
    except KeyboardInterrupt:
        return 0


def _configuration(asked: argparse.Namespace) -> Config:
    """Return what the command is to go by. Only the service makes a secret; who signs or verifies no token reads none.

    The dashboard keeps no key of the service in its environment either.
    """
    keys = asked.command in _WITH_KEYS or bool(getattr(asked, "token", None))
    make = asked.command in _SERVING
    config = load(getattr(asked, "config", None), os.environ, _overrides(asked), keys=keys, make=make)
    if asked.command == "dashboard":
        for name in KEYS_OF_SERVICE:
            os.environ.pop(name, None)  # nor does what it starts
    return config


def _cannot(message: str) -> int:
    print(f"dossier: {visible(' '.join(without_number(message).split()))}", file=sys.stderr)
    return BAD_START


def _run_measured(work: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=MeasuredLoop) as runner:
        return runner.run(work)


async def _serve(config: Config, *, beside: argparse.Namespace | None = None) -> int:
    """Run the service; with `beside` also a dashboard, with the same arguments."""
    logs.configure(config.log.level, config.log.format)
    tightened = check_folder(Path(config.storage.data), production=config.server.production)
    if tightened:
        _log.warning("the data folder was open to others and is tightened", folder=config.storage.data, files=tightened)
    service = await bootstrap.build(config)
    try:
        await service.start()
    except OSError as wrong:
        await service.stop()
        return _cannot(f"cannot listen on {config.server.host}:{config.server.port} ({wrong.strerror})")
    gc.set_threshold(*_GC_THRESHOLDS)
    sys.setswitchinterval(_SWITCH_SECONDS)
    FrozenSurvivors().install()
    host = reachable(config.server.host)
    secure = "s" if config.server.tls_certificate else ""
    print(f"Dossier Realtime serves ws{secure}://{host}:{service.port}/v1", flush=True)
    print(f"  publish   http{secure}://{host}:{service.port}/v1/publish", flush=True)
    print(f"  health    http{secure}://{host}:{service.port}/readyz", flush=True)
    if service.listeners.metrics_port:
        print(f"  metrics   http://{config.metrics.host}:{service.listeners.metrics_port}/metrics", flush=True)
    if config.development_secret:
        print(f"  secret    made for development, in {config.storage.data}/development-secret", flush=True)
    if warning := guessable_secret(config.auth):
        print(f"  warning   {warning}; production refuses this one", flush=True)
    if beside is not None and config.auth.symmetric and not config.server.production:
        token = mint(
            config.auth,
            sub="operator",
            name="Operator",
            role="operator",
            permissions=["admin:*"],
            clearance="secret",
            ttl=min(_LOGIN_HOURS * 3600, config.auth.max_lifetime),
            now=int(time.time()),
        )
        print(f"  login     a token for the user operator, good for {_LOGIN_HOURS} hours:\n{token}", flush=True)
    companion = None
    if beside is not None and (config.dashboard.token_file or config.auth.symmetric):
        url = config.dashboard.service or service.listeners.open_for_dashboard()
        child = beside_service(config, getattr(beside, "config", None), url, service.verifier)
        companion = asyncio.create_task(child.run())
    elif beside is not None:
        print(f"  dashboard is not started: {NO_LOGIN_OF_ITS_OWN}", flush=True)
    await service.run()
    if companion is not None:
        companion.cancel()
        with suppress(asyncio.CancelledError):
            await companion
    return 0


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


def _overrides(asked: argparse.Namespace) -> dict[str, object]:
    keys = {
        "host": "server.host",
        "port": "server.port",
        "data": "storage.data",
        "engine": "storage.engine",
        "service": "dashboard.service",
        "token_file": "dashboard.token_file",
        "dashboard_host": "dashboard.host",
        "dashboard_port": "dashboard.port",
    }
    given = {setting: getattr(asked, option, None) for option, setting in keys.items()}
    return {setting: value for setting, value in given.items() if value is not None}


def _parse(arguments: Sequence[str], command: str = "run.py") -> argparse.Namespace:
    """Return what is asked for; ends the process with status 2 for what is not understood, or means nothing."""
    parser = _parser(command)
    asked = parser.parse_args(arguments)
    if unfit := _unfit(asked):
        parser.error(unfit)
    return asked


def _unfit(asked: argparse.Namespace) -> str:
    """Return a sentence for an option before the command that means nothing to it, else nothing."""
    if asked.command in _LISTENING:
        return ""
    for option in ("host", "port", "engine"):
        if hasattr(asked, option):
            behind = f"; its own stands behind it: {asked.command} --{option} …"
            return f"--{option} before {asked.command} is an option of the service" + (
                behind if option in _OWN_OPTIONS.get(asked.command, ()) else ", and this command has none"
            )
    return ""


def _parser(command: str = "run.py") -> argparse.ArgumentParser:
    # Common options stand before the command or behind it. Suppressed defaults: what stands before is not overwritten
    # by a default of the command's own parser.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "--config", type=Path, help="a TOML file with the settings that differ from config/default.toml"
    )
    common.add_argument("--data", help="the folder for everything that is kept")
    listening = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    listening.add_argument("--host", help="the address to listen on")
    listening.add_argument("--port", type=int, help="the port to listen on; 0 takes any free one")
    listening.add_argument("--engine", help="embedded, or redis://host:port/database")
    parser = argparse.ArgumentParser(
        prog=command, description="The real-time service of the dossier system.", parents=[common, listening]
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("serve", parents=[common, listening], help="run the service")
    watching = commands.add_parser("dashboard", parents=[common], help="run the operators' dashboard")
    watching.add_argument("--host", dest="dashboard_host", help="the address to listen on")
    watching.add_argument("--port", dest="dashboard_port", type=int, help="the port to listen on; 0 takes any free one")
    watching.add_argument("--token-file", help="a file with its own token (admin:*), read whenever one is needed")
    watching.add_argument(
        "--token-fd", type=int, help="an inherited file descriptor that its tokens come on, one a line"
    )
    watching.add_argument(
        "--parent-fd", type=int, help="an inherited pipe: the dashboard ends when its other end is closed"
    )
    watching.add_argument("--service", help="the service to watch, as in https://realtime.example.org")
    token = commands.add_parser("token", parents=[common], help="make a token with the configured secret")
    token.add_argument("--sub", required=True, help="the user's id")
    token.add_argument("--name", help="the user's name")
    token.add_argument("--role", help="the user's role, shown to others and looked up in settings (default: member)")
    token.add_argument("--permission", action="append", default=[], help="such as read:dossier:country:* (may repeat)")
    token.add_argument("--clearance", choices=LEVELS)
    token.add_argument("--ttl", type=int, default=3600, help="seconds that it is good for, 86400 at most")
    export.add_commands(commands, common)
    verify.add_commands(commands, common)
    backups.add_commands(commands, common)
    explain.add_command(commands, common)
    demo = commands.add_parser("demo", parents=[common, listening], help="an office at work against a running service")
    demo.add_argument("--seconds", type=float, default=60, help="how long")
    demo.add_argument("--people", type=int, default=40, help="how many people")
    demo.add_argument("--url", help="the service's address, when it is not the configured one")
    return parser
