"""`serve --workers`: several processes on one port, started again, drained in turn, and none left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app.commands.workers.port import reserved_port
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import ROOT
from tests.harness.tokens import SECRET


class Parent:
    """A running parent of two workers."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder, self.process = folder, process
        self.port = 0

    def output(self) -> str:
        return (self.folder / "out").read_text()

    def log(self) -> str:
        return (self.folder / "err").read_text()

    def notes(self) -> list[str]:
        file = self.folder / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def started(self) -> int:
        found = eventually(lambda: re.findall(r"serves ws://localhost:(\d+)/v1", self.output()), self.log)
        self.port = int(found[0])
        return self.port

    def ask(self) -> tuple[str, int, str]:
        """Return name, process and folder of the worker that takes a new connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=HANG_SECONDS) as sock:
            name, pid, folder = sock.makefile().readline().split()
        return name, int(pid), folder

    def both(self) -> dict[str, tuple[int, str]]:
        """Return process and folder of each worker, by its name, once both have answered."""
        seen: dict[str, tuple[int, str]] = {}

        def asked() -> bool:
            try:
                name, pid, folder = self.ask()
            except (OSError, ValueError):  # a worker that is killed takes what it had not answered with it
                return False
            seen[name] = (pid, folder)
            return len(seen) == 2

        eventually(asked, lambda: (seen, self.log()))
        return seen


@contextmanager
def parent(folder: Path, **environment: str) -> Iterator[Parent]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")} | {
        "DOSSIER_AUTH__SECRET": SECRET,
        "DOSSIER_STORAGE__ENGINE": "redis://127.0.0.1:1",
        "DOSSIER_STORAGE__DATA": str(folder / "data"),
        "DOSSIER_SERVER__PORT": "0",
        "DOSSIER_NODE__ID": "one",
        "FAKE_WORKER_LOG": str(folder / "notes"),
        "PYTHONPATH": str(ROOT),
        **environment,
    }
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        program = [sys.executable, str(Path(__file__).with_name("worker_program.py"))]
        process = subprocess.Popen(program, cwd=ROOT, env=variables, stdout=out, stderr=err)
    children: list[psutil.Process] = []
    try:
        yield Parent(folder, process)
        if process.poll() is None:
            children = psutil.Process(process.pid).children()
            process.terminate()
            process.wait(HANG_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for child in children:
            if child.is_running():
                child.kill()


def test_two_workers_share_a_port_that_was_free_and_each_is_a_node_of_its_own(tmp_path: Path) -> None:
    with parent(tmp_path) as running:
        running.started()
        found = running.both()
        assert set(found) == {"one-w1", "one-w2"}
        assert {folder for _, folder in found.values()} == {str(tmp_path / "data")}  # and one key, one set of journals


def test_a_worker_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with parent(tmp_path) as running:
        running.started()
        before = running.both()
        os.kill(before["one-w1"][0], signal.SIGKILL)
        eventually(lambda: running.both()["one-w1"][0] != before["one-w1"][0], running.log)
        assert running.both()["one-w2"] == before["one-w2"]
        assert "a worker ended and is started again" in running.log()


def test_a_signal_drains_the_workers_one_after_the_other(tmp_path: Path) -> None:
    with parent(tmp_path) as running:
        running.started()
        running.both()
        running.process.terminate()
        assert running.process.wait(HANG_SECONDS) == 0
        assert running.notes() == ["one-w1 asked", "one-w1 ended", "one-w2 asked", "one-w2 ended"]


def test_workers_are_renewed_one_after_the_other(tmp_path: Path) -> None:
    with parent(tmp_path) as running:
        running.started()
        before = running.both()
        running.process.send_signal(signal.SIGUSR1)
        eventually(lambda: "all workers were started again" in running.log(), running.log)
        after = running.both()
        assert {name: pid for name, (pid, _) in after.items()}.keys() == before.keys()
        assert all(after[name][0] != before[name][0] for name in before)
        assert running.notes() == ["one-w1 asked", "one-w1 ended", "one-w2 asked", "one-w2 ended"]


def test_no_worker_outlives_its_parent(tmp_path: Path) -> None:
    with parent(tmp_path) as running:
        running.started()
        pids = [pid for pid, _ in running.both().values()]
        running.process.kill()
        running.process.wait(HANG_SECONDS)
        eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids), pids)


def test_a_start_that_one_worker_refuses_ends_them_all(tmp_path: Path) -> None:
    with parent(tmp_path, FAKE_WORKER_REFUSES="one-w2") as running:
        assert running.process.wait(HANG_SECONDS) == 2
        assert "this worker was told to refuse" in running.log()
        assert running.notes() == ["one-w1 asked", "one-w1 ended"]
        assert "serves" not in running.output()


def test_a_port_that_another_service_has_is_refused_even_where_it_shares_its_port() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            reserved_port("127.0.0.1", other.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--workers", "2"], "the embedded engine belongs to one process"),
        (["--workers", "0"], "--workers: 0 is not from 1 to 64"),
        (["--workers", "65", "--engine", "redis://localhost"], "--workers: 65 is not from 1 to 64"),
    ],
)
def test_workers_that_cannot_be_are_refused_in_one_line(arguments: list[str], named: str, tmp_path: Path) -> None:
    command = [sys.executable, "run.py", "serve", "--data", str(tmp_path / "data"), *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert ended.returncode == 2
    assert named in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
