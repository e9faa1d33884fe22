"""One service for all tests of this folder: rates and connections that no test here reaches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a running service that all tests share; its log is judged when all are done."""
    with Service(tmp_path_factory.mktemp("web") / "data", ROOMY) as running:
        yield running
    running.assert_log_clean()
