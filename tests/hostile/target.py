"""The services under attack, and what must hold on them after every row."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.harness import tokens
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client, Message

ALLOWED = "https://allowed.example"
CHANNEL = "dossier:country:SA"
SECRET = "dossier:secret:xyz"
WATCHED = (CHANNEL, SECRET, "workspace:w1", "relationship:r1", "document:d1", "user:victim", "global")
ISSUER = "https://login.example"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA_PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

LIVENESS = 5.0  # seconds

_ROOMY: Overrides = {
    "server.allowed_origins": [ALLOWED],
    "limits.general": 1_000_000,
    "limits.ping": 1_000_000,
    "limits.read": 1_000_000,
    "limits.connections_per_user": 1_000,
    "limits.connections_per_address": 10_000,
    "limits.handshakes_per_second": 100_000,
    "limits.refusals_per_second": 1_000_000,
    "session.invalid_messages_per_minute": 10_000,
    "presence.grace": 0.2,
}
SERVICES: dict[str, Overrides] = {
    # Nothing but the row's own fault is in the way of the row.
    "open": _ROOMY,
    # The rates as they are by default, few connections an address, times that a busy machine does not reach by itself.
    "strict": {
        "server.allowed_origins": [ALLOWED],
        "limits.connections_per_address": 20,
        "limits.read": 30,
        "session.auth_timeout": 6,
        "session.frame_timeout": 3,
        "session.heartbeat_interval": 4,
        "session.ping_interval": 1,
        "session.liveness_timeout": LIVENESS,
        "presence.list_cap": 5,
    },
    # Everything that can be asked of tokens and browsers is asked.
    "asymmetric": {
        **_ROOMY,
        "server.require_origin": True,
        "auth.algorithms": ["RS256"],
        "auth.issuer": ISSUER,
        "auth.audience_list": True,
        "auth.leeway": 60,
    },
}


class Target:
    """One service, and an observer who may see everything and must never see what a row has sent."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        settings = dict(SERVICES[name])
        environment: dict[str, str | None] = {}
        if name == "asymmetric":
            key = folder / "public.pem"
            key.write_bytes(RSA_PEM)
            settings["auth.public_key_file"] = str(key)
            environment["DOSSIER_AUTH__SECRET"] = None
        self.service = Service(folder / name, settings, environment=environment)
        self.users = (f"u-{number}" for number in count(1))
        self._addresses = (f"127.0.{number // 250 + 1}.{number % 250 + 1}" for number in count(1))
        self._observer: Client | None = None
        self._settings: list[Message] = []
        self._log_seen = 0

    async def start(self) -> None:
        await asyncio.to_thread(self.service.start)
        if self.name == "open":
            self._observer = await Client.connect(self.service, tokens.operator("observer"))
            for channel in WATCHED:
                await self._observer.subscribe(channel)
            self._settings = await self._channel_settings(self._observer)

    async def stop(self) -> None:
        if self._observer is not None:
            await self._observer.close()
        assert await asyncio.to_thread(self.service.stop) == 0
        self.service.assert_log_clean()

    async def client(self, *permissions: str, **claims: Any) -> Client:
        """Connect a new user from a new address; by default it reads and writes the dossiers of countries."""
        granted = permissions or ("write:dossier:country:*",)
        token = tokens.token(next(self.users), *granted, **claims)
        return await Client.connect(self.service, token, address=next(self._addresses))

    async def check(self) -> None:
        """Nothing came of it: others still work, nothing was delivered, nothing changed, nothing broke."""
        if self.name == "asymmetric":
            assert self.service.get("/healthz")[0] in (200, 403)
        else:
            async with await self.client() as control:
                await control.settle()
        if self._observer is not None:
            seen = await self._observer.settle()
            assert seen == []
            assert await self._channel_settings(self._observer) == self._settings
        log = self.log_news()
        assert "Traceback" not in log, log
        assert "[error" not in log, log

    def log_news(self) -> str:
        """Return the lines logged since the last call."""
        with self.service.log_file.open("rb") as file:
            file.seek(self._log_seen)
            news = file.read()
        self._log_seen += len(news)
        return news.decode(errors="replace")

    def memory(self) -> int:
        """Resident bytes of the service."""
        return int(psutil.Process(self.service.pid).memory_info().rss)

    async def _channel_settings(self, client: Client) -> list[Message]:
        answers = [await client.ask({"type": "channel_settings", "channel": channel}) for channel in WATCHED]
        return [answer["payload"] for answer in answers]
