"""Exports page by page: whatever the pages, together they are the whole, and each goes on from the one before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.journal import store
from app.journal.exports.export import Archive
from app.journal.exports.selection import MAX_PAGE_ENTRIES, Selection
from app.journal.retention import DAY, Retention, retain
from app.journal.signatures.signing import Signer
from app.journal.writer import Journal
from dossier_realtime.archive.folder import read_after, read_anchor
from dossier_realtime.recording.entry import Head
from dossier_realtime.recording.export import (
    DAMAGED,
    REWRITTEN,
    Links,
    Manifest,
    journal_line,
    read_trailer,
    verify_export,
)
from tests.journal.folders import NODE, entries, report, until, write_some

SEGMENT = 2_000  # bytes: a slice of the writer fills one


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of 302 entries in many segments, `start` and `stop` among them."""
    folder = tmp_path_factory.mktemp("pages")
    write_some(folder / "journal", 300, segment_bytes=SEGMENT)
    assert len(store.segment_paths(folder / "journal", NODE)) >= 5
    return folder


def exported(data: Path, selection: Selection) -> list[bytes]:
    archive = Archive(data / "journal", NODE, Signer(data))
    return list(archive.export(selection, made_at=1.0, made_by="auditor"))


def manifest(lines: list[bytes]) -> Manifest:
    found = read_trailer(lines[-1])
    assert found is not None
    return found.manifest


def in_journal(lines: list[bytes]) -> list[bytes]:
    """Entries as the journal has them, whatever of the chain the export repeats."""
    return [line for line in map(journal_line, lines) if line is not None]


def pages(data: Path, size: int, selection: Selection, links: Links | None = None) -> Iterator[list[bytes]]:
    """One page after the other, each verified."""
    after = selection.after
    while True:
        page = exported(data, msgspec.structs.replace(selection, after=after, limit=size))
        checked, _ = verify_export(page, links)
        assert checked.ok, checked
        assert checked.entries == len(page) - 1 <= size
        yield page
        if checked.entries < size:
            return
        after = msgspec.json.decode(in_journal(page)[-1].split(b"\t")[1])["seq"]


@given(after=st.integers(0, 320), size=st.integers(1, 120))
def test_pages_together_are_the_whole(data: Path, after: int, size: int) -> None:
    whole = in_journal(exported(data, Selection()))
    links = Links(gapless=True)
    together = [line for page in pages(data, size, Selection(after=after), links) for line in in_journal(page)]
    assert together == whole[after:]
    if together:
        assert links.seq == len(whole)
        assert links.link.hex() == manifest(exported(data, Selection())).head_link


@pytest.mark.parametrize(
    "selection",
    [Selection(session="s1"), Selection(user="u"), Selection(channel="global"), Selection(since=5.0, until=40.0)],
    ids=["session", "user", "channel", "times"],
)
@pytest.mark.parametrize("size", [1, 7, MAX_PAGE_ENTRIES])
def test_pages_of_a_selection_are_that_selection(tmp_path: Path, selection: Selection, size: int) -> None:
    now = iter(range(10_000))
    journal = Journal(tmp_path / "journal", NODE, segment_bytes=SEGMENT, clock=lambda: float(next(now)))
    journal.record("attach", session="s1", user="u", channel="global")
    for number in range(30):
        journal.record("fanout", channel="global" if number % 3 else "workspace:w", frame=f'{{"n":{number}}}')
        journal.record("in", session=f"s{number % 4}", user="u" if number % 4 == 1 else "v", frame="{}")
    assert journal.close() == 0
    wanted = in_journal(exported(tmp_path, selection))
    assert 5 < len(wanted) < 60
    assert [line for page in pages(tmp_path, size, selection) for line in in_journal(page)] == wanted


