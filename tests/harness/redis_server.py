"""A real Redis server on a port and in a folder of its own, ended by its process id."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Self

import pytest

from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.ports import reserve

_QUIET = ("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--bind", "127.0.0.1")


class RedisServer:
    """One server process at a time. `options` follow `redis-server`, as in ("--appendonly", "yes").

    `url` is its address for `storage.engine`; the port is kept over restarts. `runs` are words before the command.
    """

    host = "127.0.0.1"
    runs: Sequence[str] = ()

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        self.port = reserve()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            *self.runs,
            "redis-server",
            "--port",
            str(self.port),
            "--dir",
            str(self.folder),
            *_QUIET,
            *self.options,
        ]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(lambda: self._ended() or self.answers(), self.log)
        assert not self._ended(), self.log()

    def stop(self) -> None:
        """End the process as an administrator would (SIGTERM). Harmless when it does not run."""
        if self.process is not None:
            self.signal(signal.SIGCONT)
            eventually(self._terminated, self.log)

    def _terminated(self) -> bool:
        """Ask the process to end, and return whether it did soon: while it writes its first log it only says no."""
        assert self.process is not None, "the server was not started"
        self.process.terminate()
        try:
            self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """Kill the process (SIGKILL)."""
        assert self.process is not None, "the server was not started"
        self.process.kill()
        self.process.wait(HANG_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal (SIGSTOP, SIGCONT …), if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def command(self, *words: str, seconds: float = HANG_SECONDS) -> bytes:
        """Return the server's whole answer to a command, as the protocol has it.

        There is none if the server is down, or says nothing for `seconds`.
        """
        raw = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        try:
            with self.dial(seconds) as sock, sock.makefile("rb") as answer:
                sock.sendall(raw.encode())
                return _reply(answer)
        except OSError:
            return b""

    def answers(self) -> bool:
        """Return whether it answers, and has loaded what it keeps."""
        return self.command("PING") == b"+PONG\r\n"

    def dial(self, seconds: float = HANG_SECONDS) -> socket.socket:
        """Return a connection to it, each use of which waits so long at most. Raises OSError."""
        return socket.create_connection((self.host, self.port), timeout=seconds)

    def log(self) -> str:
        """Return what the server wrote, over all starts."""
        return (self.folder / "redis.log").read_text(errors="replace")

    def _ended(self) -> bool:
        return self.process is None or self.process.poll() is not None


def _reply(answer: BufferedReader) -> bytes:
    """Read one reply (RESP 2, https://redis.io/docs/latest/develop/reference/protocol-spec)."""
    head = answer.readline()
    if head[:1] == b"$" and head != b"$-1\r\n":
        return head + answer.read(int(head[1:]) + len(b"\r\n"))
    if head[:1] == b"*":
        return head + b"".join(_reply(answer) for _ in range(int(head[1:])))
    return head


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a server for all tests of this process; each takes a prefix of its own and leaves the server as it is."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server
