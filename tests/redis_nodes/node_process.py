"""Nodes in a process of their own, to be killed or stopped: `node_process.py URL PREFIX FIRST COUNT`.

Node `n<i>` has the user `v<i>` on the channel, who holds the field `f<i>` there, and a session `s<i>`.
"""

from __future__ import annotations

import asyncio
import sys

from tests.redis_nodes.nodes import CHANNEL, Nodes, member, session


async def main(url: str, prefix: str, first: int, count: int) -> None:
    nodes = Nodes(url, prefix)
    for number in range(first, first + count):
        engine = (await nodes.open(f"n{number}")).engine
        user, connection = f"v{number}", f"c{number}"
        await engine.sessions.open(session(f"s{number}", user, f"n{number}"), None, 10)
        await engine.presence.enter(CHANNEL, member(connection, user))
        await engine.presence.lock(CHANNEL, connection, f"f{number}", 300)
    sys.stdout.write("there\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    url, prefix, first, count = sys.argv[1:]
    asyncio.run(main(url, prefix, int(first), int(count)))
