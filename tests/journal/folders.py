"""A journal's folder, written and read back, for the tests of this folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from app.journal import store, writer
from app.journal.writer import Journal
from dossier_realtime.recording.entry import Entry, decode_entry
from dossier_realtime.recording.joined import split_line
from dossier_realtime.recording.proof.verify import Report
from tests.harness.eventually import HANG_SECONDS

NODE = "n1"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the journal's thread did not get there"
        time.sleep(0.005)


def entries(folder: Path) -> list[Entry]:
    return [
        decode_entry(part)
        for path in store.segment_paths(folder, NODE)
        for line in list(store.read_lines(path))[1:]
        for part in split_line(line)
    ]


def report(folder: Path) -> Report:
    return store.verify_folder(folder)[NODE]


def write_some(folder: Path, count: int, *, segment_bytes: int = writer.SEGMENT_BYTES) -> None:
    journal = Journal(folder, NODE, segment_bytes=segment_bytes)
    for number in range(count):
        journal.record("fanout", channel="global", commit=number + 1, frame=f'{{"number":{number}}}')
    assert journal.close() == 0
