from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.journal import store
from app.journal.writer import Journal
from dossier_realtime.archive import folder as archive_folder
from dossier_realtime.recording.entry import Anchor, redact
from dossier_realtime.recording.proof.verify import Report
from tests.harness.eventually import eventually
from tests.journal.folders import NODE, entries, report, until, write_some


def test_what_is_recorded_is_read_back_in_order_between_start_and_stop(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE, about={"version": "0.1.0"}, clock=lambda: 1_750_000_000.1236)
    journal.record("open", session="s1", user="u1", detail={"name": "أمل", "permissions": ["read:*"]})
    journal.record("attach", session="s1", channel="global", audience="presence")
    journal.record("in", at=5.5, session="s1", rule="accepted", frame='{"type":"ping"}')
    journal.record("fanout", channel="global", offset=3, epoch="e", commit=7, level="public", receivers=9)
    assert journal.close() == 0
    start, opened, attached, received, fanned, stop = (entry.header for entry in entries(tmp_path))
    assert (start.kind, start.detail, start.at) == ("start", {"version": "0.1.0"}, 1_750_000_000.124)
    assert opened.detail == {"name": "أمل", "permissions": ["read:*"]}
    assert attached.audience == "presence"
    assert (received.at, received.rule, received.channel) == (5.5, "accepted", "")
    assert (fanned.offset, fanned.epoch, fanned.commit, fanned.level, fanned.receivers) == (
        3, "e", 7, "public", 9,
    )  # fmt: skip
    assert (stop.kind, stop.seq) == ("stop", 6)
    assert report(tmp_path) == Report(6, None, 0, 0, 0, 0, torn=False)


@settings(max_examples=20)
@given(frames=st.lists(st.one_of(st.text(), st.binary()), max_size=50))
def test_any_frames_come_back_from_the_disk(
    tmp_path_factory: pytest.TempPathFactory, frames: list[bytes | str]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, NODE, segment_bytes=2_000)
    for frame in frames:
        journal.record("out", session="s", frame=frame)
    journal.close()
    assert [entry.frame for entry in entries(folder)][1:-1] == [
        frame if isinstance(frame, bytes) else frame.encode() for frame in frames
    ]
    assert report(folder).ok


def test_segments_are_rotated_and_the_chain_goes_on_over_them_and_over_a_restart(tmp_path: Path) -> None:
    write_some(tmp_path, 500, segment_bytes=10_000)
    write_some(tmp_path, 500, segment_bytes=10_000)
    assert len(store.segment_paths(tmp_path, NODE)) > 10
    assert [entry.header.seq for entry in entries(tmp_path)] == list(range(1, 1005))
    assert report(tmp_path).ok


def test_a_segment_is_closed_after_a_day_however_small_it_is_also_over_restarts(tmp_path: Path) -> None:
    begin = 1_800_000_000.0
    now = [begin]
    for hours in (0, 20, 23.9, 24.1, 54.1, 77.1):  # a restart between any two; the second segment begins at 24.1
        now[0] = begin + hours * 3_600
        journal = Journal(tmp_path, NODE, clock=lambda: now[0])
        journal.record("fanout", channel="global", frame="{}")
        assert journal.close() == 0
    assert len(store.segment_paths(tmp_path, NODE)) == 3
    now[0] = begin + 78 * 3_600
    journal = Journal(tmp_path, NODE, clock=lambda: now[0])
    eventually(lambda: not journal.waiting)
    now[0] = begin + 78.2 * 3_600  # a day after the first entry of the third, in one run
    journal.record("fanout", channel="global", frame="{}")
    assert journal.close() == 0
    assert len(store.segment_paths(tmp_path, NODE)) == 4
    assert [entry.header.seq for entry in entries(tmp_path)] == list(range(1, 3 * 7 + 1))
    assert report(tmp_path).ok


def test_a_segment_that_is_begun_while_the_folder_is_opened_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_some(tmp_path, 50)
    list_paths, listings = archive_folder.kept_paths, 0

    def listed(folder: Path, node: str, anchor: Anchor | None) -> list[Path]:
        nonlocal listings
        listings += 1
        if listings == 1:  # between the head and the segments
            write_some(tmp_path, 500, segment_bytes=10_000)
        return list_paths(folder, node, anchor)

    monkeypatch.setattr(archive_folder, "kept_paths", listed)
    found = report(tmp_path)
    assert (found.ok, found.entries, listings) == (True, 52 + 502, 2)


def test_a_head_of_before_the_last_segment_is_a_fault(tmp_path: Path) -> None:
    write_some(tmp_path, 50)
    head = store.read_head(tmp_path, NODE)
    assert head is not None
    write_some(tmp_path, 500, segment_bytes=10_000)
    store.write_head(tmp_path, NODE, head)
    assert "older than the last segment" in str(report(tmp_path).fault)


