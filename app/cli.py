"""The command line: `serve`, `dashboard`, `token`, `verify`, `export`, `rerun`, `demo`.

Without a command: the service and the dashboard, and a ready login for both.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from app import bootstrap, records
from app.auth import mint
from app.companion import Companion
from app.config import Config, ConfigError, load
from app.engine.ports import EngineRefused
from app.journal import store
from app.secret_strength import TOKEN_BYTES, weakness
from app.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.settings import OidcSettings

BAD_START = 2
_LOGIN_HOURS = 12
_GIVE_WAY = ("dashboard", "verify", "export", "rerun")  # commands that take only what the service leaves
_NICE = 10


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0 done, 1 found wrong, 2 could not begin."""
    asked = _parser().parse_args(arguments)
    try:
        config = load(getattr(asked, "config", None), os.environ, _overrides(asked))
    except ConfigError as wrong:
        return _cannot(str(wrong))
    if asked.command in _GIVE_WAY:
        os.nice(_NICE)
    try:
        match asked.command:
            case "token":
                return _token(config, asked)
            case "verify":
                return records.verify(config, asked)
            case "export":
                return records.export(config, asked)
            case "rerun":
                limits = bootstrap.session_limits(config)
                return records.run_again(config, asked, lambda: bootstrap.rate_limits(config), limits)
            case "demo":
                return _demo(config, asked)
            case "dashboard":
                return asyncio.run(_dashboard(config))
            case "serve":
                return asyncio.run(_serve(config))
            case _:
                return asyncio.run(_serve(config, beside=_arguments_beside(asked)))
    except (EngineRefused, store.JournalRefused, records.ExportRefused, OSError, ValueError) as wrong:
        return _cannot(str(wrong))
    except KeyboardInterrupt:
        return 0


def _cannot(message: str) -> int:
    print(f"dossier: {' '.join(message.split())}", file=sys.stderr)
    return BAD_START


async def _serve(config: Config, *, beside: Sequence[str] | None = None) -> int:
    """The service; `beside`: and a dashboard that is started with these arguments."""
    logs.configure(config.log.level, config.log.format)
    service = await bootstrap.build(config)
    try:
        await service.start()
    except OSError as wrong:
        await service.stop()
        return _cannot(f"cannot listen on {config.server.host}:{config.server.port} ({wrong.strerror})")
    host = _reachable(config.server.host)
    secure = "s" if config.server.tls_certificate else ""
    print(f"Dossier Realtime serves ws{secure}://{host}:{service.port}/v1", flush=True)
    print(f"  publish   http{secure}://{host}:{service.port}/v1/publish", flush=True)
    print(f"  health    http{secure}://{host}:{service.port}/readyz", flush=True)
    if service.metrics_port:
        print(f"  metrics   http://{config.metrics.host}:{service.metrics_port}/metrics", flush=True)
    if config.development_secret:
        print(f"  secret    made for development, in {config.storage.data}/development-secret", flush=True)
    if beside is not None and config.auth.symmetric and not config.server.production:
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
    companion = None
    if beside is not None:
        url = f"http{secure}://{host}:{service.port}"
        companion = asyncio.create_task(Companion([*beside, "--service", url]).run())
    await service.run()
    if companion is not None:
        companion.cancel()
        with suppress(asyncio.CancelledError):
            await companion
    return 0


def _arguments_beside(asked: argparse.Namespace) -> list[str]:
    given = {"--config": getattr(asked, "config", None), "--data": getattr(asked, "data", None)}
    return ["dashboard", *(word for name, value in given.items() if value for word in (name, str(value)))]


