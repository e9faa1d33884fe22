"""Retention: frames go by level, later whole segments; the chain and the anchor hold, and the service writes on."""

from __future__ import annotations

from pathlib import Path

from app.journal import store
from app.journal.retention import DAY, Retention, retain
from app.journal.signatures.signing import PUBLIC, Signer
from app.journal.writer import Journal
from dossier_realtime.archive import open_journal
from dossier_realtime.archive.folder import read_anchor, verify_node
from dossier_realtime.archive.keys import public_key_check
from tests.journal.folders import NODE, write_some

SEGMENT = 4_096  # bytes
FOR_EVER = {"public": 0.0, "internal": 0.0, "confidential": 0.0, "secret": 0.0}


def written(folder: Path, *, days: int) -> None:
    """One event a level and day, from day 0 on."""
    now = [0.0]
    journal = Journal(folder, NODE, segment_bytes=SEGMENT, clock=lambda: now[0])
    for day in range(days):
        now[0] = day * DAY
        for level in FOR_EVER:
            journal.record("fanout", channel=f"dossier:{level}:X", level=level, commit=1, frame=f'{{"day":{day}}}')
    assert journal.close() == 0


def test_frames_go_after_the_days_of_their_level(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    written(folder, days=200)
    removed, redacted = retain(folder, NODE, Retention(0, FOR_EVER | {"secret": 30}), 200 * DAY, Signer(tmp_path))
    assert removed == 0
    assert verify_node(folder, NODE).ok
    gone = {
        (header.level, header.at)
        for header, frame, taken in open_journal(folder, clearance="secret").entries(kind="fanout")
        if frame is None and taken
    }
    assert {level for level, _ in gone} == {"secret"}
    assert 100 < len(gone) == redacted == verify_node(folder, NODE).redacted
    assert max(at for _, at in gone) < 170 * DAY
    assert retain(folder, NODE, Retention(0, FOR_EVER | {"secret": 30}), 200 * DAY, Signer(tmp_path)) == (0, 0)


def test_old_segments_go_and_a_signed_anchor_takes_their_place(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    written(folder, days=200)
    before = verify_node(folder, NODE)
    removed, _ = retain(folder, NODE, Retention(30, FOR_EVER), 200 * DAY, Signer(tmp_path))
    check = public_key_check(tmp_path / PUBLIC)
    after = verify_node(folder, NODE, check)
    assert removed > 3
    assert after.ok, after
    assert after.removed + after.entries == before.entries
    assert min(entry.header.at for entry in open_journal(folder, clearance="secret").entries()) > 150 * DAY
    write_some(folder, 10, segment_bytes=SEGMENT)
    assert verify_node(folder, NODE, check).entries == after.entries + 12


def test_a_crash_between_anchor_and_removal_leaves_an_intact_journal(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    written(folder, days=50)
    oldest = store.segment_paths(folder, NODE)[0]
    content = oldest.read_bytes()
    retain(folder, NODE, Retention(30, FOR_EVER), 50 * DAY, Signer(tmp_path))
    assert not oldest.exists()
    oldest.write_bytes(content)
    assert verify_node(folder, NODE, public_key_check(tmp_path / PUBLIC)).ok


def test_who_removes_segments_himself_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    written(folder, days=100)
    store.segment_paths(folder, NODE)[0].unlink()
    assert not verify_node(folder, NODE).ok
    Signer(tmp_path)
    forged = tmp_path / "forger"
    retain(folder, NODE, Retention(30, FOR_EVER), 100 * DAY, Signer(forged))
    assert read_anchor(folder, NODE) is not None
    report = verify_node(folder, NODE, public_key_check(tmp_path / PUBLIC))
    assert "not signed by this service" in str(report.fault)
