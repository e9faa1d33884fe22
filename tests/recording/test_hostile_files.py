"""Recordings as they may lie on a disk: edited, cut, of another version, very large (B15)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import Signer
from app.journal.writer import Journal
from dossier_realtime.archive import ExportError, open_export, open_journal
from dossier_realtime.archive.export import verify_file
from dossier_realtime.archive.folder import DamagedRecordingWarning, segment_paths
from dossier_realtime.archive.keys import named_check
from dossier_realtime.recording.export import encode_manifest, read_trailer, trailer
from dossier_realtime.recording.recording import Recording
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT
from tests.recording.recorded_scenario import COUNTRY, SECRET, RecordedScenario

GIGABYTE = 1 << 30
FRAMES, FRAME_BYTES = 200, 1 << 20


@pytest.fixture
def folder(played: RecordedScenario, tmp_path: Path) -> Path:
    return Path(shutil.copytree(played.service.data / "journal", tmp_path / "journal"))


def change(folder: Path, old: bytes, new: bytes) -> None:
    (path,) = segment_paths(folder, "test")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def seen(recording: Recording) -> int:
    """Entries of a recording that is said to be damaged."""
    with pytest.warns(DamagedRecordingWarning, match=r"shown up to where it is damaged; verify\(\) says where"):
        return len(recording)


def test_an_edited_entry_is_not_shown_and_named_by_its_number_among_those_that_are(folder: Path) -> None:
    whole = list(open_journal(folder).entries())
    change(folder, b'"gdp"', b'"GDP"')
    edited = open_journal(folder)
    shown = seen(edited)
    report = edited.verify()
    assert report.fault is not None
    assert "its link, header, seal or frame was changed" in report.fault.what
    assert 0 < shown == report.entries == report.fault.seq - 1
    assert list(edited.entries()) == whole[:shown]


def test_an_edit_of_what_is_hidden_is_found_too_and_tells_nothing_of_it(folder: Path) -> None:
    change(
        folder, b'"type":"dossier_update","channel":"%b"' % SECRET.encode(), b'"type":"dossier_update","channel":"x"'
    )
    whole, redacted = open_journal(folder, clearance="secret"), open_journal(folder)
    shown, shown_to_less = seen(whole), seen(redacted)
    found, told = whole.verify().fault, redacted.verify().fault
    assert found is not None
    assert told is not None
    assert (found.seq - 1, told.seq - 1) == (shown, shown_to_less)
    assert shown_to_less < shown
    assert (told.segment, told.line) == ("", 0), "a file's name and line count what is before it"


def test_numbers_of_the_file_are_not_told(folder: Path) -> None:
    (path,) = segment_paths(folder, "test")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:20] + lines[30:]))
    damaged = open_journal(folder)
    assert seen(damaged)
    report = damaged.verify()
    assert report.fault is not None
    assert "the chain is broken here" in report.fault.what
    assert not any(character.isdigit() for character in report.fault.what)
    path.write_bytes(b"".join(lines[:-10]))
    assert open_journal(folder, clearance="secret").verify().missing_at_end == 10
    damaged = open_journal(folder)
    assert seen(damaged)
    assert not damaged.verify().ok
    assert damaged.verify().missing_at_end == 0


@pytest.mark.parametrize("clearance", ["internal", "secret"])
def test_a_journal_that_is_cut_is_read_up_to_there(folder: Path, clearance: str) -> None:
    whole = len(open_journal(folder, clearance=clearance))
    (path,) = segment_paths(folder, "test")
    path.write_bytes(path.read_bytes()[:-100])
    cut = open_journal(folder, clearance=clearance)
    assert 0 < seen(cut) < whole
    assert len(cut.sessions()) == 3
    report = cut.verify()
    assert not report.ok
    assert report.entries == len(cut)


def test_an_entry_that_is_none_is_not_shown_and_verify_says_so(folder: Path) -> None:
    change(folder, b'"kind":"attach"', b'"kind":"attack"')
    broken = open_journal(folder)
    assert seen(broken) == broken.verify().entries
    assert len(broken.sessions()) > 0
    report = broken.verify()
    assert report.fault is not None
    assert report.fault.seq == report.entries + 1


@pytest.mark.parametrize("clearance", ["internal", "secret"])
def test_another_format_is_named(folder: Path, tmp_path: Path, clearance: str) -> None:
    file = tmp_path / "all.ndjson"
    lines = Archive(folder, "test", Signer(tmp_path)).export(Selection(), made_at=1.0, made_by="auditor")
    file.write_bytes(b"".join(lines).replace(b'{"manifest":{"format":3', b'{"manifest":{"format":7'))
    with pytest.raises(ExportError, match="written in format 7; this version reads format 3: use one that reads it"):
        open_export(file, clearance=clearance)
    assert "written in format 7" in str(verify_file(file).fault)
    change(folder, b'{"format":2', b'{"format":9')
    with pytest.raises(ValueError, match="written in format 9; this version reads format 2: use one that reads it"):
        open_journal(folder, clearance=clearance)


@pytest.mark.parametrize("form", [2, 3])
def test_an_export_of_the_format_before_joined_lines_is_read(folder: Path, tmp_path: Path, form: int) -> None:
    file, signer = tmp_path / "all.ndjson", Signer(tmp_path)
    *lines, last = Archive(folder, "test", signer).export(Selection(), made_at=1.0, made_by="auditor")
    found = read_trailer(last)
    assert found is not None
    assert found.manifest.format == 3
    signed = encode_manifest(msgspec.structs.replace(found.manifest, format=form))
    file.write_bytes(b"".join([*lines, trailer(signed, signer.sign("export", signed))]))
    _, check = named_check(tmp_path / "journal-key.pub")
    assert verify_file(file, check).ok
    assert len(open_export(file, clearance="secret")) == found.manifest.entries


def test_a_damaged_export_is_refused_and_verify_still_answers(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.ndjson"
    lines = list(Archive(folder, "test", Signer(tmp_path)).export(Selection(), made_at=1.0, made_by="auditor"))
    file.write_bytes(b"".join([*lines[:9], b"{}\n", *lines[9:]]))
    damaged = open_export(file)
    with pytest.raises(ExportError, match="is damaged"):
        damaged.channels()
    assert "this line is not of an export" in str(damaged.verify().fault)
    file.write_bytes(b"".join(lines[:-1]))
    cut = open_export(file)
    with pytest.raises(ExportError, match="the export is cut off"):
        cut.channels()
    assert "the export is cut off" in str(cut.verify().fault)


def test_a_journal_that_is_mostly_a_hole_is_read_as_far_as_it_goes(folder: Path) -> None:
    whole = open_journal(folder)
    sessions, entries = whole.sessions(), len(whole)
    (path,) = segment_paths(folder, "test")
    os.truncate(path, 2 * GIGABYTE)
    holed = open_journal(folder)
    assert len(holed) == entries, "zeros behind the head are what a crash leaves"
    assert holed.sessions().equals(sessions)
    assert holed.verify().entries == entries


LARGE = """
import json, resource, sys
import pandas
from dossier_realtime.archive import open_journal

