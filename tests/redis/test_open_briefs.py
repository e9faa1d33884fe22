"""The bounds of open briefs hold for all nodes together."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.harness import tokens
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.web.conftest import ROOMY
from tests.web.test_actions import call
from tests.web.test_briefs import asking

NODES = ("n1", "n2", "n3")
PER_USER, ALL = 2, 4


def test_a_node_refuses_what_others_have_room_for_no_more(redis_server: RedisServer, tmp_path: Path) -> None:
    settings = {
        **ROOMY,
        "storage.engine": redis_server.url,
        "storage.redis_prefix": tmp_path.name,
        "briefs.queue": ALL,
        "briefs.queue_per_user": PER_USER,
        "briefs.silence_seconds": 3_600,
    }
    with ExitStack() as stack:
        nodes = [stack.enter_context(Service(tmp_path / name, {**settings, "node.id": name})) for name in NODES]

        def ask(turn: int, user: str) -> int:
            body = asking("SA", generator="worker")["payload"]
            status, _ = call(nodes[turn % len(nodes)], tokens.token(user, "read:*"), "POST", "/v1/briefs", body)
            return int(status)

        assert [ask(turn, "ali") for turn in range(PER_USER + 1)] == [202] * PER_USER + [429]
        assert [ask(turn, "bea") for turn in range(PER_USER)] == [202] * (ALL - PER_USER)
        assert [ask(turn, "carl") for turn in range(len(NODES))] == [503] * len(NODES)
