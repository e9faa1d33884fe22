"""The longest turn of the service's loop while very many connections do the same at once.

    python -m benchmarks.stalls --connections 1000 --subscriptions 100

Between two rows it rests for a minute, as the service tells the longest turn of the last minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import urllib.request
from collections.abc import Awaitable, Callable

from dossier_realtime.protocol import channels

from .service import Running, service
from .wire import Socket

_REST_SECONDS = 71.0  # after which a turn is forgotten
_METRIC = "dossier_loop_stall_seconds "


def main() -> None:
    """Print one row for each storm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--subscriptions", type=int, default=100)
    parser.add_argument("--rest", type=float, default=_REST_SECONDS, help="seconds between two rows")
    asked = parser.parse_args()
    with service() as running:
        asyncio.run(_storms(running, asked.connections, asked.subscriptions, asked.rest))


async def _storms(running: Running, connections: int, subscriptions: int, rest: float) -> None:
    tokens = {name: running.mint(name, "read:dossier:*") for name in ("stay", "revoked")}
    operator = running.mint("operator", "admin:*", "--clearance", "secret")
    sockets: dict[str, list[Socket]] = {name: [] for name in tokens}

    async def connect(name: str) -> None:
        sockets[name].append(await Socket.open(running.port, tokens[name]))

    async def subscribe(socket: Socket, number: int) -> None:
        for n in range(subscriptions):
            # Half of the channels are shared by all: there everybody hears of everybody.
            channel = channels.dossier("country", f"c{n}" if n % 2 else f"c{number}-{n}")
            socket.send({"type": "subscribe", "channel": channel, "params": {"include_presence": n % 10 == 0}})
        socket.send({"type": "ping"})
        await socket.until(b'"type":"pong"')

    async def row(text: str, work: Callable[[], Awaitable[object]]) -> None:
        await asyncio.sleep(rest)
        before, began = await _longest(running), time.perf_counter()
        await work()
        await asyncio.sleep(2.0)  # the service may still be at it
        took = time.perf_counter() - began - 2.0
        print(
            f"{text}: {took:.2f} s, longest turn {1000 * await _longest(running):.0f} ms ({1000 * before:.0f} before)"
        )

    half = connections // 2
    names = ["stay", "revoked"] * half
    await row(f"{connections} connect at once", lambda: asyncio.gather(*map(connect, names)))
    everybody = [socket for listed in sockets.values() for socket in listed]
    await row(
        f"{connections} × {subscriptions} subscriptions",
        lambda: asyncio.gather(*(subscribe(socket, number) for number, socket in enumerate(everybody))),
    )
    await row(f"{half} sessions of one user are revoked", lambda: asyncio.to_thread(_revoke, running, operator))
    await row(f"{half} sockets end", lambda: _close(sockets["stay"]))


async def _close(sockets: list[Socket]) -> None:
    for socket in sockets:
        socket.close()


def _revoke(running: Running, operator: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}/v1/tokens/revoke",
        json.dumps({"user": "revoked"}).encode(),
        {"Authorization": f"Bearer {operator}", "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).read()  # noqa: S310  likewise


async def _longest(running: Running) -> float:
    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/metrics") as answer:
            text: str = answer.read().decode()
        return text

    text = await asyncio.to_thread(read)
    return next(float(line.removeprefix(_METRIC)) for line in text.splitlines() if line.startswith(_METRIC))


if __name__ == "__main__":
    main()
