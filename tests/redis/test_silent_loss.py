"""Losses that the number of the last commit does not show: others have committed past them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.engine.redis.log import head_comparison
from app.engine.redis.log.stored_event import encoded, stored
from tests.engine.events import CHANNEL, OTHER, event
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.nodes import OpenNode, opened_node

PREFIX = "dossier"
SAVED = ("--save", "900 1", "--dbfilename", "dump.rdb")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a server that a test kills: it comes again with what it had saved."""
    with RedisServer(tmp_path / "redis", *SAVED) as started:
        yield started


def fail_over(server: RedisServer, *lines: tuple[str | bytes | int, ...]) -> None:
    """Begin again with what was saved, and with changes of others that come before any node is back."""
    server.kill()
    server.start()
    with redis.Redis(port=server.port) as client:
        for line in lines:
            client.execute_command(*line)


async def told(node: OpenNode, old: str, *channels: str) -> None:
    """Return when the node took all places as lost, and goes on in another epoch."""
    await eventually_async(lambda: sorted(node.lost) == sorted(channels))
    await node.publish_until_taken(event("new"))
    assert (await node.engine.broker.position(CHANNEL)).epoch != old


def as_others_did(channel: str, offset: int, commit: int) -> list[tuple[str | bytes | int, ...]]:
    """Return the changes of a commit of another node."""
    blob = encoded(stored(event("of others", channel)))
    return [
        ("XADD", f"{{dossier}}:events:{channel}:0", f"{offset}-0", "n", commit, "e", blob),
        ("HSET", f"{{dossier}}:channel:{channel}", "generation", 0, "offset", offset),
        ("HSET", "{dossier}:meta", "commit", commit),
    ]


@asynchronous
@pytest.mark.parametrize("same_number", [False, True], ids=["another number", "the same number"])
async def test_an_event_that_another_one_replaced_is_found_missing(server: RedisServer, *, same_number: bool) -> None:
    async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as node:
        (old,) = await node.publish(event(1))
        assert old.epoch is not None
        assert server.command("SAVE") == b"+OK\r\n"
        await node.publish(event(2))
        server.signal(signal.SIGSTOP)  # so that no beat comes between
        others = as_others_did(CHANNEL, 2, 2 if same_number else 3) + as_others_did(OTHER, 1, 4)
        fail_over(server, *others)
        await told(node, old.epoch, CHANNEL)


@asynchronous
async def test_a_channel_that_is_shorter_is_found(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_comparison, "WHOLE_SECONDS", 0)
    async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL, OTHER]) as node:
        (old,) = await node.publish(event(1))
        assert old.epoch is not None
        server.command("DEL", f"{{dossier}}:channel:{CHANNEL}", f"{{dossier}}:events:{CHANNEL}:0")
        server.command("HSET", "{dossier}:meta", "commit", "9")
        await told(node, old.epoch, CHANNEL, OTHER)


@asynchronous
async def test_what_was_there_before_a_channel_was_joined_is_found_missing(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n0") as other:
        (old,) = await other.publish(event(1))
        assert old.epoch is not None
        assert server.command("SAVE") == b"+OK\r\n"
        await other.publish(event(2))
    async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as node:
        await eventually_async(lambda: CHANNEL in node.engine._parts.cursors.marks._marks)
        server.signal(signal.SIGSTOP)
        fail_over(server, *as_others_did(CHANNEL, 2, 5), *as_others_did(CHANNEL, 3, 6))
        await eventually_async(lambda: node.lost == [CHANNEL])
        assert (await node.engine.broker.position(CHANNEL)).epoch != old.epoch


@asynchronous
async def test_a_restart_without_loss_keeps_the_epochs(server: RedisServer) -> None:
    async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL, OTHER]) as node:
        (old,) = await node.publish(event(1))
        before = node.engine._pulse._server
        assert server.command("SAVE") == b"+OK\r\n"
        fail_over(server)
        await eventually_async(lambda: node.engine._pulse._server != before)
        new = await node.publish_until_taken(event(2))
        assert (new.epoch, node.lost) == (old.epoch, [])
