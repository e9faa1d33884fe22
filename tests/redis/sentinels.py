"""A master and its replica, watched by three sentinels: real processes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.redis_server import RedisServer

SENTINELS = 3
_KEPT = ("--appendonly", "yes", "--repl-diskless-sync-delay", "0")


class SentinelServer(RedisServer):
    """A sentinel of the service "office". It never takes the master for dead by itself."""

    def __init__(self, folder: Path, master: RedisServer) -> None:
        super().__init__(folder)
        self._master = master

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "sentinel.conf"
        settings.write_text(
            f"port {self.port}\nbind 127.0.0.1\nsentinel monitor office 127.0.0.1 {self._master.port} 2\n"
            "sentinel down-after-milliseconds office 600000\nsentinel failover-timeout office 3000\n"
        )
        with (self.folder / "redis.log").open("ab") as log:
            command = ["redis-server", str(settings), "--sentinel"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        eventually(self.answers, self.log)

    def stop(self) -> None:
        """End the process, also one that stands still."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(HANG_SECONDS)

    def names(self) -> bytes:
        """Return the port of the master, as the sentinel tells it."""
        told = self.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "office")
        return told.strip().rpartition(b"\r\n")[2]


@dataclass(frozen=True, slots=True)
class WatchedOffice:
    """The servers, and the address for `storage.engine`."""

    master: RedisServer
    replica: RedisServer
    sentinels: Sequence[SentinelServer]

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{places}/office"

    def fail_over(self) -> None:
        """Let the last sentinel make the replica the master; the old master goes on as one, as if it were cut off."""
        for command in ("-replicaof", "-slaveof"):  # so that nobody can demote it
            assert self.master.command("ACL", "SETUSER", "default", command) == b"+OK\r\n"
        assert self.sentinels[-1].command("SENTINEL", "FAILOVER", "office") == b"+OK\r\n"
        eventually(lambda: b"master" in self.replica.command("ROLE"), self.replica.log)
        # Until the old one has noticed, it would take one more change, which nobody else would have.
        eventually(lambda: b"connected_slaves:0" in self.master.command("INFO", "replication"), self.master.log)


@contextmanager
def watched_office(folder: Path) -> Iterator[WatchedOffice]:
    """Run them. The old master takes no changes once it has lost its replica."""
    with ExitStack() as stack:
        guarded = "--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"
        master = stack.enter_context(RedisServer(folder / "first", *_KEPT, *guarded))
        follow = "--replicaof", f"127.0.0.1 {master.port}"
        replica = stack.enter_context(RedisServer(folder / "second", *_KEPT, *follow))
        eventually(lambda: b"state=online" in master.command("INFO", "replication"), master.log)
        made = [
            stack.enter_context(SentinelServer(folder / f"sentinel{number}", master)) for number in range(SENTINELS)
        ]
        for one in made:
            eventually(lambda one=one: _sees_all(one), one.log)  # type: ignore[misc]
        yield WatchedOffice(master, replica, made)


def _sees_all(sentinel: SentinelServer) -> bool:
    return f"slaves=1,sentinels={SENTINELS}".encode() in sentinel.command("INFO", "sentinel")
