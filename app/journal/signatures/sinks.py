"""The sinks of checkpoints: a file, syslog, an HTTP hook. Each has a thread and a bounded queue of its own.

Nothing waits for a sink. A failure is logged, counted, and tried again, each time after a longer pause.
"""

from __future__ import annotations

import http.client
import os
import socket
import stat
import threading
import urllib.request
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from app.journal.store import sync_folder

WAITING: Final = 1_000  # checkpoints of a sink; with one a minute, most of a day
_TIMEOUT_SECONDS = 10.0
_AUTHPRIV_INFO = 10 * 8 + 6
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 1.0, 60.0
_FLUSH_TIMEOUT_SECONDS = 5.0  # for what still waits when the service stops

_log = structlog.get_logger("journal")

Write = Callable[[bytes], None]
"""Send one line, without its line feed. Raises OSError where it could not be sent."""


class Sink:
    """A thread that sends lines in their order. `send` never waits: past 1,000 waiting lines the oldest is dropped.

    The first line begins it.
    """

    def __init__(self, name: str, write: Write) -> None:
        self.name = name
        self.failures = 0
        """Attempts that failed, and lines that were given up."""
        self._write = write
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def send(self, line: bytes) -> None:
        """Queue a line."""
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self.failures += 1
        self._waiting.append(line)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"checkpoints-{self.name}", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Send what waits, for five seconds at most. Blocks."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_FLUSH_TIMEOUT_SECONDS)
        if self._waiting:
            _log.error("checkpoints could not be sent on", sink=self.name, waiting=len(self._waiting))

    def _run(self) -> None:
        pause = 0.0
        while True:
            while self._waiting:
                line = self._waiting[0]
                try:
                    self._write(line)
                except Exception as wrong:  # whatever it is: a thread that ends would send nothing more, silently
                    self.failures += 1
                    pause = min(_MAX_PAUSE_SECONDS, pause * 2 or _MIN_PAUSE_SECONDS)
                    if self._closing.is_set():
                        return
                    _log.error(
                        "a checkpoint was not sent on; it is tried again",
                        sink=self.name,
                        reason=str(wrong) or repr(wrong),
                    )
                    self._closing.wait(pause)
                    continue
                pause = 0.0
                if self._waiting and self._waiting[0] is line:  # else it was given up meanwhile
                    self._waiting.popleft()
            if self._closing.is_set():
                return
            self._wake.wait()
            self._wake.clear()


def to_file(path: Path) -> Write:
    """Append to a file, which may lie on another disk, and sync it.

    A line that a crash or a full disk cut off keeps its place: the next one begins behind a line feed.
    """

    def write(line: bytes) -> None:
        fresh = not path.exists()
        whole = fresh or _ends_with_a_line(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            rest = memoryview(line + b"\n" if whole else b"\n" + line + b"\n")
            while rest:  # a disk that is nearly full takes a part
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fresh:
            sync_folder(path.parent)

    return write


def _ends_with_a_line(path: Path) -> bool:
    """Return whether a file is empty or ends with a line feed; False where it may not be read."""
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode) or not file.seek(0, os.SEEK_END):
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except PermissionError:
        return False


def to_syslog(address: str) -> Write:
    """Send to syslog (RFC 5424, authpriv.info): `unix:/dev/log` or `udp:HOST:PORT`."""
    kind, _, rest = address.partition(":")
    head = f"<{_AUTHPRIV_INFO}>1 - {socket.gethostname()} dossier-realtime {os.getpid()} checkpoint - ".encode()

    def write(line: bytes) -> None:
        if kind == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
                local.connect(rest)
                local.send(head + line)
            return
        host, _, port = rest.rpartition(":")
        family, _, _, _, where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as remote:
            remote.sendto(head + line, where)

    return write


def to_hook(url: str) -> Write:
    """POST each as JSON to an address; any answer but 2xx is a failure."""

    def write(line: bytes) -> None:
        request = urllib.request.Request(url, line, {"Content-Type": "application/json"}, method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS):  # noqa: S310  the administrator's own address
                pass
        except http.client.HTTPException as wrong:  # no answer that HTTP knows: like one that never came
            raise OSError(f"the answer is no HTTP ({wrong!r})") from wrong

    return write
