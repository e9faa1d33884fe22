"""A fork of the imported program is as a start from nothing, in all that its surroundings see."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.processes import forked
from tests.harness.service import Service

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands a fork to another parent")


def _told(folder: Path, arguments: Sequence[str], changes: dict[str, str | None]) -> tuple[int, str, str]:
    """Run to the end; status, output and log."""
    with (folder / "out").open("wb") as output, (folder / "log").open("wb") as log:
        status = forked.start(forked.SERVICE, arguments, changes, output, log).wait(HANG_SECONDS)
    return status, (folder / "out").read_text(), (folder / "log").read_text()


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["serve", "--port", "none"], ["verify", "--data", "nowhere"], ["token", "--sub", "sara"]],
    ids=lambda words: words[0],
)
def test_a_command_says_the_same_and_ends_with_the_same_status(arguments: list[str], tmp_path: Path) -> None:
    settings = {"DOSSIER_AUTH__SECRET": "short"}
    real = subprocess.run(
        [sys.executable, "run.py", *arguments],
        cwd=forked.ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")} | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert _told(tmp_path, arguments, {**settings}) == (real.returncode, real.stdout, real.stderr)


@pytest.mark.long
def test_a_service_has_the_environment_umask_cores_and_parent_that_it_would_have(tmp_path: Path) -> None:
    cores = os.sched_getaffinity(0)
    before = os.umask(0o027)
    os.environ["DOSSIER_SERVER__PORT"] = "no port"  # not what the tests' own process is set to
    try:
        os.sched_setaffinity(0, {min(cores)})
        service = Service(tmp_path / "data", environment={"DOSSIER_NODE__ID": None})
        service.launch()
    finally:
        del os.environ["DOSSIER_SERVER__PORT"]
        os.umask(before)
        os.sched_setaffinity(0, cores)
    eventually(lambda: "publish" in service.output(), service.log)
    process = psutil.Process(service.pid)
    assert process.ppid() == os.getpid()
    assert process.cpu_affinity() == [min(cores)]
    status = Path(f"/proc/{service.pid}/status").read_text()
    assert "Umask:\t0027" in status or "Umask:\t0077" in status  # the service may make it stricter
    assert str(Path(f"/proc/{service.pid}/fd/0").readlink()) == os.devnull
    assert service.stop() == 0


@pytest.mark.long
def test_its_end_is_told_as_that_of_any_child(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        process = service.process
        assert process is not None
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait(HANG_SECONDS) == -signal.SIGKILL == process.returncode
        process.kill()  # harmless
        assert not psutil.pid_exists(service.pid)
        service.start()
        assert service.stop() == 0


def test_an_environment_of_more_than_settings_is_a_start_from_nothing(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output, (tmp_path / "log").open("wb") as log:
        started = forked.start(forked.SERVICE, ["--version"], {"LD_BIND_NOW": "1"}, output, log)
        assert isinstance(started, subprocess.Popen)
        started.wait(HANG_SECONDS)