@given(st.integers(0, 301), st.integers(0, 301))
def test_a_page_goes_on_from_the_entry_before_and_from_no_other(data: Path, known: int, after: int) -> None:
    whole = in_journal(exported(data, Selection()))
    links = Links(Head(known, whole[known - 1][:64].decode() if known else "0" * 64), gapless=True)
    checked, _ = verify_export(exported(data, Selection(after=after, limit=3)), links)
    assert checked.ok == (known == after)
    forged = Links(Head(after, "f" * 64), gapless=True)
    checked, _ = verify_export(exported(data, Selection(after=after, limit=3)), forged)
    assert checked.fault is not None
    assert (checked.fault.seq, checked.fault.what) == (after + 1, REWRITTEN)


def test_what_is_before_is_not_read(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    paths = store.segment_paths(data / "journal", NODE)
    for path in paths[:-2]:
        (folder / path.name).write_bytes(b"nothing that could be read")
    for path in paths[-2:]:
        (folder / path.name).write_bytes(path.read_bytes())
    first = int(paths[-2].stem[-16:])
    last = len(entries(data / "journal"))
    for after in (first - 1, first, last - 1):
        lines = [line for line in read_after(folder, NODE, after) if b'{"format"' not in line]
        assert [line.split(b",")[0][65:] for line in lines][-1].endswith(b'"seq":%d' % last)
        assert len(lines) <= last - after + 1


def test_a_journal_is_followed_while_it_is_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", NODE, segment_bytes=SEGMENT)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            journal.record("fanout", channel="global", frame='{"n":1}')
            stop.wait(0.0005)

    writing = threading.Thread(target=write)
    writing.start()
    links = Links(gapless=True)
    seen = 0

    def followed() -> bool:
        nonlocal seen
        checked, _ = verify_export(exported(tmp_path, Selection(after=links.seq, limit=50)), links)
        assert checked.ok, checked
        seen += checked.entries
        return seen > 500

    try:
        until(followed)
    finally:
        stop.set()
        writing.join()
        journal.close()
    assert links.seq == seen


def test_after_retention_pages_begin_behind_the_anchor(tmp_path: Path) -> None:
    now = [0.0]
    journal = Journal(tmp_path / "journal", NODE, segment_bytes=SEGMENT, clock=lambda: now[0])
    for day in range(100):
        now[0] = day * DAY
        journal.record("fanout", channel="global", frame=f'{{"day":{day}}}')
    journal.close()
    known = Links(gapless=True)
    verify_export(exported(tmp_path, Selection(limit=60)), known)
    removed, _ = retain(tmp_path / "journal", NODE, Retention(30, {}), 100 * DAY, Signer(tmp_path))
    anchor = read_anchor(tmp_path / "journal", NODE)
    assert removed
    assert anchor is not None
    kept = report(tmp_path / "journal").entries
    for after in (0, 1, anchor.seq - 1, anchor.seq):
        (page,) = pages(tmp_path, MAX_PAGE_ENTRIES, Selection(after=after))
        assert len(page) - 1 == kept
    checked, _ = verify_export(exported(tmp_path, Selection(after=60, limit=10)), known)
    assert checked.ok == (anchor.seq <= 60)


@pytest.mark.parametrize("wrong", [{"after": -1}, {"limit": -1}, {"limit": MAX_PAGE_ENTRIES + 1}])
def test_a_page_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"after is|limit is"):
        Selection(**wrong)  # type: ignore[arg-type]  # two of its fields


def test_an_export_ends_before_a_damaged_line_and_says_so(tmp_path: Path) -> None:
    write_some(tmp_path / "journal", 20)
    (path,) = store.segment_paths(tmp_path / "journal", NODE)
    lines = path.read_bytes().split(b"\n")
    lines[10] = lines[10].replace(b"\t", b" ")
    path.write_bytes(b"\n".join(lines))
    for selection, before in ((Selection(after=9, limit=1), 0), (Selection(), 9), (Selection(after=5), 4)):
        found, _ = verify_export(exported(tmp_path, selection))
        assert found.fault is not None
        assert (found.fault.what, found.entries) == (DAMAGED, before)
    assert len(exported(tmp_path, Selection(after=12))) == 22 - 12 + 1
