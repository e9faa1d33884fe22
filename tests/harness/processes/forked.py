"""Processes of `run.py` that begin with the program imported: forks of one that has done nothing else.

Most of what a start costs is the import of a thousand modules. A run of tests starts hundreds of services, so each
worker has one process (`fork_server.py`) that imports the program once and forks on demand. A fork runs `run.py` from
its first line, with arguments, environment, output, umask and cores of its own, and is a child of the tests' process.

The promises in full size, processes whose environment differs in more than the service's settings (a preloaded clock),
and systems other than Linux have starts from nothing.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from tests.harness.measurements import FULL
from tests.harness.processes.fork_server import Request

ROOT = Path(__file__).parents[3]
SERVICE = "app.commands.cli"
DASHBOARD = "tests.harness.processes.patient_dashboard"
"""Modules whose import is most of a start."""

_SETTINGS = "DOSSIER_"
_ADOPTS_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of <sys/prctl.h>


class Running(Protocol):
    """A process that was started, as of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def start(
    module: str,
    arguments: Sequence[str],
    changes: Mapping[str, str | None],
    output: BinaryIO,
    log: BinaryIO,
    *,
    tree: Path = ROOT,
    gives_way: bool = True,
) -> Running:
    """Run `run.py` with these arguments as a process of its own, in the folder of the project (`tree`: of a copy).

    `module`: what its start imports. `changes` of the environment, in which no settings are but these: a variable that
    is None is not set. `gives_way`: whether a fork may lower its own priority; a start from nothing always may.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    for name, value in changes.items():
        environment.pop(name, None)
        environment |= {} if value is None else {name: value}
    is_whole = FULL and module in (SERVICE, DASHBOARD)  # a process from its very start
    if tree != ROOT or is_whole or sys.platform != "linux" or not all(name.startswith(_SETTINGS) for name in changes):
        command = [sys.executable, "run.py", *arguments]
        return subprocess.Popen(command, cwd=tree, env=environment, stdout=output, stderr=log)
    request = Request(list(arguments), environment, _umask(), sorted(os.sched_getaffinity(0)), gives_way)
    return _origin(module).fork(request, output, log)


class Forked:
    """A fork, which is a child of this process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._lock = threading.Lock()  # one thread may wait while another one ends the process

    def poll(self) -> int | None:
        """Return its status once it has ended: minus the signal that ended it."""
        with self._lock:
            if self.returncode is None:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
                if ended:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it has not ended within `timeout` seconds.
        """
        if self.poll() is None:
            self._watch(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return status

    def _watch(self, timeout: float | None) -> None:
        try:
            told = os.pidfd_open(self.pid)
        except ProcessLookupError:  # another thread has seen its end
            return
        try:
            select.select([told], [], [], timeout)
        finally:
            os.close(told)

    def send_signal(self, sig: int) -> None:
        """Send a signal, unless its end is known."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


class _Origin:
    """The process that forks."""

    def __init__(self, module: str) -> None:
        self._asks, answers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.harness.processes.fork_server", module]
        with answers:
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=answers.fileno())
        self._lock = threading.Lock()
        self._system = ctypes.CDLL(None)
        atexit.register(self.close)

    def fork(self, request: Request, output: BinaryIO, log: BinaryIO) -> Forked:
        """Fork one that runs."""
        with self._lock:
            self._system.prctl(_ADOPTS_ORPHANS, 1)
            try:
                socket.send_fds(self._asks, [msgspec.json.encode(request)], [output.fileno(), log.fileno()])
                answer = self._asks.recv(64)
            finally:
                self._system.prctl(_ADOPTS_ORPHANS, 0)  # orphans of others are not for this process to bury
        assert answer, f"the process that forks has ended with {self._process.wait()}"
        return Forked(int(answer))

    def close(self) -> None:
        """End it: it ends where nobody can ask it any more."""
        self._asks.close()
        self._process.wait()


@cache
def _origin(module: str) -> _Origin:
    return _Origin(module)


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now
