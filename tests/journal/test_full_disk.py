from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.journal import store, writer
from app.journal.writer import Journal
from dossier_realtime.recording.proof.verify import Report
from tests.journal.folders import NODE, entries, report, until


@dataclass
class SmallDisk:
    folder: Path
    mounted: bool

    def fill(self) -> None:
        if not self.mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, resource.RLIM_INFINITY))
            return
        filler = os.open(self.folder / "filler", os.O_WRONLY | os.O_CREAT)
        with suppress(OSError):
            while os.write(filler, bytes(4096)):
                pass
        os.close(filler)

    def free(self) -> None:
        if self.mounted:
            (self.folder / "filler").unlink()
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 16 MiB, or, where mounting is not allowed, a limit on the size of files."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    disk = SmallDisk(tmp_path, mounted.returncode == 0)
    yield disk
    if disk.mounted:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_full_disk_makes_the_journal_unwell_loses_nothing_accepted_and_heals(small_disk: SmallDisk) -> None:
    folder = small_disk.folder / "journal"
    journal = Journal(folder, NODE)
    until((folder / f"{NODE}.ballast").exists)
    until(lambda: journal.healthy)
    small_disk.fill()
    for number in range(200):
        journal.record("out", frame=f'{{"number":{number},"x":"{"x" * 500}"}}')
    until(lambda: not journal.healthy)
    assert "free space" in journal.trouble
    for number in range(200, 400):
        journal.record("out", frame=f'{{"number":{number}}}')
    if small_disk.mounted:
        until(lambda: report(folder).entries == 401)  # from the ballast, with the disk still full
        assert not journal.healthy
    small_disk.free()
    until(lambda: journal.healthy)
    assert (folder / f"{NODE}.ballast").stat().st_size == store.BALLAST_BYTES
    assert journal.close() == 0
    assert report(folder) == Report(402, None, 0, 0, 0, 0, torn=False)


def test_what_exceeds_the_bound_on_a_full_disk_is_counted_in_a_gap_in_its_place(
    small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING_ENTRIES", 500)
    folder = small_disk.folder / "journal"
    journal = Journal(folder, NODE)
    small_disk.fill()
    for number in range(2_000):
        journal.record("out", offset=number, frame="{" + "x" * 16_000)
    until(lambda: not journal.healthy)
    assert journal.lost > 0
    small_disk.free()
    until(lambda: journal.healthy)
    journal.record("out", offset=2_000)
    assert journal.close() == 0
    found = report(folder)
    assert found.ok
    assert found.lost == journal.lost
    place = -1
    for entry in entries(folder)[1:-1]:
        lost = entry.header.detail.get("lost", 0)
        if entry.header.kind == "out":
            assert entry.header.offset == place + 1
            lost = 1
        assert isinstance(lost, int)
        place += lost
    assert place == 2_000


def test_a_queue_over_four_fifths_of_its_bound_is_not_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING_BYTES", 1_000)
    monkeypatch.setattr(writer, "WAKE_SECONDS", 3600.0)  # the writer sleeps until it is closed
    journal = Journal(tmp_path, NODE)
    journal.record("fanout", frame=b"x" * 799)
    healthy = [journal.healthy]
    journal.record("fanout", frame=b"x" * 201)
    healthy.append(journal.healthy)
    assert healthy == [True, False]
    journal.record("fanout", frame=b"x")
    assert journal.lost == 1
    assert journal.close() == 0
    assert [entry.header.kind for entry in entries(tmp_path)] == ["start", "fanout", "fanout", "gap", "stop"]


def test_what_the_kernel_dropped_in_a_failed_fsync_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, NODE)
    real, failures = os.fsync, [1]

    def failing(descriptor: int) -> None:
        if failures and Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".journal":
            failures.pop()
            size = os.fstat(descriptor).st_size
            os.ftruncate(descriptor, size // 2)
            os.ftruncate(descriptor, size)  # the second half is zeros now
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    for number in range(100):
        journal.record("out", frame=f'{{"number":{number}}}')
    until(lambda: not failures)
    until(lambda: journal.healthy)
    assert journal.close() == 0
    assert report(tmp_path).ok
    assert report(tmp_path).entries == 102
