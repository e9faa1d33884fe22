"""What a recording tells: tables, transcripts, the state at a time, documents, who received what."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from dossier_realtime.archive import open_journal
from dossier_realtime.archive.folder import DamagedRecordingWarning, segment_paths
from dossier_realtime.recording.recording import Recording
from tests.recording.recorded_scenario import COUNTRY, DOCUMENT, SECRET, RecordedScenario


def test_sessions_are_listed_with_their_connections_and_their_end(
    recording: Recording, played: RecordedScenario
) -> None:
    table = recording.sessions()
    assert list(table["user"]) == ["ali", "sara", "omar"]
    sara = table.loc[played.sessions["sara"]]
    assert (sara["connections"], sara["reconnects"], sara["code"]) == (2, 1, 1000)
    assert table.loc[played.sessions["omar"], "clearance"] == "secret"
    assert isinstance(table["opened"].dtype, pd.DatetimeTZDtype)
    assert table["duration"].min() >= pd.Timedelta(0)


def test_users_are_counted(recording: Recording) -> None:
    table = recording.users()
    assert list(table.index) == ["ali", "omar", "sara"]
    assert table.loc["sara", "refused"] == 3  # two cursors, and the secret dossier
    assert table.loc["ali", "refused"] == 0


def test_channels_are_listed_with_their_level(recording: Recording) -> None:
    table = recording.channels()
    assert table.loc[SECRET, "level"] == "secret"
    assert (table.loc[COUNTRY, "events"], table.loc[COUNTRY, "offset"]) == (2, 2)
    assert table.loc[DOCUMENT, "offset"] == 2


def test_events_are_filtered_and_indexed_by_time(recording: Recording, played: RecordedScenario) -> None:
    table = recording.events(channel="dossier:*", type="dossier_update", kind="fanout")
    assert list(table["channel"]) == [COUNTRY, SECRET, COUNTRY]
    assert isinstance(table.index, pd.DatetimeIndex)
    assert str(table.index.tz) == "UTC"
    assert len(recording.events(session=played.sessions["ali"])) == len(
        recording.index.sessions[played.sessions["ali"]]
    )
    late = recording.events(since=datetime.fromtimestamp(played.moments["busy"], UTC), kind="fanout", channel=COUNTRY)
    assert "dossier_update" in set(late["type"])
    assert recording.events(user="ali", kind="gap").empty
    with pytest.raises(ValueError, match="no channel and no pattern"):
        recording.events(channel="a b")


def test_a_session_that_is_not_there_is_said_to_be_so(recording: Recording) -> None:
    with pytest.raises(KeyError, match="sessions\\(\\) lists them"):
        recording.transcript("nobody")


def test_a_recovered_session_reads_on_where_it_was(recording: Recording, played: RecordedScenario) -> None:
    frames = recording.transcript(played.sessions["sara"])
    types = [msgspec.json.decode(f.frame)["type"] for f in frames if f.frame and f.direction == "received"]
    assert types.count("auth_success") == 2
    assert types.count("dossier_update") == 3  # the first one, and both once more on recovery
    assert [frame.rule for frame in frames if frame.rule] == ["rate.cursor", "rate.cursor", "clearance"]


def test_the_state_at_a_time_is_what_it_was(recording: Recording, played: RecordedScenario) -> None:
    before = recording.state_at(played.moments["before"])
    assert set(before.present[COUNTRY]) == {"ali", "sara"}
    assert DOCUMENT not in before.present
    assert {session.user for session in before.sessions.values()} == {"ali", "sara", "omar"}
    busy = recording.state_at(played.moments["busy"])
    assert busy.present[COUNTRY]["sara"].activity == "editing"
    assert busy.present[COUNTRY]["sara"].field == "gdp"
    assert busy.alerts["c1"].level == 2
    assert (busy.briefs["r1"].state, busy.briefs["r1"].progress) == ("running", 40)
    assert busy.limits["sara", "cursor"].state == "exceeded"
    assert busy.versions[DOCUMENT] == 2
    assert recording.state_at(played.moments["before"]).alerts == {}, "going back begins anew"
    assert recording.state_at(played.moments["busy"] + 3_600).sessions == {}


def test_a_document_is_told_by_version_and_by_time(recording: Recording, played: RecordedScenario) -> None:
    document = recording.document("strategy")
    assert [document.at(version) for version in range(3)] == ["", "مرحبا", "مرحبا!"]
    assert document.at(played.moments["one edit"]) == "مرحبا"
    assert document.at(played.moments["before"]) == ""
    assert list(recording.history("strategy")["name"]) == ["Ali", "Sara"]
    with pytest.raises(KeyError, match="from version 0 to 2"):
        document.at(3)
    with pytest.raises(KeyError, match="no edit of document:none"):
        recording.document("none")


def test_who_received_an_event_is_known_exactly(recording: Recording) -> None:
    assert {(one.user, one.clearance) for one in recording.delivered_to(COUNTRY, 1)} == {
        ("ali", "internal"),
        ("sara", "internal"),
    }
    assert {one.user for one in recording.delivered_to(COUNTRY, 2)} == {"ali", "sara"}, "sara caught up"
    assert {(one.user, one.clearance) for one in recording.delivered_to(SECRET, 1)} == {("omar", "secret")}
    assert {one.user for one in recording.delivered_to(DOCUMENT, 1)} == {"sara"}, "ali wrote it"
    with pytest.raises(KeyError, match="no event 2"):
        recording.delivered_to(SECRET, 2)


def test_a_recording_verifies_itself(recording: Recording) -> None:
    report = recording.verify()
    assert report.ok
    assert report.entries == len(recording)


def _changed(played: RecordedScenario, tmp_path: Path, old: bytes, new: bytes) -> Path:
    folder = tmp_path / "journal"
    shutil.copytree(played.service.data / "journal", folder)
    (path,) = segment_paths(folder, "test")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    return folder


def test_an_edited_journal_is_read_up_to_its_first_bad_entry(played: RecordedScenario, tmp_path: Path) -> None:
    edited = open_journal(_changed(played, tmp_path, b'"gdp"', b'"GDP"'), clearance="secret")
    report = edited.verify()
    assert report.fault is not None
    with pytest.warns(DamagedRecordingWarning):
        assert len(edited) == report.fault.seq - 1
    assert len(edited.sessions()) == 3


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'{"format":2', b'{"format":9', "written in format 9; this version reads format 2"),
        (b'{"format":2', b'["format":2', "does not begin like a journal"),
    ],
)
def test_what_cannot_be_read_is_said_to_be_so(
    played: RecordedScenario, tmp_path: Path, old: bytes, new: bytes, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        len(open_journal(_changed(played, tmp_path, old, new)))


def test_a_journal_that_is_cut_off_is_read_up_to_there(
    played: RecordedScenario, tmp_path: Path, recording: Recording
) -> None:
    folder = tmp_path / "journal"
    shutil.copytree(played.service.data / "journal", folder)
    (path,) = segment_paths(folder, "test")
    path.write_bytes(path.read_bytes()[:-100])
    cut = open_journal(folder, clearance="secret")
    with pytest.warns(DamagedRecordingWarning):
        assert 0 < len(cut) < len(recording)
    assert not cut.verify().ok
    with pytest.raises(ValueError, match="name one of its nodes: test"):
        open_journal(folder, "other")


def test_the_data_folder_in_place_of_its_journal_is_told_which_folder_was_meant(
    played: RecordedScenario, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"name the folder of the journal itself, .*/journal$"):
        open_journal(played.service.data)
    with pytest.raises(ValueError, match=r"no journal in .*; a service keeps its journal in its data folder"):
        open_journal(tmp_path)
