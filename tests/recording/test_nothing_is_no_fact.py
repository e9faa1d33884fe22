"""An export that selects nothing, or a redaction that takes nothing, is an error and leaves no file behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from app.journal.exports.export import Archive
from app.journal.exports.redaction import UnmatchedRedaction
from app.journal.exports.selection import NothingSelected, Selection, Tally
from app.journal.signatures.signing import Signer
from dossier_realtime.archive import ExportError, open_service
from dossier_realtime.recording.joined import width
from tests.harness.service import ROOT, Service, as_environment
from tests.harness.tokens import SECRET as SECRET_OF_TESTS
from tests.recording.recorded_scenario import COUNTRY, SECRET, SETTINGS, RecordedScenario


@pytest.fixture(scope="module")
def archive(played: RecordedScenario) -> Archive:
    return Archive(played.service.data / "journal", "test", Signer(played.service.data))


@pytest.mark.parametrize(
    ("selection", "near"),
    [
        (Selection(user="sarah"), "did you mean sara"),
        (Selection(channel="dossier:country:SB"), f"did you mean {COUNTRY}"),
        (Selection(session="0"), ""),
        (Selection(until=5.0), ""),
        (Selection(since=4_000_000_000.0), ""),
    ],
    ids=["user", "channel", "session", "until", "since"],
)
def test_nothing_selected_is_no_export(archive: Archive, selection: Selection, near: str) -> None:
    lines = archive.export(selection, made_at=1.0, made_by="auditor")
    with pytest.raises(NothingSelected, match=f"no entry fits.*{near}"):
        next(lines)


def test_an_entry_without_a_name_is_offered_for_none(archive: Archive) -> None:
    lines = archive.export(Selection(channel="", until=5.0), made_at=1.0, made_by="auditor")
    with pytest.raises(NothingSelected) as refused:
        next(lines)
    assert "mean" not in str(refused.value)


def test_hidden_is_as_absent_and_nothing_near_is_offered(archive: Archive) -> None:
    said = set()
    for channel in (SECRET, SECRET + "Y"):
        lines = archive.export(
            Selection(channel=channel),
            made_at=1.0,
            made_by="auditor",
            clearance="internal",
            level_of=lambda name: "secret" if "secret" in name else "internal",
        )
        with pytest.raises(NothingSelected) as refused:
            next(lines)
        said.add(str(refused.value))
    assert len(said) == 1
    assert "mean" not in said.pop()


def test_a_page_behind_the_last_is_empty_and_no_error(archive: Archive) -> None:
    assert len(list(archive.export(Selection(after=1_000_000), made_at=1.0, made_by="auditor"))) == 1


@pytest.mark.parametrize(
    ("pattern", "wrong", "says"),
    [
        ("documents:*", ValueError, "did you mean document"),
        ("document:strategi", UnmatchedRedaction, "did you mean document:strategy"),
        ("workspace:*", UnmatchedRedaction, "fits no channel of this export"),
        ("a b", ValueError, "no channel and no pattern"),
    ],
)
def test_a_redaction_that_fits_nothing_is_an_error(
    archive: Archive, pattern: str, wrong: type[Exception], says: str
) -> None:
    with pytest.raises(wrong, match=says):
        list(archive.export(Selection(), made_at=1.0, made_by="auditor", redacted=["document:*", pattern]))


class _Line(msgspec.Struct):
    header: msgspec.Raw


def test_what_went_in_is_counted(archive: Archive) -> None:
    tally = Tally()
    patterns = ["document:*", COUNTRY]
    lines = list(archive.export(Selection(), made_at=1.0, made_by="auditor", redacted=patterns, tally=tally))
    assert tally.entries == sum(width(bytes(msgspec.json.decode(line, type=_Line).header)) for line in lines[:-1])
    assert list(tally.redacted) == patterns
    assert min(tally.redacted.values()) > 0


def run(played: RecordedScenario, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "run.py", *arguments, "--data", str(played.service.data)]
    settings = {"PATH": os.environ["PATH"], "DOSSIER_AUTH__SECRET": SECRET_OF_TESTS, **as_environment(SETTINGS)}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--user", "sara", "--redact", "document:*"], 0, "frames redacted for document:*"),
        (["--since", "2026-01-01", "--tz", "Asia/Riyadh"], 0, " entries"),
        (["--redact", "documents:*"], 2, "did you mean document"),
        (["--redact", "workspace:*"], 2, "fits no channel of this export"),
        (["--user", "sarah"], 1, "did you mean sara"),
        (["--channel", "documents:*"], 2, "no channel can be named"),
        (["--since", "2100-01-01"], 1, "no entry fits"),
        (["--since", "nan"], 2, "is no time"),
        (["--since", "20260101"], 2, "could be a date"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], 2, "is after until"),
        (["--tz", "Mars/Base"], 2, "no time zone"),
        (["--limit", "-1"], 2, "limit is"),
    ],
    ids=lambda value: "-".join(value).replace("--", "") if isinstance(value, list) else None,
)
def test_the_command_says_what_it_did_or_why_not(
    played: RecordedScenario, tmp_path: Path, arguments: list[str], status: int, says: str
) -> None:
    file = tmp_path / "export.ndjson"
    done, text = run(played, "export", "--to", str(file), *arguments)
    assert (done, says in text) == (status, True), text
    assert [path.name for path in tmp_path.iterdir()] == (["export.ndjson"] if status == 0 else [])


def test_over_http_nothing_is_not_found_and_no_time_is_refused(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        operator = service.token("auditor", "admin:*", clearance="secret")
        warden = service.token("warden", f"admin:{COUNTRY}")
        for token, selection, says in (
            (operator, {"user": "nobody"}, "404.*no entry fits"),
            (operator, {"channel": COUNTRY}, "404.*no entry fits"),
            (warden, {"channel": COUNTRY}, "404.*no entry fits"),
            (operator, {"since": "2100-01-01"}, "404.*no entry fits"),
            (operator, {"channel": "documents:*"}, "400.*no channel can be named"),
        ):
            with pytest.raises(ExportError, match=says):
                open_service(service.http, token, to=tmp_path / "no.ndjson", **selection)
        for query, says in (
            ("since=nan", "is no time"),
            ("until=inf", "is no time"),
            ("since=", "is no time"),
            ("since=1772000000000", "divide milliseconds"),
            ("since=20&until=10", "is after until"),
            ("since=2026-02-01T00:00Z&until=2026-01-01T00:00Z", "is after until"),
        ):
            status, body = service.get(f"/v1/journal?{query}", operator)
            assert (status, says in str(body)) == (400, True), (query, body)
        page = open_service(service.http, operator, to=tmp_path / "page.ndjson", after=1_000_000)
        assert len(page) == 0
    service.assert_log_clean()
