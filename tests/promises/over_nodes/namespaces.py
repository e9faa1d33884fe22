"""Machines of their own on one kernel: network namespaces, joined by two networks that can be cut.

The front leads from clients to nodes, the back from nodes to Redis; the tests' own process is on both, as `.126` and
`.254`. The back has two halves, "a" and "b", which can be parted. A cut takes a cable out of its switch: packets
vanish, and no end is told. All names hold the process id of the tests; what a dead run left is removed by the next.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Literal, Self

from tests.harness.eventually import HANG_SECONDS, eventually

Side = Literal["front", "back"]

_NAME = re.compile(r"dossier-test-(\d+)-\S+")


@cache
def no_networks() -> str:
    """Return the reason for which this machine has no networks for tests; "" where it has."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        return "network namespaces need Linux, root and the command ip"
    tried = f"dossier-test-{os.getpid()}-try"
    try:
        _ip("netns", "add", tried)
    except OSError as refused:
        return f"network namespaces are not permitted here: {refused}"
    try:
        _ip("-n", tried, "link", "add", "try0", "type", "bridge")
        _ip("-n", tried, "link", "add", "try1", "type", "veth", "peer", "name", "try2")
    except OSError as refused:
        return f"virtual networks are not permitted here: {refused}"
    finally:
        _ip("netns", "del", tried)
    return ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A namespace with an address on each network."""

    name: str
    number: int
    front: str
    back: str

    @property
    def runs(self) -> list[str]:
        """The words before a command that is to run there."""
        return ["ip", "netns", "exec", self.name]


class Network:
    """Both networks, and the machines on them; all of it ends with `with`."""

    _networks = count()

    def __init__(self) -> None:
        self._prefix = f"dossier-test-{os.getpid()}-{next(self._networks)}"
        self._switch = f"{self._prefix}-switch"
        pid = os.getpid() % (128 * 256)
        self._subnet = f"10.{64 + pid // 256}.{pid % 256}"
        self._machines: list[Machine] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        _remove_left_behind()
        with ExitStack() as stack:
            self._namespace(stack, self._switch)
            for bridge in ("front", "back-a", "back-b"):
                self._in_switch("link", "add", bridge, "type", "bridge")
                self._in_switch("link", "set", bridge, "up")
            self._in_switch("link", "add", "trunk-a", "type", "veth", "peer", "name", "trunk-b")
            for half in ("a", "b"):
                self._in_switch("link", "set", f"trunk-{half}", "master", f"back-{half}")
                self._in_switch("link", "set", f"trunk-{half}", "up")
            for side, bridge, last in (("front", "front", 126), ("back", "back-a", 254)):
                end = f"dt{os.getpid()}{side[0]}"
                self._cable(None, end, f"own-{side}", bridge, f"{self._subnet}.{last}")
                stack.callback(_ip, "link", "del", end)  # at once: a namespace takes its cables along a moment later
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def machine(self, half: Literal["a", "b"] = "a") -> Machine:
        """Return a new machine, in that half of the back."""
        number = len(self._machines) + 1
        name = f"{self._prefix}-m{number}"
        made = Machine(name, number, f"{self._subnet}.{number}", f"{self._subnet}.{128 + number}")
        self._namespace(self._stack, name)
        _ip("-n", name, "link", "set", "lo", "up")
        self._cable(name, "front", f"front{number}", "front", made.front)
        self._cable(name, "back", f"back{number}", f"back-{half}", made.back)
        self._machines.append(made)
        return made

    def cut(self, machine: Machine, side: Side) -> None:
        """Take a machine's cable out: it reaches nobody on that network, and is reached by nobody."""
        self._in_switch("link", "set", f"{side}{machine.number}", "nomaster")

    def mend(self, machine: Machine, side: Side, half: Literal["a", "b"] = "a") -> None:
        """Put the cable in again."""
        bridge = "front" if side == "front" else f"back-{half}"
        self._in_switch("link", "set", f"{side}{machine.number}", "master", bridge)

    def part(self) -> None:
        """Part the halves of the back."""
        self._in_switch("link", "set", "trunk-a", "nomaster")

    def join(self) -> None:
        """Join the halves again."""
        self._in_switch("link", "set", "trunk-a", "master", "back-a")

    def _namespace(self, stack: ExitStack, name: str) -> None:
        _ip("netns", "add", name)
        stack.callback(_remove, name)

    def _cable(self, namespace: str | None, end: str, port: str, bridge: str, address: str) -> None:
        """Join a namespace (None: that of the tests) to a bridge; with the switch's namespace both ends go."""
        there = ["-n", namespace] if namespace else []
        self._in_switch(
            "link", "add", port, "type", "veth", "peer", "name", end, "netns", namespace or str(os.getpid())
        )
        self._in_switch("link", "set", port, "master", bridge)
        self._in_switch("link", "set", port, "up")
        _ip(*there, "address", "add", f"{address}/25", "dev", end)
        _ip(*there, "link", "set", end, "up")

    def _in_switch(self, *words: str) -> None:
        _ip("-n", self._switch, *words)


def _ip(*words: str) -> str:
    """Return what the command `ip` says. Raises OSError where it refuses."""
    ended = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    if ended.returncode:
        raise OSError(f"ip {' '.join(words)}: {ended.stderr.strip()}")
    return ended.stdout


def _remove(name: str) -> None:
    """End what runs in a namespace of the tests, and remove it with its cables."""

    def is_empty() -> bool:
        left = [int(pid) for pid in _ip("netns", "pids", name).split()]
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return not left

    eventually(is_empty, f"the end of the processes in {name}")
    _ip("netns", "del", name)


def _remove_left_behind() -> None:
    """Remove the namespaces of runs that were killed before they could."""
    for line in _ip("netns", "list").splitlines():
        found = _NAME.match(line)
        if found and not Path(f"/proc/{found[1]}").exists():
            _remove(found[0])
