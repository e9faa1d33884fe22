"""Two nodes on one Redis that are used as one service: each dial leads to the other node than the one before.

A test of the contract that runs on one process runs on the pair unchanged. What one node did is known to the other one
a moment later: `in_step` waits for that, and `Client.settle` calls it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from itertools import count
from pathlib import Path
from typing import Any, Final

from dossier_realtime.recording.entry import Entry
from tests.harness.eventually import HANG_SECONDS
from tests.harness.redis_server import RedisServer
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client, Message

_CHANNEL: Final = "dossier:mark:in-step"
_PREFIXES = count(1)


class NodePair(Service):
    """Nodes that share Redis, the data folder, and so the journal's, as the workers of one host do."""

    def __init__(self, data: Path, server: RedisServer, settings: Overrides | None = None) -> None:
        self._turns = count()
        self.nodes: list[Service] = []
        super().__init__(data, settings)
        shared = {"storage.engine": server.url, "storage.redis_prefix": f"pair{next(_PREFIXES)}-{data.parent.name}"}
        for name in ("first", "second"):
            node = Service(data, {**self.settings, **shared, "node.id": name})
            node.log_file = data.with_name(f"{data.name}-{name}.log")
            node._output = data.with_name(f"{data.name}-{name}.out")
            self.nodes.append(node)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="watchers", daemon=True)
        self._thread.start()
        self._watchers: list[Client] = []
        self._marks = count(1)

    @property
    def port(self) -> int:
        """The port of the node whose turn it is."""
        return self.nodes[next(self._turns) % len(self.nodes)].port if self.nodes else 0

    @port.setter
    def port(self, port: int) -> None:
        """Ignore it: each node has its own."""

    # --- its life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        self._watch(self._join())

    def stop(self) -> int:
        self._watch(self._leave())
        return max(node.stop() for node in self.nodes)

    def kill(self) -> None:
        self._watch(self._leave())
        for node in self.nodes:
            node.kill()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- what it says -----------------------------------------------------------------------------------------

    def log(self) -> str:
        """Everything that both wrote to standard error."""
        return "".join(node.log() for node in self.nodes)

    def assert_log_clean(self) -> None:
        for node in self.nodes:
            node.assert_log_clean()

    def metrics(self) -> dict[str, float]:
        """The sums of both."""
        found: dict[str, float] = {}
        for node in self.nodes:
            for name, value in node.metrics().items():
                found[name] = found.get(name, 0.0) + value
        return found

    def journal(self) -> list[Entry]:
        """Every entry of both, in the order of their times."""
        return sorted(super().journal(), key=lambda entry: entry.header.at)

    # --- in step ----------------------------------------------------------------------------------------------

    async def in_step(self) -> None:
        """Wait until each node has delivered what the other one had published and told when this was called."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._mark(), self._loop))

    async def _mark(self) -> None:
        """Let each node say something of both kinds: what it has said before comes before it."""
        number = next(self._marks)
        for watcher, node in zip(self._watchers, self.nodes, strict=True):
            name = node.settings["node.id"]
            update: Message = {"entity_type": "mark", "entity_id": f"{name}-{number}", "operation": "update"}
            update["fields_changed"] = []
            await watcher.send({"type": "dossier_update", "channel": _CHANNEL, "payload": update})
            field: Message = {"field": f"mark_{number}"}
            await watcher.send({"type": "presence_update", "channel": _CHANNEL, "payload": field})
        names = {str(node.settings["node.id"]) for node in self.nodes}
        for watcher in self._watchers:
            await _all(watcher, "dossier_update", "entity_id", {f"{name}-{number}" for name in names})
            await _all(watcher, "presence_update", "user_id", {f"watcher-{name}" for name in names})
            watcher.take_all()
            watcher.messages.clear()

    async def _join(self) -> None:
        for node in self.nodes:
            watcher = await Client.connect(
                node, node.token(f"watcher-{node.settings['node.id']}", "write:dossier:mark:*")
            )
            await watcher.subscribe(_CHANNEL, include_presence=True)
            self._watchers.append(watcher)

    async def _leave(self) -> None:
        for watcher in self._watchers:
            await watcher.drop()
        self._watchers.clear()

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(HANG_SECONDS)


async def _all(watcher: Client, kind: str, field: str, values: set[str]) -> None:
    """Receive one message of each of these values, in whichever order."""
    while values:
        values.discard((await watcher.receive(kind))["payload"][field])
