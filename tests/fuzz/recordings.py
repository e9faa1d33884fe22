"""Fuzz targets of files that hold a recording: the verifier and the reader must agree on every input."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import Signer
from app.journal.writer import Journal
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.archive.export import verify_file
from dossier_realtime.archive.folder import segment_paths, verify_node
from dossier_realtime.archive.keys import public_key_check
from dossier_realtime.recording.entry import Entry
from dossier_realtime.recording.recording import Recording

_NODE = "n1"


@cache
def _folder() -> Path:
    """Return a data folder with a small journal and its export, for this process."""
    data = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, data, ignore_errors=True)
    journal = Journal(data / "journal", _NODE)
    for frame in ('{"type":"ping"}', "no object", b"\xff\0", None):
        journal.record("in", session="s1", user="u1", frame=frame)
    journal.close()
    archive = Archive(data / "journal", _NODE, Signer(data))
    (data / "whole").write_bytes(b"".join(archive.export(Selection(), made_at=1.0, made_by="auditor")))
    return data


@cache
def _entries() -> list[Entry]:
    return _shown(open_journal(_folder() / "journal", clearance="secret"))


@cache
def _segment() -> tuple[Path, bytes]:
    (path,) = segment_paths(_folder() / "journal", _NODE)
    return path, path.read_bytes()


def _shown(recording: Recording) -> list[Entry]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(recording.entries())


def export_file(data: bytes) -> None:
    """Read `data` as an export: it is the signed one and shown wholly, or it is found wrong and nothing is shown."""
    whole, entries = (_folder() / "whole").read_bytes(), _entries()
    file = _folder() / "changed"
    file.write_bytes(data)
    report = verify_file(file, public_key_check(_folder() / "journal-key.pub"))
    assert report.ok == (data == whole)
    try:
        shown = _shown(open_export(file, clearance="secret", key=_folder() / "journal-key.pub"))
    except ValueError:
        assert not report.ok
    else:
        assert report.ok
        assert shown == entries


def journal_file(data: bytes) -> None:
    """Read `data` as the segment of a journal: what is shown was written, and is what the verifier counts."""
    path, whole = _segment()
    entries = _entries()
    path.write_bytes(data)
    report = verify_node(path.parent, _NODE)
    try:
        shown = _shown(open_journal(path.parent, _NODE, clearance="secret"))
    except ValueError:
        assert not report.ok
        return
    assert shown == entries[: report.entries]
    assert report.ok == (data.startswith(whole) and (data == whole or report.torn))


def export_seeds() -> Iterator[bytes]:
    """Return the export itself, and one with a second last line."""
    whole = (_folder() / "whole").read_bytes()
    yield whole
    yield whole + whole.splitlines(keepends=True)[-1]


def journal_seeds() -> Iterator[bytes]:
    """Return the segment itself, and one with a torn end."""
    _entries()  # before the file is changed
    _, whole = _segment()
    yield whole
    yield whole + b"\0" * 20
