"""The programs beside a service that was started without a command: the dashboard, and the demo with `--demo`."""

from __future__ import annotations

import asyncio
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from app.commands.dashboard import NO_LOGIN_OF_ITS_OWN, beside_service, reachable
from app.commands.processes.demo_process import demo_beside
from app.security.minting import OPERATOR_HOURS, mint_operator

if TYPE_CHECKING:
    import argparse

    from app.configuration.config import Config
    from app.lifecycle import Service


def start_beside(config: Config, service: Service, asked: argparse.Namespace) -> list[asyncio.Task[None]]:
    """Start them with the arguments of the service, and print a login; return the tasks to cancel at the end."""
    if config.auth.symmetric and not config.server.production:
        print(f"  login     a token for the user operator, good for {OPERATOR_HOURS} hours:", flush=True)
        print(mint_operator(config.auth, time.time()), flush=True)
    tasks = []
    if find_spec("bokeh") is None:
        print("  dashboard is not started: it needs dossier-realtime[dashboard]", flush=True)
    elif config.dashboard.token_file or config.auth.symmetric:
        url = config.dashboard.service or service.listeners.open_for_dashboard()
        child = beside_service(config, getattr(asked, "config", None), url, service.verifier)
        tasks.append(asyncio.create_task(child.run()))
        if service.listeners.room is not None and config.dashboard.port:
            own = f"http{'s' if config.server.tls_certificate else ''}://{reachable(config.dashboard.host)}"
            key = service.listeners.room.operator.link()
            print(f"  operator  {own}:{config.dashboard.port}/login#{key}  (a login, once)", flush=True)
    else:
        print(f"  dashboard is not started: {NO_LOGIN_OF_ITS_OWN}", flush=True)
    if asked.demo and config.auth.symmetric:
        secure = "s" if config.server.tls_certificate else ""
        url = f"ws{secure}://{reachable(config.server.host)}:{service.port}/v1"
        tasks.append(asyncio.create_task(demo_beside(url, config.storage.data, getattr(asked, "config", None))))
    elif asked.demo:
        print("  demo      is not started: it signs the tokens of its people, which needs HS256", flush=True)
    return tasks
