"""The command line: `serve`, `token`, `verify`, `demo`. Without a command: serve, and print a ready login."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from app import bootstrap
from app.auth import mint
from app.config import Config, ConfigError, load
from app.engine.ports import EngineRefused
from app.journal import store
from app.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Sequence

BAD_START = 2
_LOGIN_HOURS = 12


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0 done, 1 found wrong, 2 could not begin."""
    asked = _parser().parse_args(arguments)
    try:
        config = load(getattr(asked, "config", None), os.environ, _overrides(asked))
    except ConfigError as wrong:
        return _cannot(str(wrong))
    try:
        match asked.command:
            case "token":
                return _token(config, asked)
            case "verify":
                return _verify(Path(config.storage.data) / "journal")
            case "demo":
                return _demo(config, asked)
            case command:
                return asyncio.run(_serve(config, with_login=command is None))
    except (EngineRefused, store.JournalRefused, OSError, ValueError) as wrong:
        return _cannot(str(wrong))
    except KeyboardInterrupt:
        return 0


def _cannot(message: str) -> int:
    print(f"dossier: {' '.join(message.split())}", file=sys.stderr)
    return BAD_START


async def _serve(config: Config, *, with_login: bool) -> int:
    logs.configure(config.log.level, config.log.format)
    service = await bootstrap.build(config)
    try:
        await service.start()
    except OSError as wrong:
        await service.stop()
        return _cannot(f"cannot listen on {config.server.host}:{config.server.port} ({wrong.strerror})")
    host = "localhost" if config.server.host in ("127.0.0.1", "::1") else config.server.host
    secure = "s" if config.server.tls_certificate else ""
    print(f"Dossier Realtime serves ws{secure}://{host}:{service.port}/v1", flush=True)
    print(f"  publish   http{secure}://{host}:{service.port}/v1/publish", flush=True)
    print(f"  health    http{secure}://{host}:{service.port}/readyz", flush=True)
    if config.development_secret:
        print(f"  secret    made for development, in {config.storage.data}/development-secret", flush=True)
    if with_login and config.auth.symmetric and not config.server.production:
        token = mint(
            config.auth,
            sub="operator",
            name="Operator",
            role="operator",
            permissions=["admin:*"],
            clearance="secret",
            ttl=_LOGIN_HOURS * 3600,
            now=int(time.time()),
        )
        print(f"  login     a token for the user operator, good for {_LOGIN_HOURS} hours:\n{token}", flush=True)
    await service.run()
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


def _verify(folder: Path) -> int:
    """Check the journal's chain; the first bad entry is named."""
    reports = store.verify_folder(folder)
    if not reports:
        return _cannot(f"there is no journal in {folder}; name its data folder with --data")
    for node, report in sorted(reports.items()):
        state = "intact" if report.ok else "BROKEN"
        print(f"{node}: {state}: {report.entries} entries, {report.lost} lost, {report.redacted} redacted")
        if report.fault is not None:
            print(f"  {report.fault}")
        if report.missing_at_end:
            print(f"  {report.missing_at_end} entries are missing at the end")
    return 0 if all(report.ok for report in reports.values()) else 1


def _demo(config: Config, asked: argparse.Namespace) -> int:
    from demo import office  # noqa: PLC0415  the office is no part of the service

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
    host = "localhost" if config.server.host in ("127.0.0.1", "::1") else config.server.host
    url = asked.url or f"ws{secure}://{host}:{config.server.port}/v1"
    logs.configure("warning", config.log.format)
    return asyncio.run(office.work(url, minted, seconds=asked.seconds, people=asked.people))


def _overrides(asked: argparse.Namespace) -> dict[str, object]:
    keys = {"host": "server.host", "port": "server.port", "data": "storage.data", "engine": "storage.engine"}
    given = {setting: getattr(asked, option, None) for option, setting in keys.items()}
    return {setting: value for setting, value in given.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="run.py", description="The real-time service of the dossier system.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config", type=Path, help="a TOML file with the settings that differ from config/default.toml"
    )
    common.add_argument("--data", help="the folder for everything that is kept")
    listening = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    listening.add_argument("--host", help="the address to listen on")
    listening.add_argument("--port", type=int, help="the port to listen on; 0 takes any free one")
    listening.add_argument("--engine", help="embedded, or redis://host:port/database")
    parser = argparse.ArgumentParser(
        prog="run.py", description="The real-time service of the dossier system.", parents=[common, listening]
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    commands.add_parser("serve", parents=[common, listening], help="run the service")
    token = commands.add_parser("token", parents=[common], help="make a token with the configured secret")
    token.add_argument("--sub", required=True, help="the user's id")
    token.add_argument("--name", help="the user's name")
    token.add_argument("--role", help="the user's role")
    token.add_argument("--permission", action="append", default=[], help="such as read:dossier:country:* (may repeat)")
    token.add_argument("--clearance", choices=["public", "internal", "confidential", "secret"])
    token.add_argument("--ttl", type=int, default=3600, help="seconds that it is good for, 86400 at most")
    commands.add_parser("verify", parents=[common], help="check the journal's chain")
    demo = commands.add_parser("demo", parents=[common, listening], help="an office at work against a running service")
    demo.add_argument("--seconds", type=float, default=60, help="how long")
    demo.add_argument("--people", type=int, default=40, help="how many people")
    demo.add_argument("--url", help="the service's address, when it is not the configured one")
    return parser