def test_a_segment_that_is_begun_right_after_a_crash_is_not_ahead_of_the_head(tmp_path: Path) -> None:
    write_some(tmp_path, 50)
    head = store.read_head(tmp_path, NODE)
    write_some(tmp_path, 50)
    assert head is not None
    store.write_head(tmp_path, NODE, head)  # as where the process was killed before its last sync
    journal = Journal(tmp_path, NODE, clock=lambda: time.time() + 90_000)  # the segment is more than a day old
    eventually(lambda: len(store.segment_paths(tmp_path, NODE)) == 2)
    assert report(tmp_path).ok
    journal.close()


def test_the_highest_commit_is_known_after_opening_however_far_back_it_is(tmp_path: Path) -> None:
    write_some(tmp_path, 50, segment_bytes=5_000)
    journal = Journal(tmp_path, NODE, segment_bytes=5_000)
    assert journal.last_commit == 50
    for _ in range(200):
        journal.record("out", frame="{}", detail={"commit": 999})
    journal.close()
    journal = Journal(tmp_path, NODE)
    assert journal.last_commit == 50
    journal.record("recovered", commit=52)
    journal.record("recovered", commit=51)
    assert journal.last_commit == 52
    journal.close()


def test_a_journal_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE)
    with pytest.raises(store.JournalError, match=rf"another process \(pid {os.getpid()}\)"):
        Journal(tmp_path, NODE)
    journal.close()
    Journal(tmp_path, NODE).close()
    assert report(tmp_path).ok


def test_a_node_name_that_would_leave_the_folder_is_refused(tmp_path: Path) -> None:
    for node in ("", "../n1", "a/b", "x" * 65):
        with pytest.raises(store.JournalError, match="node's name"):
            Journal(tmp_path, node)


def test_only_the_owner_may_read_the_journal(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    write_some(folder, 1)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_an_entry_that_cannot_be_encoded_leaves_a_gap_in_its_place(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE)
    journal.record("out", user="\ud800", frame="{}")
    journal.record("out", detail={"much": object()})  # type: ignore[dict-item]  # as a defect would
    journal.record("out", frame='{"good":true}')
    journal.close()
    assert [entry.header.kind for entry in entries(tmp_path)] == ["start", "gap", "gap", "out", "stop"]
    assert journal.lost == 2
    assert report(tmp_path).lost == 2


def test_what_json_cannot_hold_leaves_a_gap_and_the_journal_opens_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE)
    journal.record("out", detail={"rate": float("nan")}, frame="{}")
    journal.record("out", user=":null", at=5, frame="{}")
    journal.close()
    assert [entry.header.kind for entry in entries(tmp_path)] == ["start", "gap", "out", "stop"]
    Journal(tmp_path, NODE).close()
    assert report(tmp_path).ok


def test_what_is_recorded_after_closing_is_counted_as_lost(tmp_path: Path) -> None:
    journal = Journal(tmp_path, NODE)
    journal.close()
    journal.record("out", frame="{}")
    assert journal.lost == 1
    assert not journal.healthy
    assert report(tmp_path).entries == 2


def test_redacted_lines_in_a_folder_keep_it_writable_and_whole(tmp_path: Path) -> None:
    write_some(tmp_path, 20)
    (path,) = store.segment_paths(tmp_path, NODE)
    lines = list(store.read_lines(path))
    path.write_bytes(b"".join([*lines[:5], *map(redact, lines[5:15]), *lines[15:]]))
    write_some(tmp_path, 1)
    assert report(tmp_path).ok
    assert report(tmp_path).redacted == 10


# Crashes


@pytest.mark.parametrize(
    "behind", [b"\0\0\0\n" + b"0" * 64 + b'\t{"seq":14\n', b"\0\0forged", b"a\0\0b", b"a\n", b"\n", b"a\0\n"]
)
def test_what_can_be_read_behind_a_torn_end_is_no_crash(tmp_path: Path, behind: bytes) -> None:
    write_some(tmp_path, 10)
    (path,) = store.segment_paths(tmp_path, NODE)
    with path.open("ab") as file:
        file.write(behind)
    found = report(tmp_path)
    assert not found.ok
    assert not found.torn
    with pytest.raises(store.JournalError, match="not intact"):
        Journal(tmp_path, NODE)


@pytest.mark.parametrize(
    "torn",
    [b"a", b"0" * 64 + b'\t{"seq":13,"kind":"out"', b"\0" * 4096, b"0" * 64 + b'\t{"seq":13' + b"\0" * 99],
)
def test_a_torn_end_is_cut_off_and_the_start_entry_says_so(tmp_path: Path, torn: bytes) -> None:
    write_some(tmp_path, 10)
    (path,) = store.segment_paths(tmp_path, NODE)
    with path.open("ab") as file:
        file.write(torn)
    assert report(tmp_path).torn
    assert report(tmp_path).ok
    write_some(tmp_path, 1)
    assert report(tmp_path) == Report(15, None, 0, 0, 0, 0, torn=False)
    assert entries(tmp_path)[12].header.detail == {"cut_bytes": len(torn)}