async def _dashboard(config: Config) -> int:
    from dashboard.oidc import Oidc  # noqa: PLC0415  the service runs without Panel
    from dashboard.server import DashboardServer, Setup  # noqa: PLC0415  likewise

    logs.configure(config.log.level, config.log.format)
    settings = config.dashboard
    secure = "s" if config.server.tls_certificate else ""
    service = settings.service or f"http{secure}://{_reachable(config.server.host)}:{config.server.port}"

    async def token() -> str:
        if settings.token_file:
            return (await asyncio.to_thread(Path(settings.token_file).read_text, encoding="utf-8")).strip()
        return mint(
            config.auth,
            sub="dashboard",
            name="Dashboard",
            role="service",
            permissions=["admin:*"],
            clearance="secret",
            now=int(time.time()),
        )

    if not settings.token_file and not config.auth.symmetric:
        return _cannot("the dashboard needs a token of its own (admin:*): put it in a file, dashboard.token_file")
    oidc = None
    if settings.oidc.issuer:
        oidc = Oidc(
            issuer=settings.oidc.issuer,
            client_id=settings.oidc.client_id,
            client_secret=_client_secret(settings.oidc),
            scopes=settings.oidc.scopes,
            token=settings.oidc.token,
            names={"en": settings.oidc.name, "ar": settings.oidc.name_ar},
        )
    setup = Setup(
        service_url=service,
        host=settings.host,
        port=settings.port,
        allowed_hosts=settings.allowed_hosts,
        allowed_origins=settings.allowed_origins,
        roles=settings.roles,
        idle_seconds=60 * settings.idle_minutes,
        secure=settings.behind_proxy,
        behind_proxy=settings.behind_proxy,
        oidc=oidc,
    )
    server = DashboardServer(setup, token)
    try:
        server.start()
    except OSError as wrong:
        return _cannot(f"the dashboard cannot listen on {settings.host}:{settings.port} ({wrong.strerror})")
    print(f"Dossier dashboard at http://{_reachable(settings.host)}:{server.port}/", flush=True)
    await server.run()
    return 0


def _client_secret(oidc: OidcSettings) -> str:
    """Read here and not with the configuration: the service has no need, and perhaps no right, to read it."""
    if not oidc.client_secret_file:
        return oidc.client_secret
    try:
        secret = Path(oidc.client_secret_file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ValueError(
            "dashboard.oidc.client_secret_file cannot be read as text: check its path and rights"
        ) from error
    if weak := weakness(secret, TOKEN_BYTES):
        raise ValueError(f"dashboard.oidc.client_secret_file: the secret {weak}: give the one that the provider made")
    return secret


def _reachable(host: str) -> str:
    return "localhost" if host in ("127.0.0.1", "::1") else host


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
    host = _reachable(config.server.host)
    url = asked.url or f"ws{secure}://{host}:{config.server.port}/v1"
    logs.configure("warning", config.log.format)
    return asyncio.run(office.work(url, minted, seconds=asked.seconds, people=asked.people))


def _overrides(asked: argparse.Namespace) -> dict[str, object]:
    keys = {
        "host": "server.host",
        "port": "server.port",
        "data": "storage.data",
        "engine": "storage.engine",
        "service": "dashboard.service",
        "dashboard_host": "dashboard.host",
        "dashboard_port": "dashboard.port",
    }
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
    watching = commands.add_parser("dashboard", parents=[common], help="run the operators' dashboard")
    watching.add_argument("--host", dest="dashboard_host", help="the address to listen on")
    watching.add_argument("--port", dest="dashboard_port", type=int, help="the port to listen on; 0 takes any free one")
    watching.add_argument("--service", help="the service to watch, as in https://realtime.example.org")
    token = commands.add_parser("token", parents=[common], help="make a token with the configured secret")
    token.add_argument("--sub", required=True, help="the user's id")
    token.add_argument("--name", help="the user's name")
    token.add_argument("--role", help="the user's role")
    token.add_argument("--permission", action="append", default=[], help="such as read:dossier:country:* (may repeat)")
    token.add_argument("--clearance", choices=["public", "internal", "confidential", "secret"])
    token.add_argument("--ttl", type=int, default=3600, help="seconds that it is good for, 86400 at most")
    records.add_commands(commands, common)
    demo = commands.add_parser("demo", parents=[common, listening], help="an office at work against a running service")
    demo.add_argument("--seconds", type=float, default=60, help="how long")
    demo.add_argument("--people", type=int, default=40, help="how many people")
    demo.add_argument("--url", help="the service's address, when it is not the configured one")
    return parser
