"""The way of live state to Redis: keys, clocks and calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.engine.clocks import Clocks
from app.engine.redis.connection import Argument, Client, asked, execute
from app.engine.redis.keys import RedisKeys
from app.engine.redis.scripts import loader


@dataclass(frozen=True, slots=True)
class LiveAccess:
    """The calls of live state. `node`: the name of this node.

    `pubsub` is a client of one server: what is published by PUBLISH on any server of a cluster is heard on it.
    """

    client: Client
    pubsub: Client
    keys: RedisKeys
    clocks: Clocks
    node: str

    async def run(self, name: str, keys: Sequence[str], *arguments: Argument) -> Any:
        """Run a script and return its reply. Raises Unavailable within 2 s."""
        return await loader.run(self.client, name, keys, *arguments)

    async def ask(self, *command: Argument) -> Any:
        """Return the reply of one command. Raises Unavailable within 2 s."""
        return await asked(execute(self.client, *command))


def pairs(reply: Sequence[bytes]) -> dict[str, str]:
    """Return what HGETALL replied, as text."""
    return {reply[at].decode(): reply[at + 1].decode() for at in range(0, len(reply), 2)}


def entry(fields: Sequence[bytes]) -> dict[str, str]:
    """Return the fields of a stream's entry, as text."""
    return pairs(fields)