@pytest.mark.parametrize("hole", [4, 6, 9])
def test_what_a_power_cut_leaves_behind_the_head_in_pieces_is_cut_off(tmp_path: Path, hole: int) -> None:
    """Sectors reach a disk in any order: behind a hole something readable may stand, which was not said to be kept."""
    write_some(tmp_path, 10)
    (path,) = store.segment_paths(tmp_path, NODE)
    lines = path.read_bytes().splitlines(keepends=True)[:-1]  # it did not come to a stop
    link = lines[3].split(b"\t")[0].decode()
    (tmp_path / f"{NODE}.head").write_bytes(f'{{"seq":3,"link":"{link}"}}\n'.encode())
    left = [bytes(len(line)) if number == hole else line for number, line in enumerate(lines)]
    path.write_bytes(b"".join(left))
    write_some(tmp_path, 1)
    assert report(tmp_path) == Report(hole - 1 + 3, None, 0, 0, 0, 0, torn=False)
    assert entries(tmp_path)[hole - 1].header.detail == {"cut_bytes": sum(map(len, left[hole:]))}


@pytest.mark.parametrize("torn", [b"", b"0" * 64 + b'\t{"format":1', b"\0" * 100])
def test_a_segment_torn_in_its_making_is_made_again(tmp_path: Path, torn: bytes) -> None:
    write_some(tmp_path, 10)
    (tmp_path / f"{NODE}-{13:016d}.journal").write_bytes(torn)
    assert report(tmp_path).ok
    write_some(tmp_path, 1)
    assert report(tmp_path) == Report(15, None, 0, 0, 0, 0, torn=False)


def test_the_first_segment_torn_in_its_making_is_made_again(tmp_path: Path) -> None:
    write_some(tmp_path, 0)
    (path,) = store.segment_paths(tmp_path, NODE)
    path.write_bytes(b"")
    (tmp_path / f"{NODE}.head").write_bytes(b'{"seq":0,"link":"' + b"0" * 64 + b'"}\n')
    write_some(tmp_path, 1)
    assert report(tmp_path) == Report(3, None, 0, 0, 0, 0, torn=False)


@pytest.mark.parametrize("harm", ["cut", "line", "byte", "head", "segment", "other head", "foreign line"])
def test_a_folder_that_is_not_intact_is_not_written_to(tmp_path: Path, harm: str) -> None:
    write_some(tmp_path, 10)
    (path,) = store.segment_paths(tmp_path, NODE)
    head = tmp_path / f"{NODE}.head"
    data = path.read_bytes()
    match harm:
        case "cut":
            path.write_bytes(data[:-5])
        case "line":
            path.write_bytes(b"".join(data.splitlines(keepends=True)[:-1]))
        case "byte":
            path.write_bytes(data.replace(b'"number":4', b'"number":5'))
        case "head":
            head.unlink()
        case "segment":
            path.unlink()
        case "other head":
            head.write_bytes(head.read_bytes().replace(b'"link":"', b'"link":"0')[:-4] + b'"}\n')
        case _:
            path.write_bytes(data + b"0" * 64 + b'\t{"seq":13,"kind":"out","at":1.0}\t\t\n')
    left = {file.name: file.read_bytes() for file in tmp_path.glob(f"{NODE}*")}
    assert str(report(tmp_path).fault).startswith("entry ")
    with pytest.raises(store.JournalError, match=r"python run\.py verify"):
        Journal(tmp_path, NODE)
    assert {file.name: file.read_bytes() for file in tmp_path.glob(f"{NODE}*")} == left


KILLED = """
import sys
from pathlib import Path
from app.journal.writer import Journal
journal = Journal(Path(sys.argv[1]), "n1", segment_bytes=200_000)
number = 0
while True:
    if journal.waiting < 10_000:
        number += 1
        journal.record("fanout", channel="global", commit=number, frame='{"number":%d}' % number)
    if number == 5_000:
        print("going", flush=True)
"""


def test_a_process_killed_while_writing_leaves_a_folder_that_opens_and_verifies(tmp_path: Path) -> None:
    for seed in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path.cwd()
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"going\n"
            time.sleep(random.Random(seed).random() / 5)  # noqa: S311 - any moment is a good one
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert report(tmp_path).ok
        Journal(tmp_path, NODE).close()
        found = report(tmp_path)
        assert found.ok
        assert not found.torn
        written = entries(tmp_path)
        assert [entry.header.seq for entry in written] == list(range(1, found.entries + 1))


def test_nodes_that_share_a_folder_write_a_journal_each(tmp_path: Path) -> None:
    one, other = Journal(tmp_path, NODE), Journal(tmp_path, "n2")
    one.record("fanout", channel="global", frame=b'{"number":1}')
    other.record("fanout", channel="global", frame=b'{"number":1}')
    until(lambda: (tmp_path / f"{NODE}.ballast").exists() and (tmp_path / "n2.ballast").exists())
    assert one.close() == other.close() == 0
    reports = store.verify_folder(tmp_path)
    assert {node: (found.ok, found.entries) for node, found in reports.items()} == {NODE: (True, 3), "n2": (True, 3)}
