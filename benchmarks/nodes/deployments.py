"""The stores and nodes that are measured: a redis-server of the benchmark's own, and services on it."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.service import Running, service


@dataclass(slots=True)
class RedisProcess:
    """A redis-server on a port and in a folder of its own."""

    port: int
    process: psutil.Process

    def ask(self, *words: str) -> Any:
        """Return the answer to a command."""
        with socket.create_connection(("127.0.0.1", self.port)) as sock, sock.makefile("rb") as answers:
            sock.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
            return _answer(answers)

    def number(self, section: str, name: str) -> int:
        """Return a number of INFO."""
        return int(re.findall(rb"^%s:(\d+)" % name.encode(), self.ask("INFO", section), re.MULTILINE)[0])


@dataclass(slots=True)
class Deployment:
    """Nodes that share a store, and what was measured of them, a value a round."""

    name: str
    nodes: Sequence[Running]
    redis: RedisProcess | None
    rate: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    latest: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    redis_cpu: list[float] = field(default_factory=list)

    @property
    def spent(self) -> float:
        """The seconds of processor time of all nodes."""
        return sum(one.cpu for one in self.nodes)

    @property
    def spent_by_redis(self) -> float:
        if self.redis is None:
            return 0.0
        times = self.redis.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def redis_server() -> Iterator[RedisProcess]:
    """Run a redis-server that syncs each write."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  a program of the machine
        try:
            while not _listens(port):
                if process.poll() is not None:
                    raise SystemExit("redis-server did not start; install Redis 7 or newer")
                time.sleep(0.02)
            yield RedisProcess(port, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait()


@contextmanager
def node(redis: RedisProcess, prefix: str, number: int) -> Iterator[Running]:
    settings = {"STORAGE__ENGINE": f"redis://127.0.0.1:{redis.port}/0", "STORAGE__REDIS_PREFIX": prefix}
    settings["NODE__ID"] = f"{prefix}-{number}"
    with service(settings={f"DOSSIER_{name}": value for name, value in settings.items()}) as running:
        yield running


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _answer(stream: Any) -> Any:
    line = stream.readline()
    kind, rest = line[:1], line[1:-2]
    if kind == b"*":
        return [_answer(stream) for _ in range(int(rest))]
    if kind == b"$":
        return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2]
    if kind == b"-":
        raise SystemExit(f"Redis says: {rest.decode()}")
    return int(rest) if kind == b":" else rest
