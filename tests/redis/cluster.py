"""A cluster of three masters, and a master with a replica that a sentinel watches: real processes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.ports import reserve
from tests.harness.redis_server import RedisServer

MASTERS = 3
_SLOTS = 16_384


Maker = Callable[..., RedisServer]
"""Makes a server, given its folder and options."""


@contextmanager
def redis_cluster(folder: Path, make: Maker = RedisServer) -> Iterator[list[RedisServer]]:
    """Run a cluster of three masters, ready to be used."""
    with ExitStack() as stack:
        servers = []
        for number in range(MASTERS):
            bus = str(reserve())
            # No master is to be taken for dead, however busy the disk is; a handshake has as long.
            options = "--cluster-enabled", "yes", "--cluster-node-timeout", "120000", "--cluster-port", bus
            servers.append(stack.enter_context(make(folder / f"master{number}", *options)))
        for number, server in enumerate(servers):
            first, last = _SLOTS * number // MASTERS, _SLOTS * (number + 1) // MASTERS - 1
            assert server.command("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)) == b"+OK\r\n"
            assert server.command("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1)) == b"+OK\r\n"
        for server in servers[1:]:
            bus = server.options[server.options.index("--cluster-port") + 1]
            servers[0].command("CLUSTER", "MEET", "127.0.0.1", str(server.port), bus)
        eventually(lambda: all(_is_whole(server) for server in servers), servers[0].log)
        yield servers


def cluster_url(servers: Sequence[RedisServer]) -> str:
    """Return the address of a cluster for `storage.engine`."""
    scheme = servers[0].url.partition(":")[0]
    return f"{scheme}+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers)


def owner_of(servers: Sequence[RedisServer], key: str) -> RedisServer:
    """Return the master that has a key."""
    for server in servers:
        if not server.command("EXISTS", key).startswith(b"-MOVED"):
            return server
    raise AssertionError("no master has the key")


@contextmanager
def watched_pair(
    folder: Path, make: Maker = RedisServer, watching: Sequence[str] = ()
) -> Iterator[tuple[RedisServer, RedisServer, str]]:
    """Run a master, its replica, and a sentinel that may fail over by itself; the last value is their address.

    `watching`: further options of the sentinel.
    """
    with ExitStack() as stack:
        kept = "--appendonly", "yes", "--repl-diskless-sync-delay", "0"  # one that comes back has what it had
        master = stack.enter_context(make(folder / "first", *kept))
        replica = stack.enter_context(make(folder / "second", *kept, "--replicaof", f"127.0.0.1 {master.port}"))
        eventually(lambda: b"master_link_status:up" in replica.command("INFO", "replication"), replica.log)
        port = reserve()
        settings = folder / "sentinel.conf"
        settings.write_text(
            f"port {port}\nbind 127.0.0.1\nsentinel monitor office 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds office 2000\nsentinel failover-timeout office 3000\n"
        )
        with (folder / "sentinel.log").open("ab") as log:
            command = ["redis-server", str(settings), "--sentinel", *(word.format(port=port) for word in watching)]
            sentinel = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            asked = make(folder / "unused")
            asked.port = port
            told = partial(asked.command, "INFO", "sentinel", seconds=10)  # one lost answer is asked for again
            eventually(lambda: b"slaves=1" in told(), lambda: f"{told()!r}\n{(folder / 'sentinel.log').read_text()}")
            yield master, replica, f"{master.url.partition(':')[0]}+sentinel://127.0.0.1:{port}/office"
        finally:
            sentinel.terminate()
            sentinel.wait(HANG_SECONDS)


def has_all(replica: RedisServer, master: RedisServer) -> bool:
    """Return whether a replica has what its master has: one that has just come up may be behind for a moment."""
    ours, theirs = (server.command("INFO", "replication") for server in (master, replica))
    offset = ours.partition(b"master_repl_offset:")[2].partition(b"\r")[0]
    return offset == theirs.partition(b"slave_repl_offset:")[2].partition(b"\r")[0]


def _is_whole(server: RedisServer) -> bool:
    told = server.command("CLUSTER", "INFO")
    return b"cluster_state:ok" in told and f"cluster_known_nodes:{MASTERS}".encode() in told
