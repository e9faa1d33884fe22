"""Engines of several nodes on one store, what each was told, and users to put on channels."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.core.field_locks import WatchedEvent
from app.core.instant import Instant
from app.core.presence import Member, Profile
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.engine.ports.control import ControlCommand
from app.engine.ports.engine import Engine
from app.engine.ports.sessions import SessionRecord
from dossier_realtime.protocol.classification import ChannelSettings
from dossier_realtime.protocol.events import PresenceJoin, PresenceLeave

CHANNEL = "dossier:country:SA"


def member(connection: str, user: str = "u1", token: float = 0.0, name: str = "") -> Member:
    return Member(connection, user, Profile(name or f"Name of {user}", "editor", None, (token, 0.0)), hidden=False)


def session(session_id: str, user: str = "u1", node: str = "n1") -> SessionRecord:
    return SessionRecord(session_id, user, "Name", "editor", "192.0.2.1", node, 1000.0, 0)


@dataclass
class Node:
    """An engine, and everything that it told."""

    engine: Engine
    told: list[WatchedEvent] = field(default_factory=list)
    orders: list[ControlCommand] = field(default_factory=list)
    revoked: list[tuple[str | None, str | None]] = field(default_factory=list)
    settings: dict[str, ChannelSettings] = field(default_factory=dict)

    def start(self) -> None:
        self.engine.presence.start(self.told.append)
        self.engine.control.start(self.orders.append)
        self.engine.revocations.start(lambda token, user, at: self.revoked.append((token, user)))
        self.engine.settings.start(self.settings.__setitem__)

    def joined(self, channel: str = CHANNEL) -> list[str]:
        """The users whose join was told."""
        return [one.payload.user_id for one in self.told if isinstance(one, PresenceJoin) and one.channel == channel]

    def left(self, channel: str = CHANNEL) -> list[str]:
        """The users whose leave was told."""
        return [one.payload.user_id for one in self.told if isinstance(one, PresenceLeave) and one.channel == channel]


def now() -> Instant:
    return Instant(time.monotonic(), time.time())


class Nodes:
    """An opener of nodes on one store."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url, self.prefix = url, prefix
        self.clock: Callable[[], Instant] = now

    @asynccontextmanager
    async def opened(self, *names: str, **limits: float) -> AsyncIterator[list[Node]]:
        """Yield a node of each name, all of which follow the channel."""
        async with AsyncExitStack() as stack:
            nodes = [await self.open(name, **limits) for name in names]
            for node in nodes:
                stack.push_async_callback(node.engine.close)
            yield nodes

    async def open(self, name: str, **limits: float) -> Node:
        """Return a node, which its caller closes."""
        options = EngineOptions(node=name, prefix=self.prefix)
        kept = EngineLimits(**limits)  # type: ignore[arg-type]  # some are whole numbers
        engine = await open_engine(
            self.url, Path(), limits=kept, rates=RateLimiter(), clock=self.clock, options=options
        )
        node = Node(engine)
        node.start()
        await engine.broker.join(CHANNEL)
        watcher = member(f"watcher-{name}", f"watcher-{name}")
        await engine.presence.enter(CHANNEL, Member(watcher.connection, watcher.user_id, watcher.profile, hidden=True))
        return node
