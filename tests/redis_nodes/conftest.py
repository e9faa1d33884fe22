"""Nodes that share a real Redis server."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.harness.redis_server import RedisServer
from tests.redis_nodes.nodes import Nodes

_numbers = count()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a server for all tests of this process that leave it as it is."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def nodes(shared_server: RedisServer) -> Nodes:
    """Return an opener of nodes on a store of their own."""
    return Nodes(shared_server.url, f"nodes{next(_numbers)}")


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a server that a test may stop; what it acknowledged is in its file."""
    options = ("--appendonly", "yes", "--appendfsync", "always")
    with RedisServer(tmp_path_factory.mktemp("own"), *options) as server:
        yield server
