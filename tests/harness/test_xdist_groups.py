"""A run that is spread over workers tells the same as one that is not: its figures, its count, its exit status."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from app.commands import cli
from tests.harness.eventually import HANG_SECONDS
from tests.harness.ports import reserve
from tests.harness.service import ROOT
from tests.harness.xdist_groups import GROUPS, group_of

TESTS = """
import logging

import pytest

@pytest.mark.parametrize("number", range(4))
def test_counted(number, report):
    report(f"{number} counted")

def test_wrong(report):
    report("wrong all the same")
    logging.warning("\\ud800 cannot be sent from process to process as it is")
    assert False
"""


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_figures.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.harness.measurements", "-p", "tests.harness.xdist_groups"]
    command += ["-p", "no:cacheprovider", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_figures_the_closing_line_and_the_status_are_those_of_every_worker(workers: str, tmp_path: Path) -> None:
    done = _pytest(tmp_path, "-n", workers)
    assert done.returncode == 1
    told = [line for line in done.stdout.splitlines() if " counted" in line or line.endswith("wrong all the same")]
    assert told == [*(f"counted[{n}]: {n} counted" for n in range(4)), "wrong: wrong all the same"]
    assert "1 failed, 4 passed" in done.stdout.splitlines()[-1]
    assert _pytest(tmp_path, "-n", workers, "-k", "counted").returncode == 0


ALONE = """
import os

import pytest

@pytest.mark.parametrize("number", range(40))
def test_where(number, report):
    report(f"{__name__} on {os.environ['PYTEST_XDIST_WORKER']}")
"""


def test_a_file_is_run_by_one_worker(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / f"test_{name}.py").write_text(ALONE)
    done = _pytest(tmp_path, "-n", "2", "-k", "where")
    assert done.returncode == 0, done.stdout
    ran = {line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("where[")}
    assert len(ran) == 3, ran


def test_every_pattern_of_the_table_has_a_file() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/test_*.py")]
    places = {group_of(file)[0] for file in files}
    named = {next(at for at, (other, _) in enumerate(GROUPS) if name and other == name) for name, _ in GROUPS if name}
    alone = {at for at, (name, _) in enumerate(GROUPS) if not name}
    assert places == named | alone


def test_a_reserved_port_is_for_a_listener_alone() -> None:
    port = reserve()
    assert port != reserve()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            pass


@pytest.mark.parametrize("command", ["exit 3", "exit 0"])
def test_busy_loops_end_with_the_run_and_keep_its_status(command: str) -> None:
    loaded = subprocess.run(
        [ROOT / ".ci/loaded", "2", "bash", "-c", f"ps -o pid= --ppid $PPID; {command}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == int(command[-1])
    _are_gone(_found(int(word) for word in loaded.stdout.split()))


def test_busy_loops_end_after_a_kill() -> None:
    command = [str(ROOT / ".ci/loaded"), "2", "bash", "-c", "echo $$; exec sleep 600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as loaded:
        assert loaded.stdout is not None
        told = int(loaded.stdout.readline())  # the loops were begun before the command
        children = psutil.Process(loaded.pid).children()
        assert len(children) == 3
        loaded.kill()
        loaded.wait()
        (sleeper,) = (one for one in children if one.pid == told)
        sleeper.kill()  # the command; the loops look for themselves
        _are_gone(children)


def _found(pids: Iterable[int]) -> Iterator[psutil.Process]:
    """Yield those of these processes that still run."""
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            yield psutil.Process(pid)


def _are_gone(processes: Iterable[psutil.Process]) -> None:
    gone, alive = psutil.wait_procs(list(processes), HANG_SECONDS)
    assert not alive, (gone, alive)


def test_a_run_has_two_workers_a_core_and_the_fast_lane_one() -> None:
    def planned(*arguments: str) -> str:
        command = ["make", "--dry-run", *arguments, "suite", "pure"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    cores = len(os.sched_getaffinity(0))
    assert f"pytest -n {2 * cores}\n" in planned()
    assert f'pytest -n {cores} -m "not long"' in planned()
    assert "pytest -n 0\n" in planned("WORKERS=0")


def test_a_command_that_gives_way_leaves_the_priority_of_the_tests_behind_it(tmp_path: Path) -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert cli.main(["verify", "--data", str(tmp_path / "none")]) == 2
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
