"""One service for all tests of this folder: rates and connections that no test here reaches.

Tests of the modules in `OVER_NODES` run once more, over two nodes on one Redis: each dial leads to the other node.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.over_nodes.node_pair import NodePair
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service

ROOMY = {
    "limits.general": 1_000_000,
    "limits.ping": 1_000_000,
    "limits.edit": 1_000_000,
    "limits.cursor": 1_000_000,
    "limits.read": 1_000_000,
    "limits.connections_per_user": 1_000,
    "limits.connections_per_address": 10_000,
    "limits.handshakes_per_second": 100_000,
}

ONE, PAIR = "one_process", "two_nodes"

OVER_NODES = frozenset(
    f"test_{name}"
    for name in (
        "acts",
        "document_batches",
        "documents",
        "edit_ids",
        "own_channel",
        "where_to_begin",
    )
)
"""Modules whose tests ask for what the contract promises, and for nothing of one process."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if "service" in metafunc.fixturenames and name in OVER_NODES:
        metafunc.parametrize("service", [ONE, pytest.param(PAIR, marks=pytest.mark.long)], indirect=True)


@pytest.fixture(scope="session")
def one_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a running service that all tests share; its log is judged when all are done."""
    with Service(tmp_path_factory.mktemp("web") / "data", ROOMY) as running:
        yield running
    running.assert_log_clean()


@pytest.fixture(scope="session")
def two_nodes(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[Service]:
    """Return two running nodes that all tests share, likewise."""
    with NodePair(tmp_path_factory.mktemp("pair") / "data", redis_server, ROOMY) as running:
        yield running
    running.assert_log_clean()


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Service:
    """Return the service that a test runs on."""
    found: Service = request.getfixturevalue(getattr(request, "param", ONE))
    return found
