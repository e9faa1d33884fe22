"""The dashboard's process: its start beside the service, and its run.

It holds no key that signs tokens: its own token comes from a file or over a pipe, and the service verifies the tokens
of visitors.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.processes.dashboard_process import DashboardProcess
from app.security.auth import TokenError
from app.security.minting import mint
from app.security.secret_strength import TOKEN_BYTES, guessable, weakness
from app.telemetry import logs
from dossier_realtime.protocol.http.forwarded import networks

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.configuration.config import Config
    from app.configuration.settings import OidcSettings
    from app.security.auth import TokenVerifier
    from dashboard.site.token_source import TokenPipe

NO_LOGIN_OF_ITS_OWN = (
    "the dashboard needs a token of its own (admin:*, clearance secret), and never the key that signs them: put one "
    "in a file and give it --token-file (dashboard.token_file), or start both with `python run.py`"
)
_TOKEN_SECONDS = 3600  # that a token handed to it is good for


def beside_service(config: Config, file: Path | None, url: str, verifier: TokenVerifier) -> DashboardProcess:
    """Return the dashboard of the service at `url`: with the token of its own file, else with those handed to it."""
    arguments = ["dashboard", "--service", url]
    if file is not None:
        arguments += ["--config", str(file)]
    if config.dashboard.token_file:
        return DashboardProcess([*arguments, "--parent-fd", "0"], os.environ)
    return DashboardProcess([*arguments, "--token-fd", "0"], os.environ, TokensOfDashboard(verifier))


class TokensOfDashboard:
    """Tokens for the dashboard's process, signed with the key that is in force at the service."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    @property
    def seconds(self) -> int:
        """Return the lifetime of each token, in seconds."""
        return min(_TOKEN_SECONDS, self._verifier.settings.max_lifetime)

    def make(self) -> str:
        """Return a new one."""
        return mint(
            self._verifier.settings,
            sub="dashboard",
            name="Dashboard",
            role="service",
            permissions=["admin:*"],
            clearance="secret",
            ttl=self.seconds,
            now=int(time.time()),
        )

    def holds(self, token: str) -> bool:
        """Return whether the service still takes it: the key may have changed."""
        try:
            self._verifier.verify(token, time.time())
        except TokenError:
            return False
        return True


async def run_dashboard(config: Config, token_fd: int | None, parent_fd: int | None = None) -> str:
    """Run the dashboard until SIGTERM, or until the other end of either pipe is closed.

    Returns the reason for which it could not start; "" after a run.
    """
    from dashboard.site.oidc import OidcConfig  # noqa: PLC0415  the service runs without Panel
    from dashboard.site.server import (  # noqa: PLC0415  likewise
        DashboardConfig,
        DashboardServer,
        LoginRules,
        SiteAddress,
    )
    from dashboard.site.token_source import MissingTokenError, TokenFile, TokenPipe  # noqa: PLC0415  likewise

    if token_fd is None and not config.dashboard.token_file:
        return NO_LOGIN_OF_ITS_OWN
    if token_fd is None:
        try:
            await TokenFile(Path(config.dashboard.token_file)).token()
        except MissingTokenError as wrong:
            return str(wrong)
    logs.configure(config.log.level, config.log.format)
    settings = config.dashboard
    secure = "s" if config.server.tls_certificate else ""
    service = settings.service or f"http{secure}://{reachable(config.server.host)}:{config.server.port}"
    oidc = None
    if settings.oidc.issuer:
        oidc = OidcConfig(
            issuer=settings.oidc.issuer,
            client_id=settings.oidc.client_id,
            client_secret=_client_secret(settings.oidc),
            scopes=settings.oidc.scopes,
            token=settings.oidc.token,
            names={"en": settings.oidc.name, "ar": settings.oidc.name_ar},
        )
    setup = DashboardConfig(
        service_url=service,
        address=SiteAddress(
            host=settings.host,
            port=settings.port,
            allowed_hosts=settings.allowed_hosts,
            allowed_origins=settings.allowed_origins,
            behind_tls=settings.behind_proxy,
            proxies=networks(settings.trusted_proxies) if settings.behind_proxy else (),
        ),
        login=LoginRules(roles=settings.roles, idle_seconds=60 * settings.idle_minutes, oidc=oidc),
    )
    inherited = token_fd if token_fd is not None else parent_fd
    pipe = None if inherited is None else TokenPipe(inherited)
    source = TokenFile(Path(settings.token_file)) if pipe is None or token_fd is None else pipe
    server = DashboardServer(setup, source.token)
    reading = None if pipe is None else asyncio.create_task(_read_tokens(pipe, server.stop))
    try:
        server.start()
    except OSError as wrong:
        return (
            f"the dashboard cannot listen on {settings.host}:{settings.port} ({wrong.strerror}); "
            "set dashboard.host and dashboard.port to a free address"
        )
    print(f"Dossier dashboard at http://{reachable(settings.host)}:{server.port}/", flush=True)
    await server.run()
    if reading is None or not reading.done():
        return ""
    return reading.result()


async def _read_tokens(pipe: TokenPipe, stop: Callable[[], None]) -> str:
    """Take tokens until the other end is closed: there will be no more then, and the dashboard ends too.

    Returns why nothing can be read from it, if so.
    """
    try:
        await pipe.run()
    except (OSError, ValueError) as wrong:
        return f"--token-fd or --parent-fd cannot be read from ({wrong}): give an open pipe"
    finally:
        stop()
    return ""


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
    if weak := weakness(secret, TOKEN_BYTES) or guessable(secret):
        raise ValueError(f"dashboard.oidc.client_secret_file: the secret {weak}: give the one that the provider made")
    return secret


def reachable(host: str) -> str:
    """Return the name under which this machine itself reaches what listens on `host`."""
    bare = host.strip("[]")
    if bare in ("127.0.0.1", "::1", "0.0.0.0", "::"):  # noqa: S104  compared, not listened on
        return "localhost"
    return f"[{bare}]" if ":" in bare else bare
