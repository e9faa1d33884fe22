"""A store that was copied or restored begins new epochs; one that was only stopped, killed or moved does not."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.ratelimit import RateLimiter
from app.engine.embedded.engine import open_embedded
from app.engine.embedded.storage.mark import FILE
from app.engine.limits import EngineLimits
from app.engine.ports.events import PublicationEntry
from tests.engine.conftest import Clock

CHANNEL = "dossier:country:SA"


async def _run(data: Path, count: int = 1, recorded: int = 0) -> tuple[str, str, int]:
    """Open the store, publish, close it: why it was found moved, the channel's epoch, and its last offset."""
    engine = await open_embedded(data, limits=EngineLimits(), rates=RateLimiter(), clock=Clock(), recorded=recorded)
    try:
        for _ in range(count):
            await engine.broker.publish([PublicationEntry(CHANNEL, b'{"a":1}', durable=True)])
        position = await engine.broker.position(CHANNEL)
        return engine.moved, position.epoch, position.offset
    finally:
        await engine.close()


def run(data: Path, count: int = 1, recorded: int = 0) -> tuple[str, str, int]:
    return asyncio.run(_run(data, count, recorded))


def overwrite(source: Path, data: Path) -> None:
    """Write each file's older bytes into the file that is there, with its old times: its inode stays."""
    for file in source.iterdir():
        there = data / file.name
        there.write_bytes(file.read_bytes())
        os.utime(there, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))


def replace(source: Path, data: Path) -> None:
    shutil.rmtree(data)
    shutil.copytree(source, data, copy_function=shutil.copy2)


def put_store_back(source: Path, data: Path) -> None:
    (data / "engine.db").write_bytes((source / "engine.db").read_bytes())


def put_mark_back(source: Path, data: Path) -> None:
    shutil.copy2(source / FILE, data / FILE)


def take_mark_away(source: Path, data: Path) -> None:
    (data / FILE).unlink()


@pytest.mark.parametrize("change", [overwrite, replace, put_store_back, put_mark_back, take_mark_away])
def test_a_store_that_was_put_back_begins_new_epochs(tmp_path: Path, change: Callable[[Path, Path], None]) -> None:
    data, kept = tmp_path / "data", tmp_path / "kept"
    _, before, _ = run(data, 3)
    shutil.copytree(data, kept, copy_function=shutil.copy2)
    assert run(data, 2)[1:] == (before, 5)
    change(kept, data)
    moved, after, offset = run(data, 1)
    assert moved
    assert after != before
    assert offset == (6 if change in (put_mark_back, take_mark_away) else 4)
    assert run(data, 0) == ("", after, offset)  # once, not at each start


def test_of_two_copies_that_run_side_by_side_only_the_copy_begins_anew(tmp_path: Path) -> None:
    _, before, _ = run(tmp_path / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "copy", copy_function=shutil.copy2)
    moved, copied, _ = run(tmp_path / "copy")
    assert moved
    assert copied != before
    assert run(tmp_path / "data")[:2] == ("", before)


def test_an_online_copy_of_sqlite_begins_anew(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    _, before, _ = run(data)
    copy.mkdir()
    source, target = sqlite3.connect(data / "engine.db"), sqlite3.connect(copy / "engine.db")
    source.backup(target)
    source.close()
    target.close()
    moved, after, _ = run(copy)
    assert moved
    assert after != before


def test_moving_the_folder_stopping_and_changing_rights_begin_nothing(tmp_path: Path) -> None:
    _, before, _ = run(tmp_path / "data")
    assert run(tmp_path / "data")[:2] == ("", before)
    (tmp_path / "data").rename(tmp_path / "moved")
    for file in (tmp_path / "moved").iterdir():
        file.chmod(0o640)
        os.chown(file, os.geteuid(), os.getegid())
        os.utime(file, (1, 1))
    assert run(tmp_path / "moved")[:2] == ("", before)


def test_a_store_behind_the_journal_begins_anew_and_numbers_on_behind_it(tmp_path: Path) -> None:
    _, before, _ = run(tmp_path, 3)
    moved, after, _ = run(tmp_path, 1, recorded=7)
    assert "later changes" in moved
    assert after != before
    connection = sqlite3.connect(tmp_path / "engine.db")
    assert [row[0] for row in connection.execute("SELECT number FROM events ORDER BY number")] == [1, 2, 3, 8]
    connection.close()


def test_a_store_of_before_there_were_marks_goes_on(tmp_path: Path) -> None:
    _, before, _ = run(tmp_path)
    connection = sqlite3.connect(tmp_path / "engine.db")
    connection.execute("DELETE FROM meta WHERE name IN ('mark', 'place')")
    connection.commit()
    connection.close()
    (tmp_path / FILE).unlink()
    assert run(tmp_path)[:2] == ("", before)


def test_a_crash_while_the_store_is_marked_ends_in_new_epochs_and_not_in_an_old_numbering(tmp_path: Path) -> None:
    _, before, _ = run(tmp_path)
    (tmp_path / FILE).write_text("of a start that was cut off\n")
    moved, after, _ = run(tmp_path)
    assert moved
    assert after != before
