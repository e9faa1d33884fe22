"""Exports: proofs, selections, redaction, and what a lower clearance does not see."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import PUBLIC, Signer
from dossier_realtime.archive import ExportError, open_export, open_service
from dossier_realtime.archive.export import verify_file
from dossier_realtime.archive.keys import public_key_check
from dossier_realtime.archive.parquet import write_parquet
from dossier_realtime.recording.recording import Recording
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Service, as_environment
from tests.harness.tokens import SECRET as SECRET_OF_TESTS
from tests.recording.recorded_scenario import COUNTRY, SECRET, SETTINGS, RecordedScenario

LEVELS = {SECRET: "secret"}


@pytest.fixture(scope="session")
def archive(played: RecordedScenario) -> Archive:
    return Archive(played.service.data / "journal", "test", Signer(played.service.data))


@pytest.fixture(scope="session")
def key(played: RecordedScenario, archive: Archive) -> Path:
    return played.service.data / PUBLIC


def written(archive: Archive, file: Path, selection: Selection | None = None, *redacted: str) -> Path:
    with file.open("wb") as target:
        target.writelines(archive.export(selection or Selection(), made_at=1.0, made_by="auditor", redacted=redacted))
    return file


def redacted(archive: Archive, file: Path, clearance: str) -> Path:
    def level(channel: str) -> str:
        return LEVELS.get(channel, "internal")

    with file.open("wb") as target:
        target.writelines(
            archive.export(Selection(), made_at=1.0, made_by="analyst", clearance=clearance, level_of=level)
        )
    return file


def test_a_whole_export_proves_itself_and_reads_like_the_journal(
    archive: Archive, recording: Recording, key: Path, tmp_path: Path
) -> None:
    export = open_export(written(archive, tmp_path / "all.ndjson"), key=key, clearance="secret")
    report = export.verify()
    assert report.ok, report
    assert report.entries == len(recording) == len(export)
    assert list(export.entries()) == list(recording.entries())
    for session in recording.sessions().index:
        assert export.transcript(str(session)) == recording.transcript(str(session))


def test_any_change_of_an_export_is_found(archive: Archive, key: Path, tmp_path: Path) -> None:
    whole = written(archive, tmp_path / "all.ndjson").read_bytes()
    check, rng, found = public_key_check(key), random.Random(5), 0  # noqa: S311  no secret
    changed = tmp_path / "changed.ndjson"
    for _ in range(300):
        at = rng.randrange(len(whole))
        other = bytes([whole[at] ^ (1 << rng.randrange(8))])
        changed.write_bytes(whole[:at] + other + whole[at + 1 :])
        found += not verify_file(changed, check).ok
    lines = whole.splitlines(keepends=True)
    for without in (lines[:-1], lines[:5] + lines[6:], [lines[1], lines[0], *lines[2:]], lines[1:]):
        changed.write_bytes(b"".join(without))
        found += not verify_file(changed, check).ok
    assert found == 304


def test_another_key_does_not_pass(archive: Archive, tmp_path: Path) -> None:
    file = written(archive, tmp_path / "all.ndjson")
    Signer(tmp_path / "other")
    report = verify_file(file, public_key_check(tmp_path / "other" / PUBLIC))
    assert "not signed with this key" in str(report.fault)


def test_the_export_of_a_session_holds_its_transcript_and_its_links(
    archive: Archive, recording: Recording, played: RecordedScenario, key: Path, tmp_path: Path
) -> None:
    session = played.sessions["sara"]
    export = open_export(
        written(archive, tmp_path / "sara.ndjson", Selection(session=session)), key=key, clearance="secret"
    )
    assert export.verify().ok
    assert len(export) < len(recording)
    told = [(f.seq, f.frame) for f in recording.transcript(session) if f.frame is not None]
    assert [(f.seq, f.frame) for f in export.transcript(session) if f.frame is not None] == told


def test_selections_by_user_channel_and_time(
    archive: Archive, recording: Recording, played: RecordedScenario, tmp_path: Path
) -> None:
    omar = open_export(written(archive, tmp_path / "omar.ndjson", Selection(user="omar")), clearance="secret")
    assert {e.header.user for e in omar.entries() if e.header.session} == {"omar"}
    country = open_export(written(archive, tmp_path / "country.ndjson", Selection(channel="dossier:country:*")))
    assert {e.header.channel for e in country.entries() if e.header.kind != "detach"} == {COUNTRY}
    first, last = played.moments["before"], played.moments["busy"]
    middle = open_export(
        written(archive, tmp_path / "middle.ndjson", Selection(since=first, until=last)), clearance="secret"
    )
    assert [e.header.seq for e in middle.entries()] == [
        e.header.seq for e in recording.entries() if first <= e.header.at < last
    ]
    with pytest.raises(ValueError, match="no channel and no pattern"):
        Selection(channel="a b")


def test_redacted_frames_are_gone_and_the_chain_holds(archive: Archive, key: Path, tmp_path: Path) -> None:
    file = written(archive, tmp_path / "redacted.ndjson", None, "document:*")
    report = verify_file(file, public_key_check(key))
    assert report.ok
    assert report.redacted > 0
    assert "مرحبا" not in file.read_text()
    export = open_export(file)
    assert all(e.redacted or e.frame is None for e in export.entries(channel="document:*"))
    assert any(e.frame for e in export.entries(channel=COUNTRY))


@pytest.mark.parametrize("clearance", ["public", "internal", "confidential"])
def test_a_lower_clearance_sees_no_trace_of_a_secret_channel(
    archive: Archive, recording: Recording, played: RecordedScenario, key: Path, tmp_path: Path, clearance: str
) -> None:
    file = redacted(archive, tmp_path / "partial.ndjson", clearance)
    text = file.read_text()
    assert SECRET not in text
    assert "secret:" not in text
    export = open_export(file, key=key)
    assert export.verify().ok
    numbers = [entry.header.seq for entry in export.entries()]
    assert numbers == list(range(1, len(numbers) + 1)), "a hole would count what is left out"
    assert not any(entry.header.commit for entry in export.entries())
    assert SECRET not in export.channels().index
    if clearance == "public":
        return
    ali = played.sessions["ali"]
    assert [f.frame for f in export.transcript(ali)] == [f.frame for f in recording.transcript(ali)]
    with pytest.raises(KeyError, match="no channel"):
        export.delivered_to(SECRET, 1)
    assert len(export.transcript(played.sessions["omar"])) < len(recording.transcript(played.sessions["omar"]))


def test_an_export_as_parquet_has_the_same_entries(archive: Archive, tmp_path: Path, recording: Recording) -> None:
    duckdb = pytest.importorskip("duckdb")
    file = written(archive, tmp_path / "all.ndjson")
    write_parquet(file, tmp_path / "it's all.parquet")
    with duckdb.connect() as db:
        source = str(tmp_path / "it's all.parquet")
        rows = db.execute('SELECT seq, epoch_ms("at"), frame FROM read_parquet(?) ORDER BY seq', [source]).fetchall()
    expected = [(h.seq, round(h.at * 1000), f.decode() if f else None) for h, f, _ in recording.entries()]
    assert rows == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.ndjson", "it's all.parquet"]


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.ndjson"
    file.write_text('{"a": 1}\n')
    with pytest.raises(ExportError, match="is no export"):
        len(open_export(file))
    assert not verify_file(file).ok
    with pytest.raises(ExportError, match="check its path"):
        open_export(tmp_path / "absent")
    file.write_text("no key")
    with pytest.raises(ExportError, match=r"journal-key\.pub"):
        public_key_check(file)


def test_exporting_keeps_one_line_in_memory(archive: Archive) -> None:
    sizes = []
    for rounds in (1, 8):
        tracemalloc.start()
        for _ in range(rounds):
            for _line in archive.export(Selection(), made_at=1.0, made_by="auditor"):
                pass
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sizes[1] < 2 * sizes[0] + 1_000_000


def test_the_commands_export_and_verify(played: RecordedScenario, tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "run.py", *arguments, "--data", str(played.service.data)]
        settings = {"PATH": os.environ["PATH"], "DOSSIER_AUTH__SECRET": SECRET_OF_TESTS, **as_environment(SETTINGS)}
        done = subprocess.run(
            command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
        )
        return done.returncode, done.stdout + done.stderr

    file = tmp_path / "sara.ndjson"
    assert run("export", "--to", str(file), "--user", "sara", "--redact", "document:*")[0] == 0
    before = file.read_bytes()
    status, text = run("export", "--to", str(file), "--user", "sara")
    assert (status, file.read_bytes()) == (2, before), "a file that is there is evidence"
    assert "is there already; name another file, or add --replace" in text
    assert run("export", "--to", str(file), "--replace", "--user", "sara", "--redact", "document:*")[0] == 0
    status, text = run("verify", "--export", str(file))
    assert status == 0
    assert "sara.ndjson: intact" in text
    file.write_bytes(file.read_bytes().replace(b"dossier:country:SA", b"dossier:country:EG", 1))
    status, text = run("verify", "--export", str(file))
    assert status == 1
    assert "BROKEN" in text
    assert run("verify")[0] == 0
    status, text = run("rerun")
    assert (status, text.rstrip().rpartition(": ")[2]) == (0, "0 differences"), text


def test_a_running_service_shows_what_the_token_lets_through(played: RecordedScenario, tmp_path: Path) -> None:
    shutil.copytree(played.service.data, tmp_path / "data")
    with Service(tmp_path / "data") as service:
        operator = service.token("auditor", "admin:*", clearance="secret")
        whole = open_service(service.http, operator, to=tmp_path / "whole.ndjson")
        assert whole.verify().ok
        assert SECRET in whole.channels().index
        page = open_service(service.http, operator, to=tmp_path / "page.ndjson", after=3, limit=4)
        assert page.verify().ok
        assert [entry.header.seq for entry in page.entries()] == [4, 5, 6, 7]
        analyst = service.token("analyst", "admin:*", clearance="internal")
        partial = open_service(service.http, analyst, to=tmp_path / "partial.ndjson")
        assert partial.verify().ok
        assert SECRET not in (tmp_path / "partial.ndjson").read_text()
        warden = service.token("warden", f"admin:{COUNTRY}")
        one = open_service(service.http, warden, to=tmp_path / "one.ndjson", channel=COUNTRY)
        assert {entry.header.channel for entry in one.entries() if entry.header.kind != "detach"} == {COUNTRY}
        for token, selection, status in (
            (warden, {}, 403),
            (warden, {"channel": SECRET}, 403),
            (analyst, {"channel": SECRET}, 403),
            (analyst, {"colour": "red"}, 400),
            (analyst, {"channel": "nowhere:x"}, 404),
            (analyst, {"channel": "a b"}, 400),
            (analyst, {"channel": "**"}, 400),
            (analyst, {"after": 3}, 400),
            (warden, {"channel": COUNTRY, "limit": 3}, 400),
            (operator, {"after": -1}, 400),
            (operator, {"limit": 100_001}, 400),
            (operator, {"limit": "some"}, 400),
            ("", {}, 401),
        ):
            with pytest.raises(ExportError, match=str(status)):
                open_service(service.http, token, to=tmp_path / "no.ndjson", **selection)
    service.assert_log_clean()
