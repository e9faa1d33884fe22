"""The process that `forked.py` forks services of: `python -m tests.harness.processes.fork_server MODULE`.

It imports the module and nothing of the tests, so that its forks hold what a service holds. Its standard input is a
socket, from which a request comes with the descriptors of the fork's output and log; the answer is the fork's pid.
"""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import socket
import sys
import threading
from pathlib import Path

import msgspec

_PROGRAM = Path(__file__).parents[3] / "run.py"
_MAX_REQUEST = 1 << 20  # bytes


class Request(msgspec.Struct, frozen=True):
    """A run of `run.py`: its arguments, whole environment, umask, and the cores that it may use.

    `gives_way`: whether it may lower its own priority, as a dashboard does for its service.
    """

    arguments: list[str]
    environment: dict[str, str]
    umask: int
    cores: list[int]
    gives_way: bool = True


def _serve(asked: socket.socket) -> Request | None:
    """Fork for each request. Returns the request in a fork, and None where there will be no more."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(asked, _MAX_REQUEST, 2)
        if not data:
            return None
        told, tell = os.pipe()
        between = os.fork()
        if between == 0:
            child = os.fork()
            if child != 0:
                os.write(tell, b"%d" % child)
                os._exit(0)  # with it the fork loses its parent, and gets the tests' process
            for number in (told, tell, asked.detach()):
                os.close(number)
            for number, descriptor in enumerate(descriptors, 1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            return msgspec.json.decode(data, type=Request)
        os.waitpid(between, 0)
        asked.send(os.read(told, 64))
        for descriptor in (told, tell, *descriptors):
            os.close(descriptor)


def main(module: str) -> None:
    """Import the module, fork for whoever asks at standard input, and in a fork run the program."""
    # The tests' process is interrupted, and ends this one. Blocked, not ignored: one sent to a fork has to reach it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    importlib.import_module(module)
    assert threading.active_count() == 1, "an import began a thread: it would be missing in a fork"
    request = _serve(socket.socket(fileno=os.dup(0)))
    if request is None:
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.umask(request.umask)
    os.sched_setaffinity(0, request.cores)
    if not request.gives_way:
        os.nice = lambda increment, /: os.getpriority(os.PRIO_PROCESS, 0)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = [_PROGRAM.name, *request.arguments]
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    runpy.run_path(str(_PROGRAM), run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1])
