"""Nodes, Redis servers and sentinels, each on a machine of its own (`namespaces.py`), over TLS and with a password."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Service, as_environment
from tests.promises.load_clients import CROWD
from tests.promises.node_cluster import SYNCED
from tests.promises.over_nodes.namespaces import Machine
from tests.redis.secure_server import PASSWORD, Authority, SecureServer

_PORT = 8_000
_REDIS_PORT = 6_379
_SENTINEL_PORT = 26_379
_OPEN = ("--protected-mode", "no", "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--tls-replication", "yes")


class MachineRedis(SecureServer):
    """A Redis on the back of a machine."""

    def __init__(self, folder: Path, machine: Machine, authority: Authority, *options: str) -> None:
        self.host, self.runs = machine.back, machine.runs
        super().__init__(folder, authority, *SYNCED, *_OPEN, *options, names=[machine.back])
        self.options = (*self.options, "--bind", machine.back, "--tls-port", str(_REDIS_PORT))
        self.port = _REDIS_PORT

    def dial(self, seconds: float = HANG_SECONDS) -> socket.socket:
        """Return a connection that is logged in."""
        sock = super().dial(seconds)
        sock.sendall(f"AUTH {PASSWORD}\r\n".encode())
        sock.recv(64)
        return sock


class MachineNode(Service):
    """A node on a machine: clients come from the front, Redis is at the back."""

    def __init__(
        self, folder: Path, machine: Machine, authority: Authority, engine: str, settings: Mapping[str, object]
    ) -> None:
        password = folder / f"{machine.name}.password"
        password.write_text(PASSWORD)
        of_node = {
            "node.id": f"node{machine.number}",
            "server.host": machine.front,
            "server.behind_proxy": True,  # the clear is the test's own network
            "storage.engine": engine,
            "storage.redis_user": "default",
            "storage.redis_password_file": str(password),
            "storage.redis_ca_file": str(authority.file),
        }
        super().__init__(folder / machine.name, {**CROWD, **of_node, **settings})
        self.machine, self.port = machine, _PORT

    @property
    def url(self) -> str:
        return f"ws://{self.machine.front}:{self.port}/v1"

    @property
    def http(self) -> str:
        return f"http://{self.machine.front}:{self.port}"

    def launch(self) -> None:
        """Start the process on the machine."""
        changes = {"DOSSIER_AUTH__SECRET": tokens.SECRET, **as_environment(self.settings)}
        command = [*self.machine.runs, sys.executable, "run.py", "serve", "--port", str(self.port)]
        with self._output.open("wb") as output, self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--data", str(self.data)], cwd=ROOT, env=os.environ | changes, stdout=output, stderr=log
            )


@contextmanager
def sentinel(folder: Path, machine: Machine, authority: Authority, master: Machine, quorum: int) -> Iterator[str]:
    """Run a sentinel on a machine that watches the master as "office"; its host and port are returned."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "sentinel.conf"
    options = authority.options(machine.back)
    lines = [f"{name.removeprefix('--')} {value}" for name, value in zip(options[::2], options[1::2], strict=True)]
    lines += [f"bind {machine.back}", "port 0", f"tls-port {_SENTINEL_PORT}", "tls-replication yes"]
    lines += ["protected-mode no", f"sentinel monitor office {master.back} {_REDIS_PORT} {quorum}"]
    lines += [f"sentinel auth-pass office {PASSWORD}", "sentinel down-after-milliseconds office 2000"]
    lines += ["sentinel failover-timeout office 3000"]
    settings.write_text("\n".join(lines) + "\n")
    with (folder / "sentinel.log").open("ab") as log:
        command = [*machine.runs, "redis-server", str(settings), "--sentinel"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"{machine.back}:{_SENTINEL_PORT}"
    finally:
        process.terminate()
        process.wait(HANG_SECONDS)
