"""The arguments of the command line: parsing, and the settings that options override."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands import backups, calendar, commitments, explain, export, verify
from app.commands.engines import move
from dossier_realtime import __version__
from dossier_realtime.protocol.classification import LEVELS

if TYPE_CHECKING:
    from collections.abc import Sequence

_LISTENING = (None, "serve", "demo")
_OWN_OPTIONS = {"dashboard": ("host", "port")}  # options that the command has too, and that mean its own there


def overrides(asked: argparse.Namespace) -> dict[str, object]:
    """Return the settings that options of the command line override, by their dotted key."""
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


def parse(arguments: Sequence[str], command: str = "run.py") -> argparse.Namespace:
    """Return the arguments; end the process with status 2 for those that are unknown or have no meaning."""
    reader = parser(command)
    asked = reader.parse_args(arguments)
    if unfit := _unfit(asked):
        reader.error(unfit)
    return asked


def _unfit(asked: argparse.Namespace) -> str:
    """Return a sentence for an option before the command that means nothing to it, else nothing."""
    if asked.demo and asked.command is not None:
        return f"--demo starts an office beside the service and the dashboard; {asked.command} runs alone"
    if asked.command in _LISTENING:
        return ""
    for option in ("host", "port", "engine"):
        if hasattr(asked, option):
            behind = f"; its own stands behind it: {asked.command} --{option} …"
            return f"--{option} before {asked.command} is an option of the service" + (
                behind if option in _OWN_OPTIONS.get(asked.command, ()) else ", and this command has none"
            )
    return ""


def parser(command: str = "run.py") -> argparse.ArgumentParser:
    """Return the parser of the command line."""
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
    listening.add_argument("--engine", help="embedded, or the address of a Redis, as in redis://host:port/0")
    parser = argparse.ArgumentParser(
        prog=command, description="The real-time service of the dossier system.", parents=[common, listening]
    )
    parser.add_argument("--version", action="version", version=f"Dossier Realtime {__version__}")
    parser.add_argument(
        "--demo", action="store_true", help="with the service and the dashboard: an office at work for an hour"
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    serving = commands.add_parser("serve", parents=[common, listening], help="run the service")
    serving.add_argument(
        "--workers", type=int, default=1, help="so many processes on one port, which share a Redis (--engine redis://…)"
    )
    serving.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)  # how a parent starts each of them
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
    move.add_commands(commands, common)
    explain.add_command(commands, common)
    calendar.add_command(commands, common)
    commitments.add_command(commands, common)
    demo = commands.add_parser("demo", parents=[common, listening], help="an office at work against a running service")
    demo.add_argument("--seconds", type=float, default=60, help="how long")
    demo.add_argument("--people", type=int, default=40, help="how many people")
    demo.add_argument("--url", help="the service's address, when it is not the configured one")
    return parser
