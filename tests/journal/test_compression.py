"""Closed segments are compressed, and everything reads them as it read the plain ones."""

from __future__ import annotations

import shutil
import struct
import warnings
from contextlib import suppress
from pathlib import Path

import pytest

from app.journal import store
from app.journal.compression import Compressor, closed, compress
from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.retention import DAY, Retention, retain
from app.journal.signatures.signing import PUBLIC, Signer
from app.journal.writer import Journal
from dossier_realtime.archive import open_journal, segments
from dossier_realtime.archive.folder import DamagedRecordingWarning, read_after, seq_before, verify_node
from dossier_realtime.archive.keys import public_key_check
from dossier_realtime.archive.segments import open_segment
from dossier_realtime.protocol.classification import LEVELS
from dossier_realtime.recording.entry import Head
from tests.journal.folders import NODE, entries, report, until, write_some

FOR_EVER = dict.fromkeys(LEVELS, 0.0)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small segment has many blocks."""
    monkeypatch.setattr(segments, "BLOCK_BYTES", 2_000)


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    """The same journal, plain and with its closed segments compressed."""
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    write_some(plain, 400, segment_bytes=20_000)
    shutil.copytree(plain, packed)
    for path in closed(packed, NODE):
        compress(path)
    assert [path.suffix for path in store.segment_paths(packed, NODE)][:-1] == [".zst"] * (
        len(list(closed(plain, NODE)))
    )
    return plain, packed


def test_everything_reads_the_same(both: tuple[Path, Path], tmp_path: Path) -> None:
    plain, packed = both
    assert entries(packed) == entries(plain)
    assert report(packed) == report(plain)
    assert list(open_journal(packed).entries()) == list(open_journal(plain).entries())
    for seq in (0, 1, 5, 77, 120, 121, 122, 399, 401, 402, 500):
        assert list(read_after(packed, NODE, seq)) == list(read_after(plain, NODE, seq))
    middle = entries(plain)[200].header.at
    assert seq_before(packed, NODE, middle) == seq_before(plain, NODE, middle)
    signer = Signer(tmp_path)
    exports = [
        b"".join(Archive(folder, NODE, signer).export(Selection(after=50, limit=200), made_at=1.0, made_by="auditor"))
        for folder in both
    ]
    assert exports[0] == exports[1]
    first, second = (open_segment(store.segment_paths(folder, NODE)[0]) for folder in both)
    places = [0]
    for line in first.lines():
        assert second.line(places[-1]) == line == first.line(places[-1])
        places.append(places[-1] + len(line))
    assert list(second.lines(places[7])) == list(first.lines(places[7]))
    assert second.last_line() == first.last_line()


def test_the_writer_goes_on_behind_compressed_segments(both: tuple[Path, Path]) -> None:
    _, packed = both
    write_some(packed, 100, segment_bytes=20_000)
    assert report(packed).entries == 504
    (last,) = store.segment_paths(packed, NODE)[-1:]
    compress(last)  # as nobody does: nothing may be written into it
    before = store.segment_paths(packed, NODE)[-1].read_bytes()
    write_some(packed, 1)
    assert store.segment_paths(packed, NODE)[-2].read_bytes() == before
    assert report(packed).entries == 507


def test_a_crash_between_the_two_files_leaves_the_plain_one_in_force(tmp_path: Path) -> None:
    write_some(tmp_path, 200, segment_bytes=20_000)
    whole = entries(tmp_path)
    first = closed(tmp_path, NODE)[0]
    content = first.read_bytes()
    packed = compress(first)
    first.write_bytes(content)
    packed.write_bytes(packed.read_bytes()[:100])
    assert entries(tmp_path) == whole
    assert report(tmp_path).ok
    assert closed(tmp_path, NODE)[0] == first
    compress(first)
    assert not first.exists()
    assert entries(tmp_path) == whole


def test_what_a_crash_may_bring_the_writer_back_to_is_left_alone(tmp_path: Path) -> None:
    write_some(tmp_path, 200, segment_bytes=20_000)
    paths = store.segment_paths(tmp_path, NODE)
    assert closed(tmp_path, NODE) == paths[:-1]
    head = store.read_head(tmp_path, NODE)
    assert head is not None
    first = int(paths[-1].name[3:19])
    link = next(entry for entry in read_after(tmp_path, NODE, first - 2))[:64].decode()
    store.write_head(tmp_path, NODE, Head(first - 1, link))
    assert closed(tmp_path, NODE) == paths[:-2]


def test_retention_and_redaction_work_on_them_too(tmp_path: Path) -> None:
    folder, now = tmp_path / "journal", [0.0]
    journal = Journal(folder, NODE, segment_bytes=4_096, clock=lambda: now[0])
    for day in range(200):
        now[0] = day * DAY
        for level in LEVELS:
            journal.record("fanout", channel=f"dossier:{level}:X", level=level, commit=1, frame=f'{{"day":{day}}}')
    assert journal.close() == 0
    for path in closed(folder, NODE):
        compress(path)
    signer = Signer(tmp_path)
    before = verify_node(folder, NODE).entries
    removed, redacted = retain(folder, NODE, Retention(100, FOR_EVER | {"secret": 30}), 200 * DAY, signer)
    after = verify_node(folder, NODE, public_key_check(tmp_path / PUBLIC))
    assert after.ok, after
    assert removed > 3
    assert redacted == after.redacted > 10
    assert after.removed + after.entries == before
    assert {path.suffix for path in store.segment_paths(folder, NODE)[:-1]} == {".zst"}


def damaged(content: bytes) -> dict[str, bytes]:
    """A compressed segment, done something to; each must be found."""
    count, _, _ = struct.unpack("<IBI", content[-9:])
    table = count * 8 + 9
    frames, tail = content[: -table - 8], content[-table - 8 :]
    first = struct.unpack("<I", tail[8:12])[0]
    empty = struct.pack("<II", 0x184D2A50, 4) + b"note"
    return {
        "cut": content[:-1],
        "cut in a frame": content[: len(frames) // 2],
        "bytes behind": content + b"forged\n",
        "a frame behind": content + frames[:first],
        "a file behind": content + content,
        "a frame twice": frames[:first] + content,
        "a frame less": frames[first:] + tail,
        "a skippable frame": frames + empty + tail,
        "no table": frames,
        "nothing": b"",
        "zeros": b"\0" * 100,
        "a bit": frames[:20] + bytes([frames[20] ^ 1]) + frames[21:] + tail,
    }


@pytest.mark.parametrize("what", list(damaged(b"\0" * 100)))
def test_damage_is_found_and_nothing_behind_it_is_shown(both: tuple[Path, Path], what: str) -> None:
    plain, packed = both
    path = store.segment_paths(packed, NODE)[1]
    path.write_bytes(damaged(path.read_bytes())[what])
    found = report(packed)
    assert found.fault is not None
    assert path.name.startswith(found.fault.segment)
    whole = list(open_journal(plain, clearance="secret").entries())
    shown = []
    with suppress(ValueError), warnings.catch_warnings():  # it does not begin like a journal
        warnings.simplefilter("ignore", DamagedRecordingWarning)
        shown = list(open_journal(packed, clearance="secret").entries())
    assert shown in ([], whole[: found.entries])


def test_a_thread_compresses_what_is_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE, segment_bytes=20_000)
    compressor = Compressor(tmp_path, NODE, 0.01)
    compressor.start()
    for number in range(600):
        journal.record("fanout", channel="global", commit=number + 1, frame=f'{{"number":{number}}}')
    until(lambda: sum(path.suffix == ".zst" for path in store.segment_paths(tmp_path, NODE)) > 3)
    assert journal.close() == 0
    compressor.close()
    assert report(tmp_path).entries == 602