def private():
    words = dict(line.split(":") for line in open("/proc/self/status"))
    return int(words["VmData"].split()[0]) * 1024, int(words["RssAnon"].split()[0]) * 1024

folder, clearance, bound = sys.argv[1], sys.argv[2], int(sys.argv[3])
data, before = private()
resource.setrlimit(resource.RLIMIT_DATA, (data + bound, data + bound))  # past it there is a MemoryError
recording = open_journal(folder, clearance=clearance)
answer = {
    "entries": len(recording),
    "sessions": len(recording.sessions()),
    "channels": list(recording.channels().index),
    "ok": recording.verify().ok,
}
recording.state_at(4e9)
print(json.dumps(answer | {"grown": private()[1] - before}))
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of some hundred MB in few entries; every tenth is secret."""
    folder = tmp_path_factory.mktemp("large") / "journal"
    journal = Journal(folder, "large")
    filling = "x" * FRAME_BYTES
    for number in range(FRAMES):
        channel, level = (SECRET, "secret") if number % 10 == 0 else (COUNTRY, "internal")
        frame = f'{{"type":"dossier_update","channel":"{channel}","payload":{{"filling":"{filling}"}}}}'
        journal.record("fanout", channel=channel, offset=number + 1, level=level, frame=frame)
        while journal.waiting > 16:
            time.sleep(0.001)
    assert journal.close() == 0
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded and measured by what Linux tells of it")
@pytest.mark.parametrize(
    ("clearance", "channels", "entries"),
    [("internal", [COUNTRY], FRAMES * 9 // 10 + 2), ("secret", [COUNTRY, SECRET], FRAMES + 2)],
)
def test_a_large_journal_is_not_read_into_memory(
    large: Path, clearance: str, channels: list[str], entries: int, capsys: pytest.CaptureFixture[str]
) -> None:
    size = sum(path.stat().st_size for path in segment_paths(large, "large"))
    bound = size // 4
    command = [sys.executable, "-c", LARGE, str(large), clearance, str(bound)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    grown, mb = found.pop("grown"), 1e6
    with capsys.disabled():
        sys.stdout.write(
            f"\n{size / mb:.0f} MB, {clearance}: {grown / mb:.1f} MB of memory, at most {bound / mb:.0f}\n"
        )
    assert found == {"entries": entries, "sessions": 0, "channels": channels, "ok": True}
