"""While servers change, one connection may lead to the new one and another to the old one."""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path

from app.engine.redis.connection import connect
from tests.engine.events import CHANNEL, OTHER, event
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.redis.nodes import opened_node
from tests.redis.test_silent_loss import PREFIX, SAVED, as_others_did, fail_over, told

OPEN = ("--enable-protected-configs", "yes")


@asynchronous
async def test_a_loss_is_found_though_the_old_server_still_answers_some(tmp_path: Path) -> None:
    old_folder = tmp_path / "old"
    old_folder.mkdir()
    with RedisServer(tmp_path / "redis", *SAVED, *OPEN) as server, RedisServer(old_folder, *SAVED) as old:
        async with opened_node(server.url, PREFIX, "n1", joined=[CHANNEL]) as node:
            (first,) = await node.publish(event(1))
            assert first.epoch is not None
            assert server.command("SAVE") == b"+OK\r\n"
            await node.publish(event(2))
            _copy(server, old)
            reader, pulse = node.engine._parts.reader, node.engine._pulse
            known, right, wrong = pulse._server, reader.client, connect(old.url)
            server.signal(signal.SIGSTOP)  # so that no beat comes between
            reader.client = wrong.log
            await asyncio.to_thread(fail_over, server, *as_others_did(CHANNEL, 2, 3), *as_others_did(OTHER, 1, 4))
            beats = pulse._sent
            await eventually_async(lambda: pulse._server != known or pulse._sent > beats + 20)  # judged, or put off
            reader.client = right
            await told(node, first.epoch, CHANNEL)
            await wrong.close()


def _copy(server: RedisServer, to: RedisServer) -> None:
    """Let another server begin with what a server holds now; what that one has saved stays as it is."""
    server.command("CONFIG", "SET", "dbfilename", "copy.rdb")
    assert server.command("SAVE") == b"+OK\r\n"
    server.command("CONFIG", "SET", "dbfilename", "dump.rdb")
    to.kill()
    shutil.copy(server.folder / "copy.rdb", to.folder / "dump.rdb")
    to.start()
