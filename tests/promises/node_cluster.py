"""Several nodes of the real service on one Redis, and an address that leads to one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from tests.harness.processes import forked
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Reachable
from tests.promises.load_clients import CROWD

SYNCED = ("--appendonly", "yes", "--appendfsync", "always")


class Turns:
    """An address for clients: each dial leads to the next of the nodes that run, as a balancer would."""

    def __init__(self, nodes: Sequence[Service]) -> None:
        self._nodes, self._next = nodes, count()

    @property
    def port(self) -> int:
        running = [one for one in self._nodes if one.process is not None and one.process.poll() is None]
        turns = running or self._nodes
        return turns[next(self._next) % len(turns)].port


@contextmanager
def nodes(
    folder: Path,
    server: RedisServer | Reachable,
    settings: Mapping[str, object] | None = None,
    number: int = 2,
    module: str = forked.SERVICE,
) -> Iterator[list[Service]]:
    """Run so many nodes on a server (or a proxy before one); each has a folder and a name of its own."""
    running = [node(folder, server, f"node{index + 1}", settings) for index in range(number)]
    with ExitStack() as stack:
        for one in running:
            one.module = module
            stack.enter_context(one)
        yield running


def node(
    folder: Path, server: RedisServer | Reachable, name: str, settings: Mapping[str, object] | None = None
) -> Service:
    """Return a node that is not started yet."""
    of_node = {"storage.engine": f"redis://127.0.0.1:{server.port}/0", "node.id": name}
    return Service(folder / name, {**CROWD, **of_node, **(settings or {})})
