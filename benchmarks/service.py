"""The service in a process of its own, on a free port and an empty folder, with limits that a benchmark never meets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
ROOMY = {
    "DOSSIER_AUTH__SECRET": "the secret of benchmarks, and of nothing else",
    "DOSSIER_LIMITS__GENERAL": "1000000",
    "DOSSIER_LIMITS__EDIT": "1000000",
    "DOSSIER_LIMITS__PING": "1000000",
    "DOSSIER_LIMITS__READ": "1000000",
    "DOSSIER_LIMITS__BYTES_MIB": "4096",
    "DOSSIER_LIMITS__CHANNELS": "1000000",
    "DOSSIER_LIMITS__STORED_MIB": "65536",
    "DOSSIER_LIMITS__CONNECTIONS_PER_USER": "100000",
    "DOSSIER_LIMITS__CONNECTIONS_PER_ADDRESS": "100000",
    "DOSSIER_LIMITS__HANDSHAKES_PER_SECOND": "100000",
    "DOSSIER_LOG__LEVEL": "warning",
    "DOSSIER_SERVER__DRAIN_SECONDS": "0",
    "DOSSIER_PRESENCE__GRACE": "0",
}


@dataclass(frozen=True, slots=True)
class Running:
    """A running service."""

    port: int
    token: str
    process: psutil.Process
    data: Path

    def mint(self, sub: str, permission: str, *more: str) -> str:
        """Return a token; `more` as in ("--role", "operator")."""
        return _mint(self.data, "--sub", sub, "--permission", permission, *more)

    @property
    def rss(self) -> int:
        """Return the resident memory in bytes."""
        return int(self.process.memory_info().rss)

    @property
    def cpu(self) -> float:
        """Return the seconds of processor time so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def service(
    ended: Callable[[Path], None] | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start the service, and stop it at the end; `ended` gets its folder then. `settings`: variables, beside ROOMY."""
    with tempfile.TemporaryDirectory() as data:
        folder = Path(data)
        token = _mint(folder, "--sub", "bench", "--permission", "write:document:*")
        output = folder / "output"
        process = begin(output, "serve", "--port", "0", "--data", data, settings=settings)
        try:
            yield Running(_port(process, output), token, psutil.Process(process.pid), folder)
        finally:
            process.terminate()
            process.wait(30)
        if ended is not None:
            ended(folder)


def begin(output: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start `run.py` with these arguments and roomy limits; its output goes to a file."""
    with output.open("wb") as written:
        return subprocess.Popen(  # noqa: S603  our own program
            [sys.executable, "run.py", *arguments], cwd=ROOT, env=_environment() | dict(settings or {}), stdout=written
        )


def _mint(data: Path, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603  likewise
        [sys.executable, "run.py", "token", "--data", str(data), *arguments],
        cwd=ROOT,
        env=_environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("DOSSIER_")} | ROOMY


def _port(process: subprocess.Popen[bytes], output: Path) -> int:
    while (found := re.search(r"serves ws://[^:]+:(\d+)/v1", output.read_text())) is None:
        if process.poll() is not None:
            raise SystemExit("the service did not start; run `python run.py serve` to see why")
        time.sleep(0.02)
    port = int(found[1])
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz"):
        return port
