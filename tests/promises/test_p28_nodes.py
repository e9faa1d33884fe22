"""P28: the rate is the user's, over all connections and nodes: at most 102 of 100 a window."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from tests.harness.eventually import HANG_SECONDS
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import Peer, run, update
from tests.promises.node_cluster import nodes

LIMIT, CONNECTIONS, TIMES = 100, 10, 10
MAX_ACCEPTED = LIMIT + LIMIT // 50


def test_p28_ten_connections_to_two_nodes_share_one_rate(tmp_path: Path, report: Report, sized: Sized) -> None:
    users = sized(1, 20)
    settings = {"limits.general": LIMIT, "limits.window": 600, "limits.abuse": 1_000_000}
    with RedisServer(tmp_path / "redis") as server, nodes(tmp_path, server, settings) as running:
        accepted = [run(_flood(running, f"u{number}")) for number in range(users)]
        for one in running:
            one.assert_log_clean()
    assert all(LIMIT <= one <= MAX_ACCEPTED for one in accepted), f"of {LIMIT} a window were accepted: {accepted}"
    report(
        f"{users} users, each {CONNECTIONS} connections to 2 nodes that send {LIMIT * TIMES}: "
        f"{min(accepted)} to {max(accepted)} accepted of {LIMIT} a window"
    )


async def _flood(running: list[Service], user: str) -> int:
    token = running[0].token(user, "write:dossier:*")
    peers = [await Peer.connect(running[number % len(running)], token) for number in range(CONNECTIONS)]

    async def send(peer: Peer, number: int) -> int:
        answers = [await peer.ask(update(f"{number}.{event}")) for event in range(LIMIT * TIMES // CONNECTIONS)]
        refused = {answer["error_code"] for answer in answers if answer["type"] != "ack"}
        assert refused <= {"RATE_LIMIT_EXCEEDED"}, refused
        return sum(answer["type"] == "ack" for answer in answers)

    return sum(await asyncio.gather(*(send(peer, number) for number, peer in enumerate(peers))))


def test_p28_a_user_with_tokens_of_two_roles_is_not_refused_for_what_another_node_was_given(tmp_path: Path) -> None:
    """By the higher limit a node is given more at once than the lower one allows in all."""
    settings = {"limits.general": 1_000_000, "limits.window": 600}  # role service has 6,000
    with RedisServer(tmp_path / "redis") as server, nodes(tmp_path, server, settings) as running:
        for node, role in zip(running, ("editor", "service"), strict=True):
            token = {"Authorization": f"Bearer {node.token('program', 'write:dossier:*', role=role)}"}
            events = {"events": [update(role)]}
            answer = httpx.post(f"{node.http}/v1/publish", json=events, headers=token, timeout=HANG_SECONDS)
            assert answer.status_code == 200, (role, answer.text)
        for one in running:
            one.assert_log_clean()
