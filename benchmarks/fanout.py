"""One event to many: what a delivery costs the service, beside a plain broadcaster of the `websockets` package.

    .venv/bin/python -m benchmarks.fanout [--connections 1000] [--seconds 3] [--rounds 5]

Both servers are processes of their own on this machine, measured in turn, round by round; the figures are the CPU
time of the server process for each delivery in microseconds, and the ratio of the two in the same round. The service
also checks rights, numbers, stores each event durably and keeps its journal; the broadcaster does none of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
MARK = b"@mark@"
EVENT = {
    "type": "relationship_health_change",
    "channel": "relationship:r1",
    "payload": {
        "relationship_id": "r1",
        "previous_status": "healthy",
        "new_status": "at_risk",
        "score_change": -15,
        "current_score": 58,
        "trigger": "no_interaction_90_days",
        "recommendations": [MARK.decode()],
    },
}
_SETTINGS = {
    "DOSSIER_LIMITS__GENERAL": "1000000",
    "DOSSIER_LIMITS__CONNECTIONS_PER_USER": "100000",
    "DOSSIER_LIMITS__CONNECTIONS_PER_ADDRESS": "100000",
    "DOSSIER_LIMITS__HANDSHAKES_PER_SECOND": "100000",
    "DOSSIER_LOG__LEVEL": "error",
}


def framed(message: object) -> bytes:
    """Return a masked text frame, as clients send it."""
    payload = message.encode() if isinstance(message, str) else json.dumps(message).encode()
    mask = secrets.token_bytes(4)
    body = bytes(octet ^ mask[index % 4] for index, octet in enumerate(payload))
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2)
    return head + mask + body


@dataclass
class FanoutServer:
    """A server under test: where it listens, and what a client says before it receives."""

    name: str
    process: subprocess.Popen[str]
    port: int
    greeting: list[bytes]
    settled: bytes

    def cpu(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


def start(
    name: str, command: list[str], environment: dict[str, str], greeting: list[bytes], settled: bytes
) -> FanoutServer:
    process = subprocess.Popen(  # noqa: S603  our own commands
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline() if process.stdout is not None else ""
    port = int(line.rpartition(":")[2].split("/")[0])
    return FanoutServer(name, process, port, greeting, settled)


def connect(server: FanoutServer) -> socket.socket:
    """Shake hands, say the greeting, and wait until the server has taken it in."""
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.sendall(
        b"GET /v1 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(4096)
    for message in server.greeting:
        sock.sendall(message)
    while server.settled not in data:
        data += sock.recv(4096)
    sock.setblocking(False)
    return sock


def measure(server: FanoutServer, connections: int, seconds: float, window: int) -> tuple[float, float]:
    """Return (CPU microseconds a delivery, deliveries a second) with `window` events under way."""
    selector = selectors.DefaultSelector()
    sockets = [connect(server) for _ in range(connections)]
    for sock in sockets:
        selector.register(sock, selectors.EVENT_READ)
    publisher, event = connect(server), framed(EVENT)
    publisher.setblocking(True)
    expected = received = 0
    begun, cpu = time.monotonic(), server.cpu()
    while time.monotonic() - begun < seconds or received < expected:
        if expected - received < window * connections and time.monotonic() - begun < seconds:
            publisher.sendall(event)
            expected += connections
            continue
        for key, _ in selector.select(1.0):
            received += key.fileobj.recv(1 << 18).count(MARK)  # type: ignore[union-attr]  # sockets all
        if time.monotonic() - begun > seconds + 30:
            raise TimeoutError(f"{expected - received} deliveries are missing")
    took, used = time.monotonic() - begun, server.cpu() - cpu
    for sock in [*sockets, publisher]:
        sock.close()
    return 1e6 * used / received, received / took


def broadcaster() -> None:
    """Run the peer: every message goes to every connection that said `subscribe`."""
    from websockets import ConnectionClosed  # noqa: PLC0415  the peer's process alone
    from websockets.asyncio.server import ServerConnection, broadcast, serve  # noqa: PLC0415  the peer's process alone

    async def main() -> None:
        members: set[ServerConnection] = set()

        async def handle(connection: ServerConnection) -> None:
            with suppress(ConnectionClosed):
                async for message in connection:
                    if message == "subscribe":
                        members.add(connection)
                        await connection.send("subscribed")
                    else:
                        broadcast(members, message)
            members.discard(connection)

        async with serve(handle, "127.0.0.1", 0, compression=None) as server:
            print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
            await asyncio.get_running_loop().create_future()

    asyncio.run(main())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peer:
        broadcaster()
        return
    with tempfile.TemporaryDirectory() as data:
        secret = {"DOSSIER_AUTH__SECRET": secrets.token_urlsafe(48)}
        token = subprocess.check_output(  # noqa: S603  our own command
            [
                sys.executable,
                "run.py",
                "token",
                "--sub",
                "bench",
                "--permission",
                "write:relationship:*",
                "--data",
                data,
            ],
            cwd=ROOT,
            env=os.environ | secret,
            text=True,
        ).strip()
        hello = [
            framed({"type": "auth", "payload": {"token": token}}),
            framed({"type": "subscribe", "channel": "relationship:r1"}),
        ]
        ours = [sys.executable, "run.py", "serve", "--port", "0", "--data", data]
        peer = [sys.executable, "-m", "benchmarks.fanout", "--peer"]
        servers = [
            start("dossier", ours, secret | _SETTINGS, hello, b'"subscribed"'),
            start("websockets", peer, {}, [framed("subscribe")], b"subscribed"),
        ]
        try:
            for window in (1, 16):
                compare(servers, asked.connections, asked.seconds, asked.rounds, window)
        finally:
            for server in servers:
                server.process.terminate()
                server.process.wait(30)


def compare(servers: list[FanoutServer], connections: int, seconds: float, rounds: int, window: int) -> None:
    """Measure in turn and print medians, and the median of the ratios of each round."""
    figures: dict[str, list[tuple[float, float]]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            figures[server.name].append(measure(server, connections, seconds, window))
    print(f"fan-out to {connections}, {window} outstanding, {rounds} rounds of {seconds:g} s each:")
    for name, rows in figures.items():
        cpu, rate = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"  {name:12} {cpu:7.2f} µs CPU a delivery, {rate:10,.0f} deliveries/s")
    first, second = (figures[server.name] for server in servers)
    ratio = statistics.median(a[0] / b[0] for a, b in zip(first, second, strict=True))
    print(f"  ratio of CPU, {servers[0].name} : {servers[1].name} = {ratio:.2f}")


if __name__ == "__main__":
    main()
