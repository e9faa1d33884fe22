"""One service for all tests of this folder: rates and connections that no test here reaches.

Tests of the modules in `OVER_NODES` run once more, over two nodes on one Redis: each dial leads to the other node.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.measurements import FULL
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

_OVER_NODES = (
    "acts",
    "document_batches",
    "documents",
    "edit_ids",
    "own_channel",
    "where_to_begin",
)
_OVER_NODES_IN_FULL = (
    "actions",
    "brief_facts",
    "briefs",
    "comments",
    "deleted_documents",
    "deleted_places",
    "exports",
    "field_locks",
    "formatting",
    "http",
    "ids_of_others",
    "inboxes",
    "keys_of_others",
    "lists",
    "lost_rights",
    "mass_ends",
    "pairs",
    "presence_of_tabs",
    "quotas",
    "recovery",
    "replies",
    "revisions",
    "snapshots",
    "visible_pages",
    "waiting_changes",
    "whole_texts",
    "wrong_calls",
)
OVER_NODES = frozenset(f"test_{name}" for name in (*_OVER_NODES, *(_OVER_NODES_IN_FULL if FULL else ())))
"""Modules whose tests ask for what the contract promises, not for one process; all with DOSSIER_PROMISES=full."""


ON_ONE_PROCESS = frozenset(
    {
        "test_what_climbs_further_is_open_again",  # a node's reports to operators hold what it took part in
        "test_a_session_is_listed_with_its_channels_and_ended",  # the channels of a session are its node's
        "test_a_channel_that_was_used_is_listed_with_all_that_holds_on_it",  # subscribers are counted by the node asked
        "test_of_two_who_accept_at_once_one_edits",  # on the other node the second one is refused for the moment
    }
)
"""Tests in those modules of what each node says for itself (docs/operators.md), or refuses for the moment."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    if "service" in metafunc.fixturenames and name in OVER_NODES and metafunc.function.__name__ not in ON_ONE_PROCESS:
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
